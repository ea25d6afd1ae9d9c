"""Lists: one request for a part of a collection, from its query to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpResponse

from directory.api.errors import InvalidQuery
from directory.api.pagination import PARAMETERS, Cursor, Page, Window, read_page, read_window

if TYPE_CHECKING:
    from directory.api.viewsets import PublishedViewSet

JSON = "application/json; charset=utf-8"


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
        return read_page(view.model, view.filterset_class, self.selection, self.window, self.scope, self.revision)

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
