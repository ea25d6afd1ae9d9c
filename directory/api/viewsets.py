"""Lists and details of published objects, read as they were published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import decorators
from rest_framework.viewsets import ViewSet

from directory.api import addresses, rendering
from directory.api.addresses import Found, PermanentRedirect
from directory.api.caching import at_one_revision
from directory.api.described import OPERATIONS
from directory.api.details import Detail
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Problem
from directory.api.facets import FacetSet
from directory.api.history import History
from directory.api.linked import LinkedData
from directory.api.listing import Listing
from directory.api.operations import Operation
from directory.api.ordering import Ordering
from directory.api.rendering import FORMATS, offered, read_format
from directory.api.selection import FilterSet, unknown_parameters
from directory.api.vocabulary import vocabulary_of
from directory.models import Published, PublishedQuerySet, is_id


class PublishedViewSet(Endpoint, ViewSet):
    """A collection: ``queryset`` of published objects, its filters and its orderings.

    ``notes`` say in Markdown what its filters alone do not.
    """

    queryset: PublishedQuerySet
    filterset_class: type[FilterSet]
    orderings: dict[str, Ordering]
    ordering = "name"
    notes = ""
    facets: FacetSet
    linked: LinkedData
    operations: ClassVar[Mapping[str, Callable[[Any], Operation]]] = OPERATIONS
    confirms = frozenset({"list"})
    action = "list"
    lookup_url_kwarg = "key"

    def list(self, request: Any) -> HttpResponseBase:
        def answer(revision: int) -> HttpResponseBase:
            return Listing(self, request.query_params, revision, request.accepted_renderer).answer(request)

        return at_one_revision(request.revision, answer)

    def retrieve(self, request: Any, key: str) -> HttpResponse:
        return at_one_revision(request.revision, lambda revision: Detail(self, request, revision).answer(key))

    @decorators.action(detail=True)
    def history(self, request: Any, key: str) -> HttpResponse:
        found = self.find(key, request, "history/")
        if isinstance(found, HttpResponse):
            return found
        return History(self.model, found, request.query_params).response()

    def find(self, key: str, request: Any, rest: str = "") -> Found | PermanentRedirect:
        """The object with this slug or id, or where it moved; raises Problem, which says what may have been meant."""
        try:
            return addresses.find(self.queryset, key, request, rest)
        except Problem as problem:
            if problem.code == "not_found" and not is_id(key) and "\0" not in key:
                meant = at_one_revision(request.revision, lambda revision: self.meant_by(key, revision))
                problem.extra |= {"did_you_mean": list(meant)} if meant else {}
            raise

    def meant_by(self, key: str, revision: int) -> tuple[str, ...]:
        """Up to three slugs that an unknown one may stand for, the likeliest first."""
        return vocabulary_of(self.model, revision).meant_by(key)

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of an action."""
        return cls.operations[action](cls)

    @property
    def formats(self) -> tuple[str, ...]:
        return offered(self.model, self.action)

    @property
    def model(self) -> type[Published]:
        return self.queryset.model


def refuse_parameters(query: Any) -> None:
    """Raise InvalidQuery where ``query`` has anything but a ``format``."""
    mistakes = unknown_parameters(query, rendering.PARAMETERS)
    read_format(query, FORMATS["json"], ("json",), mistakes)
    if mistakes:
        raise InvalidQuery(mistakes)
