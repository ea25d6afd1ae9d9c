"""The live vocabulary: the slugs that a filter accepts, and what people may have meant by others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, TextField

from directory.api.caching import RevisionCache
from directory.api.errors import similar
from directory.api.words import words_of

vocabularies = RevisionCache(limit=100)
# Flags of a term that filters of other kinds ask about.
FLAGS = ("emerging",)


@dataclass
class Vocabulary:
    """The published objects of one kind, at one revision."""

    pks: dict[str, int] = field(default_factory=dict)
    # The words of each slug, name and alias → slug, as they are and run together.
    texts: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    # Slug → name.
    names: dict[str, str] = field(default_factory=dict)
    # Primary key → latitude, longitude.
    places: dict[int, tuple[float, float]] = field(default_factory=dict)
    # A flag of the kind → the primary keys of those that have it.
    marked: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    # Length → spellings(), made once.
    spelt: dict[int, dict[str, list[str]]] = field(default_factory=dict)

    @cached_property
    def all_texts(self) -> str:
        """All texts as one, a space before each and between its words."""
        return " " + " ".join(self.texts)

    @cached_property
    def all_words(self) -> str:
        """The same of the words run together."""
        return " " + " ".join(self.words)

    def spellings(self, length: int) -> dict[str, list[str]]:
        """What somebody may have typed ``length`` letters of, if not quite right: a spelling → the slugs it is of.

        That is each text, its singular, and its beginning with a letter more or less.
        """
        if length not in self.spelt:
            found: dict[str, list[str]] = defaultdict(list)
            for together, slug in self.words.items():
                ends = (length - 1, length, length + 1)
                for spelling in {together, together.removesuffix("s"), *(together[:end] for end in ends)}:
                    found[spelling].append(slug)
            self.spelt[length] = dict(found)
        return self.spelt[length]

    def with_descendants(self, pks: Iterable[int]) -> list[int]:
        """``pks`` and all that is below them in the tree."""
        found: dict[int, None] = {}
        waiting = list(pks)
        while waiting:
            pk = waiting.pop()
            if pk not in found:
                found[pk] = None
                waiting.extend(self.children.get(pk, ()))
        return list(found)

    def meant_by(self, word: str) -> tuple[str, ...]:
        """The slugs that ``word`` may stand for, the likeliest first."""
        key = "".join(*words_of([word]))
        if key in self.words:
            return (self.words[key],)
        return tuple(dict.fromkeys(self.words[found] for found in similar(key, self.words)))


def vocabulary_of(model: Any, revision: int) -> Vocabulary:
    """The vocabulary of a published model; one query where this revision's is not yet in the process."""
    known = vocabularies.get(revision, model)
    if known is None:
        known = load(model)
        vocabularies.put(revision, model, known)
    return known


class Words(Func):
    """The words of each text of an array."""

    template = (
        "ARRAY(SELECT directory_words(text) FROM unnest(%(expressions)s::text[]) WITH ORDINALITY AS t (text, n))"
    )
    output_field = ArrayField(TextField())


class Texts(Func):
    template, arg_joiner = "(%(expressions)s)", "::text[] || "


def load(model: Any) -> Vocabulary:
    vocabulary = Vocabulary()
    has = {f.name for f in model._meta.concrete_fields}
    texts: Any = Func(F("name"), F("slug"), template="ARRAY[%(expressions)s]")
    if "aliases" in has:
        texts = Texts(F("aliases"), texts)
    flags = has.intersection(FLAGS)
    columns = [*flags, *(name for name in ("parent_id", "latitude", "longitude") if name.removesuffix("_id") in has)]
    for row in model.objects.published().values("pk", "slug", "name", *columns, words=Words(texts)):
        pk = vocabulary.pks[row["slug"]] = row["pk"]
        vocabulary.names[row["slug"]] = row["name"]
        for words in filter(None, row["words"]):  # an alias may be without a letter
            vocabulary.texts[words] = vocabulary.words[words.replace(" ", "")] = row["slug"]
        if row.get("parent_id"):
            vocabulary.children[row["parent_id"]].append(pk)
        if "latitude" in row:
            vocabulary.places[pk] = (row["latitude"], row["longitude"])
        for flag in flags:
            if row[flag]:
                vocabulary.marked[flag].add(pk)
    return vocabulary
