"""How much anybody asked lately: counted in memory that all processes of the machine share.

Each caller has a count of the requests of every second; the last SLICES of them together, the present one included,
are the last minute or up to a second more. So nobody gets more than their limit in any minute, and whoever asks
steadily gets 60/61 of it. The table has a fixed size: where more callers come than it has room for, those who asked
least are forgotten first.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from fcntl import LOCK_EX, LOCK_UN, lockf
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

WINDOW = 60  # seconds
SLICES = WINDOW + 1
# Callers in a set share the place where they are looked for, and a lock with other sets.
SETS, WAYS, LOCKS = 8192, 8, 64
NAME = 16  # bytes by which a caller is known
# In words of four bytes: of a caller the second that was counted last, the sum of the slices, and the slices.
WORD = 4
RECORD = 2 + SLICES
NAMES = WAYS * NAME // WORD
SET = NAMES + WAYS * RECORD
# The first words are the table's own: a number that grows whenever keys change.
HEAD = 16
SIZE = (HEAD + SETS * SET) * WORD
EMPTY = memoryview(bytes(SLICES * WORD)).cast("I")


class Standing(NamedTuple):
    """Whether a request is within the limit, and how many more are; ``slices`` are the seconds that count."""

    is_allowed: bool
    left: int
    now: int
    slices: bytes

    @property
    def reset(self) -> int:
        """In how many seconds the oldest requests that count are out of the window; 0 where there are none."""
        oldest = (self.now + 1) % SLICES * WORD
        counts = self.slices[oldest:] + self.slices[:oldest]
        passed = len(counts) - len(counts.lstrip(b"\0"))
        return passed // WORD + 1 if passed < len(counts) else 0


class Held:
    """A lock that is held inside; made once, and written out, as a generator would cost as much as what it guards."""

    __slots__ = ("file", "lock", "number")

    def __init__(self, file: int, lock: threading.Lock, number: int) -> None:
        self.file, self.lock, self.number = file, lock, number

    def __enter__(self) -> None:
        self.lock.acquire()
        lockf(self.file, LOCK_EX, 1, self.number)

    def __exit__(self, *error: object) -> None:
        lockf(self.file, LOCK_UN, 1, self.number)
        self.lock.release()


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
        self.held = [Held(self.file, threading.Lock(), number) for number in range(LOCKS)]

    def take(self, name: bytes, limit: int, cost: int = 1) -> Standing:
        """Count ``cost`` requests of the caller ``name``, of NAME bytes, unless that is more than ``limit``."""
        number = int.from_bytes(name[:4]) % SETS
        words = self.words
        with self.held[number % LOCKS]:
            now = int(time.monotonic())
            record = self.find(HEAD + number * SET, name, now)
            if words[record] != now:
                now = self.advance(record, now)
            total = words[record + 1]
            is_allowed = total + cost <= limit
            if is_allowed:
                total += cost
                words[record + 1] = total
                words[record + 2 + now % SLICES] += cost
            slices = words[record + 2 : record + RECORD].tobytes()
        return Standing(is_allowed, max(0, limit - total), now, slices)

    def find(self, start: int, name: bytes, now: int) -> int:
        """Where the record of ``name`` is in the set at ``start``; it takes the least used one's if there is none."""
        first = start * WORD
        position = self.memory.find(name, first, first + WAYS * NAME)
        if position >= 0:
            return start + NAMES + (position - first) // NAME * RECORD
        records = [start + NAMES + way * RECORD for way in range(WAYS)]
        way = min(range(WAYS), key=lambda way: self.used(records[way], now))
        self.memory[first + way * NAME : first + (way + 1) * NAME] = name
        self.words[records[way]] = self.words[records[way] + 1] = 0
        self.words[records[way] + 2 : records[way] + RECORD] = EMPTY
        return records[way]

    def used(self, record: int, now: int) -> int:
        return self.words[record + 1] if abs(now - self.words[record]) < SLICES else 0

    def advance(self, record: int, now: int) -> int:
        """Forget what is older than the window; the present second, which another process may have seen begin."""
        last = self.words[record]
        if 0 < last - now < SLICES:
            return last
        if 0 < now - last < SLICES:
            for second in range(last + 1, now + 1):
                slice_ = record + 2 + second % SLICES
                self.words[record + 1] -= self.words[slice_]
                self.words[slice_] = 0
        else:  # long ago, or before the machine was started anew
            self.words[record + 1] = 0
            self.words[record + 2 : record + RECORD] = EMPTY
        self.words[record] = now
        return now

    @property
    def generation(self) -> int:
        """A number that is another one as soon as a key was changed by a process of this machine."""
        return self.words[0]

    def begin_generation(self) -> None:
        with self.held[0]:
            self.words[0] = (self.words[0] + 1) % 2**32


@cache
def table() -> Table:
    """This machine's."""
    return Table(settings.LIMITS_FILE)
