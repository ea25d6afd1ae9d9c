"""The figures as Markdown, on the screen and in docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from tests.bench import exports, load, machine, race, timing, wrk
from tests.bench.bars import GROWTH, Bar, bars
from tests.bench.measured import Measured
from tests.bench.subjects import ROOT
from tests.bench.timing import Timed
from tests.bench.wrk import Rounds

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of what was measured -->"
RATES = ("requests/s", "lowest–highest", "median ms", "p99 ms", "bytes")


def written(measured: Measured) -> str:
    sizes = measured.sizes
    parts = [
        "\n".join(machine.described()),
        "### Bars",
        table(("what", *map(sized, sizes), "bar", "aim", "verdict"), (bar_row(bar, sizes) for bar in bars(measured))),
        *(part for size in sizes for part in of_load(measured, size)),
        *(of_race(measured) if measured.race else ()),
        *of_lookups(measured),
        *of_exports(measured),
        *of_lists(measured),
    ]
    return "\n\n".join(parts)


def of_load(measured: Measured, size: int) -> Iterator[str]:
    yield f"### One worker under load, {size:,} companies"
    yield (
        f"wrk, {wrk.CONNECTIONS} connections, {measured.rounds} interleaved rounds after one to warm up; medians of"
        f" the rounds. In a round, {wrk.SECONDS} s of each view that repeats its answers, {load.BATCH} queries of the"
        " others."
    )
    yield table(("view", *RATES), ((view.name, *rates(rounds)) for view, rounds in measured.load[size].items()))


def of_race(measured: Measured) -> Iterator[str]:
    yield f"### Beside other programs, {measured.sizes[0]:,} companies"
    yield f"The same way: {race.BATCH} first pages of the mix in a round, then {load.REPEATED_PATHS} of them again."
    yield "\n".join(f"- {racer.name}: {racer.note}" for racer in measured.race[1:])
    rows = [
        (racer.name, what, *rates(rounds))
        for what, of in (("first", lambda racer: racer.first), ("repeated", lambda racer: racer.repeated))
        for racer, rounds in ((racer, of(racer)) for racer in measured.race)
    ]
    yield table(("server", "request", *RATES), rows)


def of_lookups(measured: Measured) -> Iterator[str]:
    heads = timed_heads(measured.sizes)
    yield "### Searches, suggestions and facets"
    yield (
        "Milliseconds of a first-time answer; one request at a time, the sizes in turn, fewer of what takes more than"
        f" {timing.PATIENCE} s in all."
    )
    rows = [
        (endpoint, what, f"`{text}`", *millis(one)) for one in measured.texts for endpoint, what, text in [one.what]
    ]
    yield table(("endpoint", "text", "such as", *heads), rows)
    yield table(("what", *heads), ((one.what[0], *millis(one)) for one in [*measured.facets, measured.bitmaps]))


def of_exports(measured: Measured) -> Iterator[str]:
    yield "### Exports of all companies"
    yield "Rows a second, each way in turn; medians of the rounds."
    heads = [f"{size:,}{what}" for size in measured.sizes for what in ("", " lowest–highest")]
    rows = (
        (name, *(cell for found in measured.exports.values() for cell in spread(found[name])))
        for name in exports.WAYS
    )
    yield table(("way", *heads), rows)


def of_lists(measured: Measured) -> Iterator[str]:
    heads = timed_heads(measured.sizes)
    yield "### Every ordering, first and deep pages"
    yield "Milliseconds of a first-time page; one request at a time, the sizes in turn."
    yield table(("ordering", "filter", "page", *heads, "growth"), (window_row(one) for one in measured.windows))
    yield "### Counts, and text that no index finds"
    yield "The same way. These grow with the number of companies and carry no bar."
    yield table(("query", *heads), ((f"`{one.what[0]}`", *millis(one)) for one in measured.heavy))


def bar_row(bar: Bar, sizes: Sequence[int]) -> Sequence[str]:
    figures = [bar.figures.get(size) for size in sizes]
    verdict = verdict_of(is_met=bar.is_met()) if bar.limits else ""
    aim = f"{bar.sign} {bar.aim}" if bar.aim else ""
    if bar.aim:
        verdict += f"; aim {verdict_of(is_met=bar.is_met(bar.aim))}"
    return bar.what, *("" if one is None else f"{one:.2f}" for one in figures), bar.said, aim, verdict


def verdict_of(*, is_met: bool) -> str:
    return "met" if is_met else "**missed**"


def rates(rounds: Rounds) -> Sequence[str]:
    figures = *(f"{median(found):.2f}" for found in (rounds.medians, rounds.p99s)), f"{median(rounds.sizes):,.0f}"
    return *spread(rounds.rates), *figures


def spread(found: Sequence[float]) -> tuple[str, str]:
    return f"{median(found):,.0f}", f"{min(found):,.0f}–{max(found):,.0f}"


def window_row(one: Timed) -> Sequence[str]:
    ordering, filters, depth = one.what
    growth = f"{one.growth:.2f}" if len(one.median) > 1 else ""
    return f"`{ordering}`", filters, depth, *millis(one), f"**{growth}**" if one.growth > GROWTH else growth


def sized(size: int) -> str:
    return f"{size:,}"


def timed_heads(sizes: Iterable[int]) -> list[str]:
    return [f"{size:,}{what}" for size in sizes for what in (" median", " p99")]


def millis(one: Timed) -> list[str]:
    return [f"{value:.2f}" for size in one.median for value in (one.median[size], one.p99[size])]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(text: str) -> None:
    """Put the figures between their marks; what people wrote around them stays."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
