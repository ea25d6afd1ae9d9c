"""What is said about a parameter, wherever it is said: in OpenAPI, in the docs, in an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query: what it asks for, the JSON Schema of its value, and a value to try."""

    description: str
    schema: Mapping[str, Any]
    example: Any
