"""Exports of the whole directory, beside PostgreSQL's own COPY of the documents that they are made of."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
from tqdm import tqdm

from tests.bench.load import LIST
from tests.bench.machine import on_first_core
from tests.bench.subjects import Subject

DOCUMENTS = "SELECT document FROM companies_company WHERE document IS NOT NULL"
CSV, NDJSON, COPY, COPY_ORDERED = "CSV", "NDJSON", "COPY of the documents", "the same in the list's order"
WAYS = [CSV, NDJSON, COPY, COPY_ORDERED]
READ = 2**18  # bytes of an export that the client takes at a time
# So many rows are exported in each way, but at least in two rounds.
ROWS = 175_000

Rates = dict[str, list[float]]


def measure(subject: Subject, rounds: int) -> Rates:
    """Rows a second of each way to get all companies, one value per round; COPY comes first, to warm up.

    AssertionError unless all of them have the same number of rows.
    """
    ways: dict[str, Callable[[], int]] = {
        CSV: lambda: exported(subject, "csv", 1),  # its first line has the columns
        NDJSON: lambda: exported(subject, "ndjson", 1),  # its last line tells how many there were
        COPY: lambda: copied(subject, DOCUMENTS),
        COPY_ORDERED: lambda: copied(subject, f"{DOCUMENTS} ORDER BY name_key, id"),
    }
    expected = ways[COPY]()
    rates: Rates = {name: [] for name in WAYS}
    for number in tqdm(range(max(2, min(rounds, ROWS // subject.companies))), desc="Exports", unit="round"):
        turn = number % len(WAYS)
        for name in WAYS[turn:] + WAYS[:turn]:
            start = time.perf_counter()
            rows = ways[name]()
            rates[name].append(rows / (time.perf_counter() - start))
            assert rows == expected, f"{name} has {rows} rows, COPY {expected}"
    return rates


def exported(subject: Subject, file_format: str, others: int) -> int:
    """The rows of an export, which is read and thrown away; ``others`` is what its lines have besides."""
    connection = http.client.HTTPConnection("127.0.0.1", subject.port, timeout=600)
    with closing(connection):
        connection.request("GET", f"{LIST}?format={file_format}", headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        lines = sum(block.count(b"\n") for block in iter(lambda: response.read(READ), b""))
    if response.status != 200:
        raise RuntimeError(f"The export as {file_format} answered {response.status}.")
    return lines - others


def copied(subject: Subject, sql: str) -> int:
    """The rows of ``sql``, read and thrown away by a client that, as the server above, has the first core."""
    with (
        on_first_core(),
        psycopg.connect(host=str(subject.postgres.socket_dir), user="postgres") as connection,
        connection.cursor().copy(f"COPY ({sql}) TO STDOUT") as rows,
    ):
        return sum(bytes(row).count(b"\n") for row in rows)
