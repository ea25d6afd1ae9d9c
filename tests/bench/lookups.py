"""Searches, suggestions and facets, asked for the first time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from tests.bench.load import LIST
from tests.bench.subjects import Subject
from tests.bench.timing import Timed, as_told, over_http, timed

SEARCH, SUGGEST = "search", "suggestion"
ENDPOINTS = {SEARCH: LIST, SUGGEST: "/api/v1/suggest/"}
ONE_WORD, TWO_WORDS, SLIP = "one word of a name", "two words of a name", "a word of a name with a slip"
FACETS = "facets=hub,specialty,kind,industry,export_market"
BUILDS = 3
WHOLE, WITHOUT = "a page with five facets", "the same page without facets"
ALONE = "its facets alone, inside the server"
BITMAPS = "building the bitmaps of all facets, once in a process"


def measure_texts(subjects: Sequence[Subject], times: int) -> Iterator[Timed]:
    """Each kind of text that people type."""
    for kind in tqdm(subjects[0].queries("texts"), desc="Searches and suggestions", unit="kind"):
        endpoint, what = kind["what"]
        paths = [f"{ENDPOINTS[endpoint]}?{query}" for query in kind["queries"]]
        yield timed(subjects, [endpoint, what, kind["example"]], [paths] * len(subjects), times)


def measure_facets(subjects: Sequence[Subject], queries: Sequence[dict[str, str]], times: int) -> Iterator[Timed]:
    """Five facets of first pages of the mix: with the page, and what each of the two takes without the other."""
    first_pages = [query["list"] for query in queries if "cursor=" not in query["list"]]
    faceted = [f"{query}&{FACETS}" for query in first_pages]
    kinds = [(WHOLE, LIST, faceted, over_http), (WITHOUT, LIST, first_pages, over_http)]
    kinds.append((ALONE, "/bench/facets/", faceted, as_told))
    for what, path, asked, taken in tqdm(kinds, desc="Facets", unit="kind"):
        yield timed(subjects, [what], [[f"{path}?{query}" for query in asked]] * len(subjects), times, taken)


def measure_bitmaps(subjects: Sequence[Subject]) -> Timed:
    """The building of all bitmaps, which a process does once."""
    return timed(subjects, [BITMAPS], [["/bench/bitmaps/"]] * len(subjects), BUILDS, as_told)
