"""First-time pages one at a time, at every depth of every ordering: the sizes in turn, request by request."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tqdm import tqdm

from tests.bench.load import LIST
from tests.bench.subjects import Subject

# Counts, and text that no index finds: they carry no target.
HEAVY = [
    *("count=exact", "hub=karachi&count=exact", "specialty=data&count=exact"),
    *("name__contains=zq", "legal_name__contains=zq", "summary__contains=zq", "credential__contains=zq"),
]


@dataclass(frozen=True)
class Timed:
    """One kind of page: milliseconds of a request, by number of companies."""

    what: Sequence[str]
    median: dict[int, float]
    p99: dict[int, float]

    @property
    def growth(self) -> float:
        """How many times as long it takes with the most companies as with the fewest."""
        return self.median[max(self.median)] / self.median[min(self.median)]


def measure_windows(subjects: Sequence[Subject], times: int) -> Iterator[Timed]:
    asked = [subject.queries("windows") for subject in subjects]
    for window in tqdm(list(zip(*asked, strict=True)), desc="Orderings and depths", unit="window"):
        yield timed(subjects, window[0]["what"], [of_one["queries"] for of_one in window], times)


def measure_heavy(subjects: Sequence[Subject], times: int = 3) -> Iterator[Timed]:
    for query in tqdm(HEAVY, desc="Heavy queries", unit="query"):
        yield timed(subjects, [query], [[query]] * len(subjects), times)


def timed(subjects: Sequence[Subject], what: Sequence[str], queries: Sequence[Sequence[str]], times: int) -> Timed:
    """``times`` requests of each subject, in turn, after one to warm up."""
    found: dict[int, list[float]] = {subject.companies: [] for subject in subjects}
    for number in range(-1, times):
        for subject, asked in zip(subjects, queries, strict=True):
            subject.get("/bench/forget/")
            path = f"{LIST}?{asked[number % len(asked)]}"
            start = time.perf_counter()
            subject.get(path)
            if number >= 0:
                found[subject.companies].append((time.perf_counter() - start) * 1000)
    return Timed(
        what,
        {companies: median(taken) for companies, taken in found.items()},
        {companies: quantiles(taken, n=100, method="inclusive")[-1] for companies, taken in found.items()},
    )
