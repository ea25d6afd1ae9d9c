"""Extending: what the Reconciliation Service API calls properties, and their values in published documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from companies.completions import KINDS
from companies.identifiers import SCHEMES, Scheme
from companies.resolving import Standing
from directory import ids
from directory.api.addresses import decoded
from directory.api.vocabulary import vocabulary_of
from directory.models import kinds
from directory.publishing import serializer_class

# Kind → its name as a type of entities.
TYPES = {kind: str(model._meta.verbose_name).capitalize() for kind, model in KINDS.items()}
# Fields that are entities, and of which type.
REFERENCES = {
    **{"hub": "hub", "offices": "hub", "parent": "specialty", "specialties": "specialty"},
    **{"industries": "industry", "programs": "program"},
}
RANGES = {"employees": ("min", "max"), "hourly_rate": ("min", "max")}
TIMES = {"verified_on": "T00:00:00Z", "created_at": "", "updated_at": ""}
HIDDEN = {"id", "revision", "sources", "identifiers"}

Document = Mapping[str, Any]
Cell = dict[str, Any]


@dataclass(frozen=True)
class Property:
    """A fact that entities of some types have; ``refers`` is the type of its values where they are entities."""

    id: str
    name: str
    refers: str = ""

    def as_json(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


@cache
def properties_of(kind: str) -> dict[str, Property]:
    """The properties of a type by their ids, in the order of its documents' fields."""
    found = []
    for name in serializer_class(KINDS[kind]).Meta.fields:
        label = name.replace("_", " ").capitalize()
        if name in RANGES:
            found += [Property(f"{name}.{end}", f"{label}, {end}") for end in RANGES[name]]
        elif name not in HIDDEN:
            found.append(Property(name, label, REFERENCES.get(name, "")))
    if kind == "company":
        found += [Property(scheme.value, SCHEMES[scheme].label) for scheme in Scheme]
    return {one.id: one for one in found}


@cache
def properties() -> dict[str, Property]:
    """The properties of all types."""
    return {name: one for kind in KINDS for name, one in properties_of(kind).items()}


def values_of(document: Document, name: str) -> list[Any]:
    """The values of a property in a document: plain ones, and references as documents have them."""
    if name in Scheme.values:
        return [one["value"] for one in document.get("identifiers", ()) if one["scheme"] == name]
    field, _, end = name.partition(".")
    value = document.get(field)
    if end:
        value = (value or {}).get(end)
    values = value if isinstance(value, list) else [value]
    return [simple(field, one) for one in values if one not in (None, "")]


def simple(field: str, value: Any) -> Any:
    """An office is its hub, a credential its name."""
    if isinstance(value, dict):
        return value["hub"] if field == "offices" else value if "slug" in value else value["name"]
    return value


def documents(asked: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Document]:
    """(kind, primary key) → document of those that are public; a query for each kind."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for kind, pk in asked:
        wanted[kind].add(pk)
    found: dict[tuple[str, int], Document] = {}
    for kind, pks in wanted.items():
        rows = KINDS[kind]._default_manager.published().filter(pk__in=pks).order_by().values_list("pk", "document")
        found |= {(kind, pk): orjson.loads(document) for pk, document in rows}
    return found


def entity(key: str) -> tuple[str, int] | None:
    """(kind, primary key) that an id is of, if it is of one of the types."""
    kind_number, pk = decoded(key)
    kind = next((kind for kind, model in kinds().items() if model.kind_number == kind_number), "")
    return (kind, pk) if kind in KINDS else None


def extended(keys: list[str], revision: int) -> dict[str, Document]:
    """Id → document of each entity that is public, of a merged company the one that it became."""
    found = {key: one for key in keys if (one := entity(key))}
    became = Standing.of(pk for kind, pk in found.values() if kind == "company").became
    current = {key: (kind, became.get(pk, pk) if kind == "company" else pk) for key, (kind, pk) in found.items()}
    known = documents(current.values())
    return {key: known[one] for key, one in current.items() if one in known}


def cells(document: Document | None, wanted: Property, revision: int) -> list[Cell]:
    """The values of a property as a data extension answers with them."""
    return [cell(value, wanted, revision) for value in values_of(document or {}, wanted.id)]


def cell(value: Any, wanted: Property, revision: int) -> Cell:
    if isinstance(value, dict):
        return {"id": id_of(wanted.refers, value["slug"], revision), "name": value["name"]}
    if wanted.id in TIMES:
        return {"date": f"{value}{TIMES[wanted.id]}"}
    if isinstance(value, bool):  # for which there is no form
        return {"str": "true" if value else "false"}
    if isinstance(value, int):
        return {"int": value}
    return {"float": value} if isinstance(value, float) else {"str": str(value)}


def id_of(kind: str, slug: str, revision: int) -> str:
    """The id of the term of the vocabulary that has this slug."""
    model = KINDS[kind]
    return ids.encode(model.kind_number, vocabulary_of(model, revision).pks[slug])
