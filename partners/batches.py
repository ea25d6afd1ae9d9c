"""Batches: what clients of the Reconciliation Service API send, in the forms of 0.2 and of the draft of 1.0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rest_framework.serializers import ValidationError

from companies.completions import KINDS
from companies.envelope import parsed
from directory.api.errors import Problem
from partners.extending import Property, properties
from partners.reconciling import Condition, Query

MAX_QUERIES, MAX_IDS = 50, 200
MAX_TEXT, MAX_LIST = 500, 50
LIMIT, MAX_LIMIT = 10, 50
QUANTIFIERS = ("any", "all", "none")

Faults = dict[str, Any]


def read_queries(sent: str | bytes) -> dict[str, Query]:
    """The queries of 0.2 by their keys; raises Problem and ValidationError, whose pointers begin with /queries."""
    batch = parsed(sent.encode() if isinstance(sent, str) else sent)
    if not isinstance(batch, dict) or not batch:
        raise ValidationError({"queries": ["Give an object of queries by keys of your own."]})
    checked(len(batch))
    return read_each(batch, read_old)


def read_conditions(body: bytes) -> list[Query]:
    """The queries of the draft of 1.0, in their order; raises as ``read_queries`` does."""
    sent = parsed(body)
    batch = sent.get("queries") if isinstance(sent, dict) and sent.keys() == {"queries"} else None
    if not isinstance(batch, list) or not batch:
        raise ValidationError({"queries": ["Give an object with nothing but a list of queries."]})
    checked(len(batch))
    return list(read_each({str(n): one for n, one in enumerate(batch)}, read_new).values())


def read_extension(sent: str | bytes, field: str) -> tuple[list[str], list[Property]]:
    """(ids, properties) of a data extension query; pointers begin with ``field``, if there is one."""
    asked = parsed(sent.encode() if isinstance(sent, str) else sent)
    given: dict[str, Any] = asked if isinstance(asked, dict) else {}
    keys, wanted = given.get("ids", ""), given.get("properties", "")
    faults: Faults = {}
    unknown(given, ("ids", "properties"), faults)
    if not is_list(keys, str, MAX_IDS):
        faults["ids"] = [f"Give a list of at most {MAX_IDS} ids."]
    if not is_list(wanted, dict, MAX_LIST):
        faults["properties"] = [f"Give a list of at most {MAX_LIST} objects with an id."]
    else:
        wrong = {str(n): fault for n, one in enumerate(wanted) if (fault := known_property(one.get("id")))}
        faults |= {"properties": wrong} if wrong else {}
    if faults:
        raise ValidationError({field: faults} if field else faults)
    return list(keys), [properties()[one["id"]] for one in wanted]


def checked(count: int) -> None:
    if count > MAX_QUERIES:
        raise Problem("content_too_large", f"At most {MAX_QUERIES} queries are answered at once (“batchSize”).")


def read_each(batch: Mapping[str, Any], read: Callable[[Any, Faults], Query]) -> dict[str, Query]:
    queries: dict[str, Query] = {}
    mistakes: Faults = {}
    for key, given in batch.items():
        faults: Faults = {}
        if isinstance(given, dict):
            queries[key] = read(given, faults)
        else:
            faults = {"": ["Give an object."]}
        if faults:
            mistakes[key] = faults.get("") or faults
    if mistakes:
        raise ValidationError({"queries": mistakes})
    return queries


def read_old(given: Mapping[str, Any], faults: Faults) -> Query:
    """A query of 0.2; what is wrong with it is added to ``faults``."""
    unknown(given, ("query", "type", "type_strict", "limit", "properties"), faults)
    text = scalar(given.get("query", ""), faults, "query")
    conditions = []
    said = given.get("properties") or []
    if not is_list(said, dict, MAX_LIST):
        faults["properties"] = [f"Give a list of at most {MAX_LIST} objects with a pid and a v."]
    else:
        wrong: Faults = {}
        for n, one in enumerate(said):
            own: Faults = {}
            unknown(one, ("pid", "v"), own)
            conditions += condition(one, "pid", "v", own)
            wrong |= {str(n): own} if own else {}
        faults |= {"properties": wrong} if wrong else {}
    if not text and not said:
        faults.setdefault("query", ["Give a query or properties."])
    return Query(text, types_of(given.get("type"), faults), limit_of(given, faults), tuple(conditions))


def read_new(given: Mapping[str, Any], faults: Faults) -> Query:
    """A query of the draft; what is wrong with it is added to ``faults``."""
    unknown(given, ("conditions", "type", "limit", "lang", "dir"), faults)
    said = given.get("conditions")
    names: list[str] = []
    conditions = []
    if not said or not is_list(said, dict, MAX_LIST):
        faults["conditions"] = [f"Give a list of 1 to {MAX_LIST} conditions."]
        said = []
    wrong: Faults = {}
    for n, one in enumerate(said):
        own: Faults = {}
        unknown(one, ("matchType", "propertyId", "propertyValue", "required", "matchQuantifier"), own)
        kind = one.get("matchType")
        if kind == "property":
            conditions += condition(one, "propertyId", "propertyValue", own)
        elif kind in ("name", "id"):
            names += values_of(one, "propertyValue", own)
        else:
            own["matchType"] = ["Give name, id or property."]
        wrong |= {str(n): own} if own else {}
    if wrong:
        faults["conditions"] = wrong
    is_several = isinstance(given.get("type"), list)
    if is_several:
        faults["type"] = ["Give one type."]
    types = () if is_several else types_of(given.get("type"), faults)
    return Query(names[0] if names else "", types, limit_of(given, faults), tuple(conditions))


def condition(given: Mapping[str, Any], name: str, value: str, faults: Faults) -> list[Condition]:
    """The condition on a property; none where nothing is asked of it, as clients send empty cells."""
    if fault := known_property(given.get(name)):
        faults[name] = fault
    is_required, quantifier = given.get("required", False), given.get("matchQuantifier", "any")
    if not isinstance(is_required, bool):
        faults["required"] = ["Give true or false."]
    if quantifier not in QUANTIFIERS:
        faults["matchQuantifier"] = [f"Give one of {', '.join(QUANTIFIERS)}."]
    values = tuple(values_of(given, value, faults))
    return [Condition(str(given.get(name)), values, is_required is True, quantifier)] if values else []


def known_property(name: Any) -> list[str]:
    if isinstance(name, str) and name in properties():
        return []
    return [f"There is no property “{str(name)[:60]}”; there are {', '.join(properties())}."]


def values_of(given: Mapping[str, Any], name: str, faults: Faults) -> list[str]:
    """The values of a condition as texts, of entities their ids; an empty cell says nothing."""
    value = given.get(name)
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    if name in given:
        values = [one for one in values if not (one is None or (isinstance(one, str) and not one.strip()))]
    if len(values) > MAX_LIST:
        faults[name] = [f"Give at most {MAX_LIST} values."]
        return []
    return [scalar(one.get("id") if isinstance(one, dict) else one, faults, name) for one in values]


def scalar(value: Any, faults: Faults, name: str) -> str:
    if isinstance(value, (str, int, float)) and len(text := as_text(value)) <= MAX_TEXT:
        return text.strip()
    faults[name] = [f"Give a text of at most {MAX_TEXT} characters."]
    return ""


def as_text(value: str | float | bool) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def types_of(value: Any, faults: Faults) -> tuple[str, ...]:
    """The types asked for, all of them where nothing is said."""
    given = value if isinstance(value, list) else [value] if value not in (None, "") else []
    if wrong := [one for one in given if one not in KINDS]:
        faults["type"] = [f"There is no type “{str(wrong[0])[:60]}”; there are {', '.join(KINDS)}."]
    return tuple(kind for kind in KINDS if kind in given or not given)


def limit_of(given: Mapping[str, Any], faults: Faults) -> int:
    limit = given.get("limit", LIMIT)
    if (
        isinstance(limit, (int, float))
        and not isinstance(limit, bool)
        and limit == limit // 1
        and 1 <= limit <= MAX_LIMIT
    ):
        return int(limit)
    faults["limit"] = [f"Give a whole number from 1 to {MAX_LIMIT}."]
    return LIMIT


def unknown(given: Mapping[str, Any], known: Sequence[str], faults: Faults) -> None:
    faults |= {name: ["This is no field that can be sent."] for name in given if name not in known}


def is_list(value: Any, of: type, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most and all(isinstance(one, of) for one in value)
