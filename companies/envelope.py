"""What a suggestion arrives in: its form is checked here, its meaning in companies.proposing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from django.core.exceptions import ValidationError as Invalid
from django.core.validators import URLValidator, validate_email
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.serializers import ValidationError

from companies.proposing import Sent
from directory.api.errors import Problem

MAX_BYTES = 32 * 1024
MAX_EVIDENCE, MAX_URL = 10, 500
# Left empty by whoever reads the description, filled in by programs that fill in whatever there is.
HONEYPOT = "homepage"

valid_url = URLValidator(schemes=["http", "https"])


def body_of(request: Any, what: str, most: int, media_type: str = "application/json") -> bytes:
    """What was sent; raises where it is of another type, or of more bytes than ``what`` has at most."""
    if request.content_type.partition(";")[0].strip().lower() != media_type:
        raise UnsupportedMediaType(request.content_type, f"Send it as {media_type}.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        raise Problem("content_too_large", f"{what} has at most {most} bytes.")
    return bytes(request._request.body)


def read(body: bytes) -> tuple[Sent, bool]:
    """(suggestion, whether it is a program's that fills in everything) of a body.

    Raises Problem where it is no JSON, and ValidationError that names all that is wrong with its form.
    """
    sent = parsed(body)
    if not isinstance(sent, dict):
        raise ValidationError("Send an object with a patch.")
    mistakes: dict[str, Any] = {name: ["This is no field that can be sent."] for name in sent.keys() - CHECKS.keys()}
    for name, check in CHECKS.items():
        try:
            check(sent.get(name))
        except (Invalid, ValueError) as error:
            mistakes[name] = [error.message if isinstance(error, Invalid) else str(error)]
        except ValidationError as error:
            mistakes[name] = error.detail
    if mistakes:
        raise ValidationError(mistakes)
    given = {name: value for name, value in sent.items() if value not in (None, "", [])}
    return Sent(**{name: value for name, value in given.items() if name != HONEYPOT}), HONEYPOT in given


def parsed(body: bytes) -> Any:
    """The JSON of a body, if the database can keep it; raises Problem."""
    try:
        sent = orjson.loads(body)
        text = orjson.dumps(sent)
    except orjson.JSONDecodeError as error:
        raise Problem("bad_request", f"The body is not JSON: {error}.") from error
    except orjson.JSONEncodeError as error:
        raise Problem("bad_request", "The body is nested too deeply.") from error
    if b"\\u0000" in text:
        raise Problem("bad_request", "A text has a NUL character in it.")
    return sent


def check_patch(value: Any) -> None:
    if not isinstance(value, dict) or not value:
        raise ValueError("Give an object with the fields that should change.")


def check_company(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 80):
        raise ValueError("Give the id or the slug of a company, or leave it out for a new one.")


def check_revision(value: Any) -> None:
    if value is not None and not (type(value) is int and 0 < value < 2**63):
        raise ValueError("Give the revision of the document that the patch is based on, or leave it out.")


def check_evidence(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, list) or len(value) > MAX_EVIDENCE:
        raise ValueError(f"Give a list of at most {MAX_EVIDENCE} addresses.")
    wrong = {}
    for position, url in enumerate(value):
        try:
            if not isinstance(url, str) or len(url) > MAX_URL:
                raise Invalid("")
            valid_url(url)
        except Invalid:
            wrong[str(position)] = [f"Give an http:// or https:// address of at most {MAX_URL} characters."]
    if wrong:
        raise ValidationError(wrong)


def check_email(value: Any) -> None:
    if value not in (None, ""):
        validate_email(value if isinstance(value, str) and len(value) <= 254 else "")


def check_honeypot(value: Any) -> None:
    if not (value is None or isinstance(value, str)):
        raise ValueError("Leave it empty.")


CHECKS: dict[str, Callable[[Any], None]] = {
    "company": check_company,
    "patch": check_patch,
    "evidence": check_evidence,
    "email": check_email,
    "revision": check_revision,
    HONEYPOT: check_honeypot,
}
