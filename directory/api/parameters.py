"""What is said about a parameter, wherever it is said: in OpenAPI, in the docs, in an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Values that one parameter may have, and characters that one of them may have.
MAX_VALUES = 50
MAX_LENGTH = 200
# Conditions of one query that each look into another table: planning twenty takes PostgreSQL a quarter of a second.
MAX_LOOKED_INTO = 10


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query: what it asks for, the JSON Schema of its value, and a value to try.

    It means nothing without those named in ``together``.
    """

    description: str
    schema: Mapping[str, Any]
    example: Any
    together: tuple[str, ...] = ()
    required: bool = False


def text_schema(excluded: str = "") -> dict[str, Any]:
    """The JSON Schema of a text that is not blank, without control characters and ``excluded``."""
    allowed = rf"[^\x00-\x1f\x7f{excluded}]"
    inked = rf"[^\s\x00-\x1f\x7f{excluded}]"
    return {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": f"^{allowed}*{inked}{allowed}*$"}
