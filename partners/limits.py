"""How much anybody asked lately: counted in memory that all processes of the machine share.

Each caller has a count of the requests of every second; the last SLICES of them together, the present one included,
are the last minute or up to a second more. So nobody gets more than their limit in any minute, and whoever asks
steadily gets 60/61 of it. The table has a fixed size: where more callers come than it has room for, those who asked
least are forgotten first.

Whoever asks a process often does not wait for the table each time: the process takes a small share of what is left
ahead, for the present second, and gives back what it did not need. So nobody ever gets more than their limit; they
may get less by the shares of processes that they stopped asking.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
import time
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_UN, lockf
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

WINDOW = 60  # seconds
SLICES = WINDOW + 1
# Callers in a set share the place where they are looked for, and a lock with other sets.
SETS, WAYS, LOCKS = 8192, 8, 64
NAME = 16  # bytes by which a caller is known
# In words of four bytes: of a caller the second that was counted last, the sum of the slices, the oldest second that
# counts, and the slices.
WORD = 4
OWN = 3
RECORD = OWN + SLICES
NAMES = WAYS * NAME // WORD
SET = NAMES + WAYS * RECORD
# The first words are the table's own. One of them is another number as soon as a key was changed.
HEAD, GENERATION = 16, 0
# What a process takes ahead is one of so many parts of what is left. Of so many callers that share a lock it
# remembers what it knew, though nothing was heard of them lately.
SHARE, MOST = 256, 64
SIZE = (HEAD + SETS * SET) * WORD
EMPTY = memoryview(bytes(SLICES * WORD)).cast("I")


class Standing(NamedTuple):
    """Whether a request is within the limit, and how many more are.

    ``reset`` says in how many seconds the oldest requests that count are out of the window; 0 where there are none.
    """

    is_allowed: bool
    left: int
    reset: int


@dataclass(slots=True)
class Stock:
    """How a caller stood in a second as far as a process knows, which took ``kept`` requests ahead for it."""

    second: int
    kept: int
    left: int
    reset: int


class Table:
    """The counts, in a file that is mapped into memory.

    A lock of the file is the process's and is gone with it, however it ends; among its threads, one of Python's
    decides. Closing any other descriptor of the file would drop the process's locks: there is only this one.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.ftruncate(self.file, SIZE)
        self.memory = mmap.mmap(self.file, SIZE)
        self.words = memoryview(self.memory).cast("I")
        self.locks = [threading.Lock() for _ in range(LOCKS)]
        self.stocks: list[dict[bytes, Stock]] = [{} for _ in range(LOCKS)]

    def take(self, name: bytes, limit: int, cost: int = 1) -> Standing:
        """Count ``cost`` requests of the caller ``name``, of NAME bytes, unless that is more than ``limit``."""
        lock = int.from_bytes(name[:4]) % LOCKS
        with self.locks[lock]:
            now, stocks = int(time.monotonic()), self.stocks[lock]
            stock = stocks.get(name)
            if stock is not None and stock.second == now and stock.kept >= cost:
                stock.kept -= cost
                return Standing(True, stock.left + stock.kept, stock.reset)
            lockf(self.file, LOCK_EX, 1, lock)
            try:
                is_allowed, stock = self.count(name, limit, cost, now, stock)
            finally:
                lockf(self.file, LOCK_UN, 1, lock)
            if len(stocks) >= MOST:
                for idle in [name for name, known in stocks.items() if now - known.second > 1]:
                    del stocks[idle]
            stocks[name] = stock
        return Standing(is_allowed, stock.left + stock.kept, stock.reset)

    def count(self, name: bytes, limit: int, cost: int, now: int, before: Stock | None) -> tuple[bool, Stock]:
        """Whether ``cost`` requests are within ``limit``, and how the caller stands with them.

        Some more are taken ahead where ``before``, how it stood when it asked last, is of the same second.
        """
        words, start = self.words, HEAD + int.from_bytes(name[:4]) % SETS * SET
        first = start * WORD
        place = self.memory.find(name, first, first + WAYS * NAME)
        way = (place - first) // NAME if place >= 0 else self.replace_least(start, name, now)
        record = start + NAMES + way * RECORD
        if words[record] != now:
            now = self.advance(record, now)
        if before is not None and before.kept:
            self.give_back(record, before, now)
        total, kept = words[record + 1], 0
        is_allowed = total + cost <= limit
        if is_allowed:
            if not total:
                words[record + 2] = now
            if before is not None and before.second == now:
                kept = (limit - total - cost) // SHARE
            words[record + 1] = total = total + cost + kept
            words[record + OWN + now % SLICES] += cost + kept
        reset = words[record + 2] + SLICES - now if total else 0
        return is_allowed, Stock(now, kept, max(0, limit - total), reset)

    def give_back(self, record: int, stock: Stock, now: int) -> None:
        """What this process took of the limit in ``stock.second`` and did not need."""
        slice_ = record + OWN + stock.second % SLICES
        if now - stock.second < SLICES and self.words[slice_] >= stock.kept:
            self.words[slice_] -= stock.kept
            self.words[record + 1] -= stock.kept

    def replace_least(self, start: int, name: bytes, now: int) -> int:
        """Give ``name`` the place of whoever asked least of those in the set at ``start``; returns its number."""
        records = [start + NAMES + way * RECORD for way in range(WAYS)]
        way = min(range(WAYS), key=lambda way: self.used(records[way], now))
        first, record = start * WORD + way * NAME, records[way]
        self.memory[first : first + NAME] = name
        self.words[record] = self.words[record + 1] = 0
        self.words[record + OWN : record + RECORD] = EMPTY
        return way

    def used(self, record: int, now: int) -> int:
        return self.words[record + 1] if abs(now - self.words[record]) < SLICES else 0

    def advance(self, record: int, now: int) -> int:
        """Forget what is older than the window; the present second, which another process may have seen begin."""
        last = self.words[record]
        if 0 < last - now < SLICES:
            return last
        if 0 < now - last < SLICES:
            for second in range(last + 1, now + 1):
                slice_ = record + OWN + second % SLICES
                self.words[record + 1] -= self.words[slice_]
                self.words[slice_] = 0
        else:  # long ago, or before the machine was started anew
            self.words[record + 1] = 0
            self.words[record + OWN : record + RECORD] = EMPTY
        self.words[record], self.words[record + 2] = now, self.oldest(record, now)
        return now

    def oldest(self, record: int, now: int) -> int:
        """The oldest second that counts; means nothing where none does."""
        slices = self.words[record + OWN : record + RECORD].tobytes()
        first = (now + 1) % SLICES * WORD
        counts = slices[first:] + slices[:first]
        passed = len(counts) - len(counts.lstrip(b"\0"))
        return now + 1 - SLICES + passed // WORD

    def begin_generation(self) -> None:
        """Tell all processes of this machine that a key was changed."""
        with self.locks[0]:
            lockf(self.file, LOCK_EX, 1, 0)
            try:
                self.words[GENERATION] = (self.words[GENERATION] + 1) % 2**32
            finally:
                lockf(self.file, LOCK_UN, 1, 0)


@cache
def table() -> Table:
    """This machine's."""
    return Table(settings.LIMITS_FILE)


@lru_cache(maxsize=4096)
def name_of_caller(caller: str) -> bytes:
    """What the table knows a network or a key by: nobody can choose an address that takes another's place.

    A table of another layout, which an earlier version left, knows nobody by these names.
    """
    secret, layout = settings.SECRET_KEY.encode()[:64], str(RECORD).encode()
    return hashlib.blake2b(caller.encode(), digest_size=NAME, key=secret, person=layout).digest()
