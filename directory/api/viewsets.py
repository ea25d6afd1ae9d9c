"""Lists and details of published objects, read as they were published."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from directory import ids
from directory.api.caching import remember
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.listing import JSON, Listing
from directory.api.ordering import Ordering
from directory.api.pagination import (
    FORMATS,
    one_of,
    read_snapshot,
    snapshot,
)
from directory.api.selection import FilterSet, unknown_parameter
from directory.api.statements import Slot, Statement
from directory.models import Action, Address, Published, PublishedQuerySet, Version, is_id, kinds


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
