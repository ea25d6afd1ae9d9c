"""The bars that the figures have to reach, and whether they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import exports, load, lookups
from tests.bench.load import View
from tests.bench.lookups import ONE_WORD, SEARCH, SLIP, SUGGEST, TWO_WORDS
from tests.bench.measured import Measured
from tests.bench.race import Racer
from tests.bench.timing import Timed

GROWTH = 1.3
# Milliseconds of a first-time answer, by number of companies.
TEXTS, FACETS = {25_000: 5, 1_000_000: 20}, {25_000: 5, 1_000_000: 25}
BARRED_TEXTS = [[SEARCH, ONE_WORD], [SEARCH, TWO_WORDS], [SUGGEST, SLIP]]


@dataclass(frozen=True)
class Bar:
    """A figure for each number of companies, and its limit for those that decide; None where nobody measured."""

    what: str
    figures: Mapping[int, float | None]
    limits: Mapping[int, float]
    aim: float | None = None
    is_least: bool = False

    @property
    def sign(self) -> str:
        return "≥" if self.is_least else "≤"

    @property
    def said(self) -> str:
        return f"{self.sign} {' and '.join(f'{limit:g}' for limit in dict.fromkeys(self.limits.values()))}"

    def is_met(self, aim: float | None = None) -> bool:
        """Whether all figures that decide are within their limits, or all within the ``aim``."""
        sign = -1 if self.is_least else 1
        found = [(self.figures.get(size), aim or limit) for size, limit in self.limits.items()]
        return all(figure is not None and sign * figure <= sign * limit for figure, limit in found)


def bars(measured: Measured) -> Iterator[Bar]:
    yield from of_pages(measured)
    if len(measured.sizes) > 1:
        yield from of_growth(measured)
    of_texts = [one for one in measured.texts if list(one.what[:2]) in BARRED_TEXTS]
    yield from (absolute(f"{one.what[0]}, {one.what[1]}", one, TEXTS) for one in of_texts)
    of_facets = [one for one in measured.facets if one.what[0] != lookups.WITHOUT]
    yield from (absolute(one.what[0], one, FACETS) for one in of_facets)
    yield from of_exports(measured)
    if measured.race:
        yield from of_race(measured.race, measured.sizes[0])


def of_pages(measured: Measured) -> Iterator[Bar]:
    def ratios(above: View, below: View) -> dict[int, float]:
        return {size: paired(views[above].rates, views[below].rates) for size, views in measured.load.items()}

    # Of these only the first size decides: at the others a few slow queries take most of the time.
    first = measured.sizes[0]
    what = "repeated page : rate of the view with one query"
    yield Bar(what, ratios(load.REPEATED, load.ONE_QUERY), {first: 0.85}, 0.9, is_least=True)
    yield Bar("first-time page : time of bare SQL", ratios(load.BARE_SQL, load.FIRST_TIME), {first: 2.5}, 1.5)
    what = "first-time page : rate of plain DRF"
    yield Bar(what, ratios(load.FIRST_TIME, load.PLAIN_DRF), {first: 3.0}, 4.0, is_least=True)
    for polled, of_what in ((load.POLLED, "list page"), (load.POLLED_DETAIL, "details")):
        what = f"poll without a change, {of_what} : time of the view with one query"
        yield Bar(what, ratios(load.ONE_QUERY, polled), dict.fromkeys(measured.sizes, 1.1))


def of_growth(measured: Measured) -> Iterator[Bar]:
    growths, most = [one.growth for one in measured.windows], measured.sizes[-1]
    what = f"first-time page : time with the fewest companies; the median of {len(growths)} kinds of page"
    yield Bar(what, {measured.sizes[0]: 1, most: median(growths)}, {most: GROWTH})
    what = f"the same, the worst kind ({sum(growth > GROWTH for growth in growths)} are above the bar)"
    yield Bar(what, {measured.sizes[0]: 1, most: max(growths)}, {most: GROWTH})


def absolute(what: str, one: Timed, limits: Mapping[int, float]) -> Bar:
    limits = {size: limit for size, limit in limits.items() if size in one.median}
    return Bar(f"{what}: median milliseconds", one.median, limits)


def of_exports(measured: Measured) -> Iterator[Bar]:
    for name in (exports.NDJSON, exports.CSV):
        found = {size: paired(rates[name], rates[exports.COPY]) for size, rates in measured.exports.items()}
        yield Bar(f"export as {name} : rows/s of COPY", found, dict.fromkeys(found, 0.5), is_least=True)


def of_race(race: Sequence[Racer], size: int) -> Iterator[Bar]:
    """Ours beside whichever peer comes nearest."""
    ours, *peers = race
    first = {peer.name: paired(ours.first.rates, peer.first.rates) for peer in peers}
    repeated = {peer.name: paired(ours.repeated.rates, peer.repeated.rates) for peer in peers}
    for what, ratios, limit in (("first request", first, 3), ("repeated request", repeated, 10)):
        best = min(ratios, key=ratios.__getitem__)
        yield Bar(
            f"list page, {what} : rate of the best peer ({best})", {size: ratios[best]}, {size: limit}, is_least=True
        )


def paired(above: Sequence[float], below: Sequence[float]) -> float:
    """The median, over the rounds, of the ratio of two rates in the same round."""
    return median(one / other for one, other in zip(above, below, strict=True))
