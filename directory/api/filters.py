"""Filters: the kinds of fields that a query can ask about, and how each is asked."""

from __future__ import annotations

import datetime
import decimal
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, Expression, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils.dateparse import parse_date, parse_datetime

from directory import ids
from directory.api.errors import Mistake, similar
from directory.api.ordering import Ordering
from directory.api.parameters import MAX_VALUES, Parameter, text_schema
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import SLUG_PATTERN, Address, Fold

# A Q, or an expression that is true or false, such as Exists or its negation.
Condition = Any

# Values that are each looked for by themselves: planning fifty takes PostgreSQL seconds.
MAX_EACH = 10
INTEGERS = range(1 - 2**31, 2**31)  # the negative of each is one, too
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
GREATEST = 1e30
COMPARISONS = ("gte", "gt", "lte", "lt")
# Look-up → its name in Python.
COMPARING = {"gte": "ge", "gt": "gt", "lte": "le", "lt": "lt"}
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
    """The whole numbers that compare with ``number`` as a look-up says."""

    lookup: str
    number: int

    def __contains__(self, value: int) -> bool:
        return bool(getattr(operator, COMPARING[self.lookup])(value, self.number))


@dataclass(frozen=True)
class Unions:
    """A condition on an object's values: it has one of each of ``sets`` (None is any value), or does not."""

    sets: tuple[list[Any] | Span | None, ...]
    negated: bool = False


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

    def pairs(self, model: Any) -> QuerySet[Any, Any]:
        """(object, value) for each value of each object of ``model``; without a value there is no pair."""
        return model._default_manager.order_by().filter(~self.missing()).values_list("pk", self.column)

    def unions(self, lookup: str, form: int, values: list[Any]) -> Unions | None:
        """The condition in terms of ``pairs``; None where it asks about anything but whole values."""
        if lookup == "isnull":
            return Unions((None,), negated=bool(form))
        if lookup in ("", "exact", "not"):
            return Unions((values[0] if self.lookups[lookup] else values,), negated=lookup == "not")
        return None


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


class Text(Filter):
    """Text that people read: accents and case do not matter, and commas belong to it."""

    lookups = {"": False, "contains": False, "startswith": False, "not": False, "isnull": False}
    phrases = PHRASES | {
        "": "this text; accents and case do not matter",
        "contains": "this text is in it",
        "startswith": "it starts with this text",
        "not": "another text than this, or none",
    }
    schema = text_schema()
    example = "tech"

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        column = self.column if self.column == "name_key" else Fold(F(self.column))
        return Q(LOOKUPS[lookup](column, Fold(slots[0])))

    def missing(self) -> Q:
        return Q(**{self.column: ""})


class Texts(Text):
    """A list of texts that people read, of which any is enough."""

    def values(self, lookup: str, parsed: list[str], revision: int) -> list[str]:
        # Joined by line ends, and searched for between them, since one comparison has to do for all.
        start, end = {"contains": ("", ""), "startswith": ("\n", "")}.get(lookup, ("\n", "\n"))
        return [f"{start}{parsed[0]}{end}"]

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        joined = Func(F(self.column), Value("\n"), function="array_to_string", output_field=TextField())
        lines = Fold(Concat(Value("\n"), joined, Value("\n"), output_field=TextField()))
        return Q(LOOKUPS["contains"](lines, Fold(slots[0])))

    def missing(self) -> Q:
        return Q(**{self.column: []})


def _text_lookup(name: str) -> Callable[[Any, Any], Any]:
    lookup: Any = TextField().get_lookup(name)

    def build(column: Any, value: Any) -> Any:
        return lookup(F(column) if isinstance(column, str) else column, value)

    return build


LOOKUPS = {
    "": _text_lookup("exact"),
    "contains": _text_lookup("contains"),
    "startswith": _text_lookup("startswith"),
}


class Choice(Filter):
    """One of a list; missing is empty."""

    def __init__(self, choices: Iterable[str], column: str = "", *, optional: bool = True, **said: Any) -> None:
        self.choices = tuple(choices)
        super().__init__(column, **{"example": self.choices[0]} | said)
        self.schema = {"type": "string", "enum": list(self.choices)}
        if not optional:
            self.lookups = {"": True, "not": True}

    def parse(self, raw: str, revision: int) -> str:
        if raw not in self.choices:
            raise Mistake(
                "unknown_value",
                f"“{raw}” is not one of {', '.join(self.choices[:20])}{'…' if len(self.choices) > 20 else ''}.",
                did_you_mean=similar(raw.casefold(), self.choices) or similar(raw.upper(), self.choices),
            )
        return raw

    def missing(self) -> Q:
        return Q(**{self.column: ""})


class Codes(Choice):
    """A list of codes, of which any is enough, or ``__all`` are needed."""

    lookups = {"": True, "all": True, "not": True, "isnull": False}

    def parse(self, raw: str, revision: int) -> str:
        return super().parse(raw.upper(), revision)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        return Q(**{f"{self.column}__{'contains' if lookup == 'all' else 'overlap'}": slots[0]})

    def missing(self) -> Q:
        return Q(**{self.column: []})

    def canonical(self, raw: list[str]) -> list[str]:
        return list(dict.fromkeys(value.upper() for value in raw))

    def pairs(self, model: Any) -> QuerySet[Any, Any]:
        code = Func(F(self.column), function="unnest", output_field=TextField())
        return model._default_manager.order_by().values_list("pk", code)

    def unions(self, lookup: str, form: int, values: list[Any]) -> Unions | None:
        if lookup == "all":
            return Unions(tuple([value] for value in values[0]))
        return super().unions(lookup, form, values)


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
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a whole number.")
        return number

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        if lookup:
            return Q(**{f"{self.column}__{lookup}": slots[0]})
        return super().matches(lookup, slots)

    def unions(self, lookup: str, form: int, values: list[Any]) -> Unions | None:
        if lookup in COMPARISONS:
            return Unions((Span(lookup, values[0]),))
        return super().unions(lookup, form, values)


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


MOMENTS = PHRASES | {"gte": "then or later", "gt": "later", "lte": "then or earlier", "lt": "earlier"}


class Date(Number):
    phrases = MOMENTS
    schema = {"type": "string", "format": "date"}
    example = "2024-03-31"

    def parse(self, raw: str, revision: int) -> datetime.date:
        try:
            parsed = parse_date(raw)
        except ValueError:
            parsed = None
        if parsed is None:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a date such as 2026-03-31.")
        return parsed


class Time(Number):
    """A moment (RFC 3339); a bare date is its first moment in UTC."""

    lookups = dict.fromkeys(COMPARISONS, False)
    phrases = MOMENTS
    schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    example = "2024-03-31T09:00:00Z"

    def parse(self, raw: str, revision: int) -> datetime.datetime:
        try:
            # A plus sign that nobody escaped arrives as a space.
            parsed = parse_datetime(raw.replace(" ", "+") if raw.count(" ") == 1 and "T" in raw else raw)
            if "T" not in raw and (date := parse_date(raw)):
                parsed = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
            # PostgreSQL knows fewer offsets than Python; a time without one is nobody's.
            parsed = parsed.astimezone(datetime.UTC) if parsed and parsed.tzinfo else None
        except (ValueError, OverflowError):
            parsed = None
        if parsed is None:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a time such as 2026-03-31T09:00:00Z.")
        return parsed


def slug_schema(model: Any) -> dict[str, Any]:
    """The JSON Schema of the slug of an object of ``model``; the collection lists those that there are."""
    return {"type": "string", "pattern": SLUG_PATTERN, "maxLength": 80, "x-collection": model.collection}


class Related(Filter):
    """Related objects by slug, through a foreign key."""

    def __init__(self, model: Any, column: str = "", **said: Any) -> None:
        super().__init__(column, **{"example": model.example} | said)
        self.model = model
        self.schema = slug_schema(model)

    def parse(self, raw: str, revision: int) -> int:
        vocabulary = vocabulary_of(self.model, revision)
        pk = vocabulary.pks.get(raw)
        if pk is None:
            raise self.unknown(raw, vocabulary)
        return pk

    def unknown(self, raw: str, vocabulary: Vocabulary) -> Mistake:
        moved = Address.objects.filter(kind=self.model._meta.model_name, slug=raw).first()
        renamed = tuple(slug for slug, pk in vocabulary.pks.items() if moved and pk == moved.object_id)
        return Mistake(
            "unknown_value",
            f"There is no {self.model._meta.verbose_name} “{raw}”.",
            did_you_mean=renamed or vocabulary.meant_by(raw),
            allowed=f"{settings.SITE_URL}/api/v1/{self.model.collection}/",
        )


class RelatedMany(Related):
    """Related objects by slug, through ``through``: any is enough, or ``__all`` are needed.

    In a ``tree`` an object includes all below it, but for ``__exact``. EXISTS neither repeats a row nor needs
    DISTINCT.
    """

    lookups = {"": True, "all": True, "not": True, "isnull": False}

    def __init__(
        self, model: Any, through: Any, column: str, *, owner: str = "company", tree: bool = False, **said: Any
    ) -> None:
        super().__init__(model, column, **said)
        self.through, self.owner, self.tree = through, owner, tree
        if tree:
            self.lookups = {**self.lookups, "exact": True}

    def values(self, lookup: str, parsed: list[int], revision: int) -> list[list[int]]:
        if lookup == "all":
            return [self.widened([pk], revision) for pk in parsed]
        return [parsed if lookup == "exact" else self.widened(parsed, revision)]

    def most_values(self, lookup: str) -> int:
        return MAX_EACH if lookup == "all" else MAX_VALUES

    def widened(self, pks: list[int], revision: int) -> list[int]:
        return vocabulary_of(self.model, revision).with_descendants(pks) if self.tree else pks

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Condition:
        condition = Q()
        for slot in slots:
            condition &= Q(Exists(self.rows().filter(**{f"{self.column}__any": slot})))
        return condition

    def rows(self) -> Any:
        return self.through.objects.filter(**{self.owner: OuterRef("pk")})

    def missing(self) -> Condition:
        return ~Exists(self.rows())

    @property
    def source(self) -> str:
        return f"{self.through._meta.db_table}.{self.column}"

    def pairs(self, model: Any) -> QuerySet[Any, Any]:
        return self.through.objects.order_by().values_list(f"{self.owner}_id", self.column)

    def unions(self, lookup: str, form: int, values: list[Any]) -> Unions | None:
        return Unions(tuple(values)) if lookup == "all" else super().unions(lookup, form, values)


class RelatedFlag(RelatedMany):
    """Whether some related object is marked by ``flag``, which the vocabulary knows."""

    lookups = {"": False}
    phrases = PHRASES | {"": "whether it has one"}
    SOME, NONE = 1, 2  # its forms; the second has a slot to spare

    def __init__(self, model: Any, through: Any, column: str, *, flag: str, **said: Any) -> None:
        super().__init__(model, through, column, example=True, **said)
        self.flag = flag
        self.schema = {"type": "boolean"}

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int, list[Any]]:
        marked = vocabulary_of(self.model, revision).marked[self.flag]
        return self.SOME if boolean(raw[0]) else self.NONE, [sorted(marked)]

    def condition(self, lookup: str, form: int, slots: Sequence[Expression]) -> Condition:
        some = Exists(self.rows().filter(**{f"{self.column}__any": slots[0]}))
        return some if form == self.SOME else ~some

    def unions(self, lookup: str, form: int, values: list[Any]) -> Unions | None:
        return Unions((values[0],), negated=form == self.NONE)


class Child(Filter):
    """A filter on rows that belong to the object, such as its credentials: any row is enough."""

    def __init__(self, model: Any, inner: Filter, *, owner: str = "company") -> None:
        super().__init__(about=inner.about, example=inner.example)
        self.model, self.inner, self.owner = model, inner, owner
        self.lookups, self.phrases, self.schema = inner.lookups, inner.phrases, inner.schema

    def bind(self, name: str) -> None:
        super().bind(name)
        self.inner.bind(name)

    def parse(self, raw: str, revision: int) -> Any:
        return self.inner.parse(raw, revision)

    def values(self, lookup: str, parsed: list[Any], revision: int) -> list[Any]:
        return self.inner.values(lookup, parsed, revision)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Condition:
        return Exists(self.rows().filter(self.inner.matches(lookup, slots)))

    def missing(self) -> Condition:
        return ~Exists(self.rows())

    def rows(self) -> Any:
        return self.model.objects.filter(**{self.owner: OuterRef("pk")})

    @property
    def source(self) -> str:
        return f"{self.model._meta.db_table}.{self.inner.column}"

    def pairs(self, model: Any) -> QuerySet[Any, Any]:
        return self.model.objects.order_by().values_list(f"{self.owner}_id", self.inner.column)
