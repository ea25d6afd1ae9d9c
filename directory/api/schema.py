"""The API as OpenAPI 3.1, put together from what the views, their filters and their serializers declare.

Written here rather than with drf-spectacular: routes, filters, the envelope, references and problems are all our own,
so that each of its parts would have to be overridden, and what is left of it would be more than this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Any

import orjson
from django.conf import settings
from rest_framework.schemas.generators import EndpointEnumerator

from directory.api.caching import CACHE_CONTROL, NOT_KEPT, PRIVATE
from directory.api.deprecation import described
from directory.api.errors import CODES, DETAIL_CODES
from directory.api.introduction import INTRODUCTION
from directory.api.operations import Operation, Schema, closed, nullable, reference
from directory.api.parameters import Parameter

PREFIX = "/api/v1/"
TITLE = "Directory of Pakistan's startups and technology companies"
# What any address may answer with instead.
ANYWHERE = (
    *("invalid_query", "bad_request", "https_required", "not_acceptable", "uri_too_long", "throttled"),
    *("key_in_address", "invalid_key", "wrong_scope", "wrong_origin"),
    *("server_error", "too_expensive", "unavailable"),
)
HEADERS: dict[str, Schema] = {
    "ETag": {
        "description": "Digest of the bytes sent, its own for each content coding.",
        "schema": {"type": "string", "pattern": '^"[0-9a-f]+"$'},
    },
    "Cache-Control": {
        "description": "How long caches may keep it, shared ones only without a key; waited for in vain, not at all.",
        "schema": {"type": "string", "enum": [CACHE_CONTROL, PRIVATE, NOT_KEPT]},
    },
    "Directory-Revision": {
        "description": "Number of the newest change anywhere in the directory.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
# The parameters that come first, in this order.
FIRST = (
    *("q", "typo", "group", "hub", "specialty", "ordering", "page_size", "page", "cursor", "count"),
    *("after", "wait", "kind", "limit", "revision", "bucket"),
    *("facets", "facets_zero", "fields", "omit", "include", "as_of", "format"),
)
LIKELY: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}
# What a problem has beside what all have, by its code.
EXTRA: dict[str, Schema] = {
    "gone": {"successor": nullable({"type": "string", "description": "The id of what replaces it."})},
    "not_found": {"did_you_mean": {**LIKELY, "description": "Slugs that may have been meant, if there are any."}},
    "start_over": {"snapshot": {"type": "string", "format": "uri", "description": "Where to start again."}},
}
MISTAKE = closed(
    {
        "parameter": {"type": "string"},
        "code": {"type": "string", "enum": list(DETAIL_CODES)},
        "detail": {"type": "string"},
        "did_you_mean": LIKELY,
        "allowed": {"type": "string", "description": "The values that are known, or the address that lists them."},
    },
    optional=("did_you_mean", "allowed"),
    description="One mistake in one parameter.",
)
FAULT = closed(
    {
        "pointer": {"type": "string", "description": "Where it is in what was sent (RFC 6901)."},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
    description="One mistake in what was sent.",
)
# The problems that list mistakes, and what they are.
LISTED = {"invalid_query": "Mistake", "broken_view": "Mistake", "invalid_input": "Fault"}
# The headers of problems, by status.
RETRY: Schema = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
LIMITS: Schema = {
    "RateLimit-Policy": {
        "description": "How many requests (q) in how many seconds (w).",
        "schema": {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+'},
        "required": True,
    },
    "RateLimit": {
        "description": "How many of them are left (r), and in how many seconds there will be more (t).",
        "schema": {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+'},
        "required": True,
    },
}
CHALLENGE: Schema = {"WWW-Authenticate": {"schema": {"type": "string", "pattern": "^Bearer "}, "required": True}}
PROBLEM_HEADERS = {401: CHALLENGE, 429: RETRY | LIMITS, 503: RETRY}
SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "A key is not needed: it buys a larger limit. What is answered is the same, but `Cache-Control` is"
            " `private`, and `RateLimit` tells what is left. Each operation names the scope that a key has to have."
        ),
    }
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags of what is known already.",
    "schema": {"type": "string"},
}


@cache
def openapi_json() -> bytes:
    """The document as it is sent, the same bytes for the same code and settings."""
    return orjson.dumps(openapi())


def openapi() -> Schema:
    paths: dict[str, Schema] = {}
    schemas: dict[str, Schema] = {"Mistake": MISTAKE, "Fault": FAULT}
    for path, view, action in endpoints():
        operation: Operation = view.operation(action)
        told = described(operation_object(path, action, operation, schemas), view.deprecated)
        paths.setdefault(path, {})[operation.method] = told | {"security": [{}, {"key": [view.scope]}]}
        schemas |= operation.schemas
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": settings.LICENSE["id"], "url": settings.LICENSE["url"]},
        },
        "servers": [{"url": settings.SITE_URL}],
        "externalDocs": {"url": f"{settings.SITE_URL}/docs/"},
        "tags": [{"name": tag} for tag in dict.fromkeys(tag_of(path) for path in paths)],
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": SECURITY},
    }


def endpoints() -> Iterator[tuple[str, Any, str]]:
    """(path, view class, action) of every endpoint of the API."""
    for path, method, callback in EndpointEnumerator().get_api_endpoints():
        if path.startswith(PREFIX):
            actions = getattr(callback, "actions", None) or {}
            yield path, callback.cls, actions.get(method.lower(), method.lower())


def tag_of(path: str) -> str:
    return path.removeprefix(PREFIX).partition("/")[0].partition(".")[0] or "about"


def operation_object(path: str, action: str, operation: Operation, schemas: dict[str, Schema]) -> Schema:
    parameters = [parameter_object(name, "path", parameter) for name, parameter in operation.path.items()]
    parameters += [
        parameter_object(name, "query", operation.parameters[name])
        for name in sorted(operation.parameters, key=place_of)
    ]
    if operation.headers is None:
        parameters.append(IF_NONE_MATCH)
    words = [word for word in path.removeprefix(PREFIX).replace(".", "/").split("/") if word and word[0] != "{"]
    return {
        "operationId": "_".join([*words, action]),
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "tags": [tag_of(path)],
        "parameters": parameters,
        **({"requestBody": body_object(operation)} if operation.body else {}),
        "responses": responses(operation, schemas),
    }


def body_object(operation: Operation) -> Schema:
    examples = {name: {"summary": name, "value": value} for name, value in operation.examples.items()}
    return {"required": True, "content": {operation.media_type: {"schema": operation.body, "examples": examples}}}


def place_of(name: str) -> tuple[bool, int]:
    """What parameters are sorted by: those asked for most come first, look-ups last, the rest as it was declared."""
    return "__" in name, FIRST.index(name) if name in FIRST else len(FIRST)


def parameter_object(name: str, place: str, parameter: Parameter) -> Schema:
    """One parameter; its several values are separated by commas."""
    several = {"style": "form", "explode": False} if parameter.schema.get("type") == "array" else {}
    required = {"required": True} if place == "path" or parameter.required else {}
    together = {"x-together": list(parameter.together)} if parameter.together else {}
    schema = dict(parameter.schema)
    # In words only: clients send what is declared as a default, though to some queries it means something else.
    default = f" {orjson.dumps(schema.pop('default')).decode()} unless given." if "default" in schema else ""
    if parameter.example is not None:
        # In the schema: what stands beside it would be filled into Swagger UI's forms, all of it at once.
        schema["examples"] = [parameter.example]
        if schema.get("type") == "array":
            # Swagger UI would begin each added item with a text made up to fit the pattern.
            schema["items"] = {**schema["items"], "example": parameter.example[0]}
    example = {"example": parameter.example} if required else {}
    said = {"name": name, "in": place, "description": f"{parameter.description}{default}"}
    return {**said, **required, **several, "schema": schema, **example, **together}


def responses(operation: Operation, schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The answers by status; what problems look like is added to ``schemas``."""
    is_stored = operation.headers is None
    headers = (HEADERS if operation.headers is None else dict(operation.headers)) | (
        {"Link": {"description": f"Links (RFC 8288): {', '.join(operation.links)}.", "schema": {"type": "string"}}}
        if operation.links
        else {}
    )
    found: dict[str, Schema] = {
        str(operation.status): {
            "description": operation.summary,
            "headers": headers,
            "content": {media_type: {"schema": schema} for media_type, schema in operation.answers.items()},
        },
    }
    if is_stored:
        found["304"] = {"description": "What is known already is what there is.", "headers": headers}
    if operation.moves:
        found["308"] = {
            "description": "It has moved.",
            "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
        }
    codes = sorted({*ANYWHERE, *operation.problems}, key=lambda code: (CODES[code].status, code))
    for status, group in groupby(codes, key=lambda code: CODES[code].status):
        found[str(status)] = problem_response(status, list(group), schemas)
    return found


def problem_response(status: int, codes: list[str], schemas: dict[str, Schema]) -> Schema:
    name = "Or".join(code.title().replace("_", "") for code in codes)
    schemas[name] = problem_schema(status, codes)
    headers = PROBLEM_HEADERS.get(status, {})
    return {
        "description": " ".join(f"`{code}`: {CODES[code].title}." for code in codes),
        **({"headers": headers} if headers else {}),
        "content": {"application/problem+json": {"schema": reference(name)}},
    }


def problem_schema(status: int, codes: Iterable[str]) -> Schema:
    """A problem (RFC 9457) with one of ``codes``."""
    codes = list(codes)
    kinds = [reference(name) for name in dict.fromkeys(LISTED[code] for code in codes if code in LISTED)]
    mistakes: Schema = {"type": "array", "items": {"anyOf": kinds or [reference("Mistake")]}}
    if not kinds:
        mistakes["maxItems"] = 0
    extra = {name: schema for code in codes for name, schema in EXTRA.get(code, {}).items()}
    properties = {
        "type": {"type": "string", "enum": [f"{settings.SITE_URL}/problems/{code}/" for code in codes]},
        "title": {"type": "string", "enum": [CODES[code].title for code in codes]},
        "status": {"type": "integer", "enum": [status]},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri", "description": "What to quote when reporting it."},
        "code": {"type": "string", "enum": codes},
        "errors": mistakes,
        **extra,
    }
    optional = [name for name in extra if len(codes) > 1 or name == "did_you_mean"]
    return closed(properties, optional=tuple(optional))
