"""The Reconciliation Service API (W3C Entity Reconciliation Community Group), 0.2 and the draft of 1.0.

OpenRefine and other clients match columns of names by it. Each version has an address of its own: what one calls
``suggest`` in its manifest is an object, in the other a truth value.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse, QueryDict
from django.urls import path

from companies.envelope import body_of
from companies.inbox import UNSTORED, answered
from directory.api.caching import current_revision
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake
from directory.api.operations import Operation, Schema, closed
from directory.api.parameters import Parameter
from directory.api.viewsets import refuse_parameters
from partners.asking import FORMAT, NAMED, kept, read
from partners.batches import MAX_IDS, MAX_QUERIES, read_conditions, read_extension, read_queries
from partners.completing import SUGGESTIONS, Proposals, Suggestions, types
from partners.extending import TYPES, Property, cells, extended
from partners.previewing import Flyout, Preview
from partners.reconciling import candidates

ROOT = f"{settings.SITE_URL}/api/v1/reconcile/"
FORM = "application/x-www-form-urlencoded"
MAX_BYTES = 512 * 1024
WIDTH, HEIGHT = 420, 300
PROBLEMS = ("invalid_input", "content_too_large", "unsupported_media_type")
OBJECT: Schema = {"type": "object"}
QUERIES = Parameter(
    'Queries of 0.2 as JSON: `{"q0": {"query": "Devsinc", "type": "company"}}`.',
    {"type": "string", "contentMediaType": "application/json"},
    '{"q0": {"query": "Devsinc", "type": "company", "properties": [{"pid": "hub", "v": "Lahore"}]}}',
)
EXTEND = Parameter(
    "A data extension query as JSON: which ids, and which properties of theirs.",
    {"type": "string", "contentMediaType": "application/json"},
    '{"ids": ["037n3cy75"], "properties": [{"id": "website"}, {"id": "hub"}]}',
)
DESCRIPTION = (
    "For OpenRefine: add this address as a reconciliation service. Types are company, hub, specialty, industry and"
    f" program; at most {MAX_QUERIES} queries at once. Scores are 0 to 100; `match` is true only of what is certain"
    " and unique. JSONP is not offered, CORS is."
)


def manifest() -> dict[str, Any]:
    """What both versions say of the service."""
    return {
        "name": settings.LICENSE["attribution"],
        "documentation": f"{settings.SITE_URL}/docs/",
        "defaultTypes": types(),
        "batchSize": MAX_QUERIES,
    }


def old_manifest() -> dict[str, Any]:
    suggested = {
        name: {
            "service_url": ROOT.rstrip("/"),
            "service_path": f"/suggest/{name}",
            "flyout_service_path": "/flyout?id=${id}",
        }
        for name in SUGGESTIONS
    }
    return manifest() | {
        "versions": ["0.2"],
        "identifierSpace": f"{settings.SITE_URL}/id/",
        "schemaSpace": f"{settings.SITE_URL}/api/v1/openapi.json",
        "view": {"url": f"{settings.SITE_URL}/id/{{{{id}}}}/"},
        "preview": {"url": f"{ROOT}preview?id={{{{id}}}}", "width": WIDTH, "height": HEIGHT},
        "suggest": suggested,
        "extend": {"propose_properties": {"service_url": ROOT.rstrip("/"), "service_path": "/properties"}},
    }


def new_manifest() -> dict[str, Any]:
    return manifest() | {
        "versions": ["1.0-draft"],
        "view": {"url": f"{settings.SITE_URL}/id/{{id}}/"},
        "preview": {"width": WIDTH, "height": HEIGHT},
        "suggest": dict.fromkeys(SUGGESTIONS, True),
        "extend": {"proposeProperties": True, "propertySettings": []},
        "lang": "en",
        "standardizedScore": True,
    }


class Service(Endpoint):
    """0.2: the manifest, and with ``queries`` or ``extend`` the answers to them."""

    parameters = {"queries": QUERIES, "extend": EXTEND, **FORMAT}

    @classmethod
    def operation(cls, action: str) -> Operation:
        if action == "get":
            said = "Reconciliation 0.2: the manifest"
            return Operation(said, {"application/json": OBJECT}, cls.parameters, DESCRIPTION, problems=PROBLEMS[:2])
        text = {"type": "string", "contentMediaType": "application/json"}
        return Operation(
            "Reconciliation 0.2: candidates, or values of properties",
            {"application/json": OBJECT},
            description="`queries` or `extend`, as in the GET.",
            method="post",
            body={**closed({"queries": text, "extend": text}, optional=("queries", "extend")), "minProperties": 1},
            media_type=FORM,
            examples={"Queries": {"queries": QUERIES.example}, "Properties": {"extend": EXTEND.example}},
            headers=UNSTORED,
            problems=PROBLEMS,
        )

    def get(self, request: Any) -> HttpResponse:
        asked = read(request.query_params, self.parameters)
        return kept(request, lambda revision: answer_old(asked, revision))

    def post(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        form = QueryDict(body_of(request, "A request", MAX_BYTES, FORM))
        asked = read(form, {name: self.parameters[name] for name in ("queries", "extend")})
        if not asked:
            raise InvalidQuery([Mistake("missing_parameter", "Send “queries” or “extend”.", "queries")])
        return answered(answer_old(asked, current_revision()))


def answer_old(asked: dict[str, str], revision: int) -> Any:
    if asked.keys() >= {"queries", "extend"}:
        raise InvalidQuery([Mistake("conflicting_parameters", "Send either “queries” or “extend”.", "extend")])
    if "queries" in asked:
        queries = read_queries(asked["queries"])
        found = candidates(list(queries.values()), revision)
        return {key: {"result": result} for key, result in zip(queries, found, strict=True)}
    if "extend" in asked:
        keys, wanted = read_extension(asked["extend"], "extend")
        known = extended(keys, revision)
        rows = {key: {one.id: cells(known.get(key), one, revision) for one in wanted} for key in keys}
        return {"meta": [meta(one) for one in wanted], "rows": rows}
    return old_manifest()


def meta(wanted: Property) -> dict[str, Any]:
    """What a data extension says of a property."""
    refers = {"type": {"id": wanted.refers, "name": TYPES[wanted.refers]}} if wanted.refers else {}
    return {**wanted.as_json(), **refers}


class Draft(Endpoint):
    """The manifest of the draft of 1.0."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        said = "Reconciliation 1.0-draft: the manifest"
        return Operation(said, {"application/json": OBJECT}, FORMAT, DESCRIPTION)

    def get(self, request: Any) -> HttpResponse:
        read(request.query_params, FORMAT)
        return kept(request, lambda revision: new_manifest())


class Match(Endpoint):
    """The draft’s queries."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        queries = {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["conditions"]}}
        results = {"type": "array", "items": closed({"candidates": {"type": "array", "items": NAMED}})}
        conditions = [
            {"matchType": "name", "propertyValue": "Devsinc"},
            {"matchType": "property", "propertyId": "hub", "propertyValue": "Lahore", "required": True},
        ]
        return Operation(
            "Reconciliation 1.0-draft: candidates",
            {"application/json": closed({"results": results})},
            description=DESCRIPTION,
            method="post",
            body=closed({"queries": queries}),
            examples={"A name in a city": {"queries": [{"type": "company", "conditions": conditions}]}},
            headers=UNSTORED,
            problems=PROBLEMS,
        )

    def post(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        queries = read_conditions(body_of(request, "A request", MAX_BYTES))
        found = candidates(queries, current_revision())
        return answered({"results": [{"candidates": result} for result in found]})


class Extend(Endpoint):
    """The draft’s data extension."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        sent = {
            "ids": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_IDS},
            "properties": {"type": "array", "items": {"type": "object", "required": ["id"]}},
        }
        row = closed({"id": {"type": "string"}, "properties": {"type": "array", "items": OBJECT}})
        body = closed({"meta": {"type": "array", "items": NAMED}, "rows": {"type": "array", "items": row}})
        return Operation(
            "Reconciliation 1.0-draft: values of properties",
            {"application/json": body},
            description=EXTEND.description,
            method="post",
            body=closed(sent),
            examples={"Websites": orjson.loads(EXTEND.example)},
            headers=UNSTORED,
            problems=PROBLEMS,
        )

    def post(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        keys, wanted = read_extension(body_of(request, "A request", MAX_BYTES), "")
        revision = current_revision()
        known = extended(keys, revision)
        rows = [
            {
                "id": key,
                "properties": [{"id": one.id, "values": cells(known.get(key), one, revision)} for one in wanted],
            }
            for key in keys
        ]
        return answered({"meta": [meta(one) for one in wanted], "rows": rows})


# As the specification names them: without a final slash, below an address of each version.
SHARED = [path("suggest/<slug:what>", Suggestions.as_view()), path("preview", Preview.as_view())]
routes = [
    path("", Service.as_view()),
    *SHARED,
    path("flyout", Flyout.as_view()),
    path("properties", Proposals.as_view()),
    path("draft/", Draft.as_view()),
    path("draft/match", Match.as_view()),
    path("draft/extend", Extend.as_view()),
    path("draft/extend/propose", Proposals.as_view()),
    *(path(f"draft/{shared.pattern}", shared.callback) for shared in SHARED),
]
