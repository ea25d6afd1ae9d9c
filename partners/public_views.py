"""Public views: a query of the companies' list under a name and an address, for sites that show it.

They are called public because curators know another kind of view, ``directory.models.SavedView``: a list of the
admin, narrowed down to work on, which the public never sees. A public view is published like any object: whoever
follows the log learns in its place when its query changed, and no answer that was kept outlives such a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from companies.models import ORDERINGS
from directory.api.caching import current_revision
from directory.api.errors import Problem
from directory.api.ordering import indexes_for
from directory.models import Published, PublishedQuerySet, published_triggers
from hubs.models import PUBLISHED
from partners.queries import canonical, in_words

if TYPE_CHECKING:
    from partners.models import Partner

# Of a view that is saved and not public.
HIDDEN = "It is not public: until it is, all of its addresses answer 404 (410 where it was before)."


class PublicViewQuerySet(PublishedQuerySet):
    def open_to(self, partner: Partner) -> PublicViewQuerySet:
        """Those that ``partner`` may build upon: the directory's, and its own; published ones."""
        return self.published().filter(Q(partner=None) | Q(partner=partner))  # type: ignore[return-value]


class PublicView(Published):
    """A list of companies under a name: a query with an address, feeds and an embed of its own."""

    kind_number = 7
    collection = "views"
    example = "ai-in-lahore"
    serializer = "partners.serializers.PublicViewSerializer"
    shown_by = {"is_published": True}

    description = models.CharField(max_length=500, blank=True, help_text="What the list is of, for who reads it.")
    query = models.TextField(
        help_text="Filters and order of the list of companies, as in its address: hub=lahore&founded_year__gte=2015."
    )
    # Never public.
    partner = models.ForeignKey(
        "partners.Partner",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="views",
        help_text="Whose own it is, to change on the partner's pages. Empty: the directory's.",
    )
    is_published = models.BooleanField(default=False, help_text="Whether its address answers.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="public_views",
    )

    objects = PublicViewQuerySet.as_manager()  # type: ignore[misc]

    class Meta(Published.Meta):
        verbose_name = "public view"
        triggers = published_triggers("publicview")
        indexes = indexes_for(ORDERINGS["term"].values(), prefix="publicview", condition=PUBLISHED)
        constraints = [
            *Published.Meta.constraints,
            models.CheckConstraint(
                name="publicview_asks_for_something",
                condition=~Q(query=""),
                violation_error_message="A view asks for something: give it a filter, or an order.",
            ),
        ]

    @property
    def is_public(self) -> bool:
        return self.is_published

    def hide(self) -> None:
        self.is_published = False
        self.save()

    def clean(self) -> None:
        """Keep the query as the list itself spells it; raises ValidationError with what the list would refuse."""
        super().clean()
        try:
            self.query = canonical(self.query, current_revision())
        except Problem as problem:
            raise ValidationError({"query": in_words(problem)}) from problem
