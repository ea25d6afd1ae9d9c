"""Filters of numbers: one, several, or those on one side of another."""

from __future__ import annotations

import decimal
import operator
import re
from collections.abc import Sequence
from functools import reduce
from typing import Any

from django.db.models import Expression, Q, QuerySet

from directory.api.errors import Mistake
from directory.api.filters import COMPARISONS, PHRASES, Filter, Objects, Span, State

INTEGERS = range(1 - 2**31, 2**31)  # the negative of each is one, too
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
GREATEST = 1e30


class Number(Filter):
    """A whole number."""

    lookups = {"": True, "not": True, "isnull": False} | dict.fromkeys(COMPARISONS, False)
    schema = {"type": "integer", "minimum": INTEGERS[0], "maximum": INTEGERS[-1]}
    example: Any = 100

    def parse(self, raw: str, revision: int) -> Any:
        try:
            number = int(raw) if raw.removeprefix("-").isascii() and raw.removeprefix("-").isdigit() else None
        except ValueError:  # more digits than Python reads
            number = None
        if number is None or number not in INTEGERS:
            detail = f"“{raw[:40]}” is not a whole number. A range is {self.name}__gte with {self.name}__lte."
            raise Mistake("invalid_value", detail)
        return number

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        if lookup:
            return Q(**{f"{self.column}__{lookup}": slots[0]})
        return super().matches(lookup, slots)

    def met(self, state: State, lookup: str, form: int, values: list[Any]) -> Objects:
        if lookup in COMPARISONS:
            return self.compared(state, lookup, values[0])
        return super().met(state, lookup, form, values)

    def compared(self, state: State, lookup: str, number: Any) -> Objects:
        return state.having(self.source, Span(lookup, number))


class DecimalNumber(Number):
    """A number as JSON writes it, with decimals and an exponent if need be."""

    schema = {"type": "number", "minimum": -GREATEST, "maximum": GREATEST}
    example = 31.5

    def parse(self, raw: str, revision: int) -> decimal.Decimal:
        number = decimal.Decimal(raw) if DECIMAL.fullmatch(raw) else None
        if number is None or abs(number) > GREATEST:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a number such as 31.5.")
        # The database's numbers end there; what is closer to zero than that is zero.
        return number if abs(number) > decimal.Decimal("1e-300") else decimal.Decimal(0)


class Range(Number):
    """Two columns, ``_min`` and ``_max``; a comparison matches when the range overlaps what is asked for."""

    phrases = PHRASES | {
        "": "the range includes any of these",
        "not": "the range includes none of these; objects without any stay",
        "gte": "the range reaches this or more",
        "gt": "the range reaches more than this",
        "lte": "the range reaches this or less",
        "lt": "the range reaches less than this",
    }

    def values(self, lookup: str, parsed: list[int], revision: int) -> list[int]:
        return parsed

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        if lookup:
            return self.reaches(lookup, slots[0])
        condition = Q()
        for slot in slots:
            condition |= self.reaches("lte", slot) & self.reaches("gte", slot)
        return condition

    def reaches(self, lookup: str, slot: Expression) -> Q:
        """Whether the end that ``lookup`` asks about lies there; without it a range is open: “500+”, “up to 10”."""
        low, high = f"{self.column}_min", f"{self.column}_max"
        near, far = (low, high) if lookup in ("lte", "lt") else (high, low)
        return Q(**{f"{near}__{lookup}": slot}) | Q(**{f"{near}__isnull": True, f"{far}__isnull": False})

    def missing(self) -> Q:
        return Q(**{f"{self.column}_min__isnull": True, f"{self.column}_max__isnull": True})

    @property
    def sources(self) -> tuple[str, ...]:
        return f"{self.column}_min", f"{self.column}_max"

    def pairs(self, model: Any, source: str) -> QuerySet[Any, Any]:
        return model._default_manager.order_by().filter(**{f"{source}__isnull": False}).values_list("pk", source)

    def any_of(self, state: State, values: list[Any]) -> Objects:
        """As ``matches`` does."""
        ends = [[self.compared(state, lookup, value) for lookup in ("lte", "gte")] for value in values]
        return reduce(operator.or_, [low & high for low, high in ends])

    def compared(self, state: State, lookup: str, number: Any) -> Objects:
        """As ``reaches`` does."""
        low, high = self.sources
        near, far = (low, high) if lookup in ("lte", "lt") else (high, low)
        return state.having(near, Span(lookup, number)) | (state.having(far, None) - state.having(near, None))

    def known(self, state: State) -> Objects:
        low, high = self.sources
        return state.having(low, None) | state.having(high, None)
