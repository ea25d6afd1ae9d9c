"""Documents as a SQLite database: a table for each kind and for each list in its documents, made to be joined.

A kind's table is called as its collection, and has a column for each field and the document itself, as JSON.
References are slugs, as in documents, and foreign keys; a list is a table, such as ``companies_specialties``, with a
row for each item.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from directory.api.documents import plain_schema
from directory.api.operations import Schema
from directory.api.shapes import Field, document_field
from directory.models import Published

TYPES = {"string": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "INTEGER", "array": "TEXT"}
# Nobody reads it before it is whole, and a power cut is what syncing the finished file is for.
UNGUARDED = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"


@dataclass(frozen=True)
class Column:
    """A column: where its value is in an object of the document, and the table whose slugs it has, if it refers."""

    name: str
    type: str
    path: tuple[str, ...]
    refers_to: str = ""

    def value(self, found: Any) -> Any:
        for step in self.path:
            found = found.get(step) if found is not None else None
        return orjson.dumps(found).decode() if isinstance(found, list) else found

    def __str__(self) -> str:
        return f"{self.name} {self.type}" + (f" REFERENCES {self.refers_to} (slug)" if self.refers_to else "")


@dataclass(frozen=True)
class Table:
    """A kind's table, or that of the list ``field`` of its documents."""

    model: type[Published]
    columns: tuple[Column, ...]
    field: str = ""

    @property
    def name(self) -> str:
        return f"{self.model.collection}_{self.field}" if self.field else self.model.collection

    @property
    def owner(self) -> str:
        return f"{self.model._meta.model_name}_id"

    def create(self) -> str:
        columns = ", ".join(map(str, self.columns))
        if not self.field:
            return f"CREATE TABLE {self.name} ({columns}, document TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (slug))"
        owner = f"{self.owner} TEXT NOT NULL REFERENCES {self.model.collection} (id), position INTEGER NOT NULL"
        key = f"PRIMARY KEY ({self.owner}, position)"
        return f"CREATE TABLE {self.name} ({owner}, {columns}, {key}) WITHOUT ROWID"

    def indexes(self) -> Iterator[str]:
        """By what others are joined to it; a list by its plain values too."""
        for column in self.columns:
            if column.refers_to or not column.path:
                yield f"CREATE INDEX {self.name}_by_{column.name} ON {self.name} ({column.name})"

    def insert(self) -> str:
        count = len(self.columns) + (2 if self.field else 1)
        return f"INSERT INTO {self.name} VALUES ({', '.join('?' * count)})"  # noqa: S608 - names of our fields

    def rows(self, documents: Iterable[tuple[str, Any]]) -> Iterator[list[Any]]:
        """A row for each document, given as its text and what that says, or for each item of its list."""
        for text, document in documents:
            if not self.field:
                yield [*(column.value(document) for column in self.columns), text]
                continue
            for position, item in enumerate(document.get(self.field) or ()):
                yield [document["id"], position, *(column.value(item) for column in self.columns)]


@cache
def tables_of(model: type[Published]) -> list[Table]:
    """The table of a kind, then those of the lists in its documents."""
    known, schema = document_field(model), plain_schema(model)
    lists = {name: part["items"] for name, part in schema["properties"].items() if part["type"] == "array"}
    return [
        Table(model, tuple(column for column in columns(known, schema) if column.name not in lists)),
        *(Table(model, tuple(item_columns(known.parts[name], items)), name) for name, items in lists.items()),
    ]


def columns(known: Field, schema: Schema, path: tuple[str, ...] = ()) -> Iterator[Column]:
    """The columns of an object; of one within it they are called by both names, such as ``employees_min``."""
    for name, part in schema["properties"].items():
        inner, own = known.parts[name], (*path, name)
        if inner.kind and not inner.many:
            yield Column(f"{'_'.join(own)}_slug", "TEXT", (*own, "slug"), inner.kind.collection)
        elif part["type"] == "object":
            yield from columns(inner, part, own)
        else:
            yield Column("_".join(own), TYPES[part["type"]], own)


def item_columns(known: Field, schema: Schema) -> Iterator[Column]:
    """The columns of a list's items."""
    if known.kind:
        yield Column(f"{known.kind._meta.model_name}_slug", "TEXT", ("slug",), known.kind.collection)
    elif schema["type"] == "object":
        yield from columns(known, schema)
    else:
        yield Column("value", TYPES[schema["type"]], ())


def create(path: Path, about: Mapping[str, Any]) -> sqlite3.Connection:
    """A new database that tells of itself in the table ``about``."""
    database = sqlite3.connect(path)
    database.executescript(f"{UNGUARDED} CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);")
    texts = {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in about.items()}
    database.executemany("INSERT INTO about VALUES (?, ?)", texts.items())
    return database


def fill(database: sqlite3.Connection, model: type[Published], chunks: Iterable[list[str]]) -> None:
    """Add the tables of a kind with its documents, given as JSON texts."""
    tables = tables_of(model)
    for table in tables:
        database.execute(table.create())
    for texts in chunks:
        documents = [(text, orjson.loads(text)) for text in texts]
        for table in tables:
            database.executemany(table.insert(), table.rows(documents))
    for table in tables:
        for index in table.indexes():
            database.execute(index)


def finish(database: sqlite3.Connection) -> None:
    """Count what a planner wants to know, and close the file."""
    database.execute("ANALYZE")
    database.commit()
    database.close()
