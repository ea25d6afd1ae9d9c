"""One worker under load: wrk asks each view in turn, several rounds over."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from tqdm import tqdm

from tests.bench.subjects import ROOT, Subject

CONNECTIONS = 4  # as many as the worker has threads by default
SECONDS = 3  # of a view in a round, where it repeats its answers
BATCH = 150  # queries of a view in a round, where it does not
COMPARED = 200  # pages of which it is asserted that all views show the same companies
LIST = "/api/v1/companies/"


@dataclass(frozen=True)
class View:
    """A view under load: its path, and in whose words it is asked ("" for nothing)."""

    name: str
    path: str
    form: str = ""
    repeated: bool = False
    accept_encoding: str = "identity"


EMPTY = View("empty view", "/bench/empty/")
ONE_QUERY = View("view with one query", "/bench/query/")
REPEATED = View("repeated list page", LIST, "list", repeated=True)
FIRST_TIME = View("first-time filtered page", LIST, "list")
BARE_SQL = View("the same page as bare SQL", "/bench/sql/", "sql")
PLAIN_DRF = View("the same page as plain DRF", "/bench/drf/", "drf")
REPEATED_CODED = View("repeated list page, brotli", LIST, "list", repeated=True, accept_encoding="br")
FIRST_TIME_CODED = View("first-time filtered page, brotli", LIST, "list", accept_encoding="br")
VIEWS = [EMPTY, ONE_QUERY, REPEATED, FIRST_TIME, BARE_SQL, PLAIN_DRF, REPEATED_CODED, FIRST_TIME_CODED]


@dataclass
class Rounds:
    """What wrk said of one view: requests a second, milliseconds, bytes of an answer; one value per round."""

    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)


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
            found = wrk(subject, view, [f"?{query[view.form]}" if view.form else "" for query in batch])
            if number:
                add(measured[view], found)
    return measured


def compare(subject: Subject, queries: Sequence[dict[str, str]]) -> None:
    """Assert that the three views answer with the same full page, field for field."""
    for query in tqdm(queries[:COMPARED], desc="Comparing answers", unit="query"):
        ours, sql, drf = (
            orjson.loads(subject.get(f"{view.path}?{query[view.form]}"))["results"]
            for view in (FIRST_TIME, BARE_SQL, PLAIN_DRF)
        )
        assert ours == sql == drf, f"not the same answer: {query['list']}"
        assert len(ours) == 25, f"not a full page: {query['list']}"


def wrk(subject: Subject, view: View, asked: Sequence[str]) -> dict[str, Any]:
    """One run of wrk; RuntimeError for any answer that is not 200, and unless the batch was asked exactly once."""
    subject.get("/bench/forget/")
    once = bool(view.form) and not view.repeated
    if view.repeated:
        asked = asked[:20]
        for query in asked:  # what is measured is the repetition
            subject.get(f"{view.path}{query}", view.accept_encoding)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{view.path}{query}\n" for query in asked)
        file.flush()
        command = [
            *(
                "wrk",
                "--threads",
                "1",
                "--connections",
                str(CONNECTIONS),
                "--duration",
                str(600 if once else SECONDS),
            ),
            *("--timeout", "60", "--header", f"Accept-Encoding: {view.accept_encoding}"),
            *("--script", str(Path(__file__).with_name("wrk.lua")), f"http://127.0.0.1:{subject.port}"),
            *("--", file.name, "once" if once else "again"),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line == "finished\n":
                    process.send_signal(signal.SIGINT)
    found: dict[str, Any] = json.loads(line)
    if found["errors"]:
        raise RuntimeError(f"{view.name}: {found['errors']} requests failed")
    if once and not len(asked) - CONNECTIONS <= found["requests"] <= len(asked):
        raise RuntimeError(f"{view.name}: {found['requests']} answers to {len(asked)} queries")
    return found


def add(rounds: Rounds, found: dict[str, Any]) -> None:
    rounds.rates.append(found["requests"] / found["seconds"])
    rounds.medians.append(found["median"])
    rounds.p99s.append(found["p99"])
    rounds.sizes.append(found["bytes"] / found["requests"])
