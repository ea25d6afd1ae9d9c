"""Suggestions: what somebody outside says should be in the directory, until curators have decided on it.

Nothing of it is public but which of its fields were accepted, at an address that only its sender knows.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from directory.publishing import Document


class State(models.TextChoices):
    """How far it is. What was rejected because something else had changed the same facts meanwhile is stale."""

    OPEN = "open"
    ACCEPTED = "accepted"
    PARTLY = "partly", "Partly accepted"
    REJECTED = "rejected"
    STALE = "stale"


def new_token() -> str:
    """What nobody guesses: whoever has it reads what became of a suggestion."""
    return secrets.token_urlsafe(18)


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    def open(self) -> SuggestionQuerySet:
        """Those that nobody has decided on."""
        return self.filter(state=State.OPEN)

    def open_first(self) -> SuggestionQuerySet:
        """Those that wait, the oldest first, then those that were decided last."""
        waiting = models.Case(models.When(decided_at__isnull=True, then=F("pk")))
        return self.order_by(waiting.asc(nulls_last=True), F("decided_at").desc(), "-pk")

    def within(self, window: timedelta) -> SuggestionQuerySet:
        """Those that arrived lately, the latest first."""
        return self.filter(received_at__gt=Now() - window).order_by("-received_at")

    def nth_arrival(self, number: int) -> datetime | None:
        """When the one came that ``number`` - 1 others came after; None where there are fewer."""
        return self.values_list("received_at", flat=True)[number - 1 : number].first()


class Suggestion(models.Model):
    """A JSON Merge Patch on one company's document, or a new company, with evidence. Never public."""

    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    company = models.ForeignKey(
        "companies.Company",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="suggestions",
        help_text="Empty: a new one.",
    )
    revision = models.BigIntegerField(
        null=True, blank=True, help_text="Of the document that it is based on. Empty: a new company."
    )
    patch = models.JSONField(help_text="As it was sent (RFC 7396).")
    # Field → its value: in the document that it is based on, and as the serializer understood what was suggested.
    base = models.JSONField()
    proposed = models.JSONField()
    evidence = models.JSONField(default=list, blank=True)
    email = models.EmailField(blank=True, help_text="Of who sent it. Never public.")
    # A keyed digest of the address that it came from, to count by.
    sender = models.CharField(max_length=64, editable=False)
    received_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    # Field → {"accepted", "reason", "stale"}
    decisions = models.JSONField(default=dict, blank=True)
    decided_by = models.ForeignKey(
        "auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="suggestions"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = SuggestionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["sender", "-received_at"], name="suggestion_by_sender"),
            models.Index(fields=["company", "-received_at"], name="suggestion_by_company"),
        ]
        constraints = [
            models.CheckConstraint(
                name="suggestion_state_known",
                condition=Q(state__in=["open", "accepted", "partly", "rejected", "stale"]),
                violation_error_message="The state is not one of the list.",
            ),
            models.CheckConstraint(
                name="suggestion_decided_or_open",
                condition=Q(state="open", decisions={}, decided_at__isnull=True)
                | (~Q(state="open") & ~Q(decisions={}) & Q(decided_at__isnull=False)),
                violation_error_message="What is decided says what and when; what is open does not.",
            ),
            models.CheckConstraint(
                name="suggestion_based_on_a_document",
                condition=Q(revision__isnull=True, base={}) | Q(company__isnull=False, revision__isnull=False),
                violation_error_message="A suggestion on a company says which of its documents it is based on.",
            ),
            models.CheckConstraint(
                name="suggestion_says_something",
                condition=~Q(proposed={}) & ~Q(patch={}),
                violation_error_message="A suggestion changes something.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.proposed.get('name', 'A company')} (new)" if self.is_new else str(self.company)

    @property
    def is_new(self) -> bool:
        """Whether it is about a company that was not in the directory."""
        return self.revision is None

    @property
    def is_open(self) -> bool:
        return self.state == State.OPEN


def merge_patch(target: Any, patch: Any) -> Any:
    """``target`` as ``patch`` makes it: JSON Merge Patch, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result: Document = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result
