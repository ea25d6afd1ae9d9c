"""Search: the companies that a text finds, the best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import BooleanField, Case, Expression, F, FloatField, Func, IntegerField, Value, When

from companies.dictionary import neighbours
from companies.highlights import explain
from companies.models import Industry, Specialty
from companies.queries import ANYWHERE, NAMES, OTHER_NAMES, TERMS, Query, read_query, whole
from directory.api.errors import Mistake
from directory.api.filters import PHRASES, Condition, Filter
from directory.api.ordering import Ordering
from directory.api.pagination import one_of
from directory.api.parameters import text_schema
from directory.api.statements import Slot
from directory.api.vocabulary import vocabulary_of
from directory.api.words import words_of
from hubs.models import Hub

# The vocabularies whose words stand in a company's document.
NAMED = (Hub, Specialty, Industry)


class Found(Func):
    """Whether a company is found by a ``tsquery``; by none where that is NULL."""

    template, arg_joiner = "%(expressions)s::tsquery", " @@ "
    output_field = BooleanField()
    conditional = True

    def __init__(self, query: Expression) -> None:
        super().__init__(F("search"), query)


def tiers(query: Query) -> list[str | None]:
    """What makes a company a good answer, the best first."""
    return [
        whole(query.names, NAMES),
        whole(query.names, OTHER_NAMES),
        query.tsquery("word", NAMES),
        whole(query.names, NAMES, is_beginning=True),
        query.tsquery("word", NAMES + OTHER_NAMES),
        query.tsquery("word", NAMES + OTHER_NAMES + TERMS),
        query.tsquery("prefix", NAMES),
        query.tsquery("word", ANYWHERE),
        whole(query.corrected, NAMES + OTHER_NAMES),
        query.tsquery("typo", NAMES),
        query.tsquery("typo", NAMES + OTHER_NAMES),
    ]


TIERS = 11


class Relevance(Ordering):
    """By tier, and within one by how like the name is to what was asked for."""

    @property
    def keys(self) -> tuple[Any, ...]:
        found = [When(Found(Slot(f"q.{n + 1}")), then=Value(n)) for n in range(TIERS)]
        tier = Case(*found, default=Value(TIERS), output_field=IntegerField())
        likeness = Func(F("name_key"), Slot(f"q.{TIERS + 1}"), function="similarity", output_field=FloatField())
        unlikeness = Func(
            likeness, template="(1000 - round(1000 * %(expressions)s)::int)", output_field=IntegerField()
        )
        return (tier * Value(1001) + unlikeness, F("pk"))

    @property
    def descending(self) -> bool:
        return False

    def bound(self, column: str, lookup: str, value: Expression) -> None:
        return None


class Search(Filter):
    """Full text over names, what a company does and where, and what is said about it."""

    lookups = {"": False}
    phrases = PHRASES | {"": "words or “phrases” that the company has; -word leaves out"}
    schema = text_schema()
    example = "software lahore"
    ordering = Relevance("relevance", ())

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        query = read_query(raw[0], names_at(revision))
        query.correct(neighbours(word for wanted in query.wanted for word in wanted.spellings))
        values = [query.found("typo"), *tiers(query), " ".join(query.words), query]
        return 1, values

    def condition(self, lookup: str, form: int, slots: Sequence[Expression]) -> Condition:
        return Found(slots[0])

    def explain(self, values: Mapping[str, Any], documents: Sequence[str]) -> list[dict[str, Any]]:
        return explain(values[f"q.{TIERS + 2}"], documents)


class Typo(Filter):
    """Whether words may be misspelt."""

    lookups = {"": False}
    together = ("q",)
    phrases = PHRASES | {"": "whether “q” also finds what is spelt a little otherwise"}
    schema = {"type": "string", "enum": ["on", "off"], "default": "on"}
    example = "off"

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        if one_of(raw[0], ("on", "off")) == "on":
            return None, []
        try:
            return 1, [read_query(raw[1], names_at(revision)).found("prefix")]
        except Mistake:  # which is told of the other parameter
            return None, []

    def condition(self, lookup: str, form: int, slots: Sequence[Expression]) -> Condition:
        return Found(slots[0])


def names_at(revision: int) -> Callable[[str], list[list[str]]]:
    """What finds the names, as words, of the terms that go by some words run together."""
    vocabularies = [vocabulary_of(model, revision) for model in NAMED]

    def names(key: str) -> list[list[str]]:
        slugs = [(vocabulary, vocabulary.words[key]) for vocabulary in vocabularies if key in vocabulary.words]
        return words_of([vocabulary.names[slug] for vocabulary, slug in slugs])

    return names
