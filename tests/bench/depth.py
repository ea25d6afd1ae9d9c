"""First-time pages at every depth of every ordering, and the queries that grow with the directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from tests.bench.load import LIST
from tests.bench.subjects import Subject
from tests.bench.timing import Timed, timed

# Counts, and text that no index finds: they carry no target.
HEAVY = [
    *("count=exact", "hub=karachi&count=exact", "specialty=data&count=exact"),
    *("name__contains=zq", "legal_name__contains=zq", "summary__contains=zq", "credential__contains=zq"),
]


def measure_windows(subjects: Sequence[Subject], times: int) -> Iterator[Timed]:
    asked = [subject.queries("windows") for subject in subjects]
    for window in tqdm(list(zip(*asked, strict=True)), desc="Orderings and depths", unit="window"):
        paths = [[f"{LIST}?{query}" for query in of_one["queries"]] for of_one in window]
        yield timed(subjects, window[0]["what"], paths, times)


def measure_heavy(subjects: Sequence[Subject], times: int = 3) -> Iterator[Timed]:
    for query in tqdm(HEAVY, desc="Heavy queries", unit="query"):
        yield timed(subjects, [query], [[f"{LIST}?{query}"]] * len(subjects), times)
