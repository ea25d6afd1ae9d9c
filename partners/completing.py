"""Completing: what somebody types into a client of the Reconciliation Service API, and which properties there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from companies.completions import FITS, KINDS, suggest
from directory import ids
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.operations import Operation, closed
from directory.api.parameters import Parameter
from directory.api.words import words_of
from partners.asking import FORMAT, NAMED, TEXT, TYPE, kept, one_type, read, whole
from partners.extending import TYPES, Document, documents, entity, id_of, properties, properties_of
from partners.reconciling import description

SUGGESTED, MAX_SUGGESTED, MAX_OFFSET = 20, 50, 150
# What OpenRefine’s own widget sends beside the prefix, of which none makes a difference here.
WIDGET = ("spell", "exact", "prefixed", "lang", "type_strict", "filter", "scoring", "stemmed")


def types() -> list[dict[str, str]]:
    return [{"id": kind, "name": name} for kind, name in TYPES.items()]


class Proposals(Endpoint):
    """Which properties the entities of a type have."""

    parameters = {
        "type": Parameter("The type whose properties these are.", TYPE, "company", required=True),
        "limit": Parameter("How many.", {"type": "integer", "minimum": 1, "maximum": MAX_SUGGESTED}, 10),
        **FORMAT,
    }

    @classmethod
    def operation(cls, action: str) -> Operation:
        body = closed(
            {"properties": {"type": "array", "items": NAMED}, "type": TYPE, "limit": {"type": "integer"}},
            optional=("limit",),
        )
        said = "Reconciliation: the properties of a type"
        return Operation(said, {"application/json": body}, cls.parameters, "What can be fetched of its entities.")

    def get(self, request: Any) -> HttpResponse:
        asked = read(request.query_params, self.parameters)
        kind = one_type(asked)
        limit = {"limit": whole(asked, "limit", 1, MAX_SUGGESTED)} if "limit" in asked else {}
        found = [one.as_json() for one in properties_of(kind).values()][: limit.get("limit")]
        return kept(request, lambda revision: {"properties": found, "type": kind, **limit})


class Suggestions(Endpoint):
    """What somebody who types the beginning of an entity, a property or a type may mean."""

    parameters = {
        "prefix": Parameter("What was typed so far.", TEXT, "dev", required=True),
        "limit": Parameter("How many.", {"type": "integer", "minimum": 1, "maximum": MAX_SUGGESTED}, 3),
        **{
            name: Parameter("How many to skip.", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}, 1)
            for name in ("offset", "cursor")
        },
        "type": Parameter("The type of the entities, or whose properties.", TYPE, "company"),
        **dict.fromkeys(WIDGET, Parameter("Makes no difference: some clients send it.", TEXT, "any")),
        **FORMAT,
    }

    @classmethod
    def operation(cls, action: str) -> Operation:
        what = {"type": "string", "enum": list(SUGGESTIONS)}
        return Operation(
            "Reconciliation: completions",
            {"application/json": closed({"result": {"type": "array", "items": NAMED}})},
            cls.parameters,
            "Entities, properties or types whose name begins so, or which have that id.",
            path={"what": Parameter("What is typed.", what, "entity")},
            problems=("not_found",),
        )

    def get(self, request: Any, what: str) -> HttpResponse:
        asked = read(request.query_params, self.parameters)
        if what not in SUGGESTIONS:
            raise Problem("not_found", f"There is no “{what[:40]}”; there are {', '.join(SUGGESTIONS)}.")
        if "prefix" not in asked:
            raise InvalidQuery([Mistake("missing_parameter", "Say in “prefix” what was typed so far.", "prefix")])
        kind = one_type(asked) if "type" in asked else ""
        limit = whole(asked, "limit", 1, MAX_SUGGESTED) if "limit" in asked else SUGGESTED
        skipped = [whole(asked, name, 0, MAX_OFFSET) for name in ("offset", "cursor") if name in asked]
        start = max(skipped, default=0)

        def found(revision: int) -> dict[str, Any]:
            return {"result": SUGGESTIONS[what](asked["prefix"], kind, start + limit, revision)[start:]}

        return kept(request, found)


def suggested_entities(prefix: str, kind: str, limit: int, revision: int) -> list[dict[str, Any]]:
    known = documents(one for one in [entity(prefix)] if one and kind in ("", one[0]))
    found = [entity_json(one, pk, document) for (one, pk), document in known.items()]
    if any(words_of([prefix])[0]) and not found:
        groups = suggest(prefix, [kind] if kind else list(KINDS), limit, revision)
        rows = [(group["kind"], row) for group in groups for row in group["suggestions"]]
        rows.sort(key=lambda row: FITS.index(row[1]["match"]))
        keys = [row.get("id") or id_of(one, row["slug"], revision) for one, row in rows]
        pairs = [pair for key in keys if (pair := entity(key))]
        known = documents(pairs)
        found = [entity_json(*pair, known[pair]) for pair in pairs if pair in known]
    return found[:limit]


def entity_json(kind: str, pk: int, document: Document) -> dict[str, Any]:
    said = description(document)
    shown = {"id": ids.encode(KINDS[kind].kind_number, pk), "name": document["name"]}
    return {**shown, **({"description": said} if said else {}), "notable": [{"id": kind, "name": TYPES[kind]}]}


def suggested_properties(prefix: str, kind: str, limit: int, revision: int) -> list[dict[str, Any]]:
    known = properties_of(kind) if kind else properties()
    return beginning([one.as_json() for one in known.values()], prefix)[:limit]


def suggested_types(prefix: str, kind: str, limit: int, revision: int) -> list[dict[str, Any]]:
    return beginning(types(), prefix)[:limit]


def beginning(named: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """Those whose id or name begins so; all of them where nothing was typed."""
    start = prefix.strip().lower()
    return [one for one in named if one["id"].startswith(start) or one["name"].lower().startswith(start)]


SUGGESTIONS: dict[str, Callable[[str, str, int, int], list[dict[str, Any]]]] = {
    "entity": suggested_entities,
    "property": suggested_properties,
    "type": suggested_types,
}
