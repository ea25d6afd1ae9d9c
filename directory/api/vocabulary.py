"""The live vocabulary: the slugs that a filter accepts, and what people may have meant by others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from directory.api.caching import RevisionCache
from directory.api.errors import similar

vocabularies = RevisionCache(limit=100)


@dataclass
class Vocabulary:
    """The published objects of one kind, at one revision."""

    pks: dict[str, int] = field(default_factory=dict)
    # Slug, name and alias, lower-case → slug.
    words: dict[str, str] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

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
        folded = word.casefold().strip()
        if folded in self.words:
            return (self.words[folded],)
        return tuple(dict.fromkeys(self.words[found] for found in similar(folded, self.words)))


def vocabulary_of(model: Any, revision: int) -> Vocabulary:
    """The vocabulary of a published model; one query where this revision's is not yet in the process."""
    known = vocabularies.get(revision, model)
    if known is None:
        known = load(model)
        vocabularies.put(revision, model, known)
    return known


def load(model: Any) -> Vocabulary:
    vocabulary = Vocabulary()
    has = {f.name for f in model._meta.concrete_fields}
    columns = [name for name in ("aliases", "parent_id") if name.removesuffix("_id") in has]
    for row in model.objects.published().values("pk", "slug", "name", *columns):
        vocabulary.pks[row["slug"]] = row["pk"]
        for word in filter(None, (*row.get("aliases", ()), row["name"], row["slug"])):
            vocabulary.words[word.casefold()] = row["slug"]
        if row.get("parent_id"):
            vocabulary.children[row["parent_id"]].append(row["pk"])
    return vocabulary
