"""Lists and details of published objects, read as they were published."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from directory import ids
from directory.api.caching import remember
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.filters import FilterSet, unknown_parameter
from directory.api.ordering import Ordering
from directory.api.pagination import (
    FORMATS,
    PARAMETERS,
    Cursor,
    Page,
    Window,
    one_of,
    read_page,
    read_snapshot,
    read_window,
    snapshot,
)
from directory.api.statements import Slot, Statement
from directory.models import Action, Address, Published, PublishedQuerySet, Version, is_id, kinds

JSON = "application/json; charset=utf-8"


class PermanentRedirect(HttpResponsePermanentRedirect):
    """308: an address that moved. For a minute only, since names may come back."""

    status_code = 308

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self["Cache-Control"] = "public, max-age=60"
        self["Access-Control-Allow-Origin"] = "*"


class PublishedViewSet(ViewSet):
    """A collection: ``queryset`` of published objects, its filters and its orderings."""

    queryset: PublishedQuerySet
    filterset_class: type[FilterSet]
    orderings: dict[str, Ordering]
    ordering = "name"
    lookup_url_kwarg = "key"
    renderer_classes = [JSONRenderer]

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:
        return remember(super().as_view(*args, **kwargs))

    def list(self, request: Any) -> HttpResponse:
        revision = request.revision
        while True:
            listing = Listing(self, request.query_params, revision)
            page = listing.read()
            if page.revision == revision:
                return listing.response(page)
            # Something was published in between: the vocabulary, too, must be of the page's revision.
            revision = page.revision

    def retrieve(self, request: Request, key: str) -> HttpResponse:
        refuse_parameters(request.query_params)
        if "\0" in key:  # PostgreSQL has no text with it
            raise Problem("not_found", why_missing(self.model, key))
        kind_number, pk = decoded(key)
        by_id = kind_number == self.model.kind_number
        statement = detail_statement(self.queryset, "pk" if by_id else "slug")
        revision, _, rows = read_snapshot(statement, {"key": pk if by_id else key, "limit": 1, "offset": 0})
        if not rows:
            return moved_or_missing(self.model, key)
        document, slug = rows[0]
        if by_id and key != ids.encode(self.model.kind_number, pk):
            return PermanentRedirect(f"/api/v1/{self.model.collection}/{slug}/")
        response = HttpResponse(document, content_type=JSON)
        response.revision = revision  # type: ignore[attr-defined]
        response["Link"] = f'<{settings.SITE_URL}/api/v1/{self.model.collection}/{slug}/>; rel="canonical"'
        return response

    @property
    def model(self) -> type[Published]:
        return self.queryset.model

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What a browser asks before it sends If-None-Match from another site's page."""
        response = HttpResponse(status=204)
        response["Allow"] = "GET, HEAD, OPTIONS"
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response["Access-Control-Allow-Headers"] = "Accept, Authorization, If-None-Match"
        response["Access-Control-Max-Age"] = "86400"
        return response


class Listing:
    """One list request: what it asks for, and how it is answered."""

    def __init__(self, view: PublishedViewSet, query: Any, revision: int) -> None:
        self.view, self.revision = view, revision
        self.selection = view.filterset_class.select(query.lists(), PARAMETERS, revision)
        mistakes = list(self.selection.mistakes)
        self.filters = urlencode({name: ",".join(v) for name, v in self.selection.applied.items()}, safe=",:")
        # What a cursor and a count belong to: these filters of this collection.
        self.scope = f"{view.model.collection}?{self.filters}"
        self.window: Window = read_window(query, view.orderings, view.ordering, self.scope, mistakes)
        self.asked = [(name, query[name]) for name in ("ordering", "page_size", "count", "format") if name in query]
        if mistakes:
            raise InvalidQuery(mistakes)

    def read(self) -> Page:
        view = self.view
        return read_page(view.queryset, view.filterset_class, self.selection, self.window, self.scope, self.revision)

    def response(self, page: Page) -> HttpResponse:
        links = self.links(page)
        meta = {
            "count": self.window.count,
            "query": {"canonical": links["canonical"], "applied": self.selection.applied},
            "license": settings.LICENSE,
        }
        body = orjson.dumps(
            {
                "count": page.count,
                "next": links.get("next"),
                "previous": links.get("prev"),
                "results": [orjson.Fragment(document) for document in page.documents],
                "meta": meta,
            }
        )
        response = HttpResponse(body, content_type=JSON)
        response.revision = page.revision  # type: ignore[attr-defined]
        response["Link"] = ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items())
        return response

    def links(self, page: Page) -> dict[str, str]:
        """The addresses of this page and its neighbours, by their link relations (RFC 8288)."""
        window, links = self.window, {"canonical": self.url(*self.position())}
        if window.page:
            if page.after is not None:
                links["next"] = self.url(("page", window.page + 1))
            if window.page > 1:
                links["prev"] = self.url(("page", window.page - 1))
            return links
        for relation, values, backwards in (("next", page.after, False), ("prev", page.before, True)):
            if values is not None:
                cursor = Cursor(values, backwards).encode(window.ordering.name, self.scope)
                links[relation] = self.url(("cursor", cursor))
        return links

    def position(self) -> list[tuple[str, Any]]:
        if self.window.page:
            return [("page", self.window.page)]
        if self.window.cursor:
            return [("cursor", self.window.cursor.encode(self.window.ordering.name, self.scope))]
        return []

    def url(self, *position: tuple[str, Any]) -> str:
        parts = [self.filters, urlencode([*self.asked, *position], safe=",")]
        query = "&".join(part for part in parts if part)
        address = f"{settings.SITE_URL}/api/v1/{self.view.model.collection}/"
        return f"{address}?{query}" if query else address


@cache
def detail_statement(queryset: PublishedQuerySet, lookup: str) -> Statement:
    return snapshot(Statement.of(queryset.filter(**{lookup: Slot("key")}).values_list("document", "slug")))


def refuse_parameters(query: Any) -> None:
    """Raise InvalidQuery where ``query`` has anything but a ``format``."""
    mistakes = [unknown_parameter(name, ["format"]).of(name) for name in query if name != "format"]
    try:
        one_of(query.get("format", "json"), FORMATS)
    except Mistake as mistake:
        mistakes.append(mistake.of("format"))
    if mistakes:
        raise InvalidQuery(mistakes)


def decoded(key: str) -> tuple[int, int]:
    """(kind number, primary key) of a public id, (-1, 0) of anything else."""
    try:
        return ids.decode(key)
    except ValueError:
        return -1, 0


def moved_or_missing(model: type[Published], key: str) -> HttpResponse:
    """Where an address that leads to no published object leads: 308, 410 or 404."""
    kind = model._meta.model_name
    kind_number, pk = decoded(key)
    if kind_number != model.kind_number:
        address = Address.objects.filter(kind=kind, slug=key.lower()).first()
        pk = address.object_id if address else 0
    newest = Version.objects.filter(kind=kind, object_id=pk).order_by("-pk").first()
    if newest is None:
        raise Problem("not_found", why_missing(model, key))
    if newest.action == Action.MERGED:
        return PermanentRedirect(f"/api/v1/{model.collection}/{newest.successor}/")
    # The row's slug, not the version's: an edit that waits for the sweep would be redirected to itself.
    slug = model._default_manager.published().filter(pk=pk).values_list("slug", flat=True).first()
    if slug is None:
        raise Problem("gone", successor=None)
    return PermanentRedirect(f"/api/v1/{model.collection}/{slug}/")


def why_missing(model: type[Published], key: str) -> str:
    """What may have gone wrong with ``key``: a slip of the hand in an id, another kind's id, an unknown slug."""
    kind_number, _ = decoded(key)
    if kind_number == -1 and is_id(key):
        return f"“{key}” is mistyped: the last two digits of an id check the rest, and they do not fit."
    other = next((kind for kind, other in kinds().items() if other.kind_number == kind_number), "")
    if other not in ("", model._meta.model_name):
        return f"“{key}” is not the id of a {model._meta.verbose_name}: it has the form of a {other}'s."
    where = f"{settings.SITE_URL}/api/v1/{model.collection}/"
    return f"There is no {model._meta.verbose_name} “{key[:80]}”; all of them are at {where}."
