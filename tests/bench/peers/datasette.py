"""Datasette: SQLite's tables as JSON, set up as its page “Performance and caching” advises."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import orjson

from tests.bench.peers.peer import Peer
from tests.bench.subjects import PLACE, fingerprint

MAKER = Path(__file__).with_name("sqlite.py")
SETTINGS = {
    "default_page_size": 25,
    "suggest_facets": "off",
    "allow_facet": "off",
    "cache_size_kb": 200_000,
    "sql_time_limit_ms": 60_000,
}


def related(table: str) -> Callable[[str], tuple[str, str] | None]:
    """Companies that have a row of ``table`` with this value.

    ?_through= is meant for it, but its parameter takes the place of the first ordinary filter's (both are named p0),
    so it is written as the SQL that ?_through= would make. SQL takes no parameters here, hence quotation marks.
    """
    return lambda value: ("_where", f"id in (select company from {table} where value = '{value}')")


def column(name: str) -> Callable[[str], tuple[str, str] | None]:
    return lambda value: (name, value)


def beginning(value: str) -> tuple[str, str] | None:
    """A name's beginning: SQLite cannot drop accents, so it can be asked only where there are none."""
    if not value.isascii() or set(value) & set("*?["):
        return None
    return "name_key__glob", f"{value.lower()}*"


ASKED = {
    "name__startswith": beginning,
    "kind": column("kind"),
    "operating_status__not": column("operating_status__not"),
    "founded_year__gte": column("founded_year__gte"),
    "employees__gte": column("employees_most__gte"),
    "hourly_rate__lte": column("hourly_rate_least__lte"),
    "hub": column("hub"),
    "office": related("offices"),
    "specialty": related("specialties"),
    "industry": related("industries"),
    "export_market": related("export_markets"),
    "women_led": lambda value: ("women_led", str(int(value == "true"))),
    "credential_kind": related("credentials"),
    "verified_on__gte": column("verified_on__gte"),
}


class Datasette(Peer):
    name = "Datasette"
    note = (
        "The table JSON of a SQLite file opened immutable, without counts and facets, with uvloop and httptools, an "
        "index for each column filtered or sorted by, ANALYZE, the finished documents as text, and places in each "
        "ordering as columns to sort by, since its own first pages leave ties to chance."
    )

    def prepare(self) -> None:
        place = PLACE / "datasette" / str(self.subject.companies)
        self.file = place / "directory.db"
        made_by = place / "made_by"
        today = fingerprint() + hashlib.sha256(MAKER.read_bytes()).hexdigest()
        if not made_by.exists() or made_by.read_text() != today:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            self.subject.run("peers.sqlite", str(self.file))
            made_by.write_text(today)

    def command(self) -> list[str]:
        settings = [word for name, value in SETTINGS.items() for word in ("--setting", name, str(value))]
        return [
            *(sys.executable, "-m", "datasette", "serve", "--immutable", str(self.file)),
            *("--port", str(self.port), *settings),
        ]

    def path(self, query: dict[str, str]) -> str | None:
        asked = dict(query)
        ordering = asked.pop("ordering", "name")
        found = [ASKED[name](value) if name in ASKED else None for name, value in asked.items()]
        if None in found:
            return None
        shown = [("_sort", f"by_{ordering}"), ("_col", "document"), ("_shape", "array")]
        return f"/directory/companies.json?{urlencode([*filter(None, found), *shown])}"

    def slugs(self, body: bytes) -> list[str]:
        return [orjson.loads(row["document"])["slug"] for row in orjson.loads(body)]
