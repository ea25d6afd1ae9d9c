"""Orderings: a declared list, each with its index, each able to go on after any row.

A page is found by comparing one row value, ``(key, id) > (last key, last id)``, which one index answers at any
depth. Missing values come last both ways because a key puts them beyond every real value; a mixed direction such
as ``-founded_year,name`` is a single direction over the negated year.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    F,
    Func,
    Index,
    IntegerField,
    Lookup,
    OrderBy,
    Q,
    Value,
)
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

COMPARISONS: dict[str, type[Lookup]] = {
    "gte": GreaterThanOrEqual,
    "gt": GreaterThan,
    "lte": LessThanOrEqual,
    "lt": LessThan,
}
MIRRORED = {"gte": "lte", "gt": "lt", "lte": "gte", "lt": "gt"}


@dataclass(frozen=True)
class Sort:
    """What one word of ``ordering`` sorts by: a column and, where it may be null, values beyond all real ones."""

    column: str
    least: Any = None
    most: Any = None

    def key(self, *, negated: bool, descending: bool) -> Expression | F:
        value: Combinable = F(self.column)
        if negated:
            if not isinstance(self.most, int):
                raise TypeError(f"{self.column}: only numbers can be sorted against the direction of the rest")
            value = value * Value(-1)
        if self.most is None:
            return value  # type: ignore[return-value]
        return Coalesce(value, Value(self.least if descending else self.most))


class RowComparison(Func):
    """``(a, b, …) > (x, y, …)``: one condition that one index answers, unlike the same thing spelt with OR."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, keys: Sequence[Any], values: Sequence[Any], *, operator: str) -> None:
        self.operator, self.width = operator, len(keys)
        super().__init__(*keys, *values)

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        compiled = [compiler.compile(expression) for expression in self.source_expressions]
        left = ", ".join(sql for sql, _ in compiled[: self.width])
        right = ", ".join(sql for sql, _ in compiled[self.width :])
        params = tuple(param for _, params in compiled for param in params)
        return f"({left}) {self.operator} ({right})", params


class Computed(Func):
    """A value that no index has."""

    template = "(SELECT %(expressions)s)"


@dataclass(frozen=True)
class Ordering:
    """One declared ordering, such as ``name``, ``-founded_year`` or ``-founded_year,name``.

    What ``is_search`` is found by another index than the ordering's: the planner, which cannot know how rare a word
    is that begins so, would rather walk through all objects in their order.
    """

    name: str
    sorts: tuple[tuple[Sort, bool], ...]
    is_search: bool = False

    @cached_property
    def descending(self) -> bool:
        return self.sorts[-1][1]

    @cached_property
    def keys(self) -> tuple[Any, ...]:
        """The expressions of the row value, the primary key last to break ties."""
        keys = [
            sort.key(negated=descending != self.descending, descending=self.descending)
            for sort, descending in self.sorts
        ]
        return (*(map(Computed, keys) if self.is_search else keys), F("pk"))

    @cached_property
    def row_value(self) -> str:
        """What it sorts by, the same for an ordering and its reverse twin, which read the same index."""
        return repr(self.keys)

    def order_by(self, *, backwards: bool = False) -> list[OrderBy]:
        return [OrderBy(key, descending=self.descending != backwards) for key in self.keys]

    def beyond(self, values: Sequence[Expression], *, backwards: bool = False) -> RowComparison:
        """The condition that a row stands after ``values`` (before them when ``backwards``)."""
        operator = "<" if self.descending != backwards else ">"
        return RowComparison(self.keys, values, operator=operator)

    def bound(self, column: str, lookup: str, value: Expression) -> Lookup | None:
        """What a comparison of ``column`` says about the first key, if that is what the column is ordered by."""
        sort, descending = self.sorts[0]
        if self.is_search or column != sort.column or lookup not in COMPARISONS:
            return None
        if descending != self.descending:
            lookup = MIRRORED[lookup]
            value = ExpressionWrapper(value * Value(-1), output_field=IntegerField())
        return COMPARISONS[lookup](self.keys[0], value)


# That of whole results: PostgreSQL reads it as it lies on the disk, and no rename moves a line.
BY_ID = Ordering("id", ((Sort("pk"), False),))


def declare_orderings(sorts: dict[str, Sort], *names: str) -> dict[str, Ordering]:
    """The orderings named, each word of a name with or without a minus, made of ``sorts``."""
    return {
        name: Ordering(name, tuple((sorts[word.lstrip("-")], word.startswith("-")) for word in name.split(",")))
        for name in names
    }


def indexes_for(orderings: Iterable[Ordering], *, prefix: str, condition: Q) -> list[Index]:
    """One index for each distinct row value of the orderings: a reverse twin reads the same index backwards."""
    distinct: dict[str, tuple[Ordering, Any]] = {}
    for ordering in orderings:
        distinct.setdefault(ordering.row_value, (ordering, ordering.keys[:-1]))
    return [
        Index(*keys, F("id"), name=f"{prefix}_by_{index_name(ordering.name)}", condition=condition)
        for ordering, keys in distinct.values()
    ]


def index_name(ordering: str) -> str:
    return "_".join(f"{word.lstrip('-')[:9]}{'_d' if word[0] == '-' else ''}" for word in ordering.split(","))
