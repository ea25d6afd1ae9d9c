"""Documents as JSON Schema, read from the serializers that render them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.module_loading import import_string
from rest_framework import serializers

from directory.api.fields import RangeField, Reference, SlugField
from directory.api.operations import Schema, closed, nullable, reference
from directory.models import Published

REFERENCE = {"slug": {"type": "string"}, "name": {"type": "string"}}


def document_schemas(model: type[Published]) -> dict[str, Schema]:
    """The schemas of a kind's documents by name, and of all that they refer to.

    ``Company`` is a whole document. ``CompanyShape`` is what the query made of it: some of its fields, with the
    documents of others in the place of its references.
    """
    schemas: dict[str, Schema] = {"Reference": closed(REFERENCE, description="A related object.")}
    waiting = [import_string(model.serializer)()]
    while waiting:
        serializer = waiting.pop()
        name = serializer.Meta.model.__name__
        if name not in schemas:
            schemas[name] = object_schema(serializer, shaped=False)
            schemas[f"{name}Shape"] = object_schema(serializer, shaped=True)
            waiting.extend(referred(serializer))
    return schemas


def plain_schema(model: type[Published]) -> Schema:
    """The schema of a kind's whole documents with nothing referred to and each type alone; anything may be null."""
    schemas = document_schemas(model)

    def plain(schema: Schema) -> Schema:
        if "anyOf" in schema:
            return plain(schema["anyOf"][0])
        if "$ref" in schema:
            return plain(schemas[schema["$ref"].rpartition("/")[2]])
        kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
        if kind == "array":
            return {"type": kind, "items": plain(schema["items"])}
        if kind == "object":
            return {"type": kind, "properties": {name: plain(part) for name, part in schema["properties"].items()}}
        return {"type": kind, **({"format": schema["format"]} if "format" in schema else {})}

    return plain(schemas[model.__name__])


def object_schema(serializer: Any, *, shaped: bool) -> Schema:
    properties = {name: field_schema(field, shaped=shaped) for name, field in serializer.fields.items()}
    optional = tuple(properties) if shaped else ()
    return closed(properties, optional=optional, description=(serializer.Meta.model.__doc__ or "").strip())


def referred(serializer: serializers.Serializer) -> Iterator[serializers.Serializer]:
    """The serializers of the objects that ``serializer`` names or contains."""
    for field in serializer.fields.values():
        inner = getattr(field, "child", None) or getattr(field, "child_relation", field)
        if isinstance(inner, Reference):
            yield import_string(inner.get_queryset().model.serializer)()  # type: ignore[union-attr]
        elif isinstance(inner, serializers.Serializer):
            yield inner


def field_schema(field: serializers.Field, *, shaped: bool) -> Schema:
    """What ``field`` renders; missing values are null, lists without entries empty."""
    schema = value_schema(field, shaped)
    if field.allow_null or (getattr(field, "allow_blank", False) and not isinstance(field, SlugField)):
        schema = nullable(schema)
    description = field.help_text or column_help(field)
    return {**schema, "description": str(description)} if description else schema


def column_help(field: Any) -> str:
    try:
        column = field.parent.Meta.model._meta.get_field(field.field_name)
    except (AttributeError, FieldDoesNotExist):
        return ""
    return getattr(column, "help_text", "")


@singledispatch
def value_schema(field: Any, shaped: bool) -> Schema:
    raise TypeError(f"{field!r} has no JSON Schema: say it here")


@value_schema.register
def _(field: serializers.ListSerializer, shaped: bool) -> Schema:
    return {"type": "array", "items": value_schema(field.child, shaped)}


@value_schema.register
def _(field: serializers.ManyRelatedField, shaped: bool) -> Schema:
    return {"type": "array", "items": value_schema(field.child_relation, shaped)}


@value_schema.register
def _(field: serializers.ListField, shaped: bool) -> Schema:
    return {"type": "array", "items": value_schema(field.child, shaped)}


@value_schema.register(serializers.Serializer)
def _(field: Any, shaped: bool) -> Schema:
    return reference(f"{field.Meta.model.__name__}{'Shape' if shaped else ''}")


@value_schema.register
def _(field: Reference, shaped: bool) -> Schema:
    return reference(f"{field.get_queryset().model.__name__}Shape" if shaped else "Reference")  # type: ignore[union-attr]


@value_schema.register
def _(field: RangeField, shaped: bool) -> Schema:
    end = {"type": ["integer", "null"], "minimum": 0}
    unit = {name: {"type": "string", "enum": [value]} for name, value in field.unit.items()}
    properties = {"min": end, "max": end, **unit}
    return closed(properties, optional=tuple(properties) if shaped else ())


@value_schema.register
def _(field: serializers.ChoiceField, shaped: bool) -> Schema:
    return {"type": "string", "enum": [choice for choice in field.choices if choice]}


@value_schema.register
def _(field: serializers.CharField, shaped: bool) -> Schema:
    longest = {"maxLength": field.max_length} if field.max_length else {}
    return {"type": "string", **longest, **getattr(field, "schema", {})}


@value_schema.register
def _(field: serializers.IntegerField, shaped: bool) -> Schema:
    ends = {"minimum": field.min_value, "maximum": field.max_value}
    return {"type": "integer", **{name: end for name, end in ends.items() if end is not None}}


@value_schema.register(serializers.FloatField)
@value_schema.register(serializers.DecimalField)
def _(field: serializers.Field, shaped: bool) -> Schema:
    return {"type": "number"}


@value_schema.register
def _(field: serializers.BooleanField, shaped: bool) -> Schema:
    return {"type": "boolean"}


@value_schema.register
def _(field: serializers.DateTimeField, shaped: bool) -> Schema:
    return {"type": "string", "format": "date-time"}


@value_schema.register
def _(field: serializers.DateField, shaped: bool) -> Schema:
    return {"type": "string", "format": "date"}
