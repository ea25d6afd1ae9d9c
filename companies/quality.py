"""How good the directory is, in numbers: what is known, from where, how fresh it is, and who works on it."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import Count, F, Q
from django.db.models.functions import TruncWeek

from companies.completeness import FACTS, QUESTIONS, Fact
from companies.links import DEAD_AFTER, State
from companies.models import Company
from companies.workflow import Status
from directory.models import Revision

WEEKS = 12


@dataclass(frozen=True)
class FactFigures:
    """Of the published companies: how many have a fact, have it from a source, have not been looked at for it."""

    fact: Fact
    known: int
    missing: int
    sourced: int
    aged: int


@dataclass(frozen=True)
class WorkFigures:
    """Revisions of one curator by one way of working; ``weeks`` has as many numbers as there are weeks."""

    by: int | None
    username: str
    source: str
    weeks: list[int] = field(default_factory=lambda: [0] * WEEKS)


def count_facts(today: datetime.date) -> tuple[int, list[FactFigures]]:
    """The number of published companies, and the figures of each fact. One query."""
    counts = {
        f"{fact.name}_{question}": Count("pk", filter=holds(fact, today))
        for fact in FACTS
        for question, holds in QUESTIONS.items()
        if question != "missing"
    }
    found = Company.objects.filter(status=Status.PUBLISHED).aggregate(total=Count("pk"), **counts)
    total = found["total"]
    return total, [
        FactFigures(
            fact,
            known=found[f"{fact.name}_known"],
            missing=total - found[f"{fact.name}_known"],
            sourced=found[f"{fact.name}_sourced"],
            aged=found[f"{fact.name}_aged"],
        )
        for fact in FACTS
    ]


def count_links() -> dict[str, int]:
    """State of a published company's website, or “dead” → how many. One query."""
    published = Company.objects.filter(status=Status.PUBLISHED, link_check__url=F("website"))
    states = {state.value: Count("pk", filter=Q(link_check__state=state)) for state in State if state.value}
    return published.aggregate(dead=Count("pk", filter=Q(link_check__failures__gte=DEAD_AFTER)), **states)


def last_weeks(today: datetime.date) -> list[datetime.date]:
    """The Mondays of the last weeks, the oldest first; this week is the last of them."""
    monday = today - datetime.timedelta(days=today.weekday())
    return [monday - datetime.timedelta(weeks=back) for back in reversed(range(WEEKS))]


def count_work(weeks: list[datetime.date]) -> list[WorkFigures]:
    """Revisions by curator and source, whoever did most first. One query."""
    begin = datetime.datetime.combine(weeks[0], datetime.time(), datetime.UTC)
    found = (
        Revision.objects.filter(created_at__gte=begin)
        .annotate(week=TruncWeek("created_at", tzinfo=datetime.UTC))
        .order_by()
        .values_list("by", "by__username", "source", "week")
        .annotate(number=Count("pk"))
    )
    position = {week: n for n, week in enumerate(weeks)}
    figures: dict[tuple[int | None, str, str], list[int]] = defaultdict(lambda: [0] * len(weeks))
    for by, username, source, week, number in found:
        figures[by, username or "", source][position[week.date()]] += number
    done = [WorkFigures(*key, weeks=numbers) for key, numbers in figures.items()]
    return sorted(done, key=lambda work: (-sum(work.weeks), work.username, work.source))
