"""Filters: the kinds of fields that a query can ask about, and how each is asked."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Exists, Expression, F, Func, OuterRef, Q, TextField, Value
from django.db.models.functions import Concat
from django.utils.dateparse import parse_date, parse_datetime

from directory import ids
from directory.api.errors import Mistake, similar
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import Address, Fold

# A Q, or an expression that is true or false, such as Exists or its negation.
Condition = Any

MAX_VALUES = 50
# Values that are each looked for by themselves: planning fifty takes PostgreSQL seconds.
MAX_EACH = 10
INTEGERS = range(1 - 2**31, 2**31)  # the negative of each is one, too
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
COMPARISONS = ("gte", "gt", "lte", "lt")


def boolean(raw: str) -> bool:
    if raw not in ("true", "false"):
        raise Mistake("invalid_value", f"“{raw}” is neither true nor false.", allowed="true, false")
    return raw == "true"


class Filter:
    """One field's filter. ``lookups`` maps each look-up to whether its values may be several."""

    lookups: Mapping[str, bool] = {"": True, "not": True, "isnull": False}

    def __init__(self, column: str = "") -> None:
        self.column = column

    def bind(self, name: str) -> None:
        self.name = name
        self.column = self.column or name

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int, list[Any]]:
        """The form of one parameter's condition and what fills its slots; raises Mistake.

        The form is the number of slots, and of ``isnull`` whether it is true.
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


class Id(Filter):
    """Public ids of ``model``."""

    lookups = {"": True, "not": True}

    def __init__(self, model: Any) -> None:
        super().__init__()
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


class Text(Filter):
    """Text that people read: accents and case do not matter, and commas belong to it."""

    lookups = {"": False, "contains": False, "startswith": False, "not": False, "isnull": False}

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

    def __init__(self, choices: Iterable[str], column: str = "", *, optional: bool = True) -> None:
        super().__init__(column)
        self.choices = tuple(choices)
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


class Flag(Filter):
    """True or false, and perhaps not known."""

    lookups = {"": False, "isnull": False}

    def parse(self, raw: str, revision: int) -> bool:
        return boolean(raw)

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Q:
        return Q(**{self.column: slots[0]})


class Number(Filter):
    """A whole number."""

    lookups = {"": True, "not": True, "isnull": False} | dict.fromkeys(COMPARISONS, False)

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


class DecimalNumber(Number):
    """A number with decimals."""

    def parse(self, raw: str, revision: int) -> decimal.Decimal:
        if len(raw) > 30 or not DECIMAL.fullmatch(raw):
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a number such as 31.5.")
        return decimal.Decimal(raw)


class Range(Number):
    """Two columns, ``_min`` and ``_max``; a comparison matches when the range overlaps what is asked for."""

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


class Date(Number):
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


class Related(Filter):
    """Related objects by slug, through a foreign key."""

    def __init__(self, model: Any, column: str = "") -> None:
        super().__init__(column)
        self.model = model

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

    def __init__(self, model: Any, through: Any, column: str, *, owner: str = "company", tree: bool = False) -> None:
        super().__init__(model, column)
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


class Child(Filter):
    """A filter on rows that belong to the object, such as its credentials: any row is enough."""

    def __init__(self, model: Any, inner: Filter, *, owner: str = "company") -> None:
        super().__init__()
        self.model, self.inner, self.owner = model, inner, owner
        self.lookups = inner.lookups

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
