"""Filters: how a field is asked about, and the kinds that compare whole values."""

from __future__ import annotations

import datetime
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

from django.db.models import Expression, F, Func, Q, QuerySet, TextField

from directory import ids
from directory.api.errors import Mistake, similar, unknown_value
from directory.api.ordering import Ordering
from directory.api.parameters import MAX_VALUES, Parameter, text_schema

# A Q, or an expression that is true or false, such as Exists or its negation.
Condition = Any
# A set of objects.
Objects = Any
COMPARISONS = ("gte", "gt", "lte", "lt")
# What each look-up asks of the field, in words that follow its name.
PHRASES = {
    "": "any of these",
    "all": "all of these",
    "exact": "any of these, without what is below them",
    "not": "none of these; objects without any stay",
    "isnull": "whether it is missing",
    "gte": "this or more",
    "gt": "more than this",
    "lte": "this or less",
    "lt": "less than this",
}


@dataclass(frozen=True)
class Span:
    """The whole numbers or dates that compare with ``number`` as a look-up says."""

    lookup: str
    number: Any

    def read(self, text: str) -> Any:
        """A value to compare with."""
        return type(self.number).fromisoformat(text) if isinstance(self.number, datetime.date) else int(text)

    def within(self, ascending: Sequence[Any]) -> slice:
        """Which of all values, in order, lie in it."""
        bisect = bisect_left if self.lookup in ("gte", "lt") else bisect_right
        place = bisect(ascending, self.number)
        return slice(place, None) if self.lookup in ("gte", "gt") else slice(place)


class State(Protocol):
    """Which objects have which values."""

    @property
    def everything(self) -> Objects: ...

    def having(self, source: str, values: Iterable[Any] | Span | None) -> Objects:
        """The objects that have any of ``values`` of a source; any value at all for None."""


def boolean(raw: str) -> bool:
    if raw not in ("true", "false"):
        raise Mistake("invalid_value", f"“{raw}” is neither true nor false.", allowed="true, false")
    return raw == "true"


class Filter:
    """One field's filter. ``lookups`` maps each look-up to whether its values may be several.

    ``about`` names the field in words where its name does not say enough, ``example`` is a value to try.
    """

    lookups: Mapping[str, bool] = {"": True, "not": True, "isnull": False}
    phrases: Mapping[str, str] = PHRASES
    # The JSON Schema of one value.
    schema: Mapping[str, Any] = text_schema(",")
    example: Any = None
    # How what it finds is ordered unless the query says otherwise: a search has an order of its own.
    ordering: Ordering | None = None
    # Parameters without which this one means nothing; ``read`` gets their values behind its own.
    together: tuple[str, ...] = ()

    def __init__(self, column: str = "", *, about: str = "", example: Any = None) -> None:
        self.column, self.about = column, about
        if example is not None:
            self.example = example

    def bind(self, name: str) -> None:
        self.name = name
        self.column = self.column or name
        self.about = self.about or name.replace("_", " ").capitalize()

    def parameter(self, lookup: str) -> Parameter:
        """What is said about the filter's name with this look-up."""
        description = f"{self.about}: {self.phrases[lookup]}."
        if lookup == "isnull":
            return Parameter(description, {"type": "boolean"}, False)
        if not self.lookups[lookup]:
            return Parameter(description, self.schema, self.example, self.together)
        several = {"type": "array", "items": self.schema, "minItems": 1, "maxItems": self.most_values(lookup)}
        return Parameter(description, several, [self.example], self.together)

    def canonical(self, raw: list[str]) -> list[str]:
        """The one spelling of values that mean the same."""
        return raw

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        """The form of one parameter's condition and what fills its slots; raises Mistake.

        The form is the number of slots, and of ``isnull`` whether it is true; None is no condition.
        """
        if lookup == "isnull":
            return boolean(raw[0]), []
        values = self.values(lookup, [self.parse(value, revision) for value in raw], revision)
        return len(values), values

    def most_values(self, lookup: str) -> int:
        """How many values a look-up takes."""
        return MAX_VALUES

    def looked_into(self, lookup: str, form: int) -> int:
        """How often its condition looks into another table."""
        return 0

    def follow(self, raw: str, revision: int) -> str:
        """What a value that was right once is called today; itself where it has no other name."""
        return raw

    def parse(self, raw: str, revision: int) -> Any:
        return raw

    def values(self, lookup: str, parsed: list[Any], revision: int) -> list[Any]:
        """What fills the slots: all values together where there may be several, or the only one."""
        return [parsed] if self.lookups[lookup] else parsed

    def condition(self, lookup: str, form: int, slots: Sequence[Expression]) -> Condition:
        """The condition of one parameter; it is compiled once for each form."""
        if lookup == "isnull":
            return self.missing() if form else ~self.missing()
        return ~self.matches("", slots) if lookup == "not" else self.matches(lookup, slots)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Condition:
        return Q(**{f"{self.column}__any": slots[0]})

    def missing(self) -> Condition:
        return Q(**{f"{self.column}__isnull": True})

    def explain(self, values: Mapping[str, Any], documents: Sequence[str]) -> list[dict[str, Any]]:
        """Why each of ``documents`` is an answer; asked of filters with an ``ordering``, with their values."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Where the values come from: filters of the same source ask about the same values."""
        return self.column

    @property
    def sources(self) -> tuple[str, ...]:
        """All that the values come from."""
        return (self.source,)

    def pairs(self, model: Any, source: str) -> QuerySet[Any, Any]:
        """(object, value) for each value of each object of ``model``; without a value there is no pair."""
        return model._default_manager.order_by().filter(~self.missing()).values_list("pk", self.column)

    def met(self, state: State, lookup: str, form: int, values: list[Any]) -> Objects:
        """The objects that meet the condition of one parameter, told from those that have each value."""
        if lookup == "isnull":
            return state.everything - self.known(state) if form else self.known(state)
        met = self.any_of(state, values)
        return state.everything - met if lookup == "not" else met

    def any_of(self, state: State, values: list[Any]) -> Objects:
        return state.having(self.source, values[0] if isinstance(values[0], list) else values)

    def known(self, state: State) -> Objects:
        """The objects that have any value at all."""
        return state.having(self.source, None)


class Id(Filter):
    """Public ids of ``model``."""

    lookups = {"": True, "not": True}
    schema = {"type": "string", "pattern": ids.PATTERN}

    def __init__(self, model: Any) -> None:
        super().__init__(example=ids.encode(model.kind_number, 1))
        self.model = model

    def parse(self, raw: str, revision: int) -> int:
        try:
            kind_number, pk = ids.decode(raw)
        except ValueError as error:
            raise Mistake("invalid_value", f"{error}.") from error
        if kind_number != self.model.kind_number:
            raise Mistake("invalid_value", f"“{raw}” is not the id of a {self.model._meta.verbose_name}.")
        return pk

    def bind(self, name: str) -> None:
        super().bind(name)
        self.column = "pk"


class Word(Filter):
    """Text that is compared as it is, such as a slug or a domain; missing is empty."""

    def missing(self) -> Q:
        return Q(**{self.column: ""})


class Slug(Word):
    """The slug of objects of ``model`` themselves."""

    def __init__(self, model: Any) -> None:
        super().__init__(example=model.example)


class Choice(Filter):
    """One of a list, which is long if it is ``listed_at`` an address of the API; missing is empty."""

    def __init__(
        self, choices: Iterable[str], column: str = "", *, optional: bool = True, listed_at: str = "", **said: Any
    ) -> None:
        self.choices, self.listed_at = tuple(choices), listed_at
        # What people may write in the place of a code, where ``choices`` maps each to its name.
        names = choices if isinstance(choices, Mapping) else {}
        self.named = {str(name).casefold(): choice for choice, name in names.items()}
        super().__init__(column, **{"example": self.choices[0]} | said)
        self.schema = {"type": "string", "enum": list(self.choices)}
        if not optional:
            self.lookups = {"": True, "not": True}

    def parse(self, raw: str, revision: int) -> str:
        if raw not in self.choices:
            some = f"{', '.join(self.choices[:20])}{'…' if len(self.choices) > 20 else ''}"
            mistake = unknown_value(
                f"“{raw}” is not one of {some}.", raw.casefold(), self.choices, listed_at=self.listed_at
            )
            by_name = tuple(self.named[name] for name in similar(raw.casefold(), self.named))
            mistake.did_you_mean = mistake.did_you_mean or by_name or similar(raw.upper(), self.choices)
            raise mistake
        return raw

    def missing(self) -> Q:
        return Q(**{self.column: ""})


class Codes(Choice):
    """A list of codes, of which any is enough, or ``__all`` are needed."""

    lookups = {"": True, "all": True, "not": True, "isnull": False}

    def parse(self, raw: str, revision: int) -> str:
        return super().parse(raw.upper() if raw.upper() in self.choices else raw, revision)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        return Q(**{f"{self.column}__{'contains' if lookup == 'all' else 'overlap'}": slots[0]})

    def missing(self) -> Q:
        return Q(**{self.column: []})

    def canonical(self, raw: list[str]) -> list[str]:
        return list(dict.fromkeys(value.upper() for value in raw))

    def pairs(self, model: Any, source: str) -> QuerySet[Any, Any]:
        code = Func(F(self.column), function="unnest", output_field=TextField())
        return model._default_manager.order_by().values_list("pk", code)

    def met(self, state: State, lookup: str, form: int, values: list[Any]) -> Objects:
        if lookup == "all":
            return reduce(operator.and_, [state.having(self.source, [value]) for value in values[0]])
        return super().met(state, lookup, form, values)


class Flag(Filter):
    """True or false, and perhaps not known."""

    lookups = {"": False, "isnull": False}
    phrases = PHRASES | {"": "whether it is so", "isnull": "whether that is not known"}
    schema = {"type": "boolean"}
    example = True

    def parse(self, raw: str, revision: int) -> bool:
        return boolean(raw)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        return Q(**{self.column: slots[0]})
