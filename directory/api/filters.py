"""Filters: each is declared once, and only those that a query names are built.

A FilterSet lists filters; each filter answers to its name and to its name with ``__`` and a look-up. Whatever is
not declared is refused with a suggestion. Values within a parameter are OR (``hub=lahore,karachi``, or repeated);
parameters are AND.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, TextField, Value
from django.utils.dateparse import parse_date, parse_datetime

from directory import ids
from directory.api.errors import Mistake, similar
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import Fold

# A Q, or an expression that is true or false, such as Exists or its negation.
Condition = Any

MAX_VALUES = 50
MAX_LENGTH = 200
INTEGERS = range(-(2**31), 2**31)
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

    def build(self, lookup: str, raw: list[str], revision: int) -> Condition:
        """The condition for the raw values of one parameter; raises Mistake."""
        if lookup == "isnull":
            return self.missing() if boolean(raw[0]) else ~self.missing()
        values = [self.parse(value, revision) for value in raw]
        return ~self.matches("", values) if lookup == "not" else self.matches(lookup, values)

    def parse(self, raw: str, revision: int) -> Any:
        return raw

    def matches(self, lookup: str, values: list[Any]) -> Condition:
        return Q(**{f"{self.column}__in": values})

    def missing(self) -> Condition:
        return Q(**{f"{self.column}__isnull": True})


class Id(Filter):
    """Public ids."""

    lookups = {"": True, "not": True}

    def parse(self, raw: str, revision: int) -> int:
        try:
            return ids.decode(raw)[1]
        except ValueError as error:
            raise Mistake("invalid_value", f"{error}.") from error

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

    def matches(self, lookup: str, values: list[str]) -> Q:
        column = self.column if self.column == "name_key" else Fold(F(self.column))
        return Q(LOOKUPS[lookup](column, Fold(Value(values[0]))))

    def missing(self) -> Q:
        return Q(**{self.column: ""})


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

    def matches(self, lookup: str, values: list[str]) -> Q:
        return Q(**{f"{self.column}__{'contains' if lookup == 'all' else 'overlap'}": values})

    def missing(self) -> Q:
        return Q(**{self.column: []})


class Flag(Filter):
    """True or false, and perhaps not known."""

    lookups = {"": False, "isnull": False}

    def parse(self, raw: str, revision: int) -> bool:
        return boolean(raw)

    def matches(self, lookup: str, values: list[bool]) -> Q:
        return Q(**{self.column: values[0]})


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

    def matches(self, lookup: str, values: list[Any]) -> Q:
        if lookup:
            return Q(**{f"{self.column}__{lookup}": values[0]})
        return super().matches(lookup, values)


class Range(Number):
    """Two columns, ``_min`` and ``_max``; a comparison matches when the range overlaps what is asked for."""

    def matches(self, lookup: str, values: list[int]) -> Q:
        low, high = f"{self.column}_min", f"{self.column}_max"
        if not lookup:
            condition = Q()
            for value in values:
                condition |= Q(**{f"{low}__lte": value}) & (
                    Q(**{f"{high}__gte": value}) | Q(**{f"{high}__isnull": True})
                )
            return condition
        if lookup in ("lte", "lt"):
            return Q(**{f"{low}__{lookup}": values[0]})
        # Without an upper end a range is open: “500+” reaches any number.
        open_ended = Q(**{f"{high}__isnull": True, f"{low}__isnull": False})
        return Q(**{f"{high}__{lookup}": values[0]}) | open_ended

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
            if parsed is None and (date := parse_date(raw)):
                parsed = datetime.datetime.combine(date, datetime.time())
        except ValueError:
            parsed = None
        if parsed is None:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a time such as 2026-03-31T09:00:00Z.")
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)


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
        return Mistake(
            "unknown_value",
            f"There is no {self.model._meta.verbose_name} “{raw}”.",
            did_you_mean=vocabulary.meant_by(raw),
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

    def build(self, lookup: str, raw: list[str], revision: int) -> Condition:
        if lookup == "isnull":
            return super().build(lookup, raw, revision)
        pks = [self.parse(value, revision) for value in raw]
        if lookup == "all":
            condition = Q()
            for pk in pks:
                condition &= Q(self.having(self.widened([pk], revision)))
            return condition
        found = self.having(pks if lookup == "exact" else self.widened(pks, revision))
        return ~found if lookup == "not" else found

    def widened(self, pks: list[int], revision: int) -> list[int]:
        return vocabulary_of(self.model, revision).with_descendants(pks) if self.tree else pks

    def having(self, pks: list[int]) -> Exists:
        return Exists(self.rows().filter(**{f"{self.column}__in": pks}))

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

    def build(self, lookup: str, raw: list[str], revision: int) -> Condition:
        rows = self.model.objects.filter(**{self.owner: OuterRef("pk")})
        if lookup == "isnull":
            return ~Exists(rows) if boolean(raw[0]) else Exists(rows)
        found = Exists(rows.filter(self.inner.build("" if lookup == "not" else lookup, raw, revision)))
        return ~found if lookup == "not" else found


@dataclass
class Selection:
    """What a query's filters ask for."""

    conditions: list[Condition]
    # Parameter → its values, sorted by parameter: the canonical form.
    applied: dict[str, list[str]]
    mistakes: list[Mistake]


class FilterSet:
    """The filters of one collection, as class attributes."""

    filters: ClassVar[dict[str, Filter]]
    parameters: ClassVar[dict[str, tuple[Filter, str]]]

    def __init_subclass__(cls) -> None:
        inherited = {
            name: declared
            for base in reversed(cls.__mro__)
            for name, declared in vars(base).items()
            if isinstance(declared, Filter)
        }
        cls.filters, cls.parameters = inherited, {}
        for name, declared in inherited.items():
            declared.bind(name)
            for lookup in declared.lookups:
                cls.parameters[f"{name}__{lookup}" if lookup else name] = (declared, lookup)

    @classmethod
    def select(cls, query: Iterable[tuple[str, list[str]]], others: Iterable[str], revision: int) -> Selection:
        """Read the query's filters; ``others`` are the parameters that somebody else reads."""
        selection = Selection([], {}, [])
        for parameter, given in sorted(query):
            if parameter in others:
                continue
            try:
                declared, lookup = cls.declared(parameter, others)
                values = split(given, several=declared.lookups[lookup])
                selection.conditions.append(declared.build(lookup, values, revision))
                selection.applied[parameter] = values
            except Mistake as mistake:
                mistake.parameter = parameter
                selection.mistakes.append(mistake)
        return selection

    @classmethod
    def declared(cls, parameter: str, others: Iterable[str]) -> tuple[Filter, str]:
        try:
            return cls.parameters[parameter]
        except KeyError:
            raise unknown_parameter(parameter, [*cls.parameters, *others]) from None


def unknown_parameter(parameter: str, known: list[str]) -> Mistake:
    name, _, lookup = parameter.partition("__")
    allowed = [other for other in known if other.partition("__")[0] == name]
    if allowed:
        detail = f"“{name}” has no look-up “{lookup}”; there are {', '.join(allowed)}."
        return Mistake("unknown_parameter", detail, did_you_mean=similar(parameter, allowed) or tuple(allowed[:3]))
    return Mistake(
        "unknown_parameter",
        f"There is no parameter “{parameter[:60]}”.",
        did_you_mean=similar(parameter, known),
    )


def split(given: list[str], *, several: bool) -> list[str]:
    """The values of a parameter, comma-separated or repeated; just one where it takes no more."""
    if several:
        values = list(dict.fromkeys(value.strip() for text in given for value in text.split(",")))
    elif len(given) > 1:
        raise Mistake("repeated_parameter", "This parameter is given once only.")
    else:
        values = [given[0].strip()]
    if "" in values:
        raise Mistake("empty_value", "A value is empty. Leave the parameter out, or use __isnull.")
    if len(values) > MAX_VALUES:
        raise Mistake("too_many_values", f"{len(values)} values are more than the {MAX_VALUES} allowed.")
    for value in values:
        if len(value) > MAX_LENGTH:
            raise Mistake("too_long", f"A value is longer than {MAX_LENGTH} characters.")
        if "\0" in value:
            raise Mistake("invalid_value", "A value contains the character NUL.")
    return values
