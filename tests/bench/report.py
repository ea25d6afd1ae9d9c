"""The figures as Markdown, on the screen and in docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import load, machine
from tests.bench.depth import Timed
from tests.bench.load import Rounds, View
from tests.bench.subjects import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of what was measured -->"
GROWTH = 1.3


@dataclass(frozen=True)
class Measured:
    """All figures of one run; ``load`` and ``windows`` by number of companies."""

    rounds: int
    load: dict[int, dict[View, Rounds]]
    windows: list[Timed]
    heavy: list[Timed]


def written(measured: Measured) -> str:
    sizes = list(measured.load)
    parts = [
        "\n".join(machine.described()),
        "### Bars",
        table(("ratio", *(f"{size:,}" for size in sizes), "bar", "aim", "verdict"), bars(measured)),
    ]
    for size, views in measured.load.items():
        parts += [
            f"### One worker under load, {size:,} companies",
            f"wrk, {load.CONNECTIONS} connections, {measured.rounds} interleaved rounds after one to warm up; medians"
            f" of the rounds. In a round, {load.SECONDS} s of each view that repeats its answers, {load.BATCH} "
            "queries of the others.",
            table(
                ("view", "requests/s", "lowest–highest", "median ms", "p99 ms", "bytes"),
                (view_row(view, rounds) for view, rounds in views.items()),
            ),
        ]
    heads = [f"{size:,}{what}" for size in sizes for what in (" median", " p99")]
    parts += [
        "### Every ordering, first and deep pages",
        "Milliseconds of a first-time page; one request at a time, the sizes in turn.",
        table(("ordering", "filter", "page", *heads, "growth"), (window_row(one) for one in measured.windows)),
        "### Counts, and text that no index finds",
        "The same way. These grow with the number of companies and carry no bar.",
        table(("query", *heads), ((f"`{one.what[0]}`", *millis(one)) for one in measured.heavy)),
    ]
    return "\n\n".join(parts)


def bars(measured: Measured) -> Iterator[Sequence[str]]:
    """A row for each bar; the first size decides, the others are shown."""
    for what, above, below, bar, aim, is_least in (
        ("repeated page : rate of the view with one query", load.REPEATED, load.ONE_QUERY, 0.85, 0.9, True),
        ("first-time page : time of bare SQL", load.BARE_SQL, load.FIRST_TIME, 2.5, 1.5, False),
        ("first-time page : rate of plain DRF", load.FIRST_TIME, load.PLAIN_DRF, 3.0, 4.0, True),
    ):
        ratios = [paired(views[above], views[below]) for views in measured.load.values()]
        sign = "≥" if is_least else "≤"
        met, aimed = ((ratios[0] >= limit) if is_least else (ratios[0] <= limit) for limit in (bar, aim))
        words = f"{verdict(met)}; aim {verdict(aimed)}"
        yield what, *(f"{ratio:.2f}" for ratio in ratios), f"{sign} {bar}", f"{sign} {aim}", words
    if len(measured.load) > 1:
        growths = [one.growth for one in measured.windows]
        over = sum(growth > GROWTH for growth in growths)
        what = f"first-time page : time with the fewest companies; the median of {len(growths)} kinds of page"
        yield what, "1", f"{median(growths):.2f}", f"≤ {GROWTH}", "", verdict(median(growths) <= GROWTH)
        what = f"the same, the worst kind ({over} are above the bar)"
        yield what, "1", f"{max(growths):.2f}", f"≤ {GROWTH}", "", verdict(not over)


def paired(above: Rounds, below: Rounds) -> float:
    """The median, over the rounds, of the ratio of two views' rates in the same round."""
    return median(one / other for one, other in zip(above.rates, below.rates, strict=True))


def verdict(is_met: bool) -> str:
    return "met" if is_met else "**missed**"


def view_row(view: View, rounds: Rounds) -> Sequence[str]:
    return (
        *(view.name, f"{rounds.rate:,.0f}", f"{min(rounds.rates):,.0f}–{max(rounds.rates):,.0f}"),
        *(f"{median(rounds.medians):.2f}", f"{median(rounds.p99s):.2f}", f"{median(rounds.sizes):,.0f}"),
    )


def window_row(one: Timed) -> Sequence[str]:
    ordering, filters, depth = one.what
    growth = f"{one.growth:.2f}" if len(one.median) > 1 else ""
    return f"`{ordering}`", filters, depth, *millis(one), f"**{growth}**" if one.growth > GROWTH else growth


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
