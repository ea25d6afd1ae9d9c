"""Statements: what the ORM compiles is kept, and each request only fills in its values.

Building and compiling a queryset takes the ORM longer than PostgreSQL takes to answer it. Which parameters a query
has decides the SQL; their values do not. So conditions are made of slots, each is compiled once, and a request joins
those that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BooleanField, Expression, Field, ForeignKey, Lookup, QuerySet


class Slot(Expression):
    """The place of a value that each request brings."""

    def __init__(self, name: str, output_field: Any = None) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Slot]]:
        return "%s", [self]


class Conditions(Expression):
    """The place in a statement of the conditions that each request brings."""

    conditional = True
    output_field = BooleanField()
    SQL = "(SELECT conditions)"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Conditions]]:
        return self.SQL, [self]


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
    """SQL with its parameters: constants, slots still to be filled, and perhaps the place of conditions."""

    sql: str
    params: tuple[Any, ...]

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> Statement:
        return cls(*queryset.query.sql_with_params())

    @classmethod
    def of_condition(cls, model: Any, condition: Any) -> Statement:
        """A condition on rows of ``model`` by itself, to be put into statements that read its table alone."""
        query = model._default_manager.filter(condition).query
        if sum(count > 0 for count in query.alias_refcount.values()) > 1:
            raise TypeError("a condition joins no table: ask for related rows by EXISTS")
        sql, params = query.get_compiler(DEFAULT_DB_ALIAS).compile(query.where)
        return cls(sql, tuple(params))

    def given(self, conditions: Iterable[Statement]) -> Statement:
        """This statement with ``conditions``, all of which have to hold, in their place."""
        conditions = list(conditions)
        place = next(n for n, param in enumerate(self.params) if isinstance(param, Conditions))
        joined = [param for condition in conditions for param in condition.params]
        sql = " AND ".join(f"({condition.sql})" for condition in conditions) or "true"
        return Statement(
            self.sql.replace(Conditions.SQL, sql), (*self.params[:place], *joined, *self.params[place + 1 :])
        )

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters, each slot filled with the value of its name."""
        return [values[param.name] if isinstance(param, Slot) else param for param in self.params]

    def execute(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows, each slot filled with the value of its name."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.filled(values))
            return cursor.fetchall()
