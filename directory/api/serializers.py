"""The serializers of all kinds: each renders, describes and writes one kind of document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, models, transaction
from rest_framework import serializers
from rest_framework.settings import api_settings

from directory.api.fields import ChoiceField, NumberField, PublicIdField, SlugField, TextField, UrlField
from directory.constraints import violation
from directory.names import check_names


class StrictSerializer(serializers.ModelSerializer):
    """Refuses what it does not know, and leaves the rules to the model and the database."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: TextField,
        models.TextField: TextField,
        models.SlugField: TextField,
        models.URLField: UrlField,
        models.DecimalField: NumberField,
    }
    serializer_choice_field = ChoiceField

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, options = super().build_standard_field(field_name, model_field)
        # The model validates; asking twice would cost every import a second round of queries.
        options.pop("validators", None)
        options.pop("allow_unicode", None)
        if field_name in getattr(self.Meta.model, "named_by", ()):
            options["validators"] = [check_names]  # where a row is only looked at, the model is not asked
        return field_class, options

    def get_validators(self) -> list[Any]:
        return []

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := [key for key in data if key not in known]:
                raise serializers.ValidationError(
                    {key: ["This is no field that can be written."] for key in unknown}, code="unknown"
                )
        return super().to_internal_value(data)


class ChildSerializer(StrictSerializer):
    """A row that belongs to one object and is written with it, such as a company's office."""


class DocumentSerializer(StrictSerializer):
    """One kind of published object."""

    id = PublicIdField(source="public_id", read_only=True, help_text="Never changes and is never given twice.")
    url = serializers.URLField(read_only=True, help_text="Its address; old ones lead here.")
    slug = SlugField(required=False, allow_blank=True, max_length=80, help_text="The name in the address.")

    STAMPED = ("revision", "created_at", "updated_at")

    class Meta:
        read_only_fields = ["revision", "created_at", "updated_at"]
        extra_kwargs = {
            "revision": {"help_text": "Number of the change that made it as it is."},
            "created_at": {"help_text": "When it was entered."},
            "updated_at": {"help_text": "When it last changed."},
        }

    def create(self, validated_data: dict[str, Any]) -> Any:
        return self.update(self.Meta.model(), validated_data)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Save the object, its relations and its children; the model's own validation decides."""
        relations = {f.name: f for f in instance._meta.many_to_many}
        children = {name: field for name, field in self.fields.items() if is_child_list(field)}
        later = {name: validated_data.pop(name) for name in {*relations, *children} & set(validated_data)}
        for name, value in validated_data.items():
            setattr(instance, name, value)
        with saving(), transaction.atomic():
            validate(instance)
            instance.save()
            for name, value in later.items():
                if name in relations:
                    getattr(instance, name).set(value)
                else:
                    replace_children(instance, name, value)
        # Rows fetched before they were replaced would be shown again.
        getattr(instance, "_prefetched_objects_cache", {}).clear()
        return instance


def is_child_list(field: serializers.Field) -> bool:
    return isinstance(field, serializers.ListSerializer) and isinstance(field.child, ChildSerializer)


def replace_children(instance: Any, name: str, rows: list[dict[str, Any]]) -> None:
    """Make the child rows those of ``rows``, in their order, touching none that stays as it is."""
    manager = getattr(instance, name)
    owner = manager.field.name
    columns = [f for f in manager.model._meta.concrete_fields if not f.primary_key and f.name != owner]
    existing = list(manager.order_by("pk"))
    wanted = [[row.get(f.name, f.get_default()) for f in columns] for row in rows]
    if [[getattr(child, f.name) for f in columns] for child in existing] == wanted:
        return
    manager.all().delete()
    for position, row in enumerate(rows):
        child = manager.model(**{owner: instance}, **row)
        with saving(at=[name, position]):
            validate(child, exclude=[owner])
            child.save()


@contextmanager
def saving(at: Sequence[str | int] = ()) -> Iterator[None]:
    """Turn what the model or the database refuses into an error of the field ``at``."""
    try:
        try:
            yield
        except IntegrityError as error:
            raise violation(error) from error
    except ModelError as error:
        detail: Any = error.message_dict
        if NON_FIELD_ERRORS in detail:
            detail[api_settings.NON_FIELD_ERRORS_KEY] = detail.pop(NON_FIELD_ERRORS)
        for step in reversed(at):
            detail = {step: detail} if isinstance(step, str) else [*({} for _ in range(step)), detail]
        raise serializers.ValidationError(detail) from error


def validate(instance: models.Model, exclude: Iterable[str] = ()) -> None:
    """Run the model's validation, but for what is certain to be found out otherwise.

    A Reference just found the rows of foreign keys; the database checks its constraints when the row is written,
    which asks nothing, while Django would ask a query for each.
    """
    found = [f.name for f in instance._meta.concrete_fields if f.is_relation]
    instance.full_clean(exclude=[*found, *exclude], validate_constraints=False)
