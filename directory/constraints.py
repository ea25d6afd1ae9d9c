"""What the database refused, in the words that the model gives for it."""

from functools import cache

import psycopg
from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, IntegrityError, models

# lock_not_available and deadlock_detected
BUSY = ("55P03", "40P01")


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


def refusal(error: DatabaseError) -> str:
    """What a curator is told about an error of the database; empty where it is not theirs to mend."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return str(error.args[0]) if isinstance(error, models.ProtectedError) else ""
    if cause.sqlstate in BUSY:
        return "Somebody else is writing just now. Nothing was saved: try again."
    if not isinstance(error, IntegrityError):
        return ""
    diagnosis = cause.diag
    if message := messages().get(diagnosis.constraint_name or ""):
        return f"Nothing was saved. {message}"
    # A trigger says it in a sentence; a plain unique column names the value in the detail.
    return f"Nothing was saved: {diagnosis.message_detail or diagnosis.message_primary}"
