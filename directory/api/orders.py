"""Orders: the objects of a collection by one row value, in the process, beside the bitmaps.

Bitmaps tell which objects a list finds; with their order the process knows as well which of them are on a page. An
order is as old as the snapshot that it was read in. Whoever was edited since is not in its place any more, the others
still are.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice

from pyroaring import BitMap

# An array of all ids up to the greatest is not worth its memory where most of them are free.
MOST_FREE = 2**22
# Objects edited since an order was read that are sorted in again and again, until it is read anew.
MOST_EDITED = 500


def numbers_of(ids: bytes | None) -> array[int]:
    """Ids out of PostgreSQL, four bytes each in network order."""
    numbers = array("I")
    numbers.frombytes(ids or b"")
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


@dataclass(frozen=True)
class Order:
    """``ids`` ascending by a row value, and for each id its place among them."""

    ids: array[int]
    places: array[int]

    def __contains__(self, pk: int) -> bool:
        return pk < len(self.places) and self.ids[self.places[pk]] == pk

    @classmethod
    def of(cls, ids: array[int]) -> Order | None:
        """None where the ids are so sparse that their places would take too much memory."""
        greatest = max(ids, default=0)
        if greatest > 2 * len(ids) + MOST_FREE:
            return None
        places = array("I", bytes(4 * (greatest + 1)))
        for place, pk in enumerate(ids):
            places[pk] = place
        return cls(ids, places)

    def first(self, count: int, found: BitMap, *, beyond: int | None = None, descending: bool = False) -> list[int]:
        """The first ``count`` of those ``found``, which all are in the order, ``beyond`` one of them if it is given.

        Among many the order is walked until enough were met, few are sorted: neither ever takes more than about the
        square root of ``count`` times the number of all objects.
        """
        if len(found) ** 2 < count * len(self.ids):
            places = sorted(map(self.places.__getitem__, found))
            if beyond is not None:
                place = self.places[beyond]
                places = places[: bisect_left(places, place)] if descending else places[bisect_right(places, place) :]
            return [self.ids[place] for place in (places[: -count - 1 : -1] if descending else places[:count])]
        walked = memoryview(self.ids)
        if beyond is not None:
            place = self.places[beyond]
            walked = walked[:place] if descending else walked[place + 1 :]
        return list(islice(filter(found.__contains__, walked[::-1] if descending else walked), count))
