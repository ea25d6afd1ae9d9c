"""Filters of texts that people read: accents and case do not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Expression, F, Func, Q, TextField, Value
from django.db.models.functions import Concat

from directory.api.filters import PHRASES, Filter
from directory.api.parameters import text_schema
from directory.models import Fold


def text_lookup(name: str) -> Callable[[Any, Any], Any]:
    lookup: Any = TextField().get_lookup(name)

    def build(column: Any, value: Any) -> Any:
        return lookup(F(column) if isinstance(column, str) else column, value)

    return build


LOOKUPS = {
    "": text_lookup("exact"),
    "contains": text_lookup("contains"),
    "startswith": text_lookup("startswith"),
}


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
