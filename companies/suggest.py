"""The endpoint of completions, /suggest/: what it takes, and how it answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpResponse

from companies.completions import FITS, KINDS, suggest
from directory.api import rendering
from directory.api.caching import at_one_revision
from directory.api.described import SHARED, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake
from directory.api.listing import JSON
from directory.api.operations import Operation, closed, reference
from directory.api.pagination import one_of, whole_number
from directory.api.parameters import MAX_VALUES, Parameter, text_schema
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import split, unknown_parameters
from directory.api.words import words_of

LIMIT, MAX_LIMIT = 5, 20
PARAMETERS = {
    "q": Parameter("What was typed so far.", text_schema(), "lah", required=True),
    "kind": Parameter(
        "The kinds to suggest, all of them unless this says so.",
        {"type": "array", "items": {"type": "string", "enum": list(KINDS)}, "minItems": 1, "maxItems": MAX_VALUES},
        ["company", "hub"],
    ),
    "limit": Parameter(
        "How many of each kind at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT},
        3,
    ),
    **rendering.PARAMETERS,
}
DESCRIPTION = (
    "What somebody who is still typing may mean, grouped by kind: names that are just this, then those that begin so,"
    " then those with a word that begins so, and only where there are none, those that may be misspelt. Filters take"
    " the `slug`; `companies` is the list of companies that have it, and how many there are."
)


class Suggest(Endpoint):
    """What somebody who is still typing may be looking for."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        uri = {"type": "string", "format": "uri"}
        said = {name: {"type": "string"} for name in ("id", "slug", "name")}
        leads = closed({"count": {"type": "integer", "minimum": 0}, "url": uri}, description="Those that have it.")
        match = {"type": "string", "enum": list(FITS), "description": "How it fits what was typed."}
        suggestion = closed({**said, "url": uri, "match": match, "companies": leads}, optional=("id", "companies"))
        group = closed(
            {
                "kind": {"type": "string", "enum": list(KINDS)},
                "suggestions": {"type": "array", "items": suggestion},
            }
        )
        meta = closed({"query": reference("Query"), "license": reference("License")})
        body = closed({"results": {"type": "array", "items": group}, "meta": meta})
        own = {"format": narrowed(PARAMETERS["format"], "json")}
        return Operation(
            "What somebody who is still typing may mean",
            {"application/json": body},
            {**PARAMETERS, **own},
            DESCRIPTION,
            schemas=SHARED,
        )

    def get(self, request: Any) -> HttpResponse:
        text, kinds, limit, applied = read(request.query_params)
        canonical = f"{settings.SITE_URL}/api/v1/suggest/?{urlencode(applied, safe=',')}"
        shown = {name: value.split(",") if name == "kind" else [value] for name, value in applied.items()}

        def answer(revision: int) -> HttpResponse:
            meta = {"query": {"canonical": canonical, "applied": shown}, "license": settings.LICENSE}
            body = orjson.dumps({"results": suggest(text, kinds, limit, revision), "meta": meta})
            response = HttpResponse(body, content_type=JSON)
            response.revision = revision  # type: ignore[attr-defined]
            return response

        return at_one_revision(request.revision, answer)


def read(query: Any) -> tuple[str, list[str], int, dict[str, str]]:
    """(text, kinds, limit, what was asked) of a query; raises InvalidQuery."""
    mistakes = unknown_parameters(query, PARAMETERS)
    read_format(query, FORMATS["json"], ("json",), mistakes)
    applied: dict[str, str] = {}

    def value(name: str, parse: Any, fallback: Any) -> Any:
        if name not in query:
            return fallback
        try:
            raw = split(query.getlist(name), several=name == "kind")
            applied[name] = ",".join(raw)
            return parse(raw)
        except Mistake as mistake:
            mistakes.append(mistake.of(name))
            return fallback

    if "q" not in query:
        mistakes.append(Mistake("missing_parameter", "Say in “q” what was typed so far.", "q"))
    text = value("q", lambda raw: text_with_words(raw[0]), "")
    kinds = value("kind", lambda raw: [one_of(kind, KINDS) for kind in raw], list(KINDS))
    limit = value("limit", lambda raw: whole_number(raw[0], MAX_LIMIT), LIMIT)
    if mistakes:
        raise InvalidQuery(mistakes)
    return text, kinds, limit, dict(sorted(applied.items()))


def text_with_words(raw: str) -> str:
    if not any(words_of([raw])):
        raise Mistake("invalid_value", f"“{raw[:60]}”: there is no word in it.")
    return raw
