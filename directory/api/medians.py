"""Medians: of a number, for any set of objects, by counting how many of them have less.

Bitmaps of those that have less than one number in every few narrow the median down to these few, each of which has a
bitmap of its own: a few dozen intersections that are only counted, however many objects and numbers there are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from pyroaring import BitMap

from directory.api.bitmaps import Bitmaps, compact

# How many bitmaps of those that have less are kept: each may be as large as that of all objects.
CUTS = 32


@dataclass(frozen=True)
class Ranking:
    """The numbers of one source in order with the objects that have each, and those that have any."""

    numbers: list[int]
    having: list[BitMap]
    known: BitMap
    # The objects that have less than the first number, less than the one ``step`` numbers on, and so on.
    less: list[BitMap]
    step: int

    def median(self, objects: BitMap) -> float | None:
        """The median of those of ``objects`` that have a number: the mean of the two in the middle."""
        known = objects.intersection_cardinality(self.known)
        if not known:
            return None
        lower, reached = self.nth(objects, (known - 1) // 2)
        upper = lower if known // 2 < reached else self.nth(objects, known // 2)[0]
        return (lower + upper) / 2

    def nth(self, objects: BitMap, n: int) -> tuple[int, int]:
        """(the number before which there are ``n`` of ``objects``, how many have it or less)."""
        cut = bisect_right(self.less, n, key=objects.intersection_cardinality) - 1
        reached, position = objects.intersection_cardinality(self.less[cut]), cut * self.step
        while (reached := reached + objects.intersection_cardinality(self.having[position])) <= n:
            position += 1
        return self.numbers[position], reached


def ranking(state: Bitmaps, source: str) -> Ranking:
    """The ranking of the numbers of ``source``, made once for each state."""
    return state.keep((source, Ranking), lambda: ranked(state, source))


def ranked(state: Bitmaps, source: str) -> Ranking:
    numbers = sorted(map(int, state.values.get(source, ())))
    having = [state.found[source, str(number)] for number in numbers]
    step = -(-len(numbers) // CUTS) or 1
    less = [BitMap()]
    for start in range(0, len(numbers), step):
        less.append(compact(BitMap.union(less[-1], *having[start : start + step])))
    return Ranking(numbers, having, less.pop(), less, step)
