"""Lists: one request for a part of a collection, from its query to its answer."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from directory.api import facets, pagination, rendering, shapes
from directory.api.caching import Superseded
from directory.api.choosing import choose_page
from directory.api.cursors import Cursor
from directory.api.errors import InvalidQuery, Problem
from directory.api.exports import export
from directory.api.facets import Applied, FacetCounts, read_facets
from directory.api.linked import linked_data
from directory.api.ordering import BY_ID, Ordering
from directory.api.pagination import Page, Window, counts, read_page, read_window
from directory.api.related import related_documents
from directory.api.relax import relax
from directory.api.rendering import FORMATS, Format, conflicts, feature, kinds_needed, read_format
from directory.api.selection import Selection
from directory.api.shapes import read_shape

if TYPE_CHECKING:
    from directory.api.viewsets import PublishedViewSet

JSON = FORMATS["json"].media_type
# Characters of a list's own address: with a cursor it stays within what the web server reads, so that “next” works.
MAX_ADDRESS = 5000
# What a list takes beside its filters.
PARAMETERS = {**pagination.PARAMETERS, **facets.PARAMETERS, **shapes.PARAMETERS, **rendering.PARAMETERS}


class Listing:
    """One list request: what it asks for, and how it is answered."""

    def __init__(self, view: PublishedViewSet, query: Any, revision: int, accepted: Format = FORMATS["json"]) -> None:
        self.view, self.revision = view, revision
        self.selection = view.filterset_class.select(query.lists(), PARAMETERS, revision)
        mistakes = list(self.selection.mistakes)
        self.filters = spelt(self.selection.applied)
        # What a cursor and a count belong to: these filters of this collection.
        self.scope = f"{view.model.collection}?{self.filters}"
        orderings, default = orderings_of(view, self.selection)
        self.window: Window = read_window(query, orderings, default, self.scope, mistakes, searched_by(view))
        self.facets = read_facets(query, view.facets.facets, mistakes)
        self.shape = read_shape(query, view.model, mistakes)
        self.format = read_format(query, accepted, view.formats, mistakes)
        mistakes += conflicts(query, self.format)
        if self.format.is_whole and "ordering" not in query and not self.selection.search:
            self.window.ordering = BY_ID
        asked = [(name, query[name]) for name in ("ordering", "page_size", "count", "format") if name in query]
        self.asked = [*asked, *self.facets.asked, *self.shape.asked]
        if mistakes:
            raise InvalidQuery(mistakes)
        if len(self.url()) > MAX_ADDRESS:
            raise Problem("uri_too_long")

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """The answer in the format asked for; raises Superseded where something was published since."""
        return export(self, request) if self.format.is_whole else self.response(self.read())

    def read(self) -> Page:
        view, window = self.view, self.window
        if window.count == "exact" and self.facets.names:
            window = replace(window, count="none")  # the facets' bitmaps count it for nothing
        page = choose_page(view.facets.index, self.selection, window, self.revision)
        if page is None:
            self.keep_count(window)
            page = read_page(view.model, view.filterset_class, self.selection, window, self.scope, self.revision)
        if page.revision != self.revision:
            # The vocabulary, too, must be of the page's revision.
            raise Superseded(page.revision)
        return page

    def keep_count(self, window: Window) -> None:
        """Keep an exact count that is asked for, if bitmaps tell it at once."""
        key = (self.scope, window.count)
        if window.count == "exact" and counts.get(self.revision, key) is None:
            total = self.view.facets.total(self.selection, self.revision)
            if total is not None:
                counts.put(self.revision, key, total)

    def count_facets(self, page: Page) -> FacetCounts | None:
        """The facets asked for, of the page's revision; an exact count comes from them as well."""
        if not self.facets.names:
            return None
        counted = self.view.facets.count(self.facets, self.selection, self.revision, self.address)
        if self.window.count == "exact":
            page.count = counted.total
        return counted

    def response(self, page: Page) -> HttpResponse:
        counted = self.count_facets(page)
        links = self.links(page)
        meta = self.meta(page, links["canonical"])
        envelope: dict[str, Any] = {"count": page.count, "next": links.get("next"), "previous": links.get("prev")}
        if counted:
            envelope["facets"] = counted.facets
        body = self.body(page, envelope, meta)
        response = HttpResponse(body, content_type=self.format.media_type)
        response.revision = page.revision  # type: ignore[attr-defined]
        links["service-desc"] = f"{settings.SITE_URL}/api/v1/openapi.json"
        response["Link"] = ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items())
        return response

    def meta(self, page: Page, canonical: str) -> dict[str, Any]:
        """What is said of the answer beside the objects; ``canonical`` is its address."""
        meta: dict[str, Any] = {
            "count": self.window.count,
            "query": {"canonical": canonical, "applied": self.selection.applied},
            "license": settings.LICENSE,
        }
        if self.selection.search:
            meta["match"] = self.selection.search.explain(self.selection.values, page.documents)
        if not page.documents and not self.window.cursor:
            meta["relax"] = relax(self.view.facets.index, self.selection, self.revision, self.address)
        return meta

    def body(self, page: Page, envelope: dict[str, Any], meta: dict[str, Any]) -> bytes:
        if self.format.format == "json" and self.shape.is_whole:
            return orjson.dumps(envelope | {"results": [*map(orjson.Fragment, page.documents)], "meta": meta})
        documents = [orjson.loads(document) for document in page.documents]
        if self.format.format == "jsonld":
            return linked_data({"@graph": [self.view.linked.of(document) for document in documents]})
        related = related_documents(self.shape.kinds | kinds_needed(self.format, self.view.model), self.revision)
        shaped = [self.shape.apply(document, related) for document in documents]
        if self.format.format == "json":
            return orjson.dumps(envelope | {"results": shaped, "meta": meta})
        pairs = zip(documents, shaped, strict=True)
        features = [feature(self.view.model, document, properties, related) for document, properties in pairs]
        return orjson.dumps({"type": "FeatureCollection", "features": features} | envelope | {"meta": meta})

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
        if not position:
            return self.own_address
        return f"{self.own_address}{'&' if '?' in self.own_address else '?'}{urlencode(position, safe=',()')}"

    @cached_property
    def own_address(self) -> str:
        """Where the list begins."""
        return self.address(self.selection.applied)

    def address(self, filters: Applied) -> str:
        """The list with ``filters`` in the place of its own."""
        # An order of what a search finds goes with the search.
        search = self.selection.search
        lost = search and search.name not in filters and self.window.ordering is search.ordering
        asked = [pair for pair in self.asked if not (lost and pair[0] == "ordering")]
        return addressed(f"{settings.SITE_URL}/api/v1/{self.view.model.collection}/", filters, asked)


def addressed(address: str, filters: Applied, asked: list[tuple[str, Any]]) -> str:
    """``address`` with these filters, and with what else is asked."""
    query = "&".join(part for part in (spelt(filters), urlencode(asked, safe=",()")) if part)
    return f"{address}?{query}" if query else address


def spelt(filters: Applied) -> str:
    """Filters as a query has them, in the one order."""
    return urlencode({name: ",".join(values) for name, values in sorted(filters.items())}, safe=",:")


def searched_by(view: PublishedViewSet) -> dict[str, str]:
    """Ordering → the filter that finds what it orders."""
    declared = view.filterset_class.filters.values()
    return {found.ordering.name: found.name for found in declared if found.ordering}


def orderings_of(view: PublishedViewSet, selection: Selection) -> tuple[dict[str, Ordering], str]:
    """The orderings that a list may have, and which it has by default: what a search finds has one of its own."""
    own = selection.search.ordering if selection.search else None
    if own is None:
        return view.orderings, view.ordering
    others = {name: replace(ordering, is_search=True) for name, ordering in view.orderings.items()}
    return others | {own.name: own}, own.name
