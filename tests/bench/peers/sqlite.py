"""Datasette's SQLite file: `python -m tests.bench.peers.sqlite FILE`, with DATA_DIR naming the database."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import django
from django.db import connection, transaction
from django.db.models import Window
from django.db.models.functions import RowNumber

django.setup()

from companies.models import ORDERINGS, Company  # noqa: E402

# Ranges have an end more, as our filters take a missing one: “500+” has no most, “up to 40” no least.
COLUMNS = {
    "id": "c.id",
    "document": "c.document::text",
    "name_key": "c.name_key",
    "kind": "c.kind",
    "operating_status": "c.operating_status",
    "founded_year": "c.founded_year",
    "employees_most": "COALESCE(c.employees_max, CASE WHEN c.employees_min IS NOT NULL THEN 2147483647 END)",
    "hourly_rate_least": "COALESCE(c.hourly_rate_min, CASE WHEN c.hourly_rate_max IS NOT NULL THEN 0 END)",
    "hub": "h.slug",
    "women_led": "c.women_led::int",
    "verified_on": "c.verified_on::text",
}
FACTS = (
    f"SELECT {', '.join(COLUMNS.values())} FROM companies_company c LEFT JOIN hubs_hub h ON h.id = c.hub_id"
    " WHERE c.document IS NOT NULL"
)
TEXTS = {"document", "name_key", "kind", "operating_status", "hub", "verified_on"}
# A table for each relation: (company, value). A specialty's companies are also those of all above it.
RELATED = {
    "offices": "SELECT DISTINCT r.company_id, h.slug FROM companies_office r JOIN hubs_hub h ON h.id = r.hub_id",
    "industries": "SELECT r.company_id, i.slug FROM companies_company_industries r"
    " JOIN companies_industry i ON i.id = r.industry_id",
    "specialties": "WITH RECURSIVE within (id, slug, parent_id) AS ("
    "SELECT id, slug, parent_id FROM companies_specialty UNION"
    " SELECT w.id, p.slug, p.parent_id FROM within w JOIN companies_specialty p ON p.id = w.parent_id)"
    " SELECT DISTINCT r.company_id, w.slug FROM companies_company_specialties r"
    " JOIN within w ON w.id = r.specialty_id",
    "export_markets": "SELECT DISTINCT c.id, m FROM companies_company c CROSS JOIN unnest(c.export_markets) AS m",
    "credentials": "SELECT DISTINCT company_id, kind FROM companies_credential",
}


def selected(select: str) -> Iterable[tuple[Any, ...]]:
    """What PostgreSQL selects, a batch at a time."""
    with transaction.atomic(), connection.cursor().connection.cursor(name="selected") as cursor:
        cursor.itersize = 10_000
        cursor.execute(select)
        yield from cursor


def fill(file: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    values = ", ".join("?" * len(columns))
    file.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", rows)


def companies(file: sqlite3.Connection) -> None:
    """Published companies: what is shown of them, what they are filtered by, and their place in each ordering."""
    orderings = ORDERINGS["company"].values()
    places = [f'"by_{ordering.name}"' for ordering in orderings]
    typed = [f"{name} {'TEXT' if name in TEXTS else 'INTEGER'}" for name in [*COLUMNS, *places]][1:]
    file.execute(f"CREATE TEMPORARY TABLE facts (id INTEGER PRIMARY KEY, {', '.join(typed[: len(COLUMNS) - 1])})")
    file.execute(f"CREATE TEMPORARY TABLE places (id INTEGER PRIMARY KEY, {', '.join(places)})")
    file.execute(f"CREATE TABLE companies (id INTEGER PRIMARY KEY, {', '.join(typed)})")
    fill(file, "facts", list(COLUMNS), selected(FACTS))
    windows = [Window(RowNumber(), order_by=ordering.order_by()) for ordering in orderings]
    ranked = Company.objects.published().values_list("pk", *windows)
    fill(file, "places", ["id", *places], ranked.iterator(chunk_size=10_000))
    file.execute("INSERT INTO companies SELECT * FROM facts JOIN places USING (id) ORDER BY id")
    for number, name in enumerate([*COLUMNS, *places]):
        if name not in ("id", "document"):
            file.execute(f"CREATE INDEX company_{number} ON companies ({name})")


def related(file: sqlite3.Connection) -> None:
    for table, select in RELATED.items():
        file.execute(
            f"CREATE TABLE {table} (company INTEGER REFERENCES companies (id), value TEXT,"
            " PRIMARY KEY (value, company)) WITHOUT ROWID"
        )
        fill(file, table, ["company", "value"], selected(select))


if __name__ == "__main__":
    with closing(sqlite3.connect(sys.argv[1])) as made:
        companies(made)
        related(made)
        made.commit()
        made.execute("ANALYZE")
