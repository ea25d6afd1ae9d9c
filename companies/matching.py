"""Matching: which companies of the directory something may be, how certain that is, and why.

Keys and scores are made in Python. They serve whole tables in memory and one candidate against the database, which
only fetches those that have something in common with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.models import Q

from companies.facts import Facts, Key
from companies.identifiers import Scheme
from companies.judging import Certainty, Match, judge
from companies.models import Company, Identifier
from companies.queries import DIGITS

__all__ = ["Certainty", "Facts", "Match", "Matcher", "find"]

# What more companies than this have in common says nothing about any of them.
COMMON = 50
# Companies that are fetched by one thing they have in common with a candidate.
MOST = 1000
KEYS = "company_match_keys('', '', %s::text[], 1)"


def best(matches: Iterable[Match | None], limit: int) -> list[Match]:
    found = [match for match in matches if match]
    found.sort(key=lambda match: (match.certainty != Certainty.CERTAIN, -match.score, match.pk))
    return found[:limit]


class Matcher:
    """Companies in memory, by what others may have in common with them; for tables of many candidates."""

    def __init__(self) -> None:
        self.facts: dict[int, Facts] = {}
        self.holders: dict[Key, list[int]] = {}

    @classmethod
    def of_directory(cls) -> Matcher:
        """All companies but those that were merged into others."""
        matcher = cls()
        for company in Company.objects.for_matching().iterator(chunk_size=2000):
            matcher.add(company.pk, Facts.of(company))
        return matcher

    def add(self, pk: int, facts: Facts) -> None:
        self.facts[pk] = facts
        for key in {*facts.keys(), *facts.slips()}:
            self.holders.setdefault(key, []).append(pk)

    def match(self, facts: Facts, limit: int = 5) -> list[Match]:
        """The companies that ``facts`` may tell of, the best first; none where there is no such company."""
        found = self.having({*facts.keys(), *facts.crossed_keys()})
        for pk in self.having(set(facts.slips(lengths=1))) - found:
            if facts.is_a_slip_from(self.facts[pk]):
                found.add(pk)
        return best((judge(facts, self.facts[pk], pk) for pk in found), limit)

    def having(self, keys: set[Key]) -> set[int]:
        """The companies that have one of ``keys``, unless too many have it."""
        found: set[int] = set()
        for key in keys:
            holders = self.holders.get(key, ())
            if len(holders) <= COMMON:
                found.update(holders)
        return found


def find(facts: Facts, limit: int = 5, exclude: int | None = None) -> list[Match]:
    """The companies of the database that ``facts`` may tell of, the best first, without the one of ``exclude``.

    A handful of queries, each by an index, however many companies there are.
    """
    companies = Company.objects.for_matching().filter(pk__in=candidates(facts) - {exclude})
    return best((judge(facts, Facts.of(company), company.pk) for company in companies), limit)


def candidates(facts: Facts) -> set[int]:
    """The primary keys of all that ``facts`` may match, and of some that it does not."""
    found: set[int] = set()
    if facts.numbers:
        found.update(Identifier.objects.filter(is_one_of(facts.numbers)).values_list("company_id", flat=True))
    if own := owning(facts):
        found.update(Company.objects.filter(own).order_by().values_list("pk", flat=True)[:MOST])
    for keys in match_keys(facts):
        if keys:
            found.update(Company.objects.with_match_keys(keys).values_list("pk", flat=True)[:MOST])
    return found


def is_one_of(numbers: Iterable[tuple[str, str]]) -> Q:
    condition = Q()
    for scheme, value in numbers:
        checked = [f"{value}-{digit}" for digit in range(10)] if scheme == Scheme.NTN else []
        condition |= Q(scheme=scheme, value__in=[value, *checked])
    return condition


def owning(facts: Facts) -> Q:
    """Having the domain, or one that is just the name; an empty domain is in no index."""
    if facts.domain:
        return Q(domain=facts.domain)
    named = [name.text for name in facts.names if not (name.is_generic or name.is_short)]
    having = Q(*(Q(domain__startswith=f"{text}.") for text in named), _connector=Q.OR)
    return having & ~Q(domain="") if named else having


def match_keys(facts: Facts) -> tuple[list[str], list[str]]:
    """The keys of names that are the same and of those with a slip, as the database makes them.

    Of a name that many could have, only the whole counts.
    """
    every, own = [facts.label], []
    for spelling in facts.spellings:
        words = [" ".join(spelling.words), " ".join(DIGITS.get(word, word) for word in spelling.words)]
        every += [spelling.name, *words]
        own += [] if spelling.is_generic else words
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {KEYS}, {KEYS}", [every, own])
        whole, parts = cursor.fetchone()
    exact = [key for key in whole if key[0] == "="] + [key for key in parts if key[0] == "~"]
    return exact, [key for key in parts if key[0] in "<>"]
