"""django-ninja: the project's own models and database, served as its documentation shows."""

from __future__ import annotations

import sys
from urllib.parse import urlencode

import orjson

from tests.bench.peers.peer import Peer


class Ninja(Peer):
    name = "django-ninja"
    note = (
        "The same models, database and gunicorn with as many threads, no middleware, schemas generated from the "
        "models, select_related and prefetch_related for all they show, its FilterSchema, its CursorPagination, "
        "which counts nothing, over our indexes' sort keys, and its documentation's orjson renderer."
    )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.server"]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"DJANGO_SETTINGS_MODULE": "tests.bench.peers.ninja_settings"}

    def path(self, query: dict[str, str]) -> str | None:
        asked = dict(query)
        ordering = asked.pop("ordering", "name")
        return f"/companies/by/{ordering}?{urlencode(asked)}"

    def slugs(self, body: bytes) -> list[str]:
        return [company["slug"] for company in orjson.loads(body)["results"]]
