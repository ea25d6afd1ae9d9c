"""What a form was opened with. It goes along with the form, signed, so that a save knows what changed meanwhile.

Values are kept as a browser sends them, so that what was, what is and what somebody typed compare as they are. The
values themselves travel and not a version number: an object that is not public has no log to look them up in.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import QueryDict

# The hidden field of the form that has it.
FIELD = "opened"
SALT = "directory.opened"

Raw = list[str]  # one field, as a browser sends it
Fields = dict[str, Raw]
Rows = dict[str, Fields]  # primary key → the fields of an inline's row


@dataclass
class State:
    """An object as its form shows it: its fields, and of each inline, by its prefix, the rows."""

    fields: Fields = field(default_factory=dict)
    parts: dict[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """What the form of an object was opened with, and when; ``revision`` is the one of its document then."""

    of: str
    state: State
    revision: int
    at: datetime.datetime


def state_of(form: forms.BaseForm, formsets: Iterable[Any]) -> State:
    """The state that a form and its inlines start from, whatever was typed into them since."""
    parts = {
        formset.prefix: {str(row.instance.pk): initial(row, columns(formset)) for row in formset.initial_forms}
        for formset in formsets
    }
    return State(initial(form, form.fields), parts)


def columns(formset: Any) -> dict[str, forms.Field]:
    """The fields of an inline that somebody fills in."""
    hidden = {formset.model._meta.pk.name, formset.fk.name, "DELETE"}
    return {name: field for name, field in formset.empty_form.fields.items() if name not in hidden}


def initial(form: forms.BaseForm, names: Iterable[str]) -> Fields:
    return {name: as_sent(form[name].field, form[name].initial) for name in names}


def as_sent(field: forms.Field, value: Any) -> Raw:
    """A field's value as a browser sends it back."""
    if isinstance(field.widget, forms.CheckboxInput):
        return ["on"] if value else []
    value = field.prepare_value(value)
    if not isinstance(value, list | tuple):
        value = field.widget.format_value(value)
    values = value if isinstance(value, list | tuple) else [value]
    return normal(field, ["" if one is None else str(one) for one in values])


def normal(field: forms.Field, values: Raw) -> Raw:
    """One spelling of what is sent: without the line ends of browsers, space around it, and what is empty."""
    found = [text for value in values if (text := value.replace("\r\n", "\n").strip())]
    if isinstance(field, forms.DateField | forms.DecimalField):
        return [spelt(field, text) for text in found]
    return sorted(found) if isinstance(field, forms.ModelMultipleChoiceField) else found


def spelt(field: Any, text: str) -> str:
    """A date or an exact number, which people write in many ways; as it is where it is none."""
    try:
        value = field.to_python(text)
    except ValidationError:
        return text
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value.isoformat())


def sign(obj: Any, state: State) -> str:
    """``state``, compressed, as the form of ``obj`` carries it; the signature tells when."""
    found = {
        "of": name_of(obj),
        "fields": state.fields,
        "parts": state.parts,
        "revision": getattr(obj, "revision", None) or 0,
    }
    return signing.TimestampSigner(salt=SALT).sign_object(found, compress=True)


def read(data: QueryDict | Mapping[str, Any]) -> Opened | None:
    """What the form that was sent had been opened with; None where it does not say, or we did not sign it."""
    token = data.get(FIELD, "")
    try:
        found = signing.TimestampSigner(salt=SALT).unsign_object(token)
    except signing.BadSignature:
        return None
    seconds = signing.b62_decode(token.rsplit(":", 2)[1])
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return Opened(found["of"], State(found["fields"], found["parts"]), found["revision"], at)


def name_of(obj: Any) -> str:
    """Which object a form is of; one that is being added has no number yet."""
    return f"{obj._meta.label_lower}:{obj.pk or ''}"
