"""What belongs to no single kind: the API's root, its unrouted addresses, error pages, health."""

from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from csp.decorators import csp_update
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from directory.api import rendering
from directory.api.addresses import PermanentRedirect
from directory.api.caching import current_revision
from directory.api.described import SHARED, URI, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import CODES, DETAIL_CODES, problem_document, problem_response
from directory.api.listing import JSON
from directory.api.operations import Operation, closed, reference
from directory.api.schema import TITLE, endpoints, openapi_json, tag_of
from directory.api.viewsets import PublishedViewSet, refuse_parameters
from directory.models import kinds
from directory.publishing import is_behind

LINKS = {"documentation": "/docs/", "openapi": "/api/v1/openapi.json", "problems": "/problems/"}
# Of the documentation's files, those that are for who uses the API.
GUIDES = ("api.md", "partners.md", "mirror.py")
SERVICE = ("service-desc", "service-doc")
FORMAT = {"format": narrowed(rendering.PARAMETERS["format"], "json")}
# What an error is about in the examples of its page.
INSTANCE = "urn:uuid:6f1c2b0e-54c1-4a1d-9d6e-3f1f7f0b8a52"
EXTRA: dict[str, dict[str, Any]] = {
    "gone": {"successor": None},
    "start_over": {"snapshot": f"{settings.SITE_URL}/api/v1/snapshot/"},
}
MISTAKES: dict[str, list[dict[str, Any]]] = {
    "invalid_query": [
        {
            "parameter": "hub",
            "code": "unknown_value",
            "detail": "There is no hub “lahor”.",
            "did_you_mean": ["lahore"],
        }
    ],
    "invalid_input": [
        {"pointer": "/patch/founded_year", "code": "invalid", "detail": "A valid integer is required."},
    ],
}


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/api/v1/")


class Page(Endpoint):
    """A page of the API that takes no parameters but the format."""

    def get(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        response = HttpResponse(self.body(), content_type=JSON)
        response.revision = request.revision  # type: ignore[attr-defined]
        links = {"service-desc": LINKS["openapi"], "service-doc": LINKS["documentation"]}
        response["Link"] = ", ".join(f'<{settings.SITE_URL}{path}>; rel="{rel}"' for rel, path in links.items())
        return response

    def body(self) -> bytes:
        raise NotImplementedError


class Root(Page):
    """What there is, and where."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        entry = closed({"name": {"type": "string"}, "url": URI, "description": {"type": "string"}})
        body = closed(
            {
                "title": {"type": "string"},
                "collections": {"type": "array", "items": entry},
                "endpoints": {"type": "array", "items": entry},
                **dict.fromkeys(LINKS, URI),
                "license": reference("License"),
            }
        )
        answers = {"application/json": body}
        return Operation("What there is, and where", answers, FORMAT, links=SERVICE, schemas=SHARED)

    def body(self) -> bytes:
        collections = [
            {"name": model.collection, "url": f"{settings.SITE_URL}/api/v1/{model.collection}/"}
            | {"description": (model.__doc__ or "").strip()}
            for model in kinds().values()
        ]
        links = {name: f"{settings.SITE_URL}{path}" for name, path in LINKS.items()}
        page: dict[str, Any] = {"title": TITLE, "collections": collections, "endpoints": others(), **links}
        page["license"] = settings.LICENSE
        return orjson.dumps(page, option=orjson.OPT_INDENT_2)


@cache
def others() -> list[dict[str, str]]:
    """The endpoints that are no collection and no page like these; what they need is asked as in their examples.

    Those below an address that is listed are left out: that one leads to them.
    """
    found: list[dict[str, str]] = []
    for path, view, action in endpoints():
        if "{" in path or any(tag_of(path) == entry["name"] for entry in found):
            continue
        if issubclass(view, Endpoint) and not issubclass(view, (Page, PublishedViewSet)):
            operation = view.operation(action)
            needed = {name: asked.example for name, asked in operation.parameters.items() if asked.required}
            url = f"{settings.SITE_URL}{path}{'?' if needed else ''}{urlencode(needed)}"
            found.append({"name": tag_of(path), "url": url, "description": operation.summary})
    return found


class OpenApi(Page):
    """The API as OpenAPI 3.1."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        body = {"type": "object", "required": ["openapi", "info", "paths"]}
        return Operation("This document", {"application/json": body}, FORMAT, links=SERVICE)

    def body(self) -> bytes:
        return openapi_json()


@csrf_exempt
def unrouted(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """An API address without its final slash answers 308, any other unknown one a problem."""
    if not request.path.endswith("/"):
        try:
            match = resolve(f"{request.path}/")
        except Resolver404:
            match = None
        if match and match.func is not unrouted:
            query = request.META["QUERY_STRING"]
            return PermanentRedirect(f"{escape_uri_path(request.path)}/{'?' if query else ''}{query}")
    return problem_response("not_found", f"There is no endpoint {request.path[:100]}.")


@csp_update({"style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "data:"]})
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, which styles its parts inline and has its icons in its stylesheet."""
    return render(request, "docs.html", {"title": TITLE})


@require_safe
def guide(request: HttpRequest, name: str) -> HttpResponse:
    """A file of the documentation, with this site's address in its calls, for who has no copy of the project."""
    if name not in GUIDES:
        raise Http404
    text = (settings.BASE_DIR / "docs" / name).read_text().replace("http://127.0.0.1:8000", settings.SITE_URL)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "public, max-age=3600"
    return response


def problems(request: HttpRequest) -> HttpResponse:
    return render(request, "problems.html", {"codes": CODES, "details": DETAIL_CODES})


def problem(request: HttpRequest, code: str) -> HttpResponse:
    if code not in CODES:
        context = {"codes": CODES, "details": DETAIL_CODES, "unknown": code}
        return render(request, "problems.html", context, status=404)
    kind, mistakes = CODES[code], MISTAKES.get(code, [])
    detail = " ".join(mistake["detail"] for mistake in mistakes)
    example = problem_document(code, INSTANCE, detail, mistakes) | EXTRA.get(code, {})
    context = {
        "code": code,
        "kind": kind,
        "reason": HTTPStatus(kind.status).phrase,
        "example": orjson.dumps(example, option=orjson.OPT_INDENT_2).decode(),
        "details": DETAIL_CODES if code == "invalid_query" else {},
    }
    return render(request, "problem.html", context)


def livez(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers, and every document is of today's form."""
    try:
        current_revision()
        behind = is_behind()
    except DatabaseError:
        return HttpResponse("the database cannot be reached", status=503, content_type="text/plain; charset=utf-8")
    text = "documents are behind: manage.py publish --all" if behind else "ok"
    return HttpResponse(text, status=503 if behind else 200, content_type="text/plain; charset=utf-8")
