"""Completions: what somebody who is still typing may be looking for, by kind and with what it leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Concat
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from companies.dictionary import allowed, neighbours
from companies.facets import COMPANY_FACETS
from companies.models import Company, Industry, Specialty
from companies.queries import LEGAL, joined, lexeme
from companies.search import Found
from directory.api.caching import Superseded
from directory.api.pagination import read_snapshot, snapshot
from directory.api.selection import Selection
from directory.api.statements import Slot, Statement
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.api.words import words_of
from directory.models import Fold, Published
from hubs.models import Hub, Program

KINDS: Mapping[str, type[Published]] = {
    "company": Company,
    "specialty": Specialty,
    "hub": Hub,
    "industry": Industry,
    "program": Program,
}
# How a completion fits, the best first.
FITS = ("exact", "prefix", "word", "typo")
# Companies among which the first by name are chosen, where a word is as common as that.
ENOUGH = 1000
# Behind every text that begins with another.
LAST = "\U0010ffff"


@dataclass(frozen=True)
class Typed:
    """What was typed: the text, its words, and the words run together as names are compared."""

    text: str
    words: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        return joined(self.words)

    @cached_property
    def beginning(self) -> str:
        return " ".join(self.words)

    def begins_word_of(self, text: str) -> bool:
        return f" {self.beginning}" in f" {' '.join(*words_of([text]))}"


def suggest(text: str, kinds: list[str], limit: int, revision: int) -> list[dict[str, Any]]:
    """``{"kind", "suggestions"}`` of each kind, at most ``limit`` each; raises Superseded behind ``revision``.

    ``text`` has a word at least.
    """
    typed = Typed(text, tuple(*words_of([text])))
    counts = Counts(revision)
    return [
        {
            "kind": kind,
            "suggestions": companies(typed, limit, revision)
            if kind == "company"
            else terms(kind, typed, limit, revision, counts),
        }
        for kind in kinds
    ]


class Counts:
    """How many companies a term leads to, asked for once and only if somebody wants to know."""

    def __init__(self, revision: int) -> None:
        self.revision = revision

    def of(self, kind: str, slugs: list[str]) -> dict[str, int]:
        """Slug → companies, as a list filtered by it counts them; nothing for a kind that has no facet."""
        if not slugs or kind not in COMPANY_FACETS.facets:
            return {}
        state, _ = COMPANY_FACETS.index.match(Selection((), {}, {}, []), (), self.revision)
        facet = COMPANY_FACETS.facets[kind]
        return {v.value: len(facet.having(state, v)) for v in facet.values(self.revision) if v.value in slugs}


def terms(kind: str, typed: Typed, limit: int, revision: int, counts: Counts) -> list[dict[str, Any]]:
    """Hubs, specialties, industries or programs, by any of their names."""
    model = KINDS[kind]
    vocabulary = vocabulary_of(model, revision)
    ranked = sorted(
        (FITS.index(fit), not typed.begins_word_of(vocabulary.names[slug]), vocabulary.names[slug], slug)
        for slug, fit in fitting(typed, vocabulary)
    )
    found = ranked[:limit]
    counted = counts.of(kind, [slug for *_, slug in found])
    suggestions = []
    for fit, _, name, slug in found:
        shown: dict[str, Any] = {"slug": slug, "name": name, "url": address(model, slug), "match": FITS[fit]}
        if slug in counted:
            query = urlencode({kind: slug})
            url = f"{settings.SITE_URL}/api/v1/companies/?{query}"
            shown["companies"] = {"count": counted[slug], "url": url}
        suggestions.append(shown)
    return suggestions


def fitting(typed: Typed, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """(slug, the best fit of its names) of the terms that fit; typing errors only where nothing fits as it is."""
    key, beginning, inner = typed.key, typed.beginning, f" {typed.beginning}"
    fits: dict[str, str] = {}
    if inner in vocabulary.all_texts:  # which most of what is typed is not: one look tells
        for text, slug in vocabulary.texts.items():
            if inner in text:
                fits.setdefault(slug, "word")
            if text.startswith(beginning):
                fits[slug] = "prefix"
    if f" {key}" in vocabulary.all_words:
        for together, slug in vocabulary.words.items():
            if together.startswith(key):
                fits[slug] = "prefix"
    if key in vocabulary.words:
        fits[vocabulary.words[key]] = "exact"
    if not fits and (most := allowed(len(key) - 1)):
        spellings = vocabulary.spellings(len(key))
        near = extract(key, spellings.keys(), scorer=OSA.distance, score_cutoff=most, limit=None)
        fits = {slug: "typo" for spelling, *_ in near for slug in spellings[spelling]}
    yield from fits.items()


def companies(typed: Typed, limit: int, revision: int) -> list[dict[str, Any]]:
    """Companies whose name begins so, then those that are called so otherwise, then those that may be meant."""
    found: dict[str, dict[str, Any]] = {}

    def add(statement: Statement, values: Mapping[str, str]) -> None:
        now, _, rows = read_snapshot(statement, {**values, "most": limit, "limit": 2 * limit, "offset": 0})
        if now != revision:
            raise Superseded(now)
        for text, fit in rows:
            document = orjson.loads(text)
            shown = {key: document[key] for key in ("id", "slug", "name", "url")}
            is_same = joined(*words_of([document["name"]])) == typed.key
            found.setdefault(document["slug"], shown | {"match": "exact" if is_same else fit})

    if len(typed.key) > 1:
        add(beginning_or_found_statement(), {"text": typed.text, "query": by_words(typed, {})})
    else:
        add(snapshot(beginning()), {"text": typed.text})
    if not found and (corrections := neighbours(typed.words, longer_by=len(typed.text) + 50)):
        add(snapshot(found_as("typo")), {"query": by_words(typed, corrections)})
    return sorted(found.values(), key=lambda shown: FITS.index(shown["match"]))[:limit]


@cache
def beginning_or_found_statement() -> Statement:
    """The companies whose name begins so and, where these are too few, those with words that do: asked at once."""
    begin, words, most = beginning(), found_as("word"), Slot("most")
    sql = (
        f"WITH begin AS ({begin.sql} LIMIT %s) SELECT * FROM begin"  # noqa: S608 - the ORM's SQL
        f" UNION ALL SELECT * FROM ({words.sql} LIMIT %s) AS words WHERE (SELECT count(*) FROM begin) < %s"
    )
    return snapshot(Statement(sql, (*begin.params, most, *words.params, most, most)))


@cache
def beginning() -> Statement:
    """(document, fit) of the companies whose name begins so, in the order of their names, which an index has."""
    text = Fold(Slot("text"))
    end = Concat(text, Value(LAST), output_field=TextField(db_collation="C"))
    begins = Q(GreaterThanOrEqual(F("name_key"), text)) & Q(LessThan(F("name_key"), end))
    rows = Company.objects.published().filter(begins).order_by("name_key", "pk")
    return Statement.of(rows.values_list("document", Value("prefix")))


@cache
def found_as(fit: str) -> Statement:
    """(document, fit) of the companies that a ``tsquery`` finds, by name.

    Found first and sorted then: the planner takes every beginning of a word for a common one, and would look for a
    rare one by walking through all names.
    """
    found = Company.objects.published().filter(Q(Found(Slot("query")))).order_by()
    inner = Statement.of(found.values_list("document", "name_key", "id"))
    few = f"SELECT * FROM ({inner.sql}) AS found LIMIT {ENOUGH}"  # noqa: S608 - the ORM's SQL
    sql = f"SELECT document, '{fit}' FROM ({few}) AS few ORDER BY name_key, id"  # noqa: S608
    return Statement(sql, inner.params)


def by_words(typed: Typed, corrections: Mapping[str, list[str]]) -> str:
    """That a name has these words, of the last one at least the beginning."""
    *complete, last = [word for word in typed.words if word not in LEGAL] or typed.words
    wanted = [[lexeme(f"~{other}") for other in corrections.get(word, [word])] for word in complete]
    wanted.append([lexeme(f"~{other}", is_beginning=True) for other in corrections.get(last, [last])])
    every = " & ".join(f"({' | '.join(either)})" for either in wanted)
    return f"({every}) | {lexeme(f'={typed.key}', is_beginning=True)}"


def meant_by(key: str, revision: int) -> tuple[str, ...]:
    """Up to three companies' slugs that an unknown one may stand for; raises Superseded behind ``revision``."""
    text = key.replace("-", " ")
    words = tuple(*words_of([text]))
    return tuple(shown["slug"] for shown in companies(Typed(text, words), 3, revision)) if words else ()


def address(model: type[Published], slug: str) -> str:
    return f"{settings.SITE_URL}/api/v1/{model.collection}/{slug}/"
