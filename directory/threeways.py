"""Three ways: what a form was opened with, what somebody else made of it meanwhile, and what was typed into it.

What only one of the two changed is merged; where both changed the same, somebody has to say which of them holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.http import QueryDict

from directory.opened import Fields, Raw, Rows, State, columns, normal

# Before the key of a conflict: the field of the page that answers it.
ANSWER = "take-"
THEIRS, YOURS = "theirs", "yours"


@dataclass(frozen=True)
class Place:
    """Where in a form: among its own fields, or in a row of an inline."""

    key: str = ""
    formset: Any = None
    row: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    """What both changed, and not alike: a field, or a row that one changed and the other deleted.

    A side is None where there is no such row, or where nobody knows what was.
    """

    key: str
    place: Place
    fields: Mapping[str, forms.Field]
    was: Fields | None
    theirs: Fields | None
    yours: Fields | None

    @property
    def digest(self) -> str:
        """Of theirs: an answer holds for what was shown and for nothing later."""
        return hashlib.sha256(json.dumps(self.theirs, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Row:
    """A row of an inline as it was sent; without a primary key where it is new."""

    pk: str
    fields: Fields
    deleted: bool = False


class Merging:
    """One form that was sent, being merged with what is there now.

    Gives ``data``, the form as it is to be read; ``conflicts`` that are not answered yet; ``kept``, the names of
    fields and inlines in which somebody else's change holds.
    """

    def __init__(self, sent: QueryDict, was: State | None, now: State) -> None:
        self.data = sent.copy()
        self.was, self.now = was, now
        self.conflicts: list[Conflict] = []
        self.kept: list[str] = []

    def merge_fields(self, fields: Mapping[str, forms.Field]) -> None:
        was = self.was.fields if self.was else None
        yours = {name: normal(field, self.data.getlist(name)) for name, field in fields.items()}
        merged = self.merged(Place(), fields, was, self.now.fields, yours)
        for name, values in merged.items():
            if values != yours[name]:
                self.kept.append(name)
                put(self.data, name, values)

    def merged(
        self, place: Place, fields: Mapping[str, forms.Field], was: Fields | None, now: Fields, yours: Fields
    ) -> Fields:
        """The fields of the form, or of a row, with the changes of both."""
        result = {}
        for name, form_field in fields.items():
            before = was.get(name) if was is not None else None
            found = one_of(form_field, before, now[name], yours[name])
            if found is None:
                sides = [None if side is None else {name: side} for side in (before, now[name], yours[name])]
                side = self.answer(Conflict(f"{place.key}{name}", place, {name: form_field}, *sides))
                found = now[name] if side == THEIRS else yours[name]
            result[name] = found
        return result

    def answer(self, conflict: Conflict) -> str:
        """Which side holds; empty, and noted, where nobody said so of what is there now."""
        side, _, digest = self.data.get(f"{ANSWER}{conflict.key}", "").partition(":")
        if side in (THEIRS, YOURS) and digest == conflict.digest:
            return side
        self.conflicts.append(conflict)
        return ""

    def merge_part(self, formset: Any) -> None:
        """The rows of an inline, where somebody else changed one."""
        prefix = formset.prefix
        was = self.was.parts.get(prefix, {}) if self.was else None
        now = self.now.parts[prefix]
        if was == now or f"{prefix}-TOTAL_FORMS" not in self.data:
            return
        fields = columns(formset)
        followed = follow(was or {}, now)
        was = None if was is None else {followed.get(pk, pk): row for pk, row in was.items()}
        rows, before = [], read_rows(self.data, formset, fields)
        for row in before:
            row.pk = followed.get(row.pk, row.pk)
            rows += self.merged_row(formset, fields, row, was, now) if row.pk else [row]
        here = {row.pk for row in rows}
        added = [Row(pk, row) for pk, row in now.items() if pk not in here and pk not in {r.pk for r in before}]
        rows = [row for row in rows if row.pk or row.fields not in [other.fields for other in added]]
        if was is not None and now != was:
            self.kept.append(prefix)
        write_rows(self.data, prefix, formset.model._meta.pk.name, [*rows, *added])

    def merged_row(
        self, formset: Any, fields: Mapping[str, forms.Field], row: Row, was: Rows | None, now: Rows
    ) -> list[Row]:
        """A row that was there when the form was opened, as it is to be; nothing where it is gone."""
        before = was.get(row.pk) if was is not None else None
        theirs, yours = now.get(row.pk), None if row.deleted else row.fields
        key = f"{formset.prefix}-{row.pk}"
        if theirs is not None and yours is not None:
            place = Place(f"{key}-", formset, before or theirs)
            return [Row(row.pk, self.merged(place, fields, before, theirs, yours))]
        if theirs is None and (yours is None or yours == before):
            return []
        if theirs is not None and theirs == before:
            return [row]  # which you delete
        side = self.answer(Conflict(key, Place(key, formset, before or {}), fields, before, theirs, yours))
        if theirs is None:
            return [] if side == THEIRS else [Row("", row.fields)]
        return [Row(row.pk, theirs, deleted=side != THEIRS)]


def one_of(form_field: forms.Field, was: Raw | None, now: Raw, yours: Raw) -> Raw | None:
    """The value that holds; None where both changed it."""
    if yours in (now, was) or now == was:
        return now if yours == was else yours
    return None if was is None else united(form_field, was, now, yours)


def united(form_field: forms.Field, was: Raw, now: Raw, yours: Raw) -> Raw | None:
    """A list to which both added and from which both took; None where it is no list."""
    if isinstance(form_field, forms.ModelMultipleChoiceField):
        return normal(form_field, both(was, now, yours))
    if not isinstance(form_field, SimpleArrayField):
        return None
    try:
        found = both(*([*form_field.to_python("".join(side))] for side in (was, now, yours)))
    except ValidationError:
        return None
    return normal(form_field, [str(form_field.prepare_value(found))])


def both(was: list[Any], now: list[Any], yours: list[Any]) -> list[Any]:
    stay = [one for one in now if one in yours or one not in was]
    return [*stay, *(one for one in yours if one not in was and one not in now)]


def follow(was: Rows, now: Rows) -> dict[str, str]:
    """Old primary key → new one, of rows made anew as they were: what writes a whole list does that."""
    new = [pk for pk in now if pk not in was]
    followed: dict[str, str] = {}
    for pk, row in was.items():
        if pk not in now:
            same = [other for other in new if now[other] == row and other not in followed.values()]
            if same:
                followed[pk] = same[0]
    return followed


def read_rows(data: QueryDict, formset: Any, fields: Mapping[str, forms.Field]) -> list[Row]:
    prefix, key = formset.prefix, formset.model._meta.pk.name
    number = data.get(f"{prefix}-TOTAL_FORMS", "")
    total = min(int(number), formset.absolute_max) if re.fullmatch(r"[0-9]{1,9}", number) else 0
    return [
        Row(
            data.get(f"{prefix}-{n}-{key}", ""),
            {name: normal(field, data.getlist(f"{prefix}-{n}-{name}")) for name, field in fields.items()},
            bool(data.get(f"{prefix}-{n}-DELETE")),
        )
        for n in range(total)
    ]


def write_rows(data: QueryDict, prefix: str, key: str, rows: list[Row]) -> None:
    """Put ``rows`` in the place of those that were sent: first, as Django reads them, what is there already."""
    for name in [name for name in data if re.match(rf"{re.escape(prefix)}-\d+-", name)]:
        del data[name]
    rows = sorted(rows, key=lambda row: not row.pk)
    data[f"{prefix}-INITIAL_FORMS"] = str(sum(bool(row.pk) for row in rows))
    data[f"{prefix}-TOTAL_FORMS"] = str(len(rows))
    for n, row in enumerate(rows):
        put(data, f"{prefix}-{n}-{key}", [row.pk])
        put(data, f"{prefix}-{n}-DELETE", ["on"] if row.deleted else [])
        for name, values in row.fields.items():
            put(data, f"{prefix}-{n}-{name}", values)


def put(data: QueryDict, name: str, values: Raw) -> None:
    if values:
        data.setlist(name, values)
    else:
        data.pop(name, None)
