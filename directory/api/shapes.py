"""Shapes: which fields of a document an answer shows, and which of its references it shows as whole documents.

``fields=name,hub(name)`` names fields and, in brackets, fields inside them; ``omit`` names those to leave out;
``include=hub`` puts the hub's own document in the place of its slug and name. What there is to name is read from
the kind's serializer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from django.utils.module_loading import import_string
from rest_framework import serializers

from directory.api.errors import Mistake, unknown_value
from directory.api.fields import Reference
from directory.api.parameters import Parameter
from directory.api.related import Document, Related
from directory.models import Published

PARAMETERS = {
    "fields": Parameter("The fields to show; in brackets, the fields inside them.", {"type": "string"}, "slug,name"),
    "omit": Parameter("The fields to leave out, written as in “fields”.", {"type": "string"}, "updated_at"),
    "include": Parameter("The references to show as whole documents.", {"type": "string"}, None),
}
MAX_LENGTH = 1000

# Field → the fields chosen inside it, or None for all of it.
Choice = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a document: the fields inside it, whether it is a list, and the kind that it refers to."""

    parts: Mapping[str, Field] = field(default_factory=dict)
    many: bool = False
    kind: type[Published] | None = None


@cache
def document_field(model: type[Published]) -> Field:
    """A whole document of ``model`` as its serializer describes it."""
    return describe(import_string(model.serializer)())


def describe(described: Any) -> Field:
    if isinstance(described, serializers.ListSerializer | serializers.ListField):
        return replace(describe(described.child), many=True)
    if isinstance(described, serializers.ManyRelatedField):
        return replace(describe(described.child_relation), many=True)
    if isinstance(described, serializers.Serializer):
        return Field({name: describe(part) for name, part in described.fields.items()})
    parts = {name: Field() for name in getattr(described, "parts", ())}
    queryset: Any = described.get_queryset() if isinstance(described, Reference) else None
    return Field(parts, kind=queryset.model if queryset is not None else None)


@dataclass(frozen=True)
class Shape:
    """How documents of a kind are shown."""

    model: type[Published]
    chosen: Choice | None = None
    included: Choice = field(default_factory=dict)
    # The parameters that asked for it, in the one spelling that all equal shapes have.
    asked: tuple[tuple[str, str], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether documents are shown as they were published."""
        return not self.asked

    @cached_property
    def known(self) -> Field:
        """The document with all that is included."""
        return expanded(document_field(self.model), self.included)

    @cached_property
    def kinds(self) -> frozenset[type[Published]]:
        """The kinds whose documents are included."""
        return frozenset(kinds_of(document_field(self.model), self.included))

    def fill(self, document: Document, related: Related) -> Document:
        """The document with what is included."""
        return fill(document, self.included, document_field(self.model), related) if self.included else document

    def apply(self, document: Document, related: Related) -> Document:
        """The document with what is included, and of that what is chosen."""
        shaped: Document = pick(self.fill(document, related), self.chosen)
        return shaped


def read_shape(query: Any, model: type[Published], mistakes: list[Mistake]) -> Shape:
    """The shape that ``query`` asks for; what is wrong is appended to ``mistakes``."""
    if not any(name in query for name in PARAMETERS):
        return Shape(model)
    before = len(mistakes)
    refers = references(document_field(model))
    included = explicit(read_choice(query, "include", refers, mistakes) or {}, refers)
    known = expanded(document_field(model), included)
    chosen = read_choice(query, "fields", known, mistakes)
    omitted = read_choice(query, "omit", known, mistakes)
    if chosen and omitted:
        mistakes.append(Mistake("conflicting_parameters", "Give fields or omit, not both.", "omit"))
    asked = (("fields", chosen), ("omit", omitted), ("include", included))
    if omitted:
        chosen = remainder(known, omitted)
        if not chosen:
            mistakes.append(Mistake("invalid_value", "Nothing is left to show.", "omit"))
    if len(mistakes) > before:
        return Shape(model)
    return Shape(model, chosen, included, tuple((name, spell(choice)) for name, choice in asked if choice))


def read_choice(query: Any, parameter: str, known: Field, mistakes: list[Mistake]) -> Choice | None:
    """The fields of ``known`` that a parameter names, in the document's order; None where it is not given."""
    if parameter not in query:
        return None
    text = query[parameter]
    found: list[Mistake] = []
    try:
        if len(query.getlist(parameter)) > 1:
            raise Mistake("repeated_parameter", "This parameter is given once only.")
        if not text.strip():
            raise Mistake("empty_value", "No field is named.")
        if len(text) > MAX_LENGTH:
            raise Mistake("too_long", f"A value is longer than {MAX_LENGTH} characters.")
        tokens = re.findall(r"\w+|\S", text)
        chosen = parse(tokens, known, "", found)
        if tokens:
            raise Mistake("invalid_value", f"“{tokens[0]}” is out of place: write name,hub(name).")
    except Mistake as mistake:
        found.append(mistake)
    mistakes.extend(mistake.of(parameter) for mistake in found)
    return None if found else in_order(chosen, known)


def parse(tokens: list[str], known: Field | None, path: str, found: list[Mistake]) -> dict[str, Any]:
    """Take names off ``tokens``, up to a closing bracket; unknown ones are appended to ``found``."""
    chosen: dict[str, Any] = {}
    while True:
        name = tokens.pop(0) if tokens else ""
        if not re.fullmatch(r"\w+", name):
            raise Mistake("invalid_value", f"A field is missing before “{name}”." if name else "A field is missing.")
        if name in chosen:
            raise Mistake("invalid_value", f"“{path}{name[:60]}” is named twice.")
        inner = known.parts.get(name) if known else None
        if known and not inner:
            found.append(unknown_field(name, known, path))
        chosen[name] = None
        if tokens[:1] == ["("]:
            if inner and not inner.parts:
                raise Mistake("invalid_value", f"“{path}{name}” has no fields inside.")
            tokens.pop(0)
            chosen[name] = parse(tokens, inner, f"{path}{name}.", found)
            if tokens[:1] != [")"]:
                raise Mistake("invalid_value", f"The bracket of “{path}{name[:60]}” is not closed.")
            tokens.pop(0)
        if tokens[:1] != [","]:
            return chosen
        tokens.pop(0)


def unknown_field(name: str, known: Field, path: str) -> Mistake:
    where = f"“{path[:-1]}” has no field" if path else "There is no field"
    names = ", ".join(known.parts) or "none"
    more = ""
    if known.kind and name in document_field(known.kind).parts:
        more = f" With include={path[:-1]} there are all of its document."
    return unknown_value(f"{where} “{name[:60]}”; there are {names}.{more}", name, known.parts)


def in_order(chosen: Choice, known: Field) -> Choice:
    """The choice in the document's order, so that equal choices are spelt the same."""
    return {
        name: chosen[name] and in_order(chosen[name], part) for name, part in known.parts.items() if name in chosen
    }


def spell(chosen: Choice) -> str:
    return ",".join(f"{name}({spell(inner)})" if inner else name for name, inner in chosen.items())


def remainder(known: Field, omitted: Choice) -> Choice:
    """All fields but ``omitted``; a field with nothing left inside goes with what was in it."""
    left: dict[str, Any] = {}
    for name, part in known.parts.items():
        if name not in omitted:
            left[name] = None
        elif omitted[name] and (inner := remainder(part, omitted[name])):
            left[name] = inner
    return left


def all_of(known: Field) -> Choice:
    """Every field by name."""
    return {name: all_of(part) or None for name, part in known.parts.items()}


def references(known: Field) -> Field:
    """``known`` with nothing in it but what refers to other documents."""
    parts = {name: Field() if part.kind else references(part) for name, part in known.parts.items()}
    return Field({name: part for name, part in parts.items() if part.parts or known.parts[name].kind})


def explicit(included: Choice, known: Field) -> Choice:
    """``included`` with the references named that are in what was named alone, such as ``offices``."""
    return {
        name: explicit(inner or dict.fromkeys(known.parts[name].parts), known.parts[name])
        if known.parts[name].parts
        else None
        for name, inner in included.items()
    }


def expanded(known: Field, included: Choice | None) -> Field:
    """``known`` with the included references' own fields in their places."""
    if included is None and known.kind:
        return replace(known, parts=document_field(known.kind).parts)
    changed = {name: expanded(known.parts[name], inner) for name, inner in (included or {}).items()}
    return replace(known, parts={**known.parts, **changed})


def kinds_of(known: Field, included: Choice | None) -> Iterator[type[Published]]:
    """The kinds of the references ``included``."""
    if included is None and known.kind:
        yield known.kind
    for name, inner in (included or {}).items():
        yield from kinds_of(known.parts[name], inner)


def fill(value: Any, included: Choice | None, known: Field, related: Related) -> Any:
    """``value`` with documents in the place of its included references."""
    if isinstance(value, list):
        return [fill(item, included, known, related) for item in value]
    if value is None:
        return None
    if included is None and known.kind:
        # A reference to what is withdrawn meanwhile stays one.
        return related[known.kind].get(value["slug"], value)
    filled = {
        name: fill(value[name], inner, known.parts[name], related)
        for name, inner in (included or {}).items()
        if name in value
    }
    return {**value, **filled}


def pick(value: Any, chosen: Choice | None) -> Any:
    """What is chosen of ``value``; a document older than its serializer may lack a field."""
    if chosen is None or value is None:
        return value
    if isinstance(value, list):
        return [pick(item, chosen) for item in value]
    return {
        name: value[name] if inner is None else pick(value[name], inner)
        for name, inner in chosen.items()
        if name in value
    }
