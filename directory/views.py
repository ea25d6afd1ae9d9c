"""What belongs to no single kind: the API's root, its unrouted addresses, error pages, health."""

from typing import Any

import orjson
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.views import APIView

from directory.api.caching import current_revision, remember
from directory.api.errors import CODES, DETAIL_CODES, problem_response
from directory.api.listing import JSON
from directory.api.viewsets import PermanentRedirect, refuse_parameters
from directory.models import kinds
from directory.publishing import is_behind


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/api/v1/")


class Root(APIView):
    """The collections and where they are."""

    @classmethod
    def as_view(cls, **options: Any) -> Any:
        return remember(super().as_view(**options))

    def get(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        base = f"{settings.SITE_URL}/api/v1/"
        collections = {model.collection: f"{base}{model.collection}/" for model in kinds().values()}
        body = orjson.dumps(collections | {"problems": f"{settings.SITE_URL}/problems/"})
        response = HttpResponse(body, content_type=JSON)
        response.revision = request.revision  # type: ignore[attr-defined]
        return response


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


def problems(request: HttpRequest) -> HttpResponse:
    return render(request, "problems.html", {"codes": CODES, "details": DETAIL_CODES})


def problem(request: HttpRequest, code: str) -> HttpResponse:
    if code not in CODES:
        return render(request, "problems.html", {"codes": CODES, "details": DETAIL_CODES}, status=404)
    return render(request, "problem.html", {"code": code, "kind": CODES[code], "details": DETAIL_CODES})


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
