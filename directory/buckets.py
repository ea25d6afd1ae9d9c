"""Buckets: 256 digests of all that is published, by which a copy proves that it is equal, or finds where it is not.

An object's bucket is the first eight bits that its public id encodes. The digest of a bucket is the XOR of the
SHA-256 of its documents, byte for byte as they are sent. So a change costs two hashes, whoever computes it; here one
statement does, in the transaction that publishes, and it reads nothing but the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from directory import ids
from directory.models import kinds

BUCKETS = 256
# Versions behind which the digests of an earlier revision are computed: a tenth of a second's work.
REACH = 10_000

ZERO = "0::bit(256)"
# Kind → its number, which public ids are made of.
KINDS = "unnest(%(kinds)s::text[], %(numbers)s::bigint[]) AS known(kind, number)"
BUCKET = f"((object_id * {ids.KINDS} + known.number) * {ids.SPREAD} %% {ids.SPACE}) >> {ids.BITS - 8}"
# What objects add to their buckets when ``after`` takes the place of ``before``; either may be NULL.
DIFFERENCE = f"""
    SELECT kind, {BUCKET} AS bucket, count(after) - count(before) AS rows,
           coalesce(bit_xor({{after}}), {ZERO}) # coalesce(bit_xor({{before}}), {ZERO}) AS digest
    FROM ({{changed}}) AS changed JOIN {KINDS} USING (kind) GROUP BY 1, 2
""".format(  # noqa: S608 - SQL of ours, like all below
    **{side: f"('x' || encode(sha256(convert_to({side}, 'UTF8')), 'hex'))::bit(256)" for side in ("after", "before")},
    changed="{changed}",
)
PREDECESSOR = """
    (SELECT old.document FROM directory_version AS old WHERE old.kind = version.kind
     AND old.object_id = version.object_id AND {condition} ORDER BY old.id DESC LIMIT 1)
"""
# Each object of a revision, or since one, with its documents on either side.
IN_REVISION = f"""
    SELECT kind, object_id, document AS after, {PREDECESSOR.format(condition="old.id < version.id")} AS before
    FROM directory_version AS version WHERE revision_id = %(revision)s
"""  # noqa: S608
SINCE = f"""
    SELECT kind, object_id, {PREDECESSOR.format(condition="old.revision_id <= %(revision)s")} AS after,
           document AS before
    FROM (SELECT DISTINCT ON (kind, object_id) * FROM directory_version
          WHERE revision_id > %(revision)s ORDER BY kind, object_id, id DESC) AS version
"""  # noqa: S608
EVERYTHING = """
    SELECT DISTINCT ON (kind, object_id) kind, object_id, document AS after, NULL::text AS before
    FROM directory_version ORDER BY kind, object_id, id DESC
"""
INSERT = "INSERT INTO directory_bucket AS bucket (kind, number, rows, digest) "
ADD = f"""
    {INSERT} {DIFFERENCE.format(changed=IN_REVISION)} ON CONFLICT (kind, number)
    DO UPDATE SET rows = bucket.rows + excluded.rows, digest = bucket.digest # excluded.digest
"""
AT = f"""
    SELECT (SELECT max(id) FROM directory_revision), log.epoch, found.*
    FROM (SELECT 1) AS one LEFT JOIN directory_log AS log ON true LEFT JOIN (
        SELECT bucket, sum(rows), encode(substring(bit_send(bit_xor(digest)) FROM 5), 'hex')
        FROM (SELECT kind, number AS bucket, rows, digest FROM directory_bucket
              UNION ALL {DIFFERENCE.format(changed=SINCE)}) AS parts
        WHERE kind = ANY(%(asked)s) GROUP BY bucket
    ) AS found ON true
"""  # noqa: S608


@dataclass
class Digests:
    """The digests at ``revision``, in hexadecimal, and of how many objects; ``newest`` is the newest revision."""

    revision: int
    newest: int
    epoch: str
    rows: int
    buckets: list[str]


def add(revision: int) -> None:
    """Bring the buckets from what they were before ``revision``, which was just written, to what they are at it."""
    execute(ADD, revision=revision)


def rebuild() -> None:
    """Compute all buckets from the log, with the writers shut out: for rows that were not written by publishing."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM directory_bucket")
    execute(INSERT + DIFFERENCE.format(changed=EVERYTHING))


def reaches(revision: int) -> bool:
    """Whether ``revision`` is recent enough for its digests to be computed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM directory_version WHERE revision_id > %s LIMIT %s) AS since",
            [revision, REACH + 1],
        )
        return cursor.fetchone()[0] <= REACH


def at(revision: int, asked: Sequence[str]) -> Digests:
    """The digests of the kinds ``asked`` at a revision that there is, today's less what was published since."""
    rows = execute(AT, revision=revision, asked=list(asked))
    newest, epoch = rows[0][:2]
    found = {bucket: (count, digest) for _, _, bucket, count, digest in rows if bucket is not None}
    empty = (0, "0" * 64)
    counts, digests = zip(*(found.get(bucket, empty) for bucket in range(BUCKETS)), strict=True)
    return Digests(revision, newest or 0, str(epoch or ""), int(sum(counts)), list(digests))


def execute(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    numbers = {kind: model.kind_number for kind, model in kinds().items()}
    with connection.cursor() as cursor:
        cursor.execute(sql, {"kinds": list(numbers), "numbers": list(numbers.values()), **values})
        return cursor.fetchall() if cursor.description else []
