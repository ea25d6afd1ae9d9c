"""Pairs of companies that may be one, and what was decided about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from companies.models import Company


class DuplicateQuerySet(models.QuerySet["Duplicate"]):
    def open(self) -> DuplicateQuerySet:
        """The pairs that nobody has decided about."""
        return self.filter(state=Duplicate.State.OPEN)

    def of(self, one: Company, other: Company) -> DuplicateQuerySet:
        """The pair of these two, if it is one."""
        return self.filter(first=min(one.pk, other.pk), second=max(one.pk, other.pk))

    def decide(self, state: str, *, by: User | None, why: str = "") -> int:
        """Decide those that are open; returns how many."""
        return self.open().update(state=state, by=by, at=Now(), why=why)

    def merge(self, keep: Company, drop: Company, *, by: User | None, why: str) -> None:
        """Keep that ``drop`` became ``keep``, which is what it may be a duplicate of from now on."""
        pair = self.of(keep, drop)
        pair.update(state=Duplicate.State.MERGED, by=by, at=Now(), why=why)
        self.open().filter(Q(first=drop) | Q(second=drop)).delete()

    def reopen(self, keep: Company, drop: Company) -> None:
        """Put the pair back into the queue: they are two again."""
        merged = self.of(keep, drop).filter(state=Duplicate.State.MERGED)
        merged.update(state=Duplicate.State.OPEN, by=None, at=None, why="")


class DuplicateSearch(models.Model):
    """When the directory was last looked through for duplicates, and what came of it: one row, or none yet."""

    ended_at = models.DateTimeField()
    new = models.PositiveIntegerField(help_text="Pairs put into the queue.")
    gone = models.PositiveIntegerField(help_text="Pairs taken out of it.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="duplicate_search_last",
                condition=Q(id=1),
                violation_error_message="Only the last search is kept.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ended_at:%Y-%m-%d %H:%M}: {self.new} new, {self.gone} gone"


class Duplicate(models.Model):
    """Two companies that may be one, for a curator to decide. Never public."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        NOT_DUPLICATE = "not_duplicate", "Not a duplicate"
        MERGED = "merged", "Merged"

    first = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="duplicates_after")
    second = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="duplicates_before")
    score = models.FloatField(help_text="From 0 to 1: how much says that they are one.")
    reasons = ArrayField(models.CharField(max_length=1000), default=list)
    seen_at = models.DateTimeField(help_text="When the search for duplicates last came upon them.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="duplicates")
    at = models.DateTimeField(null=True)
    why = models.CharField(max_length=500, blank=True)

    objects = DuplicateQuerySet.as_manager()

    class Meta:
        ordering = ["-score", "id"]
        permissions = [("decide_duplicate", "Can decide duplicate")]
        indexes = [models.Index(name="duplicate_queue", fields=["state", "-score", "id"])]
        constraints = [
            models.CheckConstraint(
                name="duplicate_in_order",
                condition=Q(first__lt=F("second")),
                violation_error_message="A pair is of two companies, the one with the lower number first.",
            ),
            models.UniqueConstraint(
                fields=["first", "second"],
                name="duplicate_once",
                violation_error_message="These two are a pair already.",
            ),
            models.CheckConstraint(
                name="duplicate_score_of_one",
                condition=Q(score__gte=0, score__lte=1),
                violation_error_message="A score lies between 0 and 1.",
            ),
            models.CheckConstraint(
                name="duplicate_decided",
                condition=Q(state="open", at__isnull=True, by__isnull=True, why="")
                | Q(state__in=["not_duplicate", "merged"], at__isnull=False),
                violation_error_message="A pair is open, or somebody decided it at some time.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"
