"""A month of counts as bars, drawn here: no script is needed to see them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

DAYS = 30
# In the drawing's own units.
WIDTH, HEIGHT, GAP = 600, 160, 4


@dataclass(frozen=True)
class Bar:
    """A day: how many requests, how many of them were refused, and where it stands in the drawing."""

    day: datetime.date
    requests: int
    refused: int
    x: float
    y: float
    height: float
    refused_height: float


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    most: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    bar: float = WIDTH / DAYS - GAP


def draw(counts: Mapping[datetime.date, tuple[int, int]], today: datetime.date) -> Chart:
    """The last DAYS days up to ``today``; ``counts`` has (requests, those refused) of days that have any."""
    days = [today - datetime.timedelta(days=back) for back in reversed(range(DAYS))]
    most = max((counts.get(day, (0, 0))[0] for day in days), default=0)
    bars = []
    for place, day in enumerate(days):
        requests, refused = counts.get(day, (0, 0))
        height, refused_height = (round(HEIGHT * number / (most or 1), 1) for number in (requests, refused))
        bars.append(Bar(day, requests, refused, place * (WIDTH / DAYS), HEIGHT - height, height, refused_height))
    return Chart(bars, most, sum(bar.requests for bar in bars))
