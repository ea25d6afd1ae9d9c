"""What is said about an endpoint: what it takes, what it answers with, and how it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from directory.api.parameters import Parameter

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """What an endpoint does with a method.

    ``answers`` has the JSON Schema of the body for each media type; ``schemas`` the named ones that these refer to as
    ``#/components/schemas/<name>``. ``problems`` are the codes of errors beside those that any address may answer
    with, ``links`` the relations that its Link header may have.

    ``body`` is the JSON Schema of what is sent as ``media_type``, ``examples`` some of it by what they show.
    ``status`` is what it answers with; ``headers`` are the answer's where they are not those of what shared caches
    store.
    """

    summary: str
    answers: Mapping[str, Schema]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    description: str = ""
    path: Mapping[str, Parameter] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    moves: bool = False
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    method: str = "get"
    body: Schema | None = None
    media_type: str = "application/json"
    status: int = 200
    examples: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Schema] | None = None


class Described(Protocol):
    """A view class that says what it does; ``action`` is ``list``, ``retrieve`` or the method's name."""

    @classmethod
    def operation(cls, action: str) -> Operation: ...


def reference(name: str) -> Schema:
    """What refers to the schema of a name."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """``schema``, or null."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **values}


def closed(properties: Mapping[str, Any], *, optional: tuple[str, ...] = (), description: str = "") -> Schema:
    """The JSON Schema of an object that has these properties and no others."""
    said = {"description": description} if description else {}
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        **said,
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }
