"""Questions that curators ask: which companies lack something, are to be looked at again, or wait for somebody.

Each is declared once, as a method of the query set, and is then a filter, a count and a link of the same name.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.db.models import Case, DateField, DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, When
from django.db.models.functions import Cast
from django.db.models.lookups import IsNull, LessThanOrEqual

from companies.links import DEAD_AFTER
from companies.workflow import NEW, Status, Step, publishes
from directory.models import PublishedQuerySet


@dataclass(frozen=True)
class Asker:
    """Who asks, and when: some answers depend on it."""

    user: Any
    today: datetime.date


@dataclass(frozen=True)
class Question:
    """A question by the name of its method; ``needs`` is what of the Asker the answer depends on."""

    name: str
    label: str
    holds: Callable[..., Q]
    needs: str

    def condition(self, queryset: Any, asker: Asker) -> Q:
        """What holds for the companies that are the answer."""
        return self.holds(queryset, *([getattr(asker, self.needs)] if self.needs else []))


QUESTIONS: dict[str, Question] = {}


def question(label: str, *, needs: str = "") -> Callable[[Callable[..., Q]], Callable[..., Any]]:
    """Make a method that returns a condition one that returns the companies, and a question that curators can ask."""

    def declare(holds: Callable[..., Q]) -> Callable[..., Any]:
        QUESTIONS[holds.__name__] = Question(holds.__name__, label, holds, needs)

        @wraps(holds)
        def asked(self: Any, *known: Any) -> Any:
            return self.filter(holds(self, *known))

        return asked

    return declare


class AskedQuerySet(PublishedQuerySet):
    @question("Waiting for me", needs="user")
    def waiting_for(self, user: Any) -> Q:
        """In review, where ``user`` may publish; drafts that ``user`` began."""
        began = Exists(Step.objects.filter(company=OuterRef("pk"), before=NEW, by=user))
        drafts = Q(status=Status.DRAFT) & Q(began)
        return drafts | Q(status=Status.IN_REVIEW) if publishes(user) else drafts

    @question("To be verified again", needs="today")
    def to_verify(self, today: datetime.date) -> Q:
        """Published companies whose facts are to be checked again: on a day that was set, or after a year."""
        a_year_later = ExpressionWrapper(F("verified_on") + datetime.timedelta(days=365), DateTimeField())
        due: Any = Case(
            When(verified_on__isnull=True, then=F("verify_by")),
            When(verify_by__gt=F("verified_on"), then=F("verify_by")),
            default=Cast(a_year_later, DateField()),
        )
        is_due: Any = LessThanOrEqual(due, today)
        return Q(status=Status.PUBLISHED) & (Q(is_due) | Q(IsNull(due, True)))

    @question("Never verified")
    def never_verified(self) -> Q:
        return Q(verified_on__isnull=True)

    @question("No website")
    def without_website(self) -> Q:
        return Q(website="")

    @question("No specialty")
    def without_specialty(self) -> Q:
        return ~Q(Exists(self.model.specialties.through.objects.filter(company=OuterRef("pk"))))

    @question("Dead link")
    def with_dead_link(self) -> Q:
        """Those whose website, the one they have now, failed on several days in a row."""
        checks: Any = self.model._meta.get_field("link_check").related_model
        failed = checks.objects.filter(company=OuterRef("pk"), url=OuterRef("website"), failures__gte=DEAD_AFTER)
        return Q(Exists(failed))

    @question("Possible duplicate")
    def possible_duplicate(self) -> Q:
        pairs: Any = self.model._meta.get_field("duplicates_after").related_model
        either = Q(first=OuterRef("pk")) | Q(second=OuterRef("pk"))
        return Q(Exists(pairs.objects.open().filter(either)))

    @question("Suggestion waiting")
    def with_suggestion(self) -> Q:
        suggestions: Any = self.model._meta.get_field("suggestions").related_model
        return Q(Exists(suggestions.objects.filter(company=OuterRef("pk"), state="open")))

    @question("No hub")
    def without_hub(self) -> Q:
        return Q(hub__isnull=True)

    @question("No source")
    def without_source(self) -> Q:
        sources: Any = self.model._meta.get_field("sources").related_model
        return ~Q(Exists(sources.objects.filter(company=OuterRef("pk"))))

    @question("Something without a place")
    def with_unplaced(self) -> Q:
        """Those of which a source says what no field has a place for."""
        unplaced: Any = self.model._meta.get_field("unplaced_values").related_model
        return Q(Exists(unplaced.objects.filter(company=OuterRef("pk"))))

    @question("No kind")
    def without_kind(self) -> Q:
        return Q(kind="")

    @question("Emerging technology")
    def emerging(self) -> Q:
        through = self.model.specialties.through
        return Q(Exists(through.objects.filter(company=OuterRef("pk"), specialty__emerging=True)))
