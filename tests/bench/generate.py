"""Fills the database of one size: `python -m tests.bench.generate 25000`, with DATA_DIR naming where it is."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import django
import orjson
from django.core.management import call_command
from django.db import connection, transaction
from tqdm import tqdm

django.setup()

from companies.dictionary import recount  # noqa: E402
from companies.management.commands.load_starter import importers  # noqa: E402
from companies.models import Company  # noqa: E402
from directory import buckets  # noqa: E402
from directory.models import Log, Revision, Source  # noqa: E402
from directory.publishing import differences, rendering, serializer_class  # noqa: E402
from tests.bench.invent import LAST_CREATED, Inventor, starter  # noqa: E402

BLOCK = 10_000  # companies that a process holds in memory and copies at a time
SAMPLE = 1_000  # companies of which it is checked that publishing them would change nothing


def fill(total: int) -> None:
    """``total`` companies, published, in an empty database."""
    call_command("migrate", interactive=False, verbosity=0)
    for name, importer in importers().items():
        if name != "companies":
            for _ in importer.run(starter(name)):
                pass
    revision = Revision.objects.create(source=Source.SYSTEM, reason="Made for measuring")
    with without_indexes(Company._meta.db_table):
        connection.close()  # what a forked process would share
        blocks = [range(start, min(start + BLOCK, total + 1)) for start in range(1, total + 1, BLOCK)]
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            made = pool.map(partial(make, total=total, revision=revision.pk), blocks)
            list(tqdm(made, desc=f"Making {total:,} companies", total=len(blocks), unit="block"))
    # What triggers and publishing would have done: words, addresses, log, digests, the sequence behind the last key.
    recount()
    run(
        "INSERT INTO directory_address (kind, slug, object_id) SELECT 'company', slug, id FROM companies_company",
        "INSERT INTO directory_version (revision_id, kind, object_id, slug, action, document, successor)"
        " SELECT revision, 'company', id, slug, 'created', document, '' FROM companies_company"
        " WHERE document IS NOT NULL ORDER BY id",
        f"SELECT setval(pg_get_serial_sequence('companies_company', 'id'), {total})",
    )
    Log.objects.update_or_create(pk=1, defaults={"rendering": rendering()})
    buckets.rebuild()
    sample = random.Random(0).sample(range(1, total + 1), min(SAMPLE, total))
    differing = differences(("company", pk) for pk in sample)
    assert not differing, f"not what publishing would have made: {differing[0]}"
    run("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT")  # leave nothing for later that would disturb a measurement


def make(numbers: range, *, total: int, revision: int) -> None:
    """Invent companies, render their documents as publishing does, and copy all in with the triggers off."""
    inventor, serializer = Inventor(total), serializer_class(Company)()
    companies: list[Company] = []
    children: dict[type[Any], list[Any]] = {}
    rng = random.Random(numbers.start)
    for number in numbers:
        company, related = inventor.company(number)
        company._prefetched_objects_cache = related  # type: ignore[attr-defined]
        for field in Company._meta.many_to_many:
            through: Any = getattr(Company, field.name).through
            keys = field.m2m_column_name(), field.m2m_reverse_name()
            children.setdefault(through, []).extend(
                through(**dict(zip(keys, (number, other.pk), strict=True))) for other in related[field.name]
            )
            related[field.name] = sorted(related[field.name], key=lambda other: other.name_key)
        for name in ("offices", "credentials", "identifiers", "sources"):
            for child in related[name]:
                children.setdefault(type(child), []).append(child)
        if company.is_public:
            company.revision = revision
            company.updated_at = company.created_at + (LAST_CREATED - company.created_at) * rng.random()
            company.document = orjson.dumps(serializer.to_representation(company)).decode()
        companies.append(company)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        copy(cursor, Company, companies)
        for model, objects in children.items():
            copy(cursor, model, objects)


def copy(cursor: Any, model: type[Any], objects: Iterable[Any]) -> None:
    fields = [f for f in model._meta.concrete_fields if not f.generated and (model is Company or not f.primary_key)]
    columns = ", ".join(f.column for f in fields)
    with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copying:
        for obj in objects:
            copying.write_row([getattr(obj, f.attname) for f in fields])


@contextmanager
def without_indexes(table: str) -> Iterator[None]:
    """Inside, a table has only the indexes that its constraints are made of; the others are built at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN"
            " (SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass)",
            [table, table],
        )
        definitions = cursor.fetchall()
    run(*(f'DROP INDEX "{name}"' for name, _ in definitions))
    yield
    run("SET maintenance_work_mem = '512MB'")
    for _, definition in tqdm(definitions, desc="Indexing", unit="index"):
        run(definition)


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


if __name__ == "__main__":
    fill(int(sys.argv[1]))
