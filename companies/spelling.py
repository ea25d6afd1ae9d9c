"""Spellings: two names as they are compared, and how alike they are."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from companies.naming import LINKS, PLACES, TOO_GENERIC, UnusableNameError, clean_name
from companies.queries import DIGITS, LEGAL
from companies.text import fold

# Words of a trade that people write in several ways.
SYNONYMS = {
    **dict.fromkeys(["technology", "technologies", "techs", "techno"], "tech"),
    **{word: word + "s" for word in ("solution", "system", "service", "house", "lab", "studio", "game")},
    **dict.fromkeys(["softwares", "soft"], "software"),
    **dict.fromkeys(["company", "co", "corp", "corporation", "firm"], "companies"),
}
# What stands at the end of a name and says what is done: "Contour" is "Contour Software", but Cubix is not Cubix IT.
TAIL = TOO_GENERIC | set(SYNONYMS) | set(SYNONYMS.values()) | {"group", "pakistan", "pk", "international", "global"}
GENERIC = TAIL | PLACES | LINKS
LONG = sorted(word for word in TAIL if len(word) >= 8)
# Of those, what people leave out, and add.
OMITTED = frozenset(["tech", "solutions", "software", "houses", "companies", "systems", "services", "pakistan", "pk"])
UNSPELLED = re.compile(r"^(?:m/s\.?|messrs\.?)\s+|['’`]")
WORDS = re.compile(r"[^\W_]+")
# A slip in a shorter name makes it another name.
SHORTEST = 6
# Short names are many companies' initials.
SHORTEST_STEM = 4


class Likeness(IntEnum):
    """How alike two names are, the least first."""

    NONE = 0
    GENERIC = 1
    SLIP = 2
    SHORTER = 3
    CLOSE = 4
    SAME = 5


class Spelling(NamedTuple):
    """A name without legal form, branch and slogan.

    ``text`` is all of it run together, ``stem`` without the words of a trade at its end, which ``tail`` has in one
    spelling each. ``is_generic``: it would fit many.
    """

    name: str
    words: tuple[str, ...]
    text: str
    stem: str
    tail: tuple[str, ...]
    is_generic: bool
    says_nothing: bool

    @property
    def is_short(self) -> bool:
        return len(self.text) < 5


@lru_cache(maxsize=50_000)
def spell(name: str) -> Spelling:
    """How ``name`` is compared; whatever it consists of, it is like itself."""
    try:
        clean, says_nothing = clean_name(name).name, False
    except UnusableNameError:
        clean, says_nothing = name, True
    folded = UNSPELLED.sub("", fold(clean))
    every = WORDS.findall(folded)
    words = [word for word in every if word not in LEGAL and word != "and"]
    if words[:1] == ["the"] and len(words) > 1:
        del words[0]
    if not words or (len(words) == 1 and words[0] in TOO_GENERIC):
        words = [{"ltd": "limited", "pvt": "private"}.get(word, word) for word in every] or [folded or name]
    end = len(words)
    while end > 1 and trade_word(words[end - 1]):
        end -= 1
    stem = "".join(DIGITS.get(word, word) for word in words[:end])
    tail = tuple(trade_word(word) for word in words[end:])
    is_generic = says_nothing or GENERIC.issuperset(words)
    return Spelling(name, tuple(words), "".join(words), stem, tail, is_generic, says_nothing)


@lru_cache(maxsize=50_000)
def trade_word(word: str) -> str:
    """The one spelling of a word of a trade, of one that is misspelt too; empty for any other word."""
    known = word if word in TAIL else next((right for right in LONG if differ_by_a_slip(word, right)), "")
    return SYNONYMS.get(known, known)


def compare(one: Spelling, other: Spelling) -> Likeness:
    """How alike two names are by themselves, whoever has them."""
    generic = one.is_generic or other.is_generic
    if one.text == other.text:
        return Likeness.GENERIC if generic else Likeness.SAME
    if generic:
        return Likeness.GENERIC if (one.stem, one.tail) == (other.stem, other.tail) else Likeness.NONE
    tails = one.tail == other.tail
    if one.stem == other.stem:
        if tails:
            return Likeness.CLOSE
        left_out = set(one.tail) ^ set(other.tail)
        nested = not (one.tail and other.tail) or set(one.tail) < set(other.tail) or set(other.tail) < set(one.tail)
        if nested and left_out <= OMITTED and len(one.stem) >= SHORTEST_STEM:
            return Likeness.SHORTER
    return Likeness.SLIP if tails and differ_by_a_slip(one.stem, other.stem) else Likeness.NONE


def differ_by_a_slip(one: str, other: str) -> bool:
    """Whether a letter is wrong, missing, too many or changed places, but not the first, nor a digit."""
    if min(len(one), len(other)) < SHORTEST or abs(len(one) - len(other)) > 1 or one[0] != other[0]:
        return False
    return OSA.distance(one, other, score_cutoff=1) == 1 and digits(one) == digits(other)


def digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def slip_keys(text: str, lengths: int = 0) -> set[tuple[str, int, str]]:
    """Keys of which two texts that differ by a slip share one, if ``lengths`` is 1 for one of the two.

    A slip leaves intact either the first half or what follows the first letter of the second, of the one as of the
    other.
    """
    keys: set[tuple[str, int, str]] = set()
    if len(text) >= SHORTEST - lengths:
        for length in range(len(text) - lengths, len(text) + lengths + 1):
            half = length // 2
            keys |= {("begins", length, text[:half]), ("ends", length, text[len(text) - length + half + 1 :])}
    return keys


def abbreviates(short: str, words: tuple[str, ...]) -> bool:
    """Whether ``short`` consists of beginnings of all ``words``: "baritechsol" of Bari's Technology Solutions."""
    reached = {0}
    for word in words:
        reached = {
            start + length
            for start in reached
            for length in range(1, len(word) + 1)
            if short.startswith(word[:length], start)
        }
    return len(short) in reached


def related(one: Spelling, other: Spelling) -> bool:
    """Whether two names may well be one company's, given something else that says so."""
    if compare(one, other):
        return True
    if not (one.is_generic or other.is_generic):
        if one.stem == other.stem or contains(one.words, other.words) or contains(other.words, one.words):
            return True
        if min(len(one.stem), len(other.stem)) >= SHORTEST_STEM and OSA.distance(one.stem, other.stem) == 1:
            return True
    return any(
        len(long.words) > 1 < len(short.text) and abbreviates(short.text, long.words)
        for short, long in ((one, other), (other, one))
    )


def contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(words[n : n + len(part)] == part for n in range(len(words) - len(part) + 1))


def names_label(spelling: Spelling, label: str) -> bool:
    """Whether a domain's ``label`` was made of the name."""
    if spelling.is_generic:
        return spelling.text == label
    begins = len(spelling.stem) >= SHORTEST_STEM and label.startswith(spelling.stem)
    return begins or spelling.text == label or (len(label) > 1 and abbreviates(label, spelling.words))
