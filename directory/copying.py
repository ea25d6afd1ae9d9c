"""Copying: many rows into a table at once, by COPY, which spells no value out in a statement as INSERT does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault


def copy_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store ``rows``, each with a value for each of ``columns``.

    Raises django.db.IntegrityError and DataError as an INSERT does. No other statement may run until ``rows`` end.
    """
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copying:
        for row in rows:
            copying.write_row(row)


def copy_objects(objects: Sequence[Model]) -> None:
    """Store new objects of one model; they are told no primary keys but those that ``give_keys()`` gave them."""
    if not objects:
        return
    first = objects[0]
    fields: list[Any] = [
        f
        for f in first._meta.concrete_fields
        if not (f.generated or isinstance(getattr(first, f.attname), DatabaseDefault))
        and not (f.primary_key and first.pk is None)
    ]
    # Of a model with a field that says what is stored, such as a website in one spelling.
    tidied = [f for f in fields if "pre_save" in vars(type(f))]
    for obj in objects:
        for f in tidied:
            f.pre_save(obj, add=True)
    copy_rows(type(first), [f.column for f in fields], map(attrgetter(*(f.attname for f in fields)), objects))


def give_keys(objects: Sequence[Model]) -> None:
    """Give new objects of one model their primary keys, before they are stored."""
    if not objects:
        return
    opts = objects[0]._meta
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [opts.db_table, opts.pk.column, len(objects)],
        )
        for obj, (pk,) in zip(objects, cursor.fetchall(), strict=True):
            obj.pk = pk
