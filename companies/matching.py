"""Matching: which companies of the directory something may be, how certain that is, and why.

Keys and scores are made in Python. They serve whole tables in memory and one candidate against the database, which
only fetches those that have something in common with it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from companies.facts import Facts, Key, number_of
from companies.identifiers import Scheme
from companies.judging import Certainty, Match, judge
from companies.models import Company, CompanyQuerySet, Identifier
from companies.queries import DIGITS

__all__ = ["Certainty", "Facts", "Match", "Matcher", "find", "find_all"]

# What more companies than this have in common says nothing about any of them.
COMMON = 50
# Companies that are fetched by one thing they have in common with a candidate.
MOST = 1000
IDENTIFIED = ("scheme", "value", "company_id")
# The keys of the two lists of names that each has.
KEYS = """
    SELECT company_match_keys('', '', ARRAY(SELECT jsonb_array_elements_text(names -> 0)), 1),
           company_match_keys('', '', ARRAY(SELECT jsonb_array_elements_text(names -> 1)), 1)
    FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS asked (names, n)
    ORDER BY n
"""
# Found first and cut then: for the first few of many the planner would read through the table.
HAVING = """
    SELECT n, few.id
    FROM (
        SELECT (wanted -> 0)::int AS n, ARRAY(SELECT jsonb_array_elements_text(wanted -> 1)) AS keys
        FROM jsonb_array_elements(%s::jsonb) AS asked (wanted)
        OFFSET 0
    ) AS asked
    CROSS JOIN LATERAL (
        WITH found AS MATERIALIZED (
            SELECT id FROM companies_company WHERE company_match_keys(name, legal_name, aliases, 0) && keys
        )
        SELECT id FROM found LIMIT %s
    ) AS few
"""


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
    others = Company.objects.exclude(pk=exclude) if exclude else Company.objects.all()
    return find_all([facts], others, limit).matches[0]


@dataclass(frozen=True)
class Found:
    """The companies that each of several may be, the best first, and what is known of them by primary key."""

    matches: list[list[Match]]
    facts: dict[int, Facts]


def find_all(asked: Sequence[Facts], among: CompanyQuerySet, limit: int = 5) -> Found:
    """What ``find`` finds for each of ``asked`` in ``among``, in as many queries as for one of them."""
    candidates = candidates_of(asked)
    wanted = set[int]().union(*candidates)
    known = {company.pk: Facts.of(company) for company in among.for_matching().filter(pk__in=wanted)}
    return Found(
        [
            best((judge(facts, known[pk], pk) for pk in pks if pk in known), limit)
            for facts, pks in zip(asked, candidates, strict=True)
        ],
        known,
    )


def candidates_of(asked: Sequence[Facts]) -> list[set[int]]:
    """Of each, the primary keys of all that it may match, and of some that it does not."""
    found: list[set[int]] = [set() for _ in asked]
    numbers = frozenset(number for facts in asked for number in facts.numbers)
    holders: dict[Key, set[int]] = defaultdict(set)
    if numbers:
        for scheme, value, pk in Identifier.objects.filter(is_one_of(numbers)).values_list(*IDENTIFIED):
            holders["identifier", *number_of(scheme, value)].add(pk)
    if own := owning(asked):
        domains = Company.objects.filter(own).order_by().values_list("domain", "pk")[: MOST * len(asked)]
        for domain, pk in domains:
            holders["domain", domain].add(pk)
            holders["label", domain.partition(".")[0]].add(pk)
    for facts, pks in zip(asked, found, strict=True):
        keys: list[Key] = [("identifier", *number) for number in facts.numbers]
        keys += [("domain", facts.domain)] if facts.domain else [("label", text) for text in labels(facts)]
        pks.update(*(holders.get(key, ()) for key in keys))
    for n, pk in with_match_keys(match_keys(asked)):
        found[n].add(pk)
    return found


def is_one_of(numbers: Iterable[tuple[str, str]]) -> Q:
    values: dict[str, list[str]] = defaultdict(list)
    for scheme, value in numbers:
        checked = [f"{value}-{digit}" for digit in range(10)] if scheme == Scheme.NTN else []
        values[scheme] += [value, *checked]
    return Q(*(Q(scheme=scheme, value__in=known) for scheme, known in values.items()), _connector=Q.OR)


def labels(facts: Facts) -> list[str]:
    """What a domain is called that is just the name."""
    return [name.text for name in facts.names if not (name.is_generic or name.is_short)]


def owning(asked: Iterable[Facts]) -> Q:
    """Having one of the domains, or one that is just the name; an empty domain is in no index."""
    domains = {facts.domain for facts in asked if facts.domain}
    named = {text for facts in asked if not facts.domain for text in labels(facts)}
    having = Q(*(Q(domain__startswith=f"{text}.") for text in sorted(named)), _connector=Q.OR)
    having = having & ~Q(domain="") if named else having
    return having | Q(domain__in=sorted(domains)) if domains else having


def match_keys(asked: Iterable[Facts]) -> list[tuple[int, list[str]]]:
    """(which, keys) of the names that are the same, and of those with a slip, as the database makes them.

    Of a name that many could have, only the whole counts.
    """
    names = []
    for facts in asked:
        every, own = [facts.label], []
        for spelling in facts.spellings:
            words = [" ".join(spelling.words), " ".join(DIGITS.get(word, word) for word in spelling.words)]
            every += [spelling.name, *words]
            own += [] if spelling.is_generic else words
        names.append((every, own))
    found = []
    with connection.cursor() as cursor:
        cursor.execute(KEYS, [json.dumps(names)])
        for n, (whole, parts) in enumerate(cursor.fetchall()):
            exact = [key for key in whole if key[0] == "="] + [key for key in parts if key[0] == "~"]
            found += [(n, exact), (n, [key for key in parts if key[0] in "<>"])]
    return [(n, keys) for n, keys in found if keys]


def with_match_keys(wanted: list[tuple[int, list[str]]]) -> list[tuple[int, int]]:
    """(which, primary key) of companies that have one of the keys."""
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(HAVING, [json.dumps(wanted), MOST])
        return cursor.fetchall()
