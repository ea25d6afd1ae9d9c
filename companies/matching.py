"""Matching: which companies of the directory something may be, how certain that is, and why.

Keys and scores are made here, in Python. They serve whole tables in memory and one candidate against the database,
which only fetches those that have something in common with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection, models
from django.db.models import Q

from companies.hosts import label_of, own_domain
from companies.identifiers import Scheme
from companies.models import Company, Identifier
from companies.queries import DIGITS
from companies.spelling import Likeness, Spelling, compare, names_label, related, slip_keys, spell

# Registers that know a company once: another number is another company, and the same is the same whatever its name.
REGISTERS = frozenset([Scheme.SECP, Scheme.NTN, Scheme.LEI, Scheme.PSEB, Scheme.PASHA, Scheme.WIKIDATA])
NUMBERS = frozenset([Scheme.SECP, Scheme.NTN, Scheme.LEI])
# What more companies than this have in common says nothing about any of them.
COMMON = 50
# Companies that are fetched by one thing they have in common with a candidate.
MOST = 1000
KEYS = "company_match_keys('', '', %s::text[], 1)"

Key = tuple[Any, ...]


class Certainty(models.TextChoices):
    """Certain: a machine may act on it. Possible: a curator decides."""

    CERTAIN = "certain"
    POSSIBLE = "possible"


@dataclass(frozen=True)
class Facts:
    """What is known of something that may be a company in the directory.

    ``hub`` is a slug, ``identifiers`` are pairs of scheme and value.
    """

    name: str = ""
    legal_name: str = ""
    aliases: tuple[str, ...] = ()
    website: str = ""
    hub: str = ""
    identifiers: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, company: Company) -> Facts:
        return cls(
            company.name,
            company.legal_name,
            tuple(company.aliases),
            company.website,
            company.hub.slug if company.hub else "",
            frozenset((identifier.scheme, identifier.value) for identifier in company.identifiers.all()),
        )

    @cached_property
    def domain(self) -> str:
        """The website's domain where it is the company's own."""
        return own_domain(self.website)

    @cached_property
    def label(self) -> str:
        return label_of(self.domain)

    @cached_property
    def numbers(self) -> frozenset[tuple[str, str]]:
        """The identifiers, tax numbers without their check digit."""
        return frozenset(
            (scheme, value.partition("-")[0] if scheme == Scheme.NTN else value) for scheme, value in self.identifiers
        )

    @cached_property
    def names(self) -> tuple[Spelling, ...]:
        """The names that count as the company's own."""
        return tuple(dict.fromkeys(spell(name) for name in (self.name, self.legal_name) if name))

    @cached_property
    def spellings(self) -> tuple[Spelling, ...]:
        """All names; of the aliases those that are no mere initials."""
        others = (spell(name) for name in self.aliases if name)
        return tuple(dict.fromkeys((*self.names, *(other for other in others if not other.is_short))))

    def keys(self) -> Iterator[Key]:
        """What those that this may be have at least one of in common with it, but for a slip in the name."""
        yield from (("identifier", *number) for number in self.numbers)
        if self.domain:
            yield "domain", self.domain
            yield "label", self.label
        for spelling in self.spellings:
            yield "text", spelling.text
            if self.hub:
                yield "text", spelling.text, self.hub
            yield ("stem", spelling.stem, spelling.tail) if spelling.is_generic else ("stem", spelling.stem)

    def crossed_keys(self) -> Iterator[Key]:
        """Keys of those whose domain is just the name, or whose name is just the domain."""
        if self.label:
            yield "text", self.label
        for spelling in self.names:
            yield "label", spelling.text

    def slips(self, lengths: int = 0) -> Iterator[Key]:
        """One of these they have in common with a slip in it; see ``slip_keys``."""
        for spelling in self.spellings:
            if not spelling.is_generic:
                yield from slip_keys(spelling.stem, lengths)


@dataclass(frozen=True)
class Match:
    """A company that something may be; ``score`` lies between 0 and 1, ``reasons`` are for people."""

    pk: int
    certainty: Certainty
    score: float
    reasons: tuple[str, ...]


class Relation(models.TextChoices):
    """How two hubs or two domains stand to each other; ``ALIKE`` are purelogics.net and purelogics.com."""

    SAME = "same"
    ALIKE = "alike"
    UNKNOWN = "unknown"
    OTHER = "other"


BASE = {
    Likeness.SAME: 0.85,
    Likeness.CLOSE: 0.75,
    Likeness.SHORTER: 0.65,
    Likeness.SLIP: 0.6,
    Likeness.GENERIC: 0.45,
    Likeness.NONE: 0.4,
}
WEIGHTS = {Relation.SAME: 0.06, Relation.ALIKE: 0.03, Relation.UNKNOWN: 0.0, Relation.OTHER: -0.12}
SAID = {
    Likeness.SAME: "the same name",
    Likeness.CLOSE: "the same name, written another way",
    Likeness.SHORTER: "the same name, one with and one without its trade",
    Likeness.SLIP: "the same name but for a letter",
    Likeness.GENERIC: "the same name, which many could have",
}


def judge(one: Facts, other: Facts, pk: int) -> Match | None:
    """Whether ``other``, which the directory has as ``pk``, is what ``one`` tells of; None where it is not."""
    likeness, ours, theirs = most_alike(one, other)
    hub, domain = relation(one.hub, other.hub), relate_domains(one, other)
    shared = one.numbers & other.numbers
    conflicting = any(has_another(scheme, one, other) for scheme in NUMBERS)
    score = BASE[likeness] + WEIGHTS[hub] + WEIGHTS[domain] - 0.2 * conflicting
    reasons = [f"the same {Scheme(scheme).label}, {value}" for scheme, value in sorted(shared)]
    if domain is Relation.SAME:
        reasons.append(f"the same domain, {one.domain}")
    if likeness:
        reasons.append(SAID[likeness] + (f": “{ours}”" if ours == theirs else f": “{ours}” and “{theirs}”"))
    if shared:
        is_register = any(scheme in REGISTERS for scheme, _ in shared)
        certain = is_register or bool(likeness) or domain is Relation.SAME
        score = 0.99 if certain else 0.7
    elif domain is Relation.SAME:
        certain = is_one_company(one, other) and not conflicting
        score = 0.9 + 0.08 * (likeness / Likeness.SAME) if certain else 0.6
    elif likeness:
        if not counts(likeness, hub, domain, is_one_place=one.hub == other.hub):
            return None
        settled = one.hub == other.hub and domain is not Relation.OTHER
        certain = likeness is Likeness.SAME and settled and not conflicting
    elif named := named_by_domain(one, other):
        if hub is Relation.OTHER or conflicting:
            return None
        certain, score = False, 0.5
        reasons.append(f"a domain named like it, {named}")
    else:
        return None
    if not certain and conflicting and not shared and domain is Relation.OTHER:
        return None
    reasons += remarks(one, other, hub, domain)
    exact = 0.01 if one.name == other.name else 0.0
    return Match(
        pk, Certainty.CERTAIN if certain else Certainty.POSSIBLE, round(min(1.0, score + exact), 3), tuple(reasons)
    )


def counts(likeness: Likeness, hub: Relation, domain: Relation, *, is_one_place: bool) -> bool:
    """Whether names that are so alike say anything, where neither domain nor identifier does."""
    if domain is Relation.ALIKE and likeness > Likeness.GENERIC:
        return True
    if likeness is Likeness.SAME:
        return not (hub is Relation.OTHER and domain is Relation.OTHER)
    if domain is Relation.OTHER or hub is Relation.OTHER:
        return False
    return likeness > Likeness.GENERIC or is_one_place


def most_alike(one: Facts, other: Facts) -> tuple[Likeness, str, str]:
    """How alike the two names are that are most so, and these."""
    pairs = ((compare(ours, theirs), ours.name, theirs.name) for ours in one.spellings for theirs in other.spellings)
    return max(pairs, key=lambda pair: pair[0], default=(Likeness.NONE, "", ""))


def relation(one: str, other: str) -> Relation:
    if not one or not other:
        return Relation.UNKNOWN
    return Relation.SAME if one == other else Relation.OTHER


def relate_domains(one: Facts, other: Facts) -> Relation:
    known = relation(one.domain, other.domain)
    if known is Relation.OTHER:
        short, long = sorted((one.label, other.label), key=len)
        if short == long or (len(short) >= 5 and long.startswith(short)):
            return Relation.ALIKE
    return known


def has_another(scheme: str, one: Facts, other: Facts) -> bool:
    """Whether both have an identifier of a scheme, but none in common."""
    ours, theirs = ({value for known, value in facts.numbers if known == scheme} for facts in (one, other))
    return bool(ours and theirs) and not ours & theirs


def is_one_company(one: Facts, other: Facts) -> bool:
    """Whether two that have a domain in common have names that one company may have."""
    pairs = [(ours, theirs) for ours in one.spellings for theirs in other.spellings]
    if any(related(*pair) for pair in pairs):
        return True
    named = [any(names_label(name, one.label) for name in facts.spellings) for facts in (one, other)]
    silent = [all(name.says_nothing for name in facts.spellings) for facts in (one, other)]
    return all(known or quiet for known, quiet in zip(named, silent, strict=True))


def named_by_domain(one: Facts, other: Facts) -> str:
    """The domain of the one that is just the name of the other, which has none; empty where there is none."""
    for facts, nameless in ((one, other), (other, one)):
        if facts.domain and not nameless.domain:
            names = [name for name in nameless.names if not (name.is_generic or name.is_short)]
            if any(name.text == facts.label for name in names):
                return facts.domain
    return ""


def remarks(one: Facts, other: Facts, hub: Relation, domain: Relation) -> Iterator[str]:
    if hub is Relation.SAME:
        yield f"the same hub, {one.hub}"
    if hub is Relation.OTHER:
        yield f"but other hubs, {one.hub} and {other.hub}"
    if domain is Relation.ALIKE:
        yield f"domains that are alike, {one.domain} and {other.domain}"
    if domain is Relation.OTHER:
        yield f"but other domains, {one.domain} and {other.domain}"
    for scheme in sorted(NUMBERS):
        if has_another(scheme, one, other):
            yield f"but other numbers of {Scheme(scheme).label}"


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
        found: set[int] = set()
        for key in {*facts.keys(), *facts.crossed_keys(), *facts.slips(lengths=1)}:
            holders = self.holders.get(key, ())
            if len(holders) <= COMMON:
                found.update(holders)
        return best((judge(facts, self.facts[pk], pk) for pk in found), limit)


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
