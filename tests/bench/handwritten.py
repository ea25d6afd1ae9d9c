"""The list's SQL written by hand: the filters and orderings that are asked for, without any validation."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connection

# Word of an ordering → its sort key upwards and downwards; the expressions are those of the indexes.
UP = {
    "name": "c.name_key",
    "created_at": "c.created_at",
    "updated_at": "c.updated_at",
    "founded_year": "COALESCE(c.founded_year, 32767)",
    "employees": "COALESCE(c.employees_min, 2147483647)",
    "hourly_rate": "COALESCE(c.hourly_rate_min, 2147483647)",
    "verified_on": "COALESCE(c.verified_on, '9999-12-31')",
}
DOWN = UP | {
    "founded_year": "COALESCE(c.founded_year, -32768)",
    "employees": "COALESCE(c.employees_min, -1)",
    "hourly_rate": "COALESCE(c.hourly_rate_min, -1)",
    "verified_on": "COALESCE(c.verified_on, '0001-01-01')",
}


@cache
def primary_keys(table: str) -> dict[str, int]:
    """Slug → primary key, read once in the life of a process: nothing here changes while it is measured."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT slug, id FROM {table}")
        return dict(cursor.fetchall())


@cache
def descendants(slug: str) -> list[int]:
    """A specialty and all that is below it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE found (id) AS (SELECT id FROM companies_specialty WHERE slug = %s UNION"
            " SELECT s.id FROM companies_specialty s JOIN found ON s.parent_id = found.id) SELECT id FROM found",
            [slug],
        )
        return [pk for (pk,) in cursor.fetchall()]


def keys_of(table: str) -> Callable[[str], list[int]]:
    return lambda raw: [primary_keys(table)[slug] for slug in raw.split(",")]


def having(table: str, column: str) -> str:
    return f"EXISTS (SELECT FROM companies_{table} r WHERE r.company_id = c.id AND r.{column} = ANY(%s))"


def words(raw: str) -> list[str]:
    return raw.split(",")


# Parameter → (SQL, how its value is read).
CONDITIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "name__startswith": ("c.name_key LIKE directory_fold(%s) || '%%'", str),
    "kind": ("c.kind = ANY(%s)", words),
    "operating_status__not": ("c.operating_status <> ALL(%s)", words),
    "founded_year__gte": ("c.founded_year >= %s", int),
    "employees__gte": ("(c.employees_max >= %s OR c.employees_max IS NULL AND c.employees_min IS NOT NULL)", int),
    "hourly_rate__lte": (
        "(c.hourly_rate_min <= %s OR c.hourly_rate_min IS NULL AND c.hourly_rate_max IS NOT NULL)",
        int,
    ),
    "hub": ("c.hub_id = ANY(%s)", keys_of("hubs_hub")),
    "office": (having("office", "hub_id"), keys_of("hubs_hub")),
    "specialty": (having("company_specialties", "specialty_id"), descendants),
    "industry": (having("company_industries", "industry_id"), keys_of("companies_industry")),
    "export_market": ("c.export_markets && %s::varchar(2)[]", words),
    "women_led": ("c.women_led = %s", "true".__eq__),
    "credential_kind": (having("credential", "kind"), words),
    "verified_on__gte": ("c.verified_on >= %s", datetime.date.fromisoformat),
}


def statement(query: dict[str, str], after: Sequence[Any] | None) -> tuple[str, list[Any]]:
    """The directory's revision and 26 companies, with their sort keys, that stand behind the one ``after``."""
    ordering = query.pop("ordering", "name")
    if "," in ordering:  # the one mixed direction: it goes upwards over the negated year
        year = "COALESCE(c.founded_year * -1, 32767)" if ordering.startswith("-") else UP["founded_year"]
        keys, down = [year, UP["name"]], False
    else:
        down = ordering.startswith("-")
        keys = [(DOWN if down else UP)[ordering.removeprefix("-")]]
    keys.append("c.id")
    row = ", ".join(keys)
    conditions = [CONDITIONS[name][0] for name in query]
    values = [CONDITIONS[name][1](raw) for name, raw in query.items()]
    if after is not None:
        conditions.append(f"({row}) {'<' if down else '>'} ({', '.join(['%s'] * len(keys))})")
        values.extend(after)
    where = " AND ".join(["c.document IS NOT NULL", *conditions])
    order = ", ".join(f"{key}{' DESC' if down else ''}" for key in keys)
    sql = (
        "SELECT (SELECT max(id) FROM directory_revision), page.* FROM (SELECT 1) AS one LEFT JOIN ("
        f"SELECT c.document, {row} FROM companies_company c WHERE {where} ORDER BY {order} LIMIT 26"
        ") AS page ON true"
    )
    return sql, values
