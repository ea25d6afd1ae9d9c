"""What the database refused, in the words that the model gives for it."""

from functools import cache

from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError


@cache
def messages() -> dict[str, str]:
    """Constraint name → the message of the model that declares it."""
    return {
        constraint.name: str(constraint.get_violation_error_message())
        for model in apps.get_models()
        for constraint in model._meta.constraints
    }


def violation(error: IntegrityError) -> ValidationError:
    """The same as a ValidationError that a curator understands; a trigger's own words are taken as they are."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    spoken = getattr(diagnosis, "message_primary", None) or "The database refused it."
    return ValidationError({NON_FIELD_ERRORS: [messages().get(name, spoken)]})
