"""How values look in a document, and how they are read back."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from directory.ids import PATTERN
from directory.models import SLUG_PATTERN, Address


class SurrogatesValidator(ProhibitSurrogateCharactersValidator):
    """DRF's, which looks at each sign, for texts in which there may be any."""

    def __call__(self, value: Any) -> None:
        if not value.isascii():
            super().__call__(value)


class TextField(serializers.CharField):
    """Text; missing text is null in a document and empty in the database."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators[-1] = SurrogatesValidator()

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None and self.allow_blank:
            return True, ""
        return super().validate_empty_values(data)

    def to_representation(self, value: Any) -> str | None:
        return value or None


class SlugField(TextField):
    """The name in the address; made from the name where it is left empty, so that no document lacks it."""

    schema = {"pattern": SLUG_PATTERN}


class UrlField(TextField):
    """An http(s) address."""

    schema = {"pattern": "^https?://"}


class PublicIdField(serializers.CharField):
    schema = {"pattern": PATTERN}


class ChoiceField(serializers.ChoiceField):
    """One of a list; missing is null in a document and empty in the database."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None and self.allow_blank:
            return True, ""
        return super().validate_empty_values(data)

    def to_representation(self, value: Any) -> str | None:
        return value or None


class NumberField(serializers.DecimalField):
    """An exact number, shown as a JSON number: 3810, 36.4."""

    def to_representation(self, value: Any) -> int | float:
        return int(value) if value == int(value) else float(value)


class Reference(serializers.RelatedField):
    """A related object as ``{"slug", "name"}``; its slug alone is enough to write it."""

    parts = ("slug", "name")
    # Slug → object of those found before, where many documents are written in a row.
    known: dict[str, Any] | None = None
    default_error_messages = {
        "does_not_exist": "There is no {kind} “{slug}”.",
        "incorrect_type": "Give a slug, or an object with a slug.",
    }

    def to_representation(self, value: Any) -> dict[str, str]:
        return {part: getattr(value, part) for part in self.parts}

    def to_internal_value(self, data: Any) -> Any:
        slug = data.get("slug") if isinstance(data, dict) else data
        if not isinstance(slug, str):
            self.fail("incorrect_type")
        if self.known is not None and slug in self.known:
            return self.known[slug]
        queryset: Any = self.get_queryset()
        found = (
            queryset.filter(slug=slug).first() or queryset.filter(pk__in=Address.objects.of(slug, queryset)).first()
        )
        if found is None:
            self.fail("does_not_exist", kind=queryset.model._meta.verbose_name, slug=slug)
        if self.known is not None:
            self.known[slug] = found
        return found

    def use_pk_only_optimization(self) -> bool:
        return False


class RangeField(serializers.Field):
    """Two columns, ``<name>_min`` and ``<name>_max``, as ``{"min", "max"}``; null when neither is known.

    ``unit`` is shown beside them, such as ``{"currency": "USD"}``.
    """

    default_error_messages = {
        "not_an_object": "Give an object with min and max, or null.",
        "not_a_number": "min and max are whole numbers or null.",
        "unknown": "Only {keys} are known here.",
        "wrong_unit": "{unit} is always {value}.",
    }

    def __init__(self, *, unit: dict[str, str] | None = None, **kwargs: Any) -> None:
        self.unit = unit or {}
        super().__init__(source="*", required=False, allow_null=True, **kwargs)

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.columns = {"min": f"{field_name}_min", "max": f"{field_name}_max"}
        self.parts = (*self.columns, *self.unit)

    def get_attribute(self, instance: Any) -> Any:
        return {end: getattr(instance, column) for end, column in self.columns.items()}

    def to_representation(self, value: dict[str, int | None]) -> dict[str, Any] | None:
        if value["min"] is None and value["max"] is None:
            return None
        return value | self.unit

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None:
            return True, dict.fromkeys(self.columns.values())
        if data is empty:
            return super().validate_empty_values(data)
        return False, data

    def to_internal_value(self, data: Any) -> dict[str, int | None]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        if set(data) - set(self.columns) - set(self.unit):
            self.fail("unknown", keys=", ".join([*self.columns, *self.unit]))
        for name, value in self.unit.items():
            if data.get(name, value) != value:
                self.fail("wrong_unit", unit=name, value=value)
        ends = {end: data.get(end) for end in self.columns}
        for end in ends.values():
            if end is not None and (isinstance(end, bool) or not isinstance(end, int)):
                self.fail("not_a_number")
        return {self.columns[name]: end for name, end in ends.items()}
