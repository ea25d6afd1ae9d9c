"""Matching: which companies of the directory something may be, how certain that is, and why.

Keys and scores are made in Python. They serve tables in memory, and candidates against the database, which only
fetches those that have something in common with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from django.db.models import Q, Value

from companies.facts import Facts, Key, number_of
from companies.identifiers import Scheme
from companies.judging import Certainty, Match, judge
from companies.match_keys import keys_of
from companies.models import Company, CompanyQuerySet, Identifier
from companies.queries import DIGITS

__all__ = ["Certainty", "Facts", "Match", "Matcher", "find", "find_all"]

# What more companies than this have in common says nothing about any of them.
COMMON = 50
# Companies that are fetched by one thing they have in common with a candidate.
MOST = 1000
IDENTIFIED = ("scheme", "value", "company_id")
# Beginnings are asked for as ranges, which an index answers for many at once; an empty domain is in no index.
OWNING = """
    SELECT domain, id FROM companies_company WHERE domain = ANY(%s) AND domain <> ''
    UNION ALL
    SELECT domain, id FROM unnest(%s::text[]) AS asked (label)
    JOIN companies_company ON domain ~>=~ (label || '.') AND domain ~<~ (label || '/') WHERE domain <> ''
    LIMIT %s
"""
# Found first and cut then: for the first few of many the planner would read through the table.
HAVING = """
    SELECT n, few.*
    FROM (
        SELECT (wanted -> 0)::int AS n, ARRAY(SELECT jsonb_array_elements_text(wanted -> 1)) AS keys
        FROM jsonb_array_elements(%s::jsonb) AS asked (wanted)
        OFFSET 0
    ) AS asked
    CROSS JOIN LATERAL (
        WITH found AS MATERIALIZED (
            SELECT id, name, legal_name, aliases FROM companies_company
            WHERE company_match_keys(name, legal_name, aliases, 0) && keys
        )
        SELECT * FROM found LIMIT %s
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
        # Hash of a key → who has it, as a number where it is only one: of most keys, and that is most of the memory.
        self.holders: dict[int, int | list[int]] = {}

    def add(self, pk: int, facts: Facts) -> None:
        self.facts[pk] = facts
        for key in {*facts.keys(), *facts.slips()}:
            holder = self.holders.setdefault(hash(key), pk)
            if isinstance(holder, list):
                holder.append(pk)
            elif holder != pk:
                self.holders[hash(key)] = [holder, pk]

    def match(self, facts: Facts, limit: int = 5) -> list[Match]:
        """The companies that ``facts`` may tell of, the best first; none where there is no such company."""
        found = self.having({*facts.keys(), *facts.crossed_keys()})
        for pk in self.having(set(facts.slips(lengths=1))) - found:
            other = self.facts[pk]
            if facts.is_a_slip_from(other.name, other.legal_name, other.aliases):
                found.add(pk)
        return best((judge(facts, self.facts[pk], pk) for pk in found), limit)

    def having(self, keys: set[Key]) -> set[int]:
        """The companies that have one of ``keys``, unless too many have it."""
        found: set[int] = set()
        for key in keys:
            holders = self.holders.get(hash(key), ())
            if isinstance(holders, int):
                found.add(holders)
            elif len(holders) <= COMMON:
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
    wanted = {pk for pks in candidates for pk in pks}
    known = facts_among(among.for_matching().filter(pk__any=Value(list(wanted)))) if wanted else {}
    found = [
        best((judge(facts, known[pk], pk) for pk in pks & known.keys()), limit)
        for facts, pks in zip(asked, candidates, strict=True)
    ]
    return Found(found, known)


def facts_among(companies: CompanyQuerySet) -> dict[int, Facts]:
    """Primary key → facts, in two queries and without an object for each of what may be thousands."""
    columns = ("pk", "name", "legal_name", "aliases", "website", "hub__slug")
    rows = companies.select_related(None).prefetch_related(None).order_by().values_list(*columns)
    identifiers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    found = {pk: values for pk, *values in rows}
    for scheme, value, pk in Identifier.objects.filter(company__any=Value(list(found))).values_list(*IDENTIFIED):
        identifiers[pk].append((scheme, value))
    return {
        pk: Facts(name, legal_name, tuple(aliases), website, hub or "", frozenset(identifiers.get(pk, ())))
        for pk, (name, legal_name, aliases, website, hub) in found.items()
    }


def candidates_of(asked: Sequence[Facts]) -> list[set[int]]:
    """Of each, all that it may match, and some that it does not."""
    found: list[set[int]] = [set() for _ in asked]
    numbers = frozenset(number for facts in asked for number in facts.numbers)
    holders: dict[Key, set[int]] = defaultdict(set)
    if numbers:
        for scheme, value, pk in Identifier.objects.filter(is_one_of(numbers)).values_list(*IDENTIFIED):
            holders["identifier", *number_of(scheme, value)].add(pk)
    for domain, pk in owning(asked):
        holders["domain", domain].add(pk)
        holders["label", domain.partition(".")[0]].add(pk)
    for facts, one in zip(asked, found, strict=True):
        keys: list[Key] = [("identifier", *number) for number in facts.numbers]
        keys += [("domain", facts.domain)] if facts.domain else [("label", text) for text in labels(facts)]
        one.update(*(holders.get(key, ()) for key in keys))
    exact, halves = match_keys(asked)
    for n, pk, *_ in with_match_keys(exact):
        found[n].add(pk)
    for n, pk, name, legal_name, aliases in with_match_keys(halves):
        if pk not in found[n] and asked[n].is_a_slip_from(name, legal_name, tuple(aliases)):
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


def owning(asked: Sequence[Facts]) -> list[tuple[str, int]]:
    """(domain, primary key) of companies that have one of the domains, or one that is just the name."""
    domains = {facts.domain for facts in asked if facts.domain}
    named = {text for facts in asked if not facts.domain for text in labels(facts)}
    if not (domains or named):
        return []
    with connection.cursor() as cursor:
        cursor.execute(OWNING, [list(domains), list(named), MOST * len(asked)])
        return cursor.fetchall()


def match_keys(asked: Iterable[Facts]) -> tuple[list[tuple[int, list[str]]], list[tuple[int, list[str]]]]:
    """(which, keys) of the names that are the same, and of those with a slip.

    Of a name that many could have, only the whole counts.
    """
    every, own = [], []
    for facts in asked:
        names, parts = [facts.label], []
        for spelling in facts.spellings:
            words = [" ".join(spelling.words), " ".join(DIGITS.get(word, word) for word in spelling.words)]
            names += [spelling.name, *words]
            parts += [] if spelling.is_generic else words
        every.append(names)
        own.append(parts)
    exact, halves = [], []
    keys = keys_of([*every, *own])
    for n, (whole, parts) in enumerate(zip(keys[: len(every)], keys[len(every) :], strict=True)):
        exact.append((n, [key for key in whole if key[0] == "="] + [key for key in parts if key[0] == "~"]))
        halves.append((n, [key for key in parts if key[0] in "<>"]))
    return [one for one in exact if one[1]], [one for one in halves if one[1]]


def with_match_keys(wanted: list[tuple[int, list[str]]]) -> list[tuple[Any, ...]]:
    """(which, primary key, name, legal name, aliases) of companies that have one of the keys."""
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(HAVING, [orjson.dumps(wanted).decode(), MOST])
        return cursor.fetchall()
