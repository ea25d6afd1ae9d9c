"""How a company becomes public, and who may take which step.

draft → in review → published → withdrawn, and back. Each step is kept: who took it, when and why.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Now

from directory.copying import copy_rows

PUBLISH = "companies.publish_company"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"


NEW = ""
REASON_LENGTH = 300
# What those who do not publish may work on.
OPEN = (Status.DRAFT, Status.IN_REVIEW)
# Each step there is, and whether it is for those who publish.
STEPS: dict[tuple[str, str], bool] = {
    (NEW, Status.DRAFT): False,
    (NEW, Status.IN_REVIEW): False,
    (NEW, Status.PUBLISHED): True,
    (Status.DRAFT, Status.IN_REVIEW): False,
    (Status.DRAFT, Status.PUBLISHED): True,
    (Status.IN_REVIEW, Status.DRAFT): False,
    (Status.IN_REVIEW, Status.PUBLISHED): True,
    (Status.PUBLISHED, Status.WITHDRAWN): True,
    (Status.WITHDRAWN, Status.PUBLISHED): True,
    (Status.WITHDRAWN, Status.DRAFT): True,
}
# What a merge does to a company that nobody published, and its undo; nobody takes these by hand.
BY_MERGING = [
    (Status.DRAFT, Status.WITHDRAWN),
    (Status.IN_REVIEW, Status.WITHDRAWN),
    (Status.WITHDRAWN, Status.IN_REVIEW),
]
# What others have to be told the cause of.
EXPLAINED = {(Status.IN_REVIEW, Status.DRAFT), (Status.PUBLISHED, Status.WITHDRAWN)}


class StepQuerySet(models.QuerySet["Step"]):
    def take(self, companies: Iterable[Any], *, before: str, after: str, by: User | None, reason: str) -> None:
        """Keep that ``companies`` went from one status to another; inside the publication that changes them."""
        if before == after:
            return
        step = before, after, by and by.pk, reason[:REASON_LENGTH]
        rows = ((company.pk, *step) for company in companies)
        copy_rows(Step, ("company_id", "before", "after", "by_id", "reason"), rows)


class Step(models.Model):
    """One change of a company's status."""

    company = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="steps")
    before = models.CharField(max_length=16, choices=Status.choices, blank=True, help_text="Empty: it was new.")
    after = models.CharField(max_length=16, choices=Status.choices)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey("auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="steps")
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="step_is_one_of_the_workflow",
                condition=models.Q(
                    *(models.Q(before=before, after=after) for before, after in [*STEPS, *BY_MERGING]),
                    _connector=models.Q.OR,
                ),
                violation_error_message="The workflow has no such step.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_before_display() or 'New'} → {self.get_after_display()}"


def publishes(user: Any) -> bool:
    """Whether ``user``, who may edit companies, may edit those that are public or were, and make them so."""
    return bool(user.has_perm(PUBLISH))


def reachable(user: Any, status: str) -> list[str]:
    """Where ``user`` may take a company of this status, NEW for one that is being added."""
    open_to_user = (True, False) if publishes(user) else (False,)
    return [after for after in Status.values if STEPS.get((status, after)) in open_to_user]
