"""The element <directory-listings>: modules that are released and then never change, so that a page can pin one.

A page says by ``integrity`` which bytes it takes (Subresource Integrity): whoever breaks into this server, or into a
cache before it, runs nothing there. The address without a number leads to the newest release and cannot be pinned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from directory.api.caching import NOT_KEPT, is_known

SCRIPT = "text/javascript; charset=utf-8"
FOLDER = Path(__file__).parent / "static" / "partners"
# Release → its integrity. What was released stays as it is, and is served for good: mending it makes another.
RELEASES = {1: "sha384-kr6EHeZzUcQgePamnJqGysvv39dFxT36B4q7sM5l8OiWQFVTh5INZa7OE3NvM/Yo"}
NEWEST = max(RELEASES)
# A day as it is, and a week more while a newer one is being fetched or cannot be.
KEPT = "public, max-age=86400, stale-while-revalidate=604800, stale-if-error=604800"
UNCHANGING = "public, max-age=31536000, immutable"


@require_safe
def newest(request: HttpRequest) -> HttpResponse:
    """The newest release, whichever that is."""
    return answer(request, NEWEST, KEPT)


@require_safe
def release(request: HttpRequest, number: int) -> HttpResponse:
    """One release, for good."""
    if number not in RELEASES:
        response = HttpResponse("There is no such release.", status=404, content_type="text/plain; charset=utf-8")
        response["Cache-Control"] = NOT_KEPT  # it may be released yet
        return response
    return answer(request, number, UNCHANGING)


def answer(request: HttpRequest, number: int, caching: str) -> HttpResponse:
    source, etag = read(number)
    response = HttpResponse(status=304) if is_known(etag, request) else HttpResponse(source, content_type=SCRIPT)
    for name, value in {"ETag": etag, "Cache-Control": caching, "Access-Control-Allow-Origin": "*"}.items():
        response[name] = value
    return response


@cache
def read(number: int) -> tuple[bytes, str]:
    """(a release's source, its ETag)."""
    source = (FOLDER / f"directory-listings-{number}.js").read_bytes()
    return source, f'"{hashlib.blake2b(source, digest_size=12).hexdigest()}"'


def snippet(query: QueryDict, attributes: Mapping[str, str]) -> str:
    """What shows the companies of ``query`` on a page: the newest release, pinned, and its element."""
    context = {
        "src": f"{settings.SITE_URL}/embed/directory-listings-{NEWEST}.js",
        "integrity": RELEASES[NEWEST],
        "attributes": {**attributes, "query": query.urlencode()},
    }
    return render_to_string("embeds/element.html", context).strip()
