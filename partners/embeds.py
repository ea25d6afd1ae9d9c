"""Embeds: listings on pages of other sites, as a document to frame, as a fragment without scripts, and a badge.

All are of one revision, carry an ETag, and may be shown by whoever keeps them for as long as we do not answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import orjson
from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from companies.views import CompanyViewSet
from directory.api import facets, rendering, shapes
from directory.api.addresses import PermanentRedirect, find
from directory.api.caching import at_one_revision, remember
from directory.api.errors import CODES, InvalidQuery, Mistake, Problem
from directory.api.listing import JSON, Listing
from partners.elements import snippet
from partners.queries import in_words
from partners.viewing import ViewListing, find_view, moved_to

TITLE = "Technology companies of Pakistan"
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
SVG = "image/svg+xml; charset=utf-8"
THEMES, DIRECTIONS = ("auto", "light", "dark"), ("ltr", "rtl")
OWN = {"theme": THEMES, "dir": DIRECTIONS}
# The parameter that names a view by its slug, an earlier slug or its id.
VIEW = "view"
# What a list takes and an embed does not: it has a form of its own.
SHAPING = {**facets.PARAMETERS, **shapes.PARAMETERS, **rendering.PARAMETERS}
# Pixels of a frame, unless the site that shows it has fewer.
WIDTH, HEIGHT = 480, 600
# Pixels of a badge: the width of a letter, and what is left free beside a text.
LETTER, PADDING = 6.6, 10
# Everybody may frame it, and nothing but its stylesheet is loaded.
POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["*"],
}

Answering = Callable[..., HttpResponse]


def shared(view: Answering) -> Answering:
    """A page that other sites show: kept until the next revision, and mistakes in its address are told in words."""

    @require_safe
    @csp_replace(POLICY)
    @xframe_options_exempt
    @remember
    def answer(request: HttpRequest, **key: str) -> HttpResponse:
        try:
            return view(request, **key)
        except Problem as error:
            return refused(error)

    return answer  # type: ignore[return-value]


def refused(error: Problem) -> HttpResponse:
    """What is wrong, in words: who sees it is somebody who puts an embed into a page."""
    response = unkept("\n".join(in_words(error)), error.status_code)
    if error.status_code == 503:
        response["Retry-After"] = str(CODES[error.code].retry_after)
    return response


def unkept(text: str, status: int) -> HttpResponse:
    response = HttpResponse(text, content_type=TEXT, status=status)
    response["Cache-Control"] = "no-store"
    return response


@shared
def framed(request: HttpRequest) -> HttpResponse:
    """A list's page as an HTML document of its own, for a frame; its source is the list's data."""
    return listed(request, "embeds/document.html", lambda listing: listing.url())


@shared
def fragment(request: HttpRequest) -> HttpResponse:
    """The same as a piece of HTML for a site's own pages, without a script; its source is that document."""
    return listed(request, "embeds/fragment.html", lambda listing: address(request))


def listed(request: HttpRequest, template: str, source: Callable[[Listing], str]) -> HttpResponse:
    query, chosen = read(request.GET)

    def answer(revision: int) -> HttpResponse:
        listing, title = asked_for(query, request, revision)
        page = listing.read()
        context = {
            **chosen,
            "title": title,
            "companies": [orjson.loads(document) for document in page.documents],
            "address": source(listing),
            "oembed": f"{settings.SITE_URL}/embed/oembed/?{urlencode({'url': address(request)})}",
            "license": settings.LICENSE,
        }
        response = HttpResponse(render_to_string(template, context), content_type=HTML)
        response.revision = page.revision  # type: ignore[attr-defined]
        return response

    return at_one_revision(request.revision, answer)  # type: ignore[attr-defined]


def asked_for(query: QueryDict, request: HttpRequest, revision: int) -> tuple[Listing, str]:
    """(the list that ``query`` asks for, its title): that of a view where it names one."""
    own = query.copy()
    keys = own.pop(VIEW, [])
    if len(keys) > 1:
        raise InvalidQuery([Mistake("repeated_parameter", "This parameter is given once only.", VIEW)])
    if not keys:
        return Listing(CompanyViewSet(), own, revision), TITLE
    view = find_view(str(keys[0]), request)
    return ViewListing(view, own, revision), view["name"]


def address(request: HttpRequest) -> str:
    return f"{settings.SITE_URL}/embed/?{request.META['QUERY_STRING']}"


def read(query: QueryDict) -> tuple[QueryDict, dict[str, str]]:
    """(the list's own query, how it is to look); raises InvalidQuery."""
    rest, mistakes, chosen = query.copy(), [], {}
    for name, values in OWN.items():
        asked = rest.pop(name, values[:1])
        chosen[name] = str(asked[-1])
        if chosen[name] not in values:
            detail = f"“{chosen[name][:60]}” is none of {', '.join(values)}."
            mistakes.append(Mistake("unknown_value", detail, name))
    for name in SHAPING.keys() & rest.keys():
        mistakes.append(Mistake("unknown_parameter", "An embed has a form of its own, and takes none.", name))
    if mistakes:
        raise InvalidQuery(mistakes)
    return rest, chosen


@shared
def badge(request: HttpRequest, key: str) -> HttpResponse:
    """That a company is listed, as an image; also where it is not, since an image cannot tell why it is missing."""
    try:
        found = find(CompanyViewSet.queryset, key, request)
    except Problem as error:
        response = HttpResponse(drawn("not listed"), content_type=SVG, status=error.status_code)
        response["Cache-Control"] = "no-store"
        return response
    if isinstance(found, PermanentRedirect):
        return PermanentRedirect(f"/embed/badge/{moved_to(found)}.svg")
    document = orjson.loads(found.document)
    verified = f", verified {document['verified_on']}" if document["verified_on"] else ""
    response = HttpResponse(drawn(f"{document['name']}{verified}"), content_type=SVG)
    response.revision = found.revision  # type: ignore[attr-defined]
    return response


def drawn(text: str) -> str:
    """The badge: who lists on the left, what is listed on the right, each as wide as its letters."""
    label = settings.LICENSE["attribution"]
    left, right = (round(LETTER * len(part)) for part in (label, text))
    first = left + 2 * PADDING
    sizes = {
        "left_text": left,
        "right_text": right,
        "half": first // 2,
        "middle": first + right // 2 + PADDING,
        "inner": first - 4,  # behind its round corner
        "width": first + right + 2 * PADDING,
    }
    return render_to_string("embeds/badge.svg", {"label": label, "text": text, **sizes})


@shared
def oembed(request: HttpRequest) -> HttpResponse:
    """What a site that is given the address of an embed needs to show it (oembed.com)."""
    query = request.GET
    if query.get("format", "json") != "json":
        return unkept("Only format=json is served.", 501)
    shown = framed_query(query.get("url", ""))
    width, height = fitting(query, "maxwidth", WIDTH), fitting(query, "maxheight", HEIGHT)
    revision: int = request.revision  # type: ignore[attr-defined]
    own, chosen = read(QueryDict(shown))
    title = asked_for(own, request, revision)[1]  # raises where it would frame a refusal
    view = {VIEW: own.pop(VIEW, [""])[0], "theme": chosen["theme"] if "theme" in QueryDict(shown) else ""}
    frame = {"src": f"{settings.SITE_URL}/embed/?{shown}", "title": title, "width": width, "height": height}
    content = {
        "version": "1.0",
        "type": "rich",
        "provider_name": settings.LICENSE["attribution"],
        "provider_url": f"{settings.SITE_URL}/",
        "title": title,
        "cache_age": 3600,
        "html": render_to_string("embeds/frame.html", frame).strip(),
        "width": width,
        "height": height,
        # Not of oEmbed: the same list as an element, for who would rather have a script than a frame.
        "element": snippet(own, view),
    }
    response = HttpResponse(orjson.dumps(content), content_type=JSON)
    response.revision = revision  # type: ignore[attr-defined]
    return response


def framed_query(url: str) -> str:
    """The query of the embed that shows what ``url`` leads to: an embed, the list of companies, or a view."""
    parts = urlsplit(url)
    view = re.fullmatch(r"/api/v1/views/([^/]+)/", parts.path)
    known = view or parts.path in ("/embed/", "/api/v1/companies/")
    if f"{parts.scheme}://{parts.netloc}" != settings.SITE_URL or not known:
        raise Problem(
            "not_found", "“url” has to be the address of an embed, a view or a list of companies of this site."
        )
    return "&".join(filter(None, [f"{VIEW}={view[1]}" if view else "", parts.query]))


def fitting(query: QueryDict, name: str, wanted: int) -> int:
    """The pixels wanted, or as many as there are; raises InvalidQuery."""
    given = query.get(name, str(wanted))
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:6]) <= 100_000):
        detail = f"“{given[:20]}” is not a number of pixels, such as {wanted}."
        raise InvalidQuery([Mistake("invalid_value", detail, name)])
    return min(int(given), wanted)
