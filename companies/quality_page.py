"""The admin's page on the directory's quality: every number leads to the list of what it counts."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from companies.completeness import IN_WORDS
from companies.link_page import DEAD, LINKS_IN_WORDS
from companies.quality import (
    FactFigures,
    WorkFigures,
    count_facts,
    count_links,
    count_work,
    last_weeks,
)
from companies.unplaced import UnplacedValue
from companies.workflow import Status
from directory.models import Source

PERMISSION = "companies.view_company"
COMPANIES = "admin:companies_company_changelist"
UNPLACED = "admin:companies_unplacedvalue_changelist"
REVISIONS = "admin:directory_revision_changelist"
MOST_UNPLACED = 20
# The chart of weeks, in the units of its drawing.
CHART_WIDTH, CHART_HEIGHT, FOOT = 360, 120, 14


@dataclass(frozen=True)
class Number:
    """A number, what share of the whole it is, and where the list behind it is."""

    count: int
    url: str
    share: float = 0

    @property
    def text(self) -> str:
        return f"{self.count:,}"

    @property
    def percent(self) -> str:
        """Exact where it would be rounded to none or all."""
        near_an_end = 0 < self.share < 1 or 99 < self.share < 100
        return f"{self.share:.1f} %" if near_an_end else f"{self.share:.0f} %"

    @property
    def width(self) -> str:
        return f"{self.share:.2f}"


def quality_page(request: HttpRequest) -> HttpResponse:
    """Completeness, freshness and sources of each fact, websites, and the work of the last weeks."""
    user: Any = request.user
    if not user.has_perm(PERMISSION):
        raise PermissionDenied
    today = timezone.localdate()
    total, facts = count_facts(today)
    weeks = last_weeks(today)
    work = count_work(weeks)
    context = {
        **admin.site.each_context(request),
        "title": "Quality",
        "total": Number(total, companies()),
        "facts": [fact_row(figures, total) for figures in facts],
        "links": link_rows(total),
        "are_links_checked": settings.LINK_CHECKS,
        "unplaced": unplaced_rows(),
        "weeks": weeks,
        "work": [work_row(figures, weeks) for figures in work],
        "bars": bars(work, weeks),
        "keys": [source for source in Source if any(figures.source == source for figures in work)],
        "chart": {
            "width": CHART_WIDTH,
            "height": CHART_HEIGHT,
            "base": CHART_HEIGHT - FOOT,
            "labels": CHART_HEIGHT - 3,
        },
    }
    return TemplateResponse(request, "admin/companies/quality.html", context)


def companies(**asked: str) -> str:
    """The list of published companies that is behind a number."""
    return f"{reverse(COMPANIES)}?{urlencode({'status__exact': Status.PUBLISHED, **asked})}"


def fact_row(figures: FactFigures, total: int) -> dict[str, Any]:
    """A fact with the numbers on it: of all companies, and of those of which it is known."""
    wholes = {"known": total, "missing": total, "sourced": figures.known, "aged": figures.known}
    numbers = {
        question: Number(
            getattr(figures, question),
            companies(fact=f"{figures.fact.name}.{question}"),
            share(getattr(figures, question), wholes[question]),
        )
        for question in IN_WORDS
    }
    return {"fact": figures.fact, **numbers}


def share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0


def link_rows(total: int) -> list[tuple[str, Number]]:
    counts = count_links()
    return [
        (words, Number(counts[link], companies(link=link), share(counts[link], total)))
        for link, words in LINKS_IN_WORDS.items()
        if link == DEAD or counts[link]
    ]


def unplaced_rows() -> list[tuple[str, str, Number]]:
    """(value, field, the list of whom it was said)."""
    return [
        (
            value,
            name.replace("_", " "),
            Number(count, f"{reverse(UNPLACED)}?{urlencode({'field__exact': name, 'value__exact': value})}"),
        )
        for name, value, count in UnplacedValue.objects.most_frequent(MOST_UNPLACED)
    ]


def work_row(figures: WorkFigures, weeks: list[datetime.date]) -> dict[str, Any]:
    """A curator's way of working, with a number for each week and for all of them."""
    who = {"by__id__exact": str(figures.by)} if figures.by else {"by__isnull": "True"}
    asked = {**who, "source__exact": figures.source}

    def revisions(first: datetime.date, last: datetime.date) -> str:
        """The list of revisions from one Monday up to the end of the week of another."""
        end = last + datetime.timedelta(weeks=1)
        days = {"created_at__gte": f"{first}T00:00:00Z", "created_at__lt": f"{end}T00:00:00Z"}
        return f"{reverse(REVISIONS)}?{urlencode({**asked, **days})}"

    return {
        "who": figures.username or "nobody signed in",
        "source": Source(figures.source).label,
        "weeks": [Number(n, revisions(week, week)) for week, n in zip(weeks, figures.weeks, strict=True)],
        "total": Number(sum(figures.weeks), revisions(weeks[0], weeks[-1])),
    }


def bars(work: list[WorkFigures], weeks: list[datetime.date]) -> list[dict[str, Any]]:
    """Of each week where its bar stands, and its parts by source, from the bottom up."""
    most = max((sum(column) for column in zip(*(figures.weeks for figures in work), strict=True)), default=0)
    unit = (CHART_HEIGHT - FOOT - 12) / (most or 1)
    step = CHART_WIDTH / len(weeks)
    drawn = []
    for n, week in enumerate(weeks):
        top, parts = float(CHART_HEIGHT - FOOT), []
        for source in Source:
            number = sum(figures.weeks[n] for figures in work if figures.source == source)
            if number:
                top -= number * unit
                parts.append({"source": source.value, "y": f"{top:.2f}", "height": f"{number * unit:.2f}"})
        total = sum(figures.weeks[n] for figures in work)
        x = {"x": f"{n * step + step * 0.15:.2f}", "width": f"{step * 0.7:.2f}", "middle": f"{(n + 0.5) * step:.2f}"}
        drawn.append({**x, "parts": parts, "total": total, "top": f"{top - 3:.2f}", "week": week, "is_named": n % 2})
    return drawn
