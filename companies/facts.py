"""Facts: what is known of something that may be a company of the directory, and what others may share of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from companies.hosts import label_of, own_domain
from companies.identifiers import Scheme
from companies.models import Company
from companies.spelling import Spelling, differ_by_a_slip, slip_keys, spell

Key = tuple[Any, ...]


def number_of(scheme: str, value: str) -> tuple[str, str]:
    """An identifier as it is compared: a tax number without its check digit."""
    return scheme, value.partition("-")[0] if scheme == Scheme.NTN else value


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
        return frozenset(number_of(scheme, value) for scheme, value in self.identifiers)

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
        for stem in {spelling.stem for spelling in self.spellings if not spelling.is_generic}:
            yield from slip_keys(stem, lengths)

    def is_a_slip_from(self, name: str, legal_name: str, aliases: tuple[str, ...]) -> bool:
        """Whether stems differ by a slip, which few do of those that have a key of ``slips()`` in common."""
        theirs = stems_of(name, legal_name, aliases)
        return any(differ_by_a_slip(one.stem, other) for one in self.spellings for other in theirs)


@lru_cache(maxsize=50_000)  # few companies are looked at only once, and most are not what is looked for
def stems_of(name: str, legal_name: str, aliases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(spelling.stem for spelling in Facts(name, legal_name, aliases).spellings)
