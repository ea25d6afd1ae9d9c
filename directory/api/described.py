"""What the lists and details of a collection take and answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from directory.api import details, listing
from directory.api.documents import document_schemas
from directory.api.history import HISTORY_PARAMETERS
from directory.api.operations import Operation, Schema, closed, nullable, reference
from directory.api.pagination import COUNTS
from directory.api.parameters import Parameter
from directory.api.rendering import FORMATS, offered
from directory.api.shapes import document_field, references
from directory.models import SLUG_PATTERN, Action, Published, Source

if TYPE_CHECKING:
    from directory.api.viewsets import PublishedViewSet

LICENSE = closed({name: {"type": "string"} for name in ("id", "url", "attribution")})
URI = {"type": "string", "format": "uri"}
LINK = nullable(URI)
COUNT = {"type": "integer", "minimum": 0}
APPLIED = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
QUERY = closed(
    {
        "canonical": {**URI, "description": "The address of this very answer."},
        "applied": {**APPLIED, "description": "The filters as they were understood."},
    }
)
RELAX = closed(
    {
        "parameters": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "alone": {
            "type": "object",
            "additionalProperties": COUNT,
            "description": "How many objects each of them finds without any other filter.",
        },
        "count": {**COUNT, "description": "How many objects there are without them."},
        "url": URI,
    },
    description="The filters to drop so that something is found, as few as possible.",
)
MATCH = closed(
    {
        "field": {"type": "string"},
        "kind": {"type": "string", "description": "How the words were found in it."},
        "highlight": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The field's text in pieces, of which every second one is what was found.",
        },
    },
    description="Why a result was found, in the order of the results.",
)
META = closed(
    {
        "count": {"type": "string", "enum": list(COUNTS), "description": "How it was counted."},
        "query": reference("Query"),
        "license": reference("License"),
        "match": {"type": "array", "items": reference("Match")},
        "relax": {"type": "array", "items": reference("Relax"), "description": "Given where nothing was found."},
        "view": closed(
            {"id": {"type": "string"}, "slug": {"type": "string"}, "name": {"type": "string"}, "url": URI},
            description="The view that was asked for.",
        ),
    },
    optional=("match", "relax", "view"),
)
FACET = closed(
    {
        "value": {"type": "string"},
        "label": {"type": "string"},
        "count": COUNT,
        "selected": {"type": "boolean"},
        "url": {**URI, "description": "Chooses it, or takes it away where it is selected."},
    },
    description="A value of a facet.",
)
ENVELOPE = {"count": nullable(COUNT), "next": LINK, "previous": LINK}
POINT = closed(
    {
        "type": {"type": "string", "enum": ["Point"]},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    }
)
NODE: Schema = {"type": "object", "required": ["@type", "@id"]}
LINKED = {"@context": {"type": "string", "enum": ["https://schema.org"]}}
SHARED = {
    **{"License": LICENSE, "Meta": META, "Query": QUERY, "Relax": RELAX, "Match": MATCH},
    **{"FacetValue": FACET, "Point": POINT},
}


def list_operation(view: type[PublishedViewSet]) -> Operation:
    model: type[Published] = view.queryset.model
    name = model.__name__
    envelope = {**ENVELOPE, "facets": facets_schema(view), "meta": reference("Meta")}
    found = {"type": "array", "items": shaped(name)}
    features = {"type": "array", "items": feature_schema(name)}
    whole = closed({**envelope, "results": found}, optional=("facets",))
    collection = {"type": {"type": "string", "enum": ["FeatureCollection"]}, "features": features, **envelope}
    bodies: dict[str, Schema] = {
        "json": reference(f"{name}List"),
        "csv": {"type": "string"},
        "ndjson": {"type": "string"},
        "jsonld": linked_schema({"@graph": {"type": "array", "items": NODE}}),
        "geojson": closed(collection, optional=("facets",)),
    }
    declared = view.filterset_class.parameters
    filters = {parameter: found.parameter(lookup) for parameter, (found, lookup) in declared.items()}
    return Operation(
        summary=f"List {model._meta.verbose_name_plural}",
        description=f"{(model.__doc__ or '').strip()} {view.notes}".strip(),
        parameters={**filters, **taken(view, "list", listing.PARAMETERS)},
        answers=answers(model, "list", bodies),
        schemas={**document_schemas(model), **SHARED, f"{name}List": whole},
        problems=("no_such_page", "busy"),
        links=("canonical", "next", "prev", "license", "service-desc"),
    )


def detail_operation(view: type[PublishedViewSet]) -> Operation:
    model: type[Published] = view.queryset.model
    name = model.__name__
    bodies = {"json": shaped(name), "jsonld": linked_schema(NODE), "geojson": feature_schema(name)}
    return Operation(
        summary=f"One {model._meta.verbose_name}",
        description=(model.__doc__ or "").strip(),
        path={"key": key_parameter(model)},
        parameters=taken(view, "retrieve", details.PARAMETERS),
        answers=answers(model, "retrieve", bodies),
        schemas={**document_schemas(model), **SHARED},
        problems=("not_found", "gone"),
        links=("canonical",),
        moves=True,
    )


def key_parameter(model: type[Published]) -> Parameter:
    schema = {"type": "string", "pattern": SLUG_PATTERN, "maxLength": 80}
    return Parameter("Its slug or its id.", schema, model.example)


def taken(view: type[PublishedViewSet], action: str, shared: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters that all collections have, with the values that they take in this one; without any, left out."""
    model: type[Published] = view.queryset.model
    facets = list(view.facets.facets)
    referring = list(references(document_field(model)).parts)
    values = {"format": list(offered(model, action)), "facets": facets, "include": referring}
    if action == "list":
        values |= {"ordering": [*view.orderings, *relevance(view)], "facets_zero": facets}
    found = {name: parameter for name, parameter in shared.items() if values.get(name, True)}
    if "include" in found:
        found["include"] = replace(found["include"], example=referring[0])
    if "facets" in found:
        items = {"type": "string", "enum": facets}
        found["facets"] = replace(
            found["facets"], schema={**found["facets"].schema, "items": items}, example=facets[:1]
        )
    return found | {name: narrowed(found[name], *values[name]) for name in ("format", "ordering") if name in found}


def relevance(view: type[PublishedViewSet]) -> list[str]:
    """The orderings of what a search finds, which go with the search."""
    return [declared.ordering.name for declared in view.filterset_class.filters.values() if declared.ordering]


def facets_schema(view: type[PublishedViewSet]) -> Schema:
    """The facets asked for, of those that the collection has."""
    values = {"type": "array", "items": reference("FacetValue")}
    names = tuple(view.facets.facets)
    return closed(dict.fromkeys(names, values), optional=names)


def narrowed(parameter: Parameter, *values: str) -> Parameter:
    """The parameter with nothing but ``values`` to choose from."""
    example = parameter.example if parameter.example in values else values[0]
    return replace(parameter, schema={"type": "string", "enum": list(values)}, example=example)


def answers(model: type[Published], action: str, bodies: dict[str, Schema]) -> dict[str, Schema]:
    """The bodies of the formats that are offered, by their media types."""
    return {FORMATS[name].names[0]: bodies[name] for name in offered(model, action)}


def shaped(name: str) -> Schema:
    """A document, whole or as “fields”, “omit” and “include” made it."""
    return {"anyOf": [reference(name), reference(f"{name}Shape")]}


def feature_schema(name: str) -> Schema:
    return closed(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": nullable(reference("Point")),
            "properties": shaped(name),
        }
    )


def linked_schema(content: Schema) -> Schema:
    """JSON-LD in the words of schema.org."""
    if "type" in content:
        return {**content, "properties": LINKED, "required": [*LINKED, *content["required"]]}
    return closed({**LINKED, **content})


def history_operation(view: type[PublishedViewSet]) -> Operation:
    model: type[Published] = view.queryset.model
    change = closed({"field": {"type": "string"}, "old": {}, "new": {}}, description="A field that differs.")
    version = closed(
        {
            "revision": {"type": "integer", "minimum": 1},
            "published_at": {"type": "string", "format": "date-time"},
            "source": {"type": "string", "enum": list(Source.values)},
            "action": {"type": "string", "enum": list(Action.values)},
            "url": {**LINK, "description": "The object as it was then."},
            "changes": nullable(
                {
                    "type": "array",
                    "items": reference("Change"),
                    "description": "Null where the version before it is no longer kept.",
                }
            ),
        },
        description="What one revision made of the object.",
    )
    body = closed(
        {**ENVELOPE, "results": {"type": "array", "items": reference("Version")}, "meta": reference("HistoryMeta")}
    )
    meta = closed({"count": {"type": "string", "enum": ["none"]}, "query": reference("Query")})
    return Operation(
        summary=f"What was published of one {model._meta.verbose_name}",
        description="The newest version first, each with what it changed.",
        path={"key": key_parameter(model)},
        parameters=taken(view, "history", HISTORY_PARAMETERS),
        answers={"application/json": reference("History")},
        schemas={**SHARED, "History": body, "HistoryMeta": meta, "Version": version, "Change": change},
        problems=("not_found", "gone"),
        links=("canonical", "next", "prev"),
        moves=True,
    )


OPERATIONS = {"list": list_operation, "retrieve": detail_operation, "history": history_operation}
