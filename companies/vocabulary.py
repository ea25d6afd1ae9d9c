"""The terms that places, specialties and industries go by, and where raw text belongs among them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from companies.text import fold, squash

# What people append to a term without changing its meaning: "SEO services", "NodeJS backends", "React web".
GENERIC = re.compile(
    r"(?:services?|solutions?|systems?|platforms?|products?|develop\w*|dev|engineer(?:s|ing)?|programming"
    r"|softwares?|apps?|applications?|webapps?|apis?|backends?|servers?|front[ -]?ends?|web|portals?|sites?"
    r"|mobile|engines?|frameworks?|architectures?|code|scripting|stacks?|pipelines?|tools?|tech|technolog\w+"
    r"|consult(?:ing|ancy|ants?)|experts?|integrations?|migrations?|setups?|labs|layouts|ecosystem"
    r"|orchestration|customi[sz]ations?)"
)

SEPARATOR = re.compile(r"\s*(?:&|,|/|\||\+(?=\s)|\band\b)\s*", re.IGNORECASE)
PARENTHESIS = re.compile(r"\(([^()]*)\)")

# A longer text is no term and no address; looking for one in it would only cost time.
LONGEST = 500
REMEMBERED = 10_000

Kind = Literal["specialties", "industries"]


def term_key(text: str) -> str:
    """The spelling under which a term is found: folded, "&" read as "and", a hyphen as a space."""
    return " ".join(fold(text).replace("&", " and ").replace("-", " ").split())


@dataclass(frozen=True)
class Term:
    """One entry of a vocabulary."""

    slug: str
    name: str
    aliases: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Self:
        """A term from a row with the columns slug, name and aliases (separated by ";")."""
        aliases = (squash(alias) for alias in row["aliases"].split(";"))
        return cls(row["slug"], row["name"], tuple(alias for alias in aliases if alias))


@dataclass(frozen=True)
class Vocabulary:
    """Terms by slug, name and alias.

    A name outranks another term's alias. An alias that two terms claim finds neither, for either would be
    a guess; `clashes` tells who claims what.
    """

    terms: tuple[Term, ...]
    clashes: dict[str, set[str]] = field(init=False, repr=False, compare=False)
    _slugs: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named: dict[str, set[str]] = {}
        claimed: dict[str, set[str]] = {}
        for term in self.terms:
            for text in (term.slug, term.name):
                named.setdefault(term_key(text), set()).add(term.slug)
            for text in (term.slug, term.name, *term.aliases):
                claimed.setdefault(term_key(text), set()).add(term.slug)
        clashes = {key: slugs for key, slugs in claimed.items() if len(slugs) > 1}
        object.__setattr__(self, "clashes", clashes)
        slugs = {key: min(slugs) for key, slugs in (claimed | named).items() if len(slugs) == 1}
        object.__setattr__(self, "_slugs", slugs)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, str]]) -> Self:
        return cls(tuple(Term.from_row(row) for row in rows))

    def find(self, text: str) -> str | None:
        """The slug of the term that is spelled so, if there is just one."""
        return self._slugs.get(term_key(text))


@dataclass
class Placement:
    """Where a text belongs: slugs in the order of the text, and the parts that belong nowhere."""

    specialties: list[str] = field(default_factory=list)
    industries: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.specialties or self.industries)

    def add(self, other: "Placement") -> None:
        self.specialties += [slug for slug in other.specialties if slug not in self.specialties]
        self.industries += [slug for slug in other.industries if slug not in self.industries]
        self.unplaced += [part for part in other.unplaced if part not in self.unplaced]


@dataclass(frozen=True)
class Vocabularies:
    hubs: Vocabulary
    specialties: Vocabulary
    industries: Vocabulary
    # The same tags come again and again in a table.
    _placed: dict[tuple[str, Kind], Placement] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find_hub(self, text: str) -> str | None:
        """The hub a place is in: "KHI", "Korangi", "Karachi Gpo", "Plot 4, Blue Area, Islamabad".

        A text that names two hubs ("Rawalpindi / Islamabad") is in neither.
        """
        if len(text) > LONGEST:
            return None
        whole = self.hubs.find(text)
        if whole:
            return whole
        found = {slug for part in re.split(r"[,/;،]", text) for slug in self._hubs_of(part)}
        return found.pop() if len(found) == 1 else None

    def _hubs_of(self, part: str) -> set[str]:
        exact = self.hubs.find(part)
        if exact:
            return {exact}
        key = f" {term_key(part)} "
        return {
            hub.slug
            for hub in self.hubs.terms
            if key.startswith(f" {term_key(hub.name)} ") or key.endswith(f" {term_key(hub.name)} ")
        }

    def place(self, text: str, *, prefer: Kind = "specialties") -> Placement:
        """Place a tag or sector; `prefer` says whose word it is when both vocabularies know it.

        The whole is tried first, then its parts: "Web, Mobile & EdTech" is two specialties and an industry,
        "Mobile (React Native/Flutter)" a specialty and two more that specify it.
        """
        key = text, prefer
        if key not in self._placed:
            if len(self._placed) >= REMEMBERED:
                self._placed.clear()
            self._placed[key] = self._place(squash(text), prefer)
        return self._placed[key]

    def _place(self, text: str, prefer: Kind) -> Placement:
        if len(text) > LONGEST:
            return Placement(unplaced=[text])
        whole = self._place_phrase(text, prefer)
        if whole:
            return whole
        placement = Placement()
        for part in (PARENTHESIS.sub(" ", text), *PARENTHESIS.findall(text)):
            phrase = self._place_phrase(part, prefer)
            pieces = [phrase] if phrase else [self._place_phrase(p, prefer) for p in SEPARATOR.split(part)]
            for piece in pieces:
                placement.add(piece)
        return placement if placement else Placement(unplaced=[text] if text else [])

    def _place_phrase(self, phrase: str, prefer: Kind) -> Placement:
        """Look a phrase up, then again without each generic word at its end."""
        words = term_key(phrase).split()
        for end in range(len(words), 0, -1):
            if end < len(words) and not GENERIC.fullmatch(words[end]):
                break
            key = " ".join(words[:end])
            specialty, industry = self.specialties.find(key), self.industries.find(key)
            if industry and (prefer == "industries" or not specialty):
                return Placement(industries=[industry])
            if specialty:
                return Placement(specialties=[specialty])
        says_something = any(word[0].isalpha() and not GENERIC.fullmatch(word) for word in words)
        return Placement(unplaced=[squash(phrase)] if says_something else [])
