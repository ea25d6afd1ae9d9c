"""Why a company was found: the field, how it fits, and the words in it that do."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from companies.queries import KINDS, NAMES, OTHER_NAMES, TERMS, TEXTS, Form, Query, joined
from directory.api.words import words_of

# Letters, digits and what belongs to a word although it is neither: apostrophes, vowel signs, joiners.
WORD = re.compile(r"(?:\w|(?<=\w)['’`](?=\w)|[\u0300-\u036f\u064b-\u065f\u0670\u200c\u200d])+")
# Characters of a long text that are shown, and how many of them before what was found.
SHOWN, BEFORE = 160, 60


@dataclass(frozen=True)
class Fit:
    """How well a text answers a query, in the order in which one is better than another."""

    wanted: int
    kind: str
    words: frozenset[str]
    # Whether all that is wanted is there as it is: only a text that is nothing else would be better.
    is_whole: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        return -self.wanted, ("exact", *KINDS).index(self.kind)


# The field and the text that answer best, and how well.
Best = tuple[Fit, str, str]
# (field, text or None, weight)
Text = tuple[str, Any, str]


def explain(query: Query, documents: Sequence[str]) -> list[dict[str, Any]]:
    """For each document ``{"field", "kind", "highlight"}``.

    A highlight is the field's text in pieces, of which every second one is what was found: nobody has to trust
    markup, nor to count characters in the way that we do.
    """
    looked_for = [sorted(wanted.forms, key=lambda form: KINDS.index(form.kind)) for wanted in query.wanted]
    found = [orjson.loads(document) for document in documents]
    best: list[Best] = [(Fit(0, KINDS[-1], frozenset()), "", "")] * len(found)
    for texts_of in (names_of, other_texts_of):
        listed = [(n, *text) for n in range(len(found)) if not best[n][0].is_whole for text in texts_of(found[n])]
        present = [text for text in listed if text[2]]
        split = words_of([text for _, _, text, _ in present])
        for (n, field, text, weight), words in zip(present, split, strict=True):
            here = fit(query, looked_for, words, weight)
            if not best[n][1] or here.rank < best[n][0].rank:
                best[n] = here, field, text
    return [
        {"field": field, "kind": fits.kind, "highlight": pieces}
        for (fits, field, _), pieces in zip(best, highlights(best), strict=True)
    ]


def names_of(document: dict[str, Any]) -> Iterator[Text]:
    """What a company goes by, of all that is searched in its document as company_search() has it."""
    yield "name", document["name"], NAMES
    yield "legal_name", document["legal_name"], OTHER_NAMES
    for alias in document["aliases"]:
        yield "aliases", alias, OTHER_NAMES
    yield "domain", document["domain"], OTHER_NAMES


def other_texts_of(document: dict[str, Any]) -> Iterator[Text]:
    """The rest of it, which is longer and says nothing new where the names have everything."""
    for field in ("specialties", "industries"):
        for term in document[field]:
            yield field, term["name"], TERMS
    if document["hub"]:
        yield "hub", document["hub"]["name"], TERMS
    yield "summary", document["summary"], TEXTS
    yield "description", document["description"], TEXTS


def fit(query: Query, looked_for: list[list[Form]], words: list[str], weight: str) -> Fit:
    """How well a text of ``words`` answers ``query``, of which all forms are ``looked_for``, the best first."""
    if weight in NAMES + OTHER_NAMES and joined(words) in query.names:
        return Fit(len(looked_for), "exact", frozenset(words), is_whole=True)
    kinds, found = [], set()
    for forms in looked_for:
        for form in forms:
            if weight in form.weights and (here := occurrence(form, words)):
                kinds.append(KINDS.index(form.kind))
                found |= here
                break
    worst = max(kinds, default=0)
    return Fit(len(kinds), KINDS[worst], frozenset(found), is_whole=worst == 0 and len(kinds) == len(looked_for))


def occurrence(form: Form, words: list[str]) -> set[str]:
    """The words that have the form, if any."""
    first = form.words[0]
    if first.startswith("+"):
        return {word for pair in pairwise(words) if "".join(pair) == first[1:] for word in pair}
    if form.is_beginning:
        return {word for word in words if word.startswith(first)}
    if (width := len(form.words)) == 1:
        return {first} if first in words else set()
    return set(form.words) if any(tuple(words[n : n + width]) == form.words for n in range(len(words))) else set()


def highlights(best: Sequence[Best]) -> Iterator[list[str]]:
    """The text of each fit in pieces, every second of which was found."""
    marks = [[] if found.kind == "exact" else list(WORD.finditer(text)) for found, _, text in best]
    words = iter(words_of([mark[0] for marked in marks for mark in marked]))
    for (found, _, text), marked in zip(best, marks, strict=True):
        spans = [(0, len(text))] if found.kind == "exact" else []
        for mark in marked:
            if found.words.intersection(next(words)):
                follows = spans and text[spans[-1][1] : mark.start()].isspace()
                start = spans.pop()[0] if follows else mark.start()
                spans.append((start, mark.end()))
        yield in_pieces(text, spans)


def in_pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    start, end = 0, len(text)
    if len(text) > SHOWN:
        first = spans[0][0] if spans else 0
        start = max(0, text.rfind(" ", 0, max(first - BEFORE, 0)) + 1)
        end = max(text.rfind(" ", start, start + SHOWN), spans[0][1] if spans else start + SHOWN)
    pieces, position = [], start
    for left, right in spans:
        if right <= end:
            pieces += [text[position:left], text[left:right]]
            position = right
    pieces.append(text[position:end])
    pieces[0] = ("…" if start else "") + pieces[0]
    pieces[-1] += "…" if end < len(text) else ""
    return pieces
