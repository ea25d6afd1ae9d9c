"""Endpoints and parameters that will go: they say so in each answer, by headers for programs, and in OpenAPI.

A class names what is deprecated in ``deprecated``: a parameter by its name, itself by WHOLE. Nothing goes before its
sunset, and nothing without having been announced so for half a year.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date

WHOLE = ""
SHORTEST = datetime.timedelta(days=180)
HEADERS = {
    "Deprecation": {
        "description": "Since when it should not be used any more (RFC 9745).",
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
    },
    "Sunset": {
        "description": "When it stops answering (RFC 8594).",
        "schema": {"type": "string"},
    },
}


@dataclass(frozen=True)
class Deprecated:
    """Since when something should not be used, when it goes, what to use instead, and the page that explains it."""

    since: datetime.datetime
    sunset: datetime.datetime
    instead: str
    page: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < SHORTEST:
            raise ValueError(f"What is deprecated answers for {SHORTEST.days} days more.")

    def __str__(self) -> str:
        return f"Deprecated since {self.since:%Y-%m-%d}, goes on {self.sunset:%Y-%m-%d}: {self.instead}"


Deprecations = Mapping[str, Deprecated]


def announced(view: Callable[..., HttpResponse], deprecated: Deprecations) -> Callable[..., HttpResponse]:
    """``view``, whose answers tell what of that which was asked for is deprecated."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        used = [told for name, told in deprecated.items() if name == WHOLE or name in request.GET]
        if used:
            response["Deprecation"] = f"@{int(min(told.since for told in used).timestamp())}"
            response["Sunset"] = http_date(min(told.sunset for told in used).timestamp())
            links = [f'<{told.page}>; rel="deprecation"; type="text/html"' for told in used]
            response["Link"] = ", ".join([*filter(None, [response.get("Link")]), *dict.fromkeys(links)])
            exposed = response.get("Access-Control-Expose-Headers")
            response["Access-Control-Expose-Headers"] = ", ".join([*filter(None, [exposed]), *HEADERS])
        return response

    return answer


def described(operation: dict[str, Any], deprecated: Deprecations) -> dict[str, Any]:
    """What OpenAPI says of an operation, with what of it is deprecated."""
    if not deprecated:
        return operation
    parameters = [
        {
            **parameter,
            "deprecated": True,
            "description": f"{parameter['description']} {deprecated[parameter['name']]}",
        }
        if parameter["in"] == "query" and parameter["name"] in deprecated
        else parameter
        for parameter in operation["parameters"]
    ]
    responses = {
        status: {**response, "headers": {**response.get("headers", {}), **HEADERS}}
        for status, response in operation["responses"].items()
    }
    whole = deprecated.get(WHOLE)
    description = " ".join(filter(None, [operation.get("description"), str(whole or "")]))
    return {
        **operation,
        **({"deprecated": True} if whole else {}),
        **({"description": description} if description else {}),
        "parameters": parameters,
        "responses": responses,
    }
