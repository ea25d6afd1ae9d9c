"""Documents' values in the words of curators: names for slugs, labels for keys, the least before the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.db import models

NOTHING = "—"


@dataclass(frozen=True)
class Piece:
    """A part of a value, and whether it is what differs."""

    text: str
    is_other: bool


@dataclass(frozen=True)
class Difference:
    """One field, before and after: of a list its items, of anything else one piece."""

    field: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def before(self) -> list[Piece]:
        return [Piece(text, text not in self.new) for text in self.old]

    @property
    def after(self) -> list[Piece]:
        return [Piece(text, text not in self.old) for text in self.new]


class Wording:
    """Says what stands in the documents of a model; whatever a slug leads to is read once."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.names: dict[str, dict[str, str]] = {}
        self.children: dict[str, Wording] = {}

    @cached_property
    def fields(self) -> list[str]:
        return [f.name for f in self.model._meta.fields]

    def say(self, name: str, value: Any) -> str:
        """The value of a field in one line."""
        return "; ".join(self.items(name, value))

    def difference(self, name: str, old: Any, new: Any) -> Difference:
        return Difference(name.replace("_", " "), self.items(name, old), self.items(name, new))

    def items(self, name: str, value: Any) -> tuple[str, ...]:
        """What a list holds, one by one; of anything else, all of it."""
        found = value if isinstance(value, list) else [value]
        return tuple(self.word(name, item) for item in found) or (NOTHING,)

    def word(self, name: str, value: Any) -> str:
        if value is None or value in ([], {}, ""):
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, dict):
            return self.object(name, value)
        field = self.field(name)
        if isinstance(field, ArrayField):
            field = field.base_field
        related = getattr(field, "related_model", None)
        if related:
            return self.known(name, related).get(str(value), str(value))
        return str(dict(getattr(field, "flatchoices", ())).get(value, value))

    def object(self, name: str, value: Mapping[str, Any]) -> str:
        """A reference by its name, a range by its ends, a part of the document by what it says."""
        if "slug" in value and "name" in value:
            return str(value["name"])
        if "min" in value and "max" in value:
            least, most = value["min"], value["max"]
            if least == most:
                return str(least)
            return f"{least} to {most}" if least and most else f"{least} or more" if least else f"up to {most}"
        related = getattr(self.field(name), "related_model", None)
        if not related:
            return ", ".join(f"{key.replace('_', ' ')} {self.word(key, one)}" for key, one in value.items() if one)
        if name not in self.children:
            self.children[name] = Wording(related)
        return ", ".join(self.children[name].parts(value))

    def parts(self, value: Mapping[str, Any]) -> Iterator[str]:
        """What a part of a document says, in the order of its fields; labelled where that tells what it is."""
        for name in self.fields:
            if not value.get(name):
                continue
            said = ", ".join(self.items(name, value[name]))
            field = self.field(name)
            if isinstance(field, ArrayField):
                yield f"{name} {said.replace('_', ' ')}"
            else:
                yield f"{name.replace('_', ' ')} {said}" if isinstance(field, models.DateField) else said

    def field(self, name: str) -> Any:
        try:
            return self.model._meta.get_field(name)
        except FieldDoesNotExist:  # a document has names of its own, as for a range
            return None

    def known(self, name: str, related: type[models.Model]) -> dict[str, str]:
        """Slug → name of what a field leads to."""
        if name not in self.names:
            self.names[name] = dict(related._default_manager.values_list("slug", "name"))
        return self.names[name]
