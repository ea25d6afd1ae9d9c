"""Pairs: (object, value) for each value that an object has, in SQL that passes over a collection once.

Within a statement made by ``over`` the table's name means the rows that are asked about, in the few columns that its
parts mention: a million documents are passed over once, and all that the ORM compiled reads what was kept of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from directory.api.filters import Filter
from directory.api.statements import Statement
from directory.models import Published


def over(model: type[Published], parts: Sequence[Statement], between: str, given: Statement) -> Statement:
    """``parts``, joined by ``between``, that read the published rows of ``model`` for which ``given`` holds."""
    table = model._meta.db_table
    mentioned = " ".join(part.sql for part in parts)
    names = [str(field.column) for field in model._meta.concrete_fields]
    columns = [name for name in names if name == "id" or f'"{name}"' in mentioned]
    rows = f"SELECT {', '.join(columns)} FROM {table} WHERE document IS NOT NULL AND ({given.sql})"  # noqa: S608
    sql = f"WITH {table} AS MATERIALIZED ({rows}) {between.join(part.sql for part in parts)}"
    return Statement(sql, (*given.params, *(param for part in parts for param in part.params)))


def pairs(declared: Filter, model: type[Published], source: str) -> Statement:
    """(id, value as text) of each object, perhaps unpublished ones as well, and each of its values."""
    found = Statement.of(declared.pairs(model, source))
    return Statement(f"SELECT id, value::text FROM ({found.sql}) AS pairs (id, value)", found.params)  # noqa: S608
