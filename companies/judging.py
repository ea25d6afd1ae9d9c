"""Judging: whether two sets of facts tell of one company, how certain that is, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.db import models

from companies.facts import Facts
from companies.identifiers import Scheme
from companies.spelling import Likeness, compare, names_label, related

# Registers that know a company by itself: who has the same entry is the same, whatever the names.
REGISTERS = frozenset([Scheme.SECP, Scheme.NTN, Scheme.LEI, Scheme.PSEB, Scheme.PASHA, Scheme.WIKIDATA])
# Of those, the ones that know a company once: who has another number is another.
ONCE = frozenset([Scheme.SECP, Scheme.NTN, Scheme.LEI])
LABELS = dict(Scheme.choices)


class Certainty(models.TextChoices):
    """Certain: a machine may act on it. Possible: a curator decides."""

    CERTAIN = "certain"
    POSSIBLE = "possible"


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
}
WEIGHTS = {Relation.SAME: 0.06, Relation.ALIKE: 0.03, Relation.UNKNOWN: 0.0, Relation.OTHER: -0.12}
SAID = {
    Likeness.SAME: "the same name",
    Likeness.CLOSE: "the same name, written another way",
    Likeness.SHORTER: "the same name, but for a word such as “Software” or “Technologies”",
    Likeness.SLIP: "the same name but for a letter",
    Likeness.GENERIC: "the same name, which many could have",
}


# Whether it is certain, and the score.
Verdict = tuple[bool, float]


@dataclass(frozen=True)
class Evidence:
    """What two sets of facts have in common, and what speaks against them."""

    one: Facts
    other: Facts

    @cached_property
    def names(self) -> tuple[Likeness, str, str]:
        """How alike the two names are that are most so, and these."""
        pairs = (
            (compare(ours, theirs), ours.name, theirs.name)
            for ours in self.one.spellings
            for theirs in self.other.spellings
        )
        return max(pairs, key=lambda pair: pair[0], default=(Likeness.NONE, "", ""))

    @property
    def likeness(self) -> Likeness:
        return self.names[0]

    @cached_property
    def hub(self) -> Relation:
        return relation(self.one.hub, self.other.hub)

    @cached_property
    def domain(self) -> Relation:
        return relate_domains(self.one, self.other)

    @cached_property
    def shared(self) -> frozenset[tuple[str, str]]:
        return self.one.numbers & self.other.numbers

    @cached_property
    def conflicts(self) -> list[str]:
        """The registers in which they have different numbers."""
        return [scheme for scheme in sorted(ONCE) if has_another(scheme, self.one, self.other)]

    def reasons(self) -> Iterator[str]:
        """For people, what speaks for it first."""
        one, other = self.one, self.other
        for scheme, value in sorted(self.shared):
            yield f"the same {LABELS.get(scheme, scheme)}, {value}"
        if self.domain is Relation.SAME:
            yield f"the same domain, {one.domain}"
        if self.likeness:
            _, ours, theirs = self.names
            yield SAID[self.likeness] + (f": “{ours}”" if ours == theirs else f": “{ours}” and “{theirs}”")
        elif named := named_by_domain(one, other):
            yield f"a domain named like it, {named}"
        if self.hub is Relation.SAME:
            yield f"the same hub, {one.hub}"
        if self.domain is Relation.ALIKE:
            yield f"domains that are alike, {one.domain} and {other.domain}"
        if self.hub is Relation.OTHER:
            yield f"but other hubs, {one.hub} and {other.hub}"
        if self.domain is Relation.OTHER:
            yield f"but other domains, {one.domain} and {other.domain}"
        for scheme in self.conflicts:
            yield f"but other numbers of {LABELS[scheme]}"


def judge(one: Facts, other: Facts, pk: int) -> Match | None:
    """Whether ``other``, which the directory has as ``pk``, is what ``one`` tells of; None where it is not."""
    evidence = Evidence(one, other)
    for rule in (by_identifier, by_domain, by_name, by_label):
        if verdict := rule(evidence):
            is_certain, score = verdict
            certainty = Certainty.CERTAIN if is_certain else Certainty.POSSIBLE
            exact = 0.01 if one.name == other.name else 0.0
            return Match(pk, certainty, round(score + exact, 3), tuple(evidence.reasons()))
    return None


def by_identifier(evidence: Evidence) -> Verdict | None:
    """A page of LinkedIn or GitHub may be a group's: the names, or the domain, have to agree."""
    if not evidence.shared:
        return None
    is_registered = any(scheme in REGISTERS for scheme, _ in evidence.shared)
    is_certain = is_registered or bool(evidence.likeness) or evidence.domain is Relation.SAME
    return is_certain, 0.99 if is_certain else 0.7


def by_domain(evidence: Evidence) -> Verdict | None:
    """Two companies may share a domain: the names have to be related."""
    if evidence.domain is not Relation.SAME:
        return None
    if is_one_company(evidence.one, evidence.other) and not evidence.conflicts:
        return True, 0.9 + 0.08 * evidence.likeness / Likeness.SAME
    return False, 0.6


def by_name(evidence: Evidence) -> Verdict | None:
    """The same name in the same hub, with no other domain, is certain; what is less than that is possible."""
    likeness, hub, domain = evidence.likeness, evidence.hub, evidence.domain
    is_one_place = evidence.one.hub == evidence.other.hub
    is_contested = domain is Relation.OTHER
    if not likeness or (is_contested and evidence.conflicts):
        return None
    if domain is Relation.ALIKE and likeness > Likeness.GENERIC:
        counts = True
    elif likeness is Likeness.SAME:
        counts = not (hub is Relation.OTHER and is_contested)
    else:
        counts = hub is not Relation.OTHER and not is_contested and (likeness > Likeness.GENERIC or is_one_place)
    if not counts:
        return None
    is_certain = likeness is Likeness.SAME and is_one_place and not is_contested and not evidence.conflicts
    score = BASE[likeness] + WEIGHTS[hub] + WEIGHTS[domain]
    return is_certain, score - 0.2 if evidence.conflicts else score


def by_label(evidence: Evidence) -> Verdict | None:
    """Nothing but a domain that is just the name of who has none."""
    if evidence.hub is Relation.OTHER or evidence.conflicts or not named_by_domain(evidence.one, evidence.other):
        return None
    return False, 0.5


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
