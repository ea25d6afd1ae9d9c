"""Resolving: which public company each of many inputs means, certain and unique or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import connection

from companies.facts import Facts
from companies.judging import Certainty, Evidence, Match, Relation
from companies.matching import Found, find_all
from companies.models import Company
from companies.recognising import Asked
from companies.spelling import Likeness, compare
from directory import ids
from directory.models import Action, Address, Version

OUTCOMES = {
    "exact": "It is this company.",
    "alias": "It is this company, by an old slug or by another name than its own.",
    "merged": "It became this company.",
    "gone": "It was published once and is no longer.",
    "ambiguous": "It may be one of the candidates.",
    "none": "It is no company of the directory.",
}
CERTAIN = ("exact", "alias", "merged")
# What belongs to nobody else is as certain as a domain that the name fits: see companies.judging.
OWNED = 0.9
ADD_MORE = "a name alone is not certain: add its city behind a comma, or give its website or a number in a register"
NO_CITY = "the directory knows no city of it: give its website or a number in a register"
# What dropped companies became, through all merges that stand.
SUCCESSORS = """
    WITH RECURSIVE successor (id, keep) AS (
        SELECT drop_id, keep_id FROM companies_merge WHERE drop_id = ANY(%s) AND undone_at IS NULL
        UNION
        SELECT successor.id, merge.keep_id FROM successor
        JOIN companies_merge AS merge ON merge.drop_id = successor.keep AND merge.undone_at IS NULL
    )
    SELECT id, keep FROM successor
    WHERE NOT EXISTS (SELECT FROM companies_merge WHERE drop_id = successor.keep AND undone_at IS NULL)
"""


@dataclass(frozen=True)
class Named:
    """A public company by what it is called."""

    pk: int
    slug: str
    name: str

    def as_json(self) -> dict[str, Any]:
        url = f"{settings.SITE_URL}/api/v1/{Company.collection}/{self.slug}/"
        return {"id": ids.encode(Company.kind_number, self.pk), "slug": self.slug, "name": self.name, "url": url}


@dataclass(frozen=True)
class Candidate:
    """A company that an input may mean; ``score`` lies between 0 and 1."""

    company: Named
    score: float
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {**self.company.as_json(), "score": self.score, "reasons": self.reasons}


@dataclass(frozen=True)
class Resolution:
    """What became of an input: ``candidates`` begin with the company it means, where that is certain."""

    outcome: str
    by: str
    candidates: tuple[Candidate, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def chosen(self) -> Candidate | None:
        return self.candidates[0] if self.outcome in CERTAIN else None


@dataclass
class Standing:
    """What is known of addresses: the public companies, what merged ones became, and which are gone."""

    public: dict[int, Named] = field(default_factory=dict)
    became: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, pks: Iterable[int]) -> Standing:
        """Three queries at most, and one more where companies were merged; drafts are unknown here as anywhere."""
        wanted = set(pks)
        standing = cls(public_by_pk(wanted))
        if missing := wanted - standing.public.keys():
            newest = Version.objects.filter(kind="company", object_id__in=missing).order_by("object_id", "-pk")
            actions = dict(newest.distinct("object_id").values_list("object_id", "action"))
            merged = {pk for pk, action in actions.items() if action == Action.MERGED}
            standing.became = successors(merged) if merged else {}
            standing.public |= public_by_pk(standing.became.values())
            standing.became = {pk: keep for pk, keep in standing.became.items() if keep in standing.public}
            standing.gone = actions.keys() - standing.became.keys()
        return standing

    def knows(self, pk: int) -> bool:
        return pk in self.public or pk in self.became or pk in self.gone


def resolve(inputs: Sequence[Asked], limit: int = 5) -> list[Resolution]:
    """What each input means, in as many queries for two hundred as for one."""
    slugs = {asked.slug for asked in inputs if asked.slug}
    owners = dict(Address.objects.filter(kind="company", slug__in=slugs).values_list("slug", "object_id"))
    pks = [asked.pk or (owners.get(asked.slug, 0) if asked.slug else 0) for asked in inputs]
    standing = Standing.of(filter(None, pks)) if any(pks) else Standing()
    matching = [asked for asked, pk in zip(inputs, pks, strict=True) if asked.facts and not standing.knows(pk)]
    every = [facts for asked in matching for facts in asked.facts]
    public: Any = Company.objects.published()
    found = find_all(every, public, limit) if every else Found([], {})
    named = public_by_pk({match.pk for matches in found.matches for match in matches})
    results = iter(found.matches)
    return [
        by_address(asked, pk, standing)
        if standing.knows(pk) or not asked.facts
        else by_facts(asked, [(facts, next(results)) for facts in asked.facts], found.facts, named, limit)
        for asked, pk in zip(inputs, pks, strict=True)
    ]


def public_by_pk(pks: Iterable[int]) -> dict[int, Named]:
    wanted = set(pks)
    if not wanted:
        return {}
    rows = Company.objects.published().filter(pk__in=wanted).order_by().values_list("pk", "slug", "name")
    return {pk: Named(pk, slug, name) for pk, slug, name in rows}


def successors(merged: Iterable[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(SUCCESSORS, [list(merged)])
        return dict(cursor.fetchall())


def by_address(asked: Asked, pk: int, standing: Standing) -> Resolution:
    """What an id or a slug leads to; ``pk`` is 0 where it leads nowhere."""
    if asked.why:
        return Resolution("none", asked.by, reasons=(asked.why,))
    if company := standing.public.get(pk):
        is_old = bool(asked.slug) and asked.slug != company.slug
        reasons = ("a slug that it had before",) if is_old else (f"its {asked.by}",)
        return Resolution("alias" if is_old else "exact", asked.by, (Candidate(company, 1.0, reasons),))
    if pk in standing.became:
        reasons = (f"its {asked.by} until it was merged",)
        return Resolution("merged", asked.by, (Candidate(standing.public[standing.became[pk]], 1.0, reasons),))
    if pk in standing.gone:
        return Resolution("gone", asked.by, reasons=(f"the {asked.by} of a company that was withdrawn",))
    return Resolution("none", asked.by, reasons=(f"no company has this {asked.by}",))


def by_facts(
    asked: Asked,
    read: Sequence[tuple[Facts, list[Match]]],
    known: dict[int, Facts],
    named: dict[int, Named],
    limit: int,
) -> Resolution:
    """What the facts of an input tell of; where they may be read in several ways, any of them counts."""
    told = {match.pk: (facts, match) for facts, matches in read for match in matches if match.pk in named}
    certain = [pk for pk, (facts, match) in told.items() if is_certain(match, facts, known[pk])]
    if not certain and asked.is_key:
        owners = [pk for pk, (facts, _) in told.items() if owns(facts, known[pk])]
        if len(owners) == 1:
            certain = owners
            facts, match = told[owners[0]]
            told[owners[0]] = (facts, replace(match, score=max(match.score, OWNED)))
    order = sorted(told, key=lambda pk: (pk not in certain, -told[pk][1].score, pk))[:limit]
    candidates = tuple(Candidate(named[pk], told[pk][1].score, told[pk][1].reasons) for pk in order)
    if len(certain) == 1:
        evidence = Evidence(told[certain[0]][0], known[certain[0]])
        by = told_by(evidence)
        return Resolution("alias" if by == "name" and is_alias(evidence) else "exact", by, candidates)
    if candidates:
        by = told_by(Evidence(told[order[0]][0], known[order[0]]))
        reasons: tuple[str, ...] = ()
        if not any(facts.hub or facts.website or facts.numbers for facts, _ in read):
            reasons = (ADD_MORE,)
        elif by == "name" and not known[order[0]].hub:
            reasons = (NO_CITY,)
        return Resolution("ambiguous", by, candidates, reasons)
    what = "slug, nor this name" if asked.by == "slug" else asked.by
    return Resolution("none", asked.by, reasons=(f"no company has this {what}", *filter(None, [asked.why])))


def is_certain(match: Match, facts: Facts, other: Facts) -> bool:
    """A name without its city never is, whichever companies have no city either."""
    is_placed = bool(facts.hub) or told_by(Evidence(facts, other)) != "name"
    return match.certainty == Certainty.CERTAIN and is_placed


def owns(facts: Facts, other: Facts) -> bool:
    """Whether ``other`` has the identifier or the domain that is asked for."""
    return bool(facts.numbers & other.numbers) or (facts.domain != "" and facts.domain == other.domain)


def told_by(evidence: Evidence) -> str:
    """What tells most of what two sets of facts have in common."""
    if evidence.shared:
        return min(evidence.shared)[0]
    is_named = evidence.domain is not Relation.SAME and bool(evidence.likeness)
    return "name" if is_named else "domain"


def is_alias(evidence: Evidence) -> bool:
    """Whether the name is another one than the company's own."""
    pairs = [compare(ours, theirs) for ours in evidence.one.spellings for theirs in evidence.other.names]
    return max(pairs, default=Likeness.NONE) < evidence.likeness
