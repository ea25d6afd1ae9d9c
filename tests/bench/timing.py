"""First-time requests one at a time over a kept connection, the sizes in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import orjson

from tests.bench.subjects import Subject

# A kind of request that takes so many seconds in all is asked no more often than this.
PATIENCE, FEWEST = 60, 10


@dataclass(frozen=True)
class Timed:
    """One kind of request: its milliseconds, by number of companies."""

    what: Sequence[str]
    median: dict[int, float]
    p99: dict[int, float]

    @property
    def growth(self) -> float:
        """How many times as long it takes with the most companies as with the fewest."""
        return self.median[max(self.median)] / self.median[min(self.median)]


def over_http(subject: Subject, path: str) -> float:
    """Milliseconds from the request to the end of its answer."""
    start = time.perf_counter()
    subject.get(path)
    return (time.perf_counter() - start) * 1000


def as_told(subject: Subject, path: str) -> float:
    """Milliseconds that the server says a part of its work took."""
    milliseconds: float = orjson.loads(subject.get(path))["milliseconds"]
    return milliseconds


def timed(
    subjects: Sequence[Subject],
    what: Sequence[str],
    paths: Sequence[Sequence[str]],
    times: int,
    taken: Callable[[Subject, str], float] = over_http,
) -> Timed:
    """``times`` requests of each subject, in turn, after one to warm up; ``paths`` are those of each subject.

    Fewer of a kind that is slow: the last ones would tell nothing new.
    """
    found: dict[int, list[float]] = {subject.companies: [] for subject in subjects}
    start = time.monotonic()
    for number in range(-1, times):
        if number >= FEWEST and time.monotonic() - start > PATIENCE:
            break
        for subject, asked in zip(subjects, paths, strict=True):
            subject.get("/bench/forget/")
            milliseconds = taken(subject, asked[number % len(asked)])
            if number >= 0:
                found[subject.companies].append(milliseconds)
    return Timed(
        what,
        {companies: median(every) for companies, every in found.items()},
        {companies: quantiles(every, n=100, method="inclusive")[-1] for companies, every in found.items()},
    )
