"""Groupings: the ways of telling a collection's objects apart that facets and statistics count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap

from directory.api.bitmaps import Bitmaps, compact
from directory.api.caching import RevisionCache
from directory.api.relations import Related, RelatedMany
from directory.api.selection import FilterSet
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import Published

# The values of each grouping that are a vocabulary's.
terms = RevisionCache(limit=100)

# A parameter and its value.
Asked = tuple[str, str]
# Parameter → values, as a query gives them.
Applied = Mapping[str, list[str]]


@dataclass(frozen=True)
class Value:
    """A value of a grouping: how it is written and called, and what asks for it."""

    value: str
    label: str
    # Which of the source's values it includes, for a band the comparisons that it consists of.
    includes: tuple[Any, ...]
    asked: tuple[Asked, ...]


class Values:
    """Objects grouped by the values of the filter ``parameter``; one with several values is in several groups.

    ``labels`` are all values with their names, in order, unless the filter's values are a vocabulary's.
    """

    # Whether the values have an order of their own, rather than the most frequent first.
    is_ordered = False

    def __init__(self, parameter: str, labels: Mapping[str, str] | None = None) -> None:
        self.parameter = parameter
        self.fixed = [Value(word, label, (word,), ((parameter, word),)) for word, label in (labels or {}).items()]

    def bind(self, model: type[Published], filterset: type[FilterSet]) -> None:
        self.model, self.filterset = model, filterset
        self.filter = filterset.filters[self.parameter]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that choose its values."""
        return tuple(dict.fromkeys(parameter for value in self.fixed for parameter, _ in value.asked)) or (
            self.parameter,
        )

    def values(self, revision: int) -> list[Value]:
        """All values that there may be."""
        if not isinstance(self.filter, Related):
            return self.fixed
        known: list[Value] | None = terms.get(revision, self)
        if known is None:
            known = self.terms(self.filter, vocabulary_of(self.filter.model, revision))
            terms.put(revision, self, known)
        return known

    def terms(self, related: Related, vocabulary: Vocabulary) -> list[Value]:
        tree = isinstance(related, RelatedMany) and related.tree
        return [
            Value(
                slug,
                vocabulary.names[slug],
                tuple(map(str, vocabulary.with_descendants([pk]) if tree else [pk])),
                ((self.parameter, slug),),
            )
            for slug, pk in vocabulary.pks.items()
        ]

    def having(self, state: Bitmaps, value: Value) -> BitMap:
        """The objects that have a value."""
        return state.having_term(self.filter.source, value.includes)

    def sets(self, state: Bitmaps, revision: int) -> list[tuple[Value, BitMap]]:
        """All values and the objects that have them, in order."""
        return [(value, self.having(state, value)) for value in self.values(revision)]

    def chosen(self, applied: Applied) -> set[str]:
        """The values that the query asks for."""
        return set(applied.get(self.parameter, ()))

    def without(self, value: Value, applied: Applied) -> Applied:
        """The filters with a chosen value taken away."""
        others = [word for word in applied.get(self.parameter, ()) if word != value.value]
        return self.rest(applied) | ({self.parameter: others} if others else {})

    def rest(self, applied: Applied) -> dict[str, list[str]]:
        """The filters that do not choose its values."""
        return {parameter: values for parameter, values in applied.items() if parameter not in self.parameters}


class Bands(Values):
    """Bands of a number or a range: value → (from, to), either of them None for no end.

    A range lies in each band that it overlaps, as the filters have it.
    """

    is_ordered = True

    def __init__(self, parameter: str, bands: Mapping[str, tuple[int | None, int | None]]) -> None:
        super().__init__(parameter)
        for name, ends in bands.items():
            compared = zip((f"{parameter}__gte", f"{parameter}__lte"), ends, strict=True)
            asked = tuple((compares, str(end)) for compares, end in compared if end is not None)
            self.fixed.append(
                Value(name, name.replace("-", " " if name[0].isalpha() else "–").capitalize(), (), asked)
            )

    def having(self, state: Bitmaps, value: Value) -> BitMap:
        return state.keep((self.parameter, value), lambda: compact(self.overlapping(state, value)))

    def overlapping(self, state: Bitmaps, value: Value) -> BitMap:
        compared = [(*self.filterset.parameters[parameter], int(number)) for parameter, number in value.asked]
        return BitMap.intersection(*(declared.met(state, lookup, 1, [end]) for declared, lookup, end in compared))

    def chosen(self, applied: Applied) -> set[str]:
        given = {(parameter, applied[parameter][0]) for parameter in self.parameters if parameter in applied}
        return {value.value for value in self.fixed if set(value.asked) == given}

    def without(self, value: Value, applied: Applied) -> Applied:
        return self.rest(applied)


class Numbers(Values):
    """Each number by itself: for statistics alone."""

    is_ordered = True

    def __init__(self, parameter: str, model: type[Published], filterset: type[FilterSet]) -> None:
        super().__init__(parameter)
        self.bind(model, filterset)

    def sets(self, state: Bitmaps, revision: int) -> list[tuple[Value, BitMap]]:
        numbers = sorted(state.values.get(self.filter.source, ()), key=int)
        return [(Value(one, one, (one,), ()), state.found[self.filter.source, one]) for one in numbers]
