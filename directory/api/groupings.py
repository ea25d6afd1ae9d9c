"""Groupings: the ways of telling a collection's objects apart that facets and statistics count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap

from directory.api.bitmaps import Bitmaps, compact
from directory.api.caching import RevisionCache
from directory.api.numbers import Range
from directory.api.pairs import Asked, comparison, pairs
from directory.api.relations import Child, Related, RelatedMany
from directory.api.selection import FilterSet
from directory.api.statements import Statement
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import Published

# The values of each grouping that are a vocabulary's.
terms = RevisionCache(limit=100)

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
        return state.kept(self.filter.source, value.includes)

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

    def pairs(self, revision: int) -> Statement:
        """(id, value) of each object and each of its values, those that include others with all of them."""
        found = pairs(self.filter, self.model)
        named = [(word, value.value) for value in self.values(revision) for word in value.includes]
        repeats = isinstance(self.filter, Child) or any(len(value.includes) > 1 for value in self.values(revision))
        distinct = "DISTINCT" if repeats else ""
        sql = (
            f"SELECT {distinct} pairs.id, named.value FROM ({found.sql}) AS pairs (id, word)"  # noqa: S608
            " JOIN unnest(%s::text[], %s::text[]) AS named (word, value) USING (word)"
        )
        return Statement(sql, (*found.params, [word for word, _ in named], [value for _, value in named]))


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

    @property
    def bounds(self) -> list[Asked]:
        """The comparisons that need bitmaps of their own: those of ranges, as a number has one for each value."""
        return [asked for value in self.fixed for asked in value.asked if isinstance(self.filter, Range)]

    def having(self, state: Bitmaps, value: Value) -> BitMap:
        key = self.parameter, (value.value,)
        if key not in state.unions:
            met = [state.found.get(asked) or self.compared(state, *asked) for asked in value.asked]
            state.unions[key] = compact(BitMap.intersection(*met))
        return state.unions[key]

    def compared(self, state: Bitmaps, parameter: str, number: str) -> BitMap:
        declared, lookup = self.filterset.parameters[parameter]
        condition = declared.unions(lookup, 1, [int(number)])
        return state.meeting(declared.source, condition) if condition else BitMap()

    def chosen(self, applied: Applied) -> set[str]:
        given = {(parameter, applied[parameter][0]) for parameter in self.parameters if parameter in applied}
        return {value.value for value in self.fixed if set(value.asked) == given}

    def without(self, value: Value, applied: Applied) -> Applied:
        return self.rest(applied)

    def pairs(self, revision: int) -> Statement:
        bands = [[comparison(self.model, self.filterset, asked) for asked in value.asked] for value in self.fixed]
        fits = ", ".join(" AND ".join(f"({one.sql})" for one in band) for band in bands)
        sql = (
            f"SELECT id, (%s::text[])[n] FROM {self.model._meta.db_table}"  # noqa: S608
            f" CROSS JOIN LATERAL unnest(ARRAY[{fits}]) WITH ORDINALITY AS band (fits, n) WHERE fits"
        )
        params = [param for band in bands for one in band for param in one.params]
        return Statement(sql, ([value.value for value in self.fixed], *params))


class Numbers(Values):
    """Each number by itself, of a filter that has no bitmaps: for statistics alone."""

    is_ordered = True

    def __init__(self, parameter: str, model: type[Published], filterset: type[FilterSet]) -> None:
        super().__init__(parameter)
        self.bind(model, filterset)

    def values(self, revision: int) -> list[Value]:
        return []

    def pairs(self, revision: int) -> Statement:
        return pairs(self.filter, self.model)
