"""Statements: a query's form is compiled once, and each request only fills in its values.

Building and compiling a queryset takes the ORM longer than PostgreSQL takes to answer it. Which parameters a query
has decides the SQL; their values do not. So conditions are made of slots, and what the ORM compiles from them is kept
for the next query of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Expression, Field, ForeignKey, Lookup, QuerySet


class Slot(Expression):
    """The place of a value that each request brings."""

    def __init__(self, name: str, output_field: Any = None) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Slot]]:
        return "%s", [self]


@ForeignKey.register_lookup  # which inherits none
@Field.register_lookup
class AnyOf(Lookup):
    """``column = ANY(array)``: one slot for however many values."""

    lookup_name = "any"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} = ANY({right})", [*left_params, *right_params]


@dataclass(frozen=True)
class Statement:
    """SQL with its parameters, some of them slots still to be filled."""

    sql: str
    params: tuple[Any, ...]

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> Statement:
        return cls(*queryset.query.sql_with_params())

    def execute(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows, each slot filled with the value of its name."""
        params = [values[p.name] if isinstance(p, Slot) else p for p in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return cursor.fetchall()
