"""Feeds: the companies of a list or of a view, what changed last first, as Atom (RFC 4287) and as JSON Feed 1.1.

An entry's id is the company's, so that it is the same in every feed and whatever the company is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from companies.views import CompanyViewSet
from directory.api.addresses import PermanentRedirect
from directory.api.caching import at_one_revision, remember
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.listing import Listing
from directory.api.related import Document
from partners.embeds import SHAPING, TITLE, refused
from partners.viewing import FEEDS, ViewListing, feed_path, find_view

NEWEST_FIRST = "-updated_at"
NEVER = "1970-01-01T00:00:00Z"
ATOM, JSON_FEED = f"{FEEDS['atom']}; charset=utf-8", f"{FEEDS['json']}; charset=utf-8"
VERSION = "https://jsonfeed.org/version/1.1"


@dataclass(frozen=True)
class Feed:
    """What a feed is of: ``own`` is its address, ``identity`` one that never changes, ``source`` the list's.

    ``edited_at`` is when it was last decided what it is of.
    """

    title: str
    description: str
    own: str
    identity: str
    source: str
    page: str
    companies: list[Document]
    edited_at: str = NEVER

    @property
    def changed(self) -> str:
        """When something in it changed last, or what it is of."""
        return max([self.edited_at, *(company["updated_at"] for company in self.companies)])


@require_safe
@remember
def of_list(request: HttpRequest, form: str) -> HttpResponse:
    """The companies that the list's own filters find."""

    def answer(query: QueryDict, revision: int) -> HttpResponse:
        listing = Listing(CompanyViewSet(), query, revision)
        own = own_address(request)
        feed = Feed(TITLE, "", own, own, listing.url(), page_address("", request), companies_of(listing))
        return written(request, form, feed, revision)

    return answered(request, form, answer)


@require_safe
@remember
def of_view(request: HttpRequest, key: str, form: str) -> HttpResponse:
    """The companies of a public view, in whatever order the view itself has them."""

    def answer(query: QueryDict, revision: int) -> HttpResponse:
        view = find_view(key, request)
        own = own_address(request)
        if view["slug"] != key:
            return PermanentRedirect(own.replace(request.path, feed_path(view["slug"], form), 1))
        listing = ViewListing(view, query, revision)
        identity = own.replace(request.path, feed_path(view["id"], form), 1)
        feed = Feed(
            title=view["name"],
            description=view["description"] or "",
            own=own,
            identity=identity,
            source=listing.url(),
            page=page_address(view["slug"], request),
            companies=companies_of(listing),
            edited_at=view["updated_at"],
        )
        return written(request, form, feed, revision)

    return answered(request, form, answer)


def answered(request: HttpRequest, form: str, answer: Callable[[QueryDict, int], HttpResponse]) -> HttpResponse:
    if form not in FORMS:
        raise Http404
    query = request.GET.copy()
    query.setdefault("ordering", NEWEST_FIRST)
    try:
        if unwanted := SHAPING.keys() & query.keys():
            raise InvalidQuery([Mistake("unknown_parameter", "A feed takes none.", name) for name in unwanted])
        return at_one_revision(request.revision, lambda revision: answer(query, revision))  # type: ignore[attr-defined]
    except Problem as error:
        return refused(error)


def companies_of(listing: Listing) -> list[Document]:
    return [orjson.loads(text) for text in listing.read().documents]


def own_address(request: HttpRequest) -> str:
    return f"{settings.SITE_URL}{request.get_full_path()}"


def page_address(slug: str, request: HttpRequest) -> str:
    """Where people see the same companies."""
    query = request.GET.copy()
    if slug:
        query["view"] = slug
    return f"{settings.SITE_URL}/embed/{'?' if query else ''}{query.urlencode()}"


def written(request: HttpRequest, form: str, feed: Feed, revision: int) -> HttpResponse:
    response = FORMS[form](request, feed)
    response.revision = revision  # type: ignore[attr-defined]
    return response


def atom(request: HttpRequest, feed: Feed) -> HttpResponse:
    context = {"feed": feed, "site": settings.SITE_URL, "license": settings.LICENSE}
    return render(request, "feeds/feed.atom", context, content_type=ATOM)


def json_feed(request: HttpRequest, feed: Feed) -> HttpResponse:
    content: dict[str, Any] = {
        "version": VERSION,
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.own,
        **({"description": feed.description} if feed.description else {}),
        "language": "en",
        "authors": [{"name": settings.LICENSE["attribution"], "url": f"{settings.SITE_URL}/"}],
        "items": [item(company) for company in feed.companies],
        "_license": settings.LICENSE,
    }
    return HttpResponse(orjson.dumps(content), content_type=JSON_FEED)


def item(company: Document) -> Document:
    """A company as JSON Feed has it; what is not known is left out."""
    place = f" ({company['hub']['name']})" if company["hub"] else ""
    known = {
        "id": f"{settings.SITE_URL}/api/v1/companies/{company['id']}/",
        "url": f"{settings.SITE_URL}/companies/{company['slug']}/",
        "external_url": company["website"],
        "title": company["name"],
        "content_text": f"{company['summary'] or company['name']}{place}",
        "date_published": company["created_at"],
        "date_modified": company["updated_at"],
        "tags": [specialty["name"] for specialty in company["specialties"]],
    }
    return {name: value for name, value in known.items() if value}


FORMS: dict[str, Callable[[HttpRequest, Feed], HttpResponse]] = {"atom": atom, "json": json_feed}
