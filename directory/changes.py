"""The changes feed: all that was published since a place in the log, in the order of commits, of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpResponse

from directory import ids
from directory.api import rendering
from directory.api.caching import NOT_KEPT, unkept
from directory.api.described import SHARED, narrowed
from directory.api.documents import document_schemas
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake
from directory.api.operations import Operation, closed, nullable, reference
from directory.api.pagination import one_of, whole_number
from directory.api.parameters import Parameter
from directory.api.rendering import Format, read_format
from directory.api.selection import split, unknown_parameters
from directory.log import Page, Place, read_page, read_place
from directory.models import Action, kinds
from directory.waiting import Wait

LIMIT, MAX_LIMIT = 100, 1000
MAX_WAIT = 60


def kind_parameter(description: str) -> Parameter:
    items = {"type": "string", "enum": list(kinds())}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": len(kinds())}
    return Parameter(description, schema, ["company", "hub"])


PARAMETERS = {
    "after": Parameter(
        "Where to begin: behind a revision, by its number, or at the cursor of a “next” link. Unless given, at the"
        " log's beginning.",
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[A-Za-z0-9_-]{40,}$"}]},
        0,
    ),
    "wait": Parameter(
        "Where nothing is new: how many seconds to wait for it.",
        {"type": "integer", "minimum": 1, "maximum": MAX_WAIT},
        1,
    ),
    "kind": kind_parameter("The kinds to follow, all of them unless this says so."),
    "limit": Parameter(
        "How many changes at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT}, 3
    ),
    "format": narrowed(rendering.PARAMETERS["format"], "json", "ndjson"),
}
DESCRIPTION = (
    "Every revision's changes, one for each object, in the order of their commits; what comes first is never named by"
    " what comes later only. Whoever follows `next` misses none and meets none twice, whatever `limit` is. There is"
    " always a `next`: fewer changes than `limit` say that there are no more yet, and with `wait` the next answer"
    " comes as soon as there are. A tombstone (`withdrawn`, `merged`) has no document, nor has an earlier change"
    " of an object that is no longer published. In NDJSON, `document` is the last member of its line, byte for byte"
    " as it is digested; the last line says how many changes there were, and what is next."
)


@dataclass
class Asked:
    """What a request asks of the feed."""

    kinds: list[str]
    limit: int
    wait: int
    format: Format
    # A cursor's place, or a revision's number.
    after: Place | int
    # The query but for where it begins.
    query: dict[str, str]

    def url(self, place: Place) -> str:
        query = urlencode({"after": place.encode(), **self.query}, safe=",")
        return f"{settings.SITE_URL}/api/v1/changes/?{query}"


class Changes(Endpoint):
    """What was published since, in order."""

    scope = "mirror"
    formats = ("json", "ndjson")

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        documents = [reference(model.__name__) for model in kinds().values()]
        change = closed(
            {
                "revision": {"type": "integer", "minimum": 1},
                "kind": {"type": "string", "enum": list(kinds())},
                "id": {"type": "string", "pattern": ids.PATTERN},
                "slug": nullable({"type": "string"}),
                "action": {"type": "string", "enum": list(Action.values)},
                "successor": nullable({"type": "string", "description": "The id of what it was merged into."}),
                "document": {"anyOf": [*documents, {"type": "null"}]},
            },
            description="What a revision made of an object; no slug and document where it is no longer published.",
        )
        body = closed(
            {
                "revision": {"type": "integer", "minimum": 0, "description": "The directory's newest revision."},
                "results": {"type": "array", "items": reference("LoggedChange")},
                "next": {"type": "string", "format": "uri"},
                "meta": closed({"license": reference("License")}),
            }
        )
        schemas = {name: schema for model in kinds().values() for name, schema in document_schemas(model).items()}
        return Operation(
            "What was published since, in order",
            {"application/json": body, "application/x-ndjson": {"type": "string"}},
            PARAMETERS,
            DESCRIPTION,
            problems=("start_over",),
            links=("next",),
            schemas={**schemas, **SHARED, "LoggedChange": change},
        )

    def get(self, request: Any) -> HttpResponse:
        asked = read(request.query_params, request.accepted_renderer)
        page = read_page(asked.after, asked.kinds, asked.limit, request.revision)
        url = asked.url(page.place)
        response = HttpResponse(body(asked, page, url), content_type=asked.format.media_type)
        response["Link"] = f'<{url}>; rel="next"'
        if asked.wait and not page.records and request.method == "GET":
            response = unkept(response, page.revision, request)
            response["Cache-Control"] = NOT_KEPT
            response.waits = Wait(page.revision, asked.wait)  # type: ignore[attr-defined]
        elif page.is_full:
            # Whoever reads the whole log would drive out what others ask for.
            response = unkept(response, page.revision, request)
        else:
            response.revision = page.revision  # type: ignore[attr-defined]
        return response


def body(asked: Asked, page: Page, url: str) -> bytes:
    if asked.format.format == "json":
        meta = {"license": settings.LICENSE}
        return orjson.dumps({"revision": page.revision, "results": page.records, "next": url, "meta": meta})
    last = {"rows": len(page.records), "revision": page.revision, "next": url, "license": settings.LICENSE}
    return b"".join(orjson.dumps(line) + b"\n" for line in [*page.records, last])


def read(query: Any, accepted: Format) -> Asked:
    """What a query asks for; raises InvalidQuery."""
    mistakes = unknown_parameters(query, PARAMETERS)
    chosen = read_format(query, accepted, Changes.formats, mistakes)
    given: dict[str, str] = {"format": chosen.format} if "format" in query else {}

    def value(name: str, parse: Any, fallback: Any) -> Any:
        if name not in query:
            return fallback
        try:
            raw = split(query.getlist(name), several=name == "kind", most=len(kinds()))
            given[name] = ",".join(raw)
            return parse(raw)
        except Mistake as mistake:
            mistakes.append(mistake.of(name))
            return fallback

    asked = Asked(
        after=value("after", lambda raw: read_place(raw[0]), 0),
        kinds=value("kind", read_kinds, list(kinds())),
        limit=value("limit", lambda raw: whole_number(raw[0], MAX_LIMIT), LIMIT),
        wait=value("wait", lambda raw: whole_number(raw[0], MAX_WAIT), 0),
        format=chosen,
        query={name: text for name, text in sorted(given.items()) if name != "after"},
    )
    if mistakes:
        raise InvalidQuery(mistakes)
    return asked


def read_kinds(raw: list[str]) -> list[str]:
    return [one_of(kind, kinds()) for kind in raw]
