"""The facts that a company may have: how soon each has to be looked at again, and what is asked about each."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from companies.models import Company, Credential, Identifier, Office, Source
from directory.narrowing import Counted


def text(name: str) -> Q:
    return ~Q(**{name: ""})


def value(*names: str) -> Q:
    """Any of the columns is there."""
    known = Q()
    for name in names:
        known |= Q(**{f"{name}__isnull": False})
    return known


def rows(model: Any) -> Q:
    """Rows of ``model`` belong to the company."""
    return Q(pk__in=model.objects.values("company"))


@dataclass(frozen=True)
class Fact:
    """A field of a company's document. ``months`` is how long a look at it counts; None: for ever."""

    name: str
    is_known: Q
    months: int | None
    why: str

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    def is_sourced(self) -> Q:
        """A source says that it vouches for this fact."""
        return Q(pk__in=self.sources().values("company"))

    def is_fresh(self, today: datetime.date) -> Q:
        """Somebody checked the company, or saw a source of this fact, not too long ago."""
        since = self.since(today)
        return Q(verified_on__gte=since) | Q(pk__in=self.sources().filter(seen_on__gte=since).values("company"))

    def since(self, today: datetime.date) -> datetime.date:
        """From which day on a look still counts."""
        if self.months is None:
            return datetime.date.min
        return today - datetime.timedelta(days=round(self.months * 365.25 / 12))

    def sources(self) -> QuerySet:
        """Those of all companies: read once, and not anew for each company."""
        return Source.objects.filter(facts__contains=[self.name])


FACTS = [
    Fact("website", text("website"), 6, "domains lapse, and others buy them"),
    Fact("operating_status", text("operating_status"), 12, "startups close without saying so"),
    Fact("employees", value("employees_min", "employees_max"), 12, "grows or shrinks with each year’s projects"),
    Fact("hourly_rate", value("hourly_rate_min", "hourly_rate_max"), 12, "follows the exchange rate and the market"),
    Fact("credentials", rows(Credential), 12, "are mostly given for a year to three"),
    Fact("hub", value("hub"), 24, "headquarters move, but seldom"),
    Fact("offices", rows(Office), 24, "open and close with a lease"),
    Fact("specialties", rows(Company.specialties.through), 24, "what is offered follows fashion"),
    Fact("industries", rows(Company.industries.through), 24, "customers change slowly"),
    Fact("export_markets", ~Q(export_markets=[]), 24, "customers change slowly"),
    Fact("summary", text("summary"), 24, "repeats what the other facts say"),
    Fact("description", text("description"), 24, "repeats what the other facts say"),
    Fact("women_led", value("women_led"), 24, "changes with the management"),
    Fact("research_and_development", value("research_and_development"), 24, "changes with the strategy"),
    Fact("kind", text("kind"), 36, "a startup is one for some years"),
    Fact("legal_name", text("legal_name"), 60, "changes only with a registration"),
    Fact("identifiers", rows(Identifier), 60, "a register hands out another number only rarely"),
    Fact("founded_year", value("founded_year"), None, "never changes"),
]


# Question → what holds for the published companies that are its answer.
QUESTIONS: dict[str, Callable[[Fact, datetime.date], Q]] = {
    "known": lambda fact, today: fact.is_known,
    "missing": lambda fact, today: ~fact.is_known,
    "sourced": lambda fact, today: fact.is_known & fact.is_sourced(),
    "aged": lambda fact, today: fact.is_known & ~fact.is_fresh(today),
}
IN_WORDS = {
    "known": "known",
    "missing": "missing",
    "sourced": "from a source",
    "aged": "to be looked at again",
}


class FactFilter(Counted, SimpleListFilter):
    """Answers what the quality page counts: ``?fact=website.missing``. Offered only where it is already asked."""

    title = parameter_name = "fact"

    def has_output(self) -> bool:
        return self.value() is not None

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(f"{fact.name}.{key}", f"{fact.label} {words}") for fact in FACTS for key, words in IN_WORDS.items()]

    def condition(self) -> Q:
        name, _, question = (self.value() or "").partition(".")
        fact = next((fact for fact in FACTS if fact.name == name), None)
        return Q(QUESTIONS[question](fact, timezone.localdate())) if fact and question in QUESTIONS else Q()

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        """Of what is asked: nothing else is offered."""
        chosen = [n for n, (value, _) in enumerate(self.lookup_choices) if value == self.value()]
        return {f"{n}__c": Count(pk_attname, filter=self.condition()) for n in chosen}

    def choices(self, changelist: Any) -> list[Any]:
        """All, and what is asked."""
        everything, *choices = super().choices(changelist)
        return [everything, *(choice for choice in choices if choice["selected"])]
