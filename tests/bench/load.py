"""One worker under load: wrk asks each view in turn, several rounds over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from tqdm import tqdm

from tests.bench import wrk
from tests.bench.subjects import Subject
from tests.bench.wrk import Rounds

BATCH = 150  # queries of a view in a round, where it does not repeat its answers
REPEATED_PATHS = 20
LIST = "/api/v1/companies/"


@dataclass(frozen=True)
class View:
    """A view under load: its path, and in whose words it is asked ("" for nothing).

    One that is ``known`` is repeated to clients that say they have the answer.
    """

    name: str
    path: str
    form: str = ""
    repeated: bool = False
    known: bool = False
    accept_encoding: str = "identity"

    def paths(self, batch: Sequence[dict[str, str]]) -> list[str]:
        asked = batch[:REPEATED_PATHS] if self.repeated else batch
        if self.form == "slug":
            return [f"{self.path}{query['slug']}/" for query in asked]
        return [f"{self.path}?{query[self.form]}" for query in asked] if self.form else [self.path]


EMPTY = View("empty view", "/bench/empty/")
ONE_QUERY = View("view with one query", "/bench/query/")
REPEATED = View("repeated list page", LIST, "list", repeated=True)
POLLED = View("the same, polled without a change", LIST, "list", repeated=True, known=True)
POLLED_DETAIL = View("details, polled without a change", LIST, "slug", repeated=True, known=True)
FIRST_TIME = View("first-time filtered page", LIST, "list")
BARE_SQL = View("the same page as bare SQL", "/bench/sql/", "sql")
PLAIN_DRF = View("the same page as plain DRF", "/bench/drf/", "drf")
REPEATED_CODED = View("repeated list page, brotli", LIST, "list", repeated=True, accept_encoding="br")
FIRST_TIME_CODED = View("first-time filtered page, brotli", LIST, "list", accept_encoding="br")
# Whatever is compared closely with the view with one query stands beside it.
VIEWS = [
    *(EMPTY, POLLED_DETAIL, ONE_QUERY, POLLED, REPEATED),
    *(FIRST_TIME, BARE_SQL, PLAIN_DRF, REPEATED_CODED, FIRST_TIME_CODED),
]


def measure(subject: Subject, queries: Sequence[dict[str, str]], rounds: int) -> dict[View, Rounds]:
    """Each view's rounds; a round of warming up comes first.

    Some queries take a thousand times as long as others, so in a round all views answer the very same batch, and
    another view begins each time: the first one finds PostgreSQL's buffers cold.
    """
    measured = {view: Rounds() for view in VIEWS}
    for number in tqdm(range(rounds + 1), desc=f"Load on {subject.companies:,} companies", unit="round"):
        batch = queries[number * BATCH : (number + 1) * BATCH]
        turn = number % len(VIEWS)
        for view in VIEWS[turn:] + VIEWS[:turn]:
            found = ask(subject, view, view.paths(batch))
            if number:
                measured[view].add(found)
    return measured


def compare(subject: Subject, queries: Sequence[dict[str, str]]) -> None:
    """Assert that the three views answer with the same full page, field for field."""
    for query in tqdm(queries, desc="Comparing answers", unit="query"):
        ours, sql, drf = (
            orjson.loads(subject.get(view.paths([query])[0]))["results"] for view in (FIRST_TIME, BARE_SQL, PLAIN_DRF)
        )
        assert ours == sql == drf, f"not the same answer: {query['list']}"
        assert len(ours) == 25, f"not a full page: {query['list']}"


def ask(subject: Subject, view: View, paths: Sequence[str]) -> dict[str, Any]:
    """What wrk says of ``paths``, none of which was asked for before unless the view is one that repeats."""
    subject.get("/bench/forget/")
    etags = []
    if view.repeated:  # what is measured is the repetition
        etags = [subject.etag(path, view.accept_encoding) for path in paths]
    known = etags if view.known else []
    once = bool(view.form) and not view.repeated
    return wrk.ask(subject.port, paths, once=once, accept_encoding=view.accept_encoding, known=known)
