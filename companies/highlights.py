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

    @property
    def rank(self) -> tuple[int, int]:
        return -self.wanted, ("exact", *KINDS).index(self.kind)


def explain(query: Query, documents: Sequence[str]) -> list[dict[str, Any]]:
    """For each document ``{"field", "kind", "highlight"}``.

    A highlight is the field's text in pieces, of which every second one is what was found: nobody has to trust
    markup, nor to count characters in the way that we do.
    """
    texts = [[text for text in texts_of(orjson.loads(document)) if text[1]] for document in documents]
    words = iter(words_of([text for listed in texts for _, text, _ in listed]))
    best = []
    for listed in texts:
        fits = [(fit(query, next(words), weight), field, text) for field, text, weight in listed]
        best.append(min(fits, key=lambda found: found[0].rank))
    return [
        {"field": field, "kind": found.kind, "highlight": pieces}
        for (found, field, _), pieces in zip(best, highlights(best), strict=True)
    ]


def texts_of(document: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """(field, text or None, weight) of all that is searched in a document, as company_search() has it."""
    yield "name", document["name"], NAMES
    yield "legal_name", document["legal_name"], OTHER_NAMES
    for alias in document["aliases"]:
        yield "aliases", alias, OTHER_NAMES
    yield "domain", document["domain"], OTHER_NAMES
    for field in ("specialties", "industries"):
        for term in document[field]:
            yield field, term["name"], TERMS
    if document["hub"]:
        yield "hub", document["hub"]["name"], TERMS
    yield "summary", document["summary"], TEXTS
    yield "description", document["description"], TEXTS


def fit(query: Query, words: list[str], weight: str) -> Fit:
    """How well a text of ``words`` answers ``query``."""
    if weight in NAMES + OTHER_NAMES and joined(words) in query.names:
        return Fit(len(query.wanted), "exact", frozenset(words))
    kinds, found = [], set()
    for wanted in query.wanted:
        for form in sorted(wanted.forms, key=lambda form: KINDS.index(form.kind)):
            if weight in form.weights and (here := occurrence(form, words)):
                kinds.append(KINDS.index(form.kind))
                found |= here
                break
    return Fit(len(kinds), KINDS[max(kinds, default=0)], frozenset(found))


def occurrence(form: Form, words: list[str]) -> set[str]:
    """The words that have the form, if any."""
    first = form.words[0]
    if first.startswith("+"):
        return {word for pair in pairwise(words) if "".join(pair) == first[1:] for word in pair}
    if form.is_beginning:
        return {word for word in words if word.startswith(first)}
    width = len(form.words)
    return set(form.words) if any(tuple(words[n : n + width]) == form.words for n in range(len(words))) else set()


def highlights(best: Sequence[tuple[Fit, str, str]]) -> Iterator[list[str]]:
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
