"""How much keys are used: counted in memory and written down twice a minute, by a thread of its own.

A process that is killed loses what it has counted since. Nothing is written in a request.
"""

from __future__ import annotations

import atexit
import datetime
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import Error, connection, transaction
from django.utils import timezone

log = logging.getLogger(__name__)

PAUSE = 30.0  # seconds
DAY = 24 * 60 * 60
EPOCH = datetime.date(1970, 1, 1)
COUNT = """
    INSERT INTO partners_usage AS known (key_id, day, requests, refused)
    SELECT counted.* FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[])
        AS counted(key_id, day, requests, refused)
    WHERE EXISTS (SELECT FROM partners_apikey WHERE id = counted.key_id)
    ORDER BY counted.key_id, counted.day
    ON CONFLICT (key_id, day) DO UPDATE
        SET requests = known.requests + EXCLUDED.requests, refused = known.refused + EXCLUDED.refused
"""
USED = """
    UPDATE partners_apikey AS key SET last_used_on = used.day
    FROM (SELECT key_id, max(day) AS day FROM unnest(%s::bigint[], %s::date[]) AS each(key_id, day) GROUP BY key_id)
        AS used
    WHERE key.id = used.key_id AND (key.last_used_on IS NULL OR key.last_used_on < used.day)
    RETURNING key.name
"""
MIRRORED = """
    UPDATE partners_apikey AS key
    SET mirrored_revision = greatest(key.mirrored_revision, asked.revision),
        mirrored_at = greatest(key.mirrored_at, asked.at)
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS asked(key_id, revision, at)
    WHERE key.id = asked.key_id
"""


@dataclass
class Count:
    """What was counted of a key on a day and is not written down yet."""

    requests: int = 0
    refused: int = 0


# (key, day) → how often it was used; key → the revision that its mirror has, and when it said so. A day is known by
# its number since 1970, which costs less than a date.
Days = dict[tuple[int, int], Count]
Mirrors = dict[int, tuple[int, datetime.datetime]]


class Usage:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.days: Days = {}
        self.mirrors: Mirrors = {}
        self.timer: threading.Timer | None = None
        # One at a time, in one order: two processes would otherwise wait for each other's rows.
        self.writing = threading.Lock()

    def count(self, key: int, *, is_refused: bool) -> None:
        used = key, int(time.time()) // DAY
        with self.lock:
            day = self.days.get(used)
            if day is None:
                day = self.days[used] = Count()
                self.plan()
            day.requests += 1
            day.refused += is_refused

    def mirror(self, key: int, revision: int) -> None:
        """Note that somebody asked for what comes behind ``revision``: up to there, the mirror has everything."""
        with self.lock:
            known = self.mirrors[key][0] if key in self.mirrors else 0
            self.mirrors[key] = max(known, revision), timezone.now()
            self.plan()

    def plan(self) -> None:
        """Have it written down in a while, unless that is planned already."""
        if self.timer is None:
            self.timer = threading.Timer(PAUSE, self.write)
            self.timer.daemon = True
            self.timer.start()

    def write(self) -> None:
        """Write down what was counted, and close this thread's connection; what cannot be written is kept."""
        try:
            self.flush()
        except Error as error:
            log.warning("The use of keys could not be written down: %s", " ".join(str(error).split()))
        finally:
            connection.close()

    def flush(self) -> None:
        with self.writing:
            days, mirrors = self.taken()
            try:
                store(days, mirrors)
            except Error:
                self.give_back(days, mirrors)
                raise

    def taken(self) -> tuple[Days, Mirrors]:
        with self.lock:
            found = self.days, self.mirrors
            self.days, self.mirrors = {}, {}
            if self.timer:
                self.timer.cancel()
                self.timer = None
        return found

    def give_back(self, days: Days, mirrors: Mirrors) -> None:
        with self.lock:
            for key, counted in days.items():
                day = self.days.setdefault(key, Count())
                day.requests += counted.requests
                day.refused += counted.refused
            self.mirrors = mirrors | self.mirrors
            self.plan()


def store(days: Days, mirrors: Mirrors) -> None:
    """Add to what is written down; of keys that are gone meanwhile nothing is."""
    if not days and not mirrors:
        return
    keys, numbers = columns(days.keys(), 2)
    dates = [EPOCH + datetime.timedelta(number) for number in numbers]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM partners_apikey WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [[*keys, *mirrors]])
        counts = [day.requests for day in days.values()], [day.refused for day in days.values()]
        cursor.execute(COUNT, [keys, dates, *counts])
        cursor.execute(USED, [keys, dates])
        for (name,) in cursor.fetchall():
            log.info("key %s is used today", name)
        asked = columns(((key, *found) for key, found in mirrors.items()), 3)
        cursor.execute(MIRRORED, asked)


def columns(rows: Iterable[tuple], width: int) -> list[list]:
    """Rows as columns, of which there are ``width`` even if there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


usage = Usage()
atexit.register(usage.write)
