"""The endpoints of suggestions: what anybody may send, how it is answered, and what became of it."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse

from companies.envelope import HONEYPOT, MAX_BYTES, MAX_EVIDENCE, MAX_URL, body_of, read
from companies.proposing import (
    FROM_ONE_SENDER,
    ON_ONE_COMPANY,
    SUGGESTED,
    WINDOW,
    TooMany,
    in_order,
    propose,
    receive,
)
from companies.suggestions import State, Suggestion, new_token
from directory.api import rendering
from directory.api.described import URI, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import Problem, problem_response
from directory.api.listing import JSON
from directory.api.operations import Operation, closed, nullable
from directory.api.parameters import Parameter
from directory.api.viewsets import refuse_parameters
from directory.lockout import client_address
from directory.models import SLUG_PATTERN

TOKEN = Parameter(
    "What the suggestion was given when it arrived.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{24}$"},
    "u7Jk0sXq2mB5vT9cR4nLwYdE",
)
FORMAT = {"format": narrowed(rendering.PARAMETERS["format"], "json")}
UNSTORED = {"Cache-Control": {"schema": {"type": "string", "enum": ["no-store"]}}}
TIME = {"type": "string", "format": "date-time"}
DESCRIPTION = (
    "A new company, or a change of one: `patch` is a JSON Merge Patch (RFC 7396) on its document, with fields as"
    " documents have them and hubs, specialties, industries and programs by slug; null empties a field, a list"
    " replaces the whole list. Curators decide field by field; the answer’s `url` tells what they decided, and"
    " why. Nothing that was sent is shown to anybody else."
    f" Taken are {FROM_ONE_SENDER} an hour from one address and {ON_ONE_COMPANY} on one company, of at most"
    f" {MAX_BYTES // 1024} kB each."
)
EXAMPLES = {
    "A change": {
        "company": "devsinc",
        "patch": {"founded_year": 2009, "employees": {"min": 500, "max": None}},
        "evidence": ["https://devsinc.com/about"],
        "email": "ayesha@example.com",
    },
    "A new company": {
        "patch": {"name": "Sehat Software", "website": "https://sehat-software.example/", "hub": "lahore"},
        "evidence": ["https://sehat-software.example/contact"],
    },
}


class Inbox(Endpoint):
    """Where suggestions arrive."""

    scope = "suggest"

    @classmethod
    def operation(cls, action: str) -> Operation:
        optional = nullable({"type": "string"})
        sent = {
            "company": {
                **nullable({"type": "string", "pattern": SLUG_PATTERN, "maxLength": 80}),
                "description": "Its id or slug; a new company has none.",
            },
            "patch": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"enum": SUGGESTED},
                "description": "A JSON Merge Patch on the document.",
            },
            "evidence": {
                **nullable(
                    {
                        "type": "array",
                        "items": {**URI, "pattern": "^https?://", "maxLength": MAX_URL},
                        "maxItems": MAX_EVIDENCE,
                    }
                ),
                "description": "Where curators can see that it is so.",
            },
            "email": {
                "anyOf": [{**optional, "format": "email", "maxLength": 254}, {"const": ""}],
                "description": "For questions of curators; never shown.",
            },
            "revision": {
                **nullable({"type": "integer", "minimum": 1}),
                "description": "Of the document that the patch is based on; today’s unless given.",
            },
            HONEYPOT: {**optional, "description": "Leave empty."},
        }
        answer = closed({"id": TOKEN.schema, "status": {"type": "string", "enum": ["open"]}, "url": URI})
        return Operation(
            "Suggest a company, or a change of one",
            {"application/json": answer},
            description=DESCRIPTION,
            method="post",
            body=closed(sent, optional=tuple(sent.keys() - {"patch"})),
            examples=EXAMPLES,
            headers={"Location": {"schema": URI, "required": True}, **UNSTORED},
            problems=("invalid_input", "content_too_large", "unsupported_media_type", "throttled"),
        )

    def post(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        sent, is_trap = read(body_of(request))
        suggestion = propose(sent, client_address(request._request))
        if is_trap:
            return taken(new_token())
        try:
            receive(suggestion)
        except TooMany as error:
            return refused(error)
        return taken(suggestion.token)


class Outcome(Endpoint):
    """What became of a suggestion."""

    scope = "suggest"

    @classmethod
    def operation(cls, action: str) -> Operation:
        states = {"type": "string", "enum": [State.OPEN, State.ACCEPTED, State.REJECTED]}
        verdict = closed({"field": {"type": "string"}, "status": states, "reason": nullable({"type": "string"})})
        company = closed({"slug": {"type": "string"}, "name": {"type": "string"}, "url": URI})
        body = closed(
            {
                "id": TOKEN.schema,
                "status": {"type": "string", "enum": list(State.values)},
                "url": URI,
                "company": {**nullable(company), "description": "Null while it is not public."},
                "received_at": TIME,
                "decided_at": nullable(TIME),
                "fields": {"type": "array", "items": verdict},
            }
        )
        return Operation(
            "What became of a suggestion",
            {"application/json": body},
            FORMAT,
            "`stale`: nothing was accepted, because the same facts had changed since what it was based on.",
            path={"token": TOKEN},
            headers=UNSTORED,
            problems=("not_found",),
        )

    def get(self, request: Any, token: str) -> HttpResponse:
        refuse_parameters(request.query_params)
        suggestion = Suggestion.objects.select_related("company").filter(token=token).first()
        if suggestion is None:
            raise Problem("not_found", "There is no suggestion with this address.")
        return answered(outcome(suggestion))


def answered(body: Any, status: int = 200) -> HttpResponse:
    """JSON for nobody but who asks, though from a page of any site."""
    response = HttpResponse(orjson.dumps(body), status=status, content_type=JSON)
    response["Cache-Control"] = "no-store"
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "Location"
    return response


def taken(token: str) -> HttpResponse:
    url = address(token)
    response = answered({"id": token, "status": State.OPEN, "url": url}, status=201)
    response["Location"] = url
    return response


def refused(error: TooMany) -> HttpResponse:
    policy = f'"suggestions";q={error.limit};w={WINDOW.seconds}'
    headers = {
        "Retry-After": str(error.wait),
        "RateLimit-Policy": policy,
        "RateLimit": f'"suggestions";r=0;t={error.wait}',
        "Access-Control-Expose-Headers": "Retry-After, RateLimit, RateLimit-Policy",
    }
    return problem_response("throttled", str(error), headers=headers)


def address(token: str) -> str:
    return f"{settings.SITE_URL}/api/v1/suggestions/{token}/"


def outcome(suggestion: Suggestion) -> dict[str, Any]:
    """What its sender is told: nothing of what was suggested, nor by whom, but what curators said of each field."""
    company = suggestion.company
    is_public = company is not None and company.document is not None
    return {
        "id": suggestion.token,
        "status": suggestion.state,
        "url": address(suggestion.token),
        "company": {name: getattr(company, name) for name in ("slug", "name", "url")} if is_public else None,
        "received_at": suggestion.received_at,
        "decided_at": suggestion.decided_at,
        "fields": [verdict(name, suggestion.decisions.get(name)) for name in in_order(suggestion.proposed)],
    }


def verdict(name: str, decision: dict[str, Any] | None) -> dict[str, Any]:
    if decision is None:
        return {"field": name, "status": "open", "reason": None}
    status = "accepted" if decision["accepted"] else "rejected"
    return {"field": name, "status": status, "reason": decision["reason"] or None}
