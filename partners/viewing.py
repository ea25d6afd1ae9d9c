"""Viewing: the list of companies that a public view's query gives, narrowed and shaped by whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase

from companies.views import CompanyViewSet
from directory.api.addresses import Found, PermanentRedirect, find
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.listing import Listing, addressed
from directory.api.pagination import Page
from directory.api.related import Document
from directory.api.rendering import FORMATS, Format
from partners.public_views import PublicView
from partners.queries import ORDER, followed

VIEWS = PublicView.objects.published()
# What an answer says of its view.
VIEW = ("id", "slug", "name", "url")
# The forms of a feed, and their media types.
FEEDS = {"atom": "application/atom+xml", "json": "application/feed+json"}


def find_view(key: str, request: HttpRequest) -> Document:
    """The public view that a slug or id leads, or once led, to; raises Problem where there is none."""
    found = find(VIEWS, key, request)
    while isinstance(found, PermanentRedirect):
        found = find(VIEWS, moved_to(found), request)
    return document(found)


def document(found: Found) -> Document:
    view: Document = orjson.loads(found.document)
    return view


def moved_to(redirect: PermanentRedirect) -> str:
    """The slug at the end of where an address has moved to."""
    return urlsplit(redirect["Location"]).path.rstrip("/").rpartition("/")[2]


def feed_path(key: str, form: str) -> str:
    """Where the feed of a view is, by its slug or id."""
    return f"/views/{key}/feed.{form}"


class ViewListing(Listing):
    """One request for a view: what ``own`` asks beside the view's query, and how it is answered.

    A filter of ``own`` narrows what the view finds, and an order takes the place of the view's; a parameter that the
    view has may only say the same again. Raises InvalidQuery for mistakes of ``own``, and Problem where the view asks
    for what is no longer there.
    """

    def __init__(self, shown: Document, own: QueryDict, revision: int, accepted: Format = FORMATS["json"]) -> None:
        self.shown, self.own = shown, own
        self.kept = followed(QueryDict(shown["query"]), revision)
        decided = [self.decided(name) for name in own if name != ORDER and not self.says_the_same(name, revision)]
        query = self.kept.copy()
        for name, given in own.lists():
            if name not in self.kept or name == ORDER:
                query.setlist(name, given)
        try:
            super().__init__(CompanyViewSet(), query, revision, accepted)
        except InvalidQuery as error:
            self.check()
            raise InvalidQuery([*decided, *(read(mistake) for mistake in error.errors)]) from error
        if decided:
            raise InvalidQuery(decided)

    def says_the_same(self, name: str, revision: int) -> bool:
        if name not in self.kept:
            return True
        own = QueryDict(mutable=True)
        own.setlist(name, self.own.getlist(name))
        return set(followed(own, revision).getlist(name)) == set(self.kept.getlist(name))

    def decided(self, name: str) -> Mistake:
        values = ",".join(self.kept.getlist(name))
        detail = f"The view decides it: {name}={values}. Other values are asked of the list of companies."
        return Mistake("conflicting_parameters", detail, name)

    def check(self) -> None:
        """Raise Problem where the view's own query is what is wrong."""
        try:
            Listing(CompanyViewSet(), self.kept, self.revision)
        except InvalidQuery as error:
            said = f"“{self.shown['name']}” asks for what is no longer there. {error.detail}"
            raise Problem("broken_view", said, errors=error.errors) from error

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """As the list answers, with the view's feeds among the links."""
        response = super().answer(request)
        response.headers["Link"] = ", ".join([response.headers["Link"], *self.feeds()])
        return response

    def feeds(self) -> list[str]:
        """Links to the news of the same companies."""
        addresses = {form: f"{settings.SITE_URL}{feed_path(self.shown['slug'], form)}" for form in FEEDS}
        return [
            f'<{self.narrowed(addresses[form])}>; rel="alternate"; type="{media_type}"'
            for form, media_type in FEEDS.items()
        ]

    def url(self, *position: tuple[str, Any]) -> str:
        """The view's address with what was asked of it; those of facets lead to the list: they choose otherwise."""
        asked = [pair for pair in self.asked if pair[0] in self.own]
        return self.narrowed(self.shown["url"], [*asked, *position])

    def narrowed(self, address: str, asked: Iterable[tuple[str, Any]] = ()) -> str:
        """``address`` with the filters that were asked beside the view's own, and with what else is asked."""
        filters = {name: values for name, values in self.selection.applied.items() if name not in self.kept}
        return addressed(address, filters, [*asked])

    def meta(self, page: Page, canonical: str) -> dict[str, Any]:
        return super().meta(page, canonical) | {"view": {name: self.shown[name] for name in VIEW}}


def read(mistake: dict[str, Any]) -> Mistake:
    """A mistake as an error has it."""
    return Mistake(**{**mistake, "did_you_mean": tuple(mistake.get("did_you_mean", ()))})
