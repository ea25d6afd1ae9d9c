"""Merges of two companies, and what is needed to undo them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from companies.workflow import Status


class MergeQuerySet(models.QuerySet["Merge"]):
    def standing(self) -> MergeQuerySet:
        """The merges that nobody has undone."""
        return self.filter(undone_at__isnull=True)


class Merge(models.Model):
    """Two entries of one company that became one, and what is needed to make them two again. Never public."""

    keep = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="merged_from")
    drop = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="merged_into")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="merges")
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=500, blank=True)
    undone_at = models.DateTimeField(null=True)
    # Of the one that is dropped: its status, and what only one company may have.
    status = models.CharField(max_length=16, choices=Status.choices)
    let_go = models.JSONField()
    # Of the one that is kept: what changed.
    before = models.JSONField()
    after = models.JSONField(default=dict)
    private_before = models.JSONField()
    private_after = models.JSONField(default=dict)

    objects = MergeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="merge_of_two",
                condition=~Q(keep=F("drop")),
                violation_error_message="A company cannot be merged with itself.",
            ),
            models.UniqueConstraint(
                fields=["drop"],
                name="merge_once",
                condition=Q(undone_at__isnull=True),
                violation_error_message="It was merged already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.drop} into {self.keep}"
