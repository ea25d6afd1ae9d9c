"""Asking: the parameters of the Reconciliation Service API, read one by one, and answers that are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.http import HttpResponse

from companies.completions import KINDS
from directory.api import rendering
from directory.api.caching import at_one_revision
from directory.api.described import narrowed
from directory.api.errors import InvalidQuery, Mistake
from directory.api.listing import JSON
from directory.api.operations import Schema
from directory.api.pagination import one_of
from directory.api.parameters import MAX_LENGTH, Parameter
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import unknown_parameters

FORMAT = {"format": narrowed(rendering.PARAMETERS["format"], "json")}
TEXT: Schema = {"type": "string", "maxLength": MAX_LENGTH, "pattern": r"^[^\x00]*$"}
TYPE: Schema = {"type": "string", "enum": list(KINDS)}
NAMED: Schema = {"type": "object", "required": ["id", "name"]}


def kept(request: Any, body: Callable[[int], Any]) -> HttpResponse:
    """A body that is kept until the next revision."""

    def answer(revision: int) -> HttpResponse:
        response = HttpResponse(orjson.dumps(body(revision)), content_type=JSON)
        response.revision = revision  # type: ignore[attr-defined]
        return response

    return at_one_revision(request.revision, answer)


def read(query: Any, known: Mapping[str, Parameter]) -> dict[str, str]:
    """The parameters, each once; raises InvalidQuery."""
    mistakes = unknown_parameters(query, known)
    if "format" in known:
        read_format(query, FORMATS["json"], ("json",), mistakes)
    for name in known:
        if name != "format" and len(query.getlist(name)) > 1:
            mistakes.append(Mistake("repeated_parameter", "This parameter is given once only.", name))
        elif len(query.get(name, "")) > known[name].schema.get("maxLength", math.inf):
            mistakes.append(Mistake("too_long", f"At most {MAX_LENGTH} characters.", name))
        elif "\0" in query.get(name, ""):
            mistakes.append(Mistake("invalid_value", "There is a NUL character in it.", name))
    if mistakes:
        raise InvalidQuery(mistakes)
    return {name: query[name] for name in known if name in query and name != "format"}


def needed(asked: dict[str, str], name: str) -> str:
    if not asked.get(name):
        raise InvalidQuery([Mistake("missing_parameter", f"Give “{name}”.", name)])
    return asked[name]


def one_type(asked: dict[str, str]) -> str:
    try:
        return one_of(needed(asked, "type"), KINDS)
    except Mistake as mistake:
        raise InvalidQuery([mistake.of("type")]) from mistake


def whole(asked: dict[str, str], name: str, least: int, most: int) -> int:
    raw = asked[name]
    if raw.isascii() and raw.isdigit() and len(raw) < 9 and least <= int(raw) <= most:
        return int(raw)
    detail = f"“{raw[:40]}” is not a whole number from {least} to {most}."
    raise InvalidQuery([Mistake("invalid_value", detail, name)])
