"""All figures of one run."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.exports import Rates
from tests.bench.load import View
from tests.bench.race import Racer
from tests.bench.timing import Timed
from tests.bench.wrk import Rounds


@dataclass(frozen=True)
class Measured:
    """``load`` and ``exports`` are by number of companies; ``race`` is of the fewest."""

    rounds: int
    load: dict[int, dict[View, Rounds]]
    race: list[Racer]
    texts: list[Timed]
    facets: list[Timed]
    bitmaps: Timed
    exports: dict[int, Rates]
    windows: list[Timed]
    heavy: list[Timed]

    @property
    def sizes(self) -> list[int]:
        return list(self.load)
