"""Retention: of the log and of what is noted beside it, what is older than it is to be kept is dropped.

Each object's newest version stays, and what it was at the oldest moment that is kept. So from there on all is told as
before: as_of, history, the changes, digests. Of what was earlier, everybody who asks is told that it is gone.
"""

from __future__ import annotations

import datetime
from typing import Any

import pgtrigger
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from directory.models import Log, Revision

# Versions that are looked at in one transaction.
CHUNK = 5_000
# Of the next versions up to a revision, those that another one up to it has replaced; the last that was looked at.
DROP = """
    WITH next AS (
        SELECT id, kind, object_id FROM directory_version WHERE id > %s AND revision_id <= %s
        ORDER BY id LIMIT %s
    ), dropped AS (
        DELETE FROM directory_version USING next WHERE directory_version.id = next.id AND EXISTS (
            SELECT FROM directory_version AS later WHERE later.kind = next.kind AND later.object_id = next.object_id
            AND later.id > next.id AND later.revision_id <= %s
        ) RETURNING directory_version.id
    )
    SELECT (SELECT max(id) FROM next), (SELECT count(*) FROM dropped)
"""
# The oldest that is kept says when what is kept begins, so it stays although it may have no version.
DROP_EMPTY = """
    DELETE FROM directory_revision AS revision
    WHERE id < %s AND NOT EXISTS (SELECT FROM directory_version WHERE revision_id = revision.id)
"""


def prune_history(before: datetime.datetime) -> int:
    """Drop the versions that were replaced before a time, and their revisions; how many versions."""
    old = Revision.objects.filter(created_at__lt=before)
    oldest_kept = old.aggregate(newest=Max("pk"))["newest"] or 0
    # First of all: nobody is to be told half of what is going.
    Log.objects.filter(forgotten__lt=oldest_kept).update(forgotten=oldest_kept)
    after: int | None = 0
    dropped = 0
    while after is not None:
        after, number = drop(after, oldest_kept)
        dropped += number
    with connection.cursor() as cursor:
        cursor.execute(DROP_EMPTY, [oldest_kept])
    return dropped


def drop(after: int, revision: int) -> tuple[int | None, int]:
    """(the last version of a chunk, how many of it were dropped)."""
    with transaction.atomic(), pgtrigger.ignore("directory.Version:append_only"), connection.cursor() as cursor:
        cursor.execute(DROP, [after, revision, CHUNK, revision])
        found: tuple[int | None, int] = cursor.fetchone()
    return found


def prune_notes(before: datetime.datetime) -> int:
    """Drop what was noted before a time of curators' doings and failed sign-ins, and sessions that are over."""
    notes: list[Any] = [
        LogEntry.objects.filter(action_time__lt=before),
        AccessAttempt.objects.filter(attempt_time__lt=before),
        Session.objects.filter(expire_date__lt=Now()),
    ]
    return sum(those.delete()[0] for those in notes)
