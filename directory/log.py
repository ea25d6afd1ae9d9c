"""The log as the world reads it: what was published behind a place in it, in the order of commits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from directory import ids
from directory.api.caching import RevisionCache
from directory.api.cursors import Cursor
from directory.api.errors import Mistake, Problem
from directory.api.history import visible
from directory.models import kinds

SNAPSHOT = f"{settings.SITE_URL}/api/v1/snapshot/"
# What a cursor says that it is one of.
LOG = "log"
FIRST = str(uuid.UUID(int=0))  # the epoch of a log that nothing was written to yet
# One statement, so of one snapshot. The newest version of each object says whether it is still published.
PAGE = """
    SELECT (SELECT max(id) FROM directory_revision), (SELECT max(id) FROM directory_version),
           log.epoch, log.forgotten, page.*
    FROM (SELECT 1) AS one LEFT JOIN directory_log AS log ON true LEFT JOIN LATERAL (
        SELECT version.id, version.revision_id, version.kind, version.object_id, version.slug, version.action,
               version.successor, CASE WHEN newest.is_published THEN version.document END, newest.id > version.id
        FROM (
            SELECT found.id FROM unnest(%(kinds)s::text[]) AS asked(kind) CROSS JOIN LATERAL (
                SELECT id FROM directory_version AS version
                WHERE version.kind = asked.kind AND id > %(position)s ORDER BY id LIMIT %(limit)s
            ) AS found ORDER BY found.id LIMIT %(limit)s
        ) AS picked JOIN directory_version AS version USING (id) CROSS JOIN LATERAL (
            SELECT id, document IS NOT NULL AS is_published FROM directory_version AS later
            WHERE later.kind = version.kind AND later.object_id = version.object_id ORDER BY id DESC LIMIT 1
        ) AS newest ORDER BY version.id
    ) AS page ON true
"""
# The last version at or below a revision, in a log where no earlier revision will ever get another.
POSITION = """
    SELECT max(id) FROM directory_version
    WHERE revision_id = (SELECT max(revision_id) FROM directory_version WHERE revision_id <= %s)
"""


@dataclass(frozen=True)
class Place:
    """A place in the log ``epoch``: behind version ``position``, all of ``revision`` and before it read."""

    epoch: str
    revision: int
    position: int

    def encode(self) -> str:
        return Cursor([self.epoch, self.revision, self.position]).encode(LOG, LOG)


@dataclass
class Page:
    """A part of the log, each change as the fields of its record, and where it goes on."""

    revision: int
    place: Place
    records: list[dict[str, Any]]
    is_full: bool


# Where the log ends, at a revision.
ends = RevisionCache(limit=1)


def read_place(raw: str) -> Place | int:
    """The place of a cursor, or a revision's number; raises Mistake for anything else."""
    if raw.isascii() and raw.isdigit() and len(raw) <= 18:
        return int(raw)
    _, cursor = Cursor.decode(raw, (LOG,), LOG, "give a revision’s number, or take it from a “next” link")
    return Place(*cursor.values)


def read_page(after: Place | int, asked: Sequence[str], limit: int, revision: int) -> Page:
    """Up to ``limit`` changes of the kinds ``asked``, of one snapshot.

    Who has read all up to ``revision``, the directory's, is told so without a look into the log. Raises Mistake for a
    revision to come, Problem for a place from which the log does not go on.
    """
    if isinstance(after, Place) and after == ends.get(revision, LOG):
        return Page(revision, after, [], is_full=False)
    position = after.position if isinstance(after, Place) else position_of(after)
    with connection.cursor() as cursor:
        cursor.execute(PAGE, {"kinds": list(asked), "position": position, "limit": limit + 1})
        fetched = cursor.fetchall()
    current, last, epoch, forgotten = fetched[0][:4]
    current, end = current or 0, Place(str(epoch or FIRST), current or 0, last or 0)
    check_place(after, end, forgotten or 0)
    ends.put(end.revision, LOG, end)
    rows = [row[4:] for row in fetched if row[4] is not None]
    is_full = len(rows) > limit
    rows = rows[:limit]
    # Of a revision that a page ends in, more may follow: only those before it are read whole.
    place = Place(end.epoch, rows[-1][1] - 1, rows[-1][0]) if is_full else end
    return Page(current, place, list(records(rows)), is_full)


def position_of(revision: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(POSITION, [revision])
        return cursor.fetchone()[0] or 0


def check_place(after: Place | int, end: Place, forgotten: int) -> None:
    """Refuse a place that is not in the log, which goes from behind the revision ``forgotten`` to ``end``."""
    if isinstance(after, int):
        if after > end.revision:
            detail = f"There is no revision {after} yet: the newest is {end.revision}."
            raise Mistake("invalid_value", detail, "after")
        revision = after
    else:
        revision = after.revision
        if after.epoch != end.epoch or after.position > end.position:
            raise Problem("start_over", "This cursor is of a log that is not this one any more.", snapshot=SNAPSHOT)
    if revision < forgotten:
        detail = f"What came before revision {forgotten} is no longer kept."
        raise Problem("start_over", detail, snapshot=SNAPSHOT)


def records(rows: list[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Each version as the world is told of it; ``document`` comes last."""
    for _, revision, kind, pk, slug, action, successor, document, is_replaced in rows:
        model = kinds()[kind]
        shown: Any = None
        if document is not None:
            # What is published now is sent as it is stored; what was earlier may show what is private today.
            shown = visible(model, document) if is_replaced else orjson.Fragment(document)
        yield {
            "revision": revision,
            "kind": kind,
            "id": ids.encode(model.kind_number, pk),
            "slug": slug if document is not None else None,
            "action": action,
            "successor": successor or None,
            "document": shown,
        }
