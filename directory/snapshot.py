"""The snapshot: all that is published, at one revision while edits go on, in constant memory.

One statement through a server-side cursor reads all of it, so one snapshot of the database holds for every row.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import orjson
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase

from directory import buckets, ids
from directory.api import rendering
from directory.api.caching import choose_coding, is_known, public_headers
from directory.api.described import narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.exports import CHUNK, running
from directory.api.operations import Operation
from directory.api.pagination import whole_number
from directory.api.parameters import MAX_VALUES, Parameter
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import split, unknown_parameters
from directory.log import FIRST, Place
from directory.models import kinds

MEDIA_TYPE = FORMATS["ndjson"].media_type
NUMBER = {"type": "integer", "minimum": 0, "maximum": buckets.BUCKETS - 1}
PARAMETERS = {
    "bucket": Parameter(
        "Only the objects of these buckets: what a copy needs whose digests differ there.",
        {"type": "array", "items": NUMBER, "minItems": 1, "maxItems": MAX_VALUES},
        [17, 18],
    ),
    "format": narrowed(rendering.PARAMETERS["format"], "ndjson"),
}
DESCRIPTION = (
    "NDJSON. The first line has the `revision`, the log's `epoch`, the `counts` of objects by kind, and `next`: where"
    " the changes feed goes on without a gap. Then an object a line, those that others name before them, `document`"
    " last and byte for byte as it is digested. The last line has the number of `rows` between: without it, or with"
    " another number, something got lost on the way."
)
# What decides, beside a revision, which bytes it has.
BUILD = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8).hexdigest()
HEAD = """
    SELECT NULL::text AS kind, last.id AS id, (SELECT max(id) FROM directory_revision) AS revision,
           log.epoch::text AS epoch,
           (SELECT json_object_agg(kind, rows) FROM
            (SELECT kind, sum(rows) AS rows FROM directory_bucket WHERE {buckets} GROUP BY kind) AS counts
           )::text AS document
    FROM (SELECT max(id) AS id FROM directory_version) AS last LEFT JOIN directory_log AS log ON true
"""
ROWS = """
    (SELECT '{kind}', id, revision, NULL, document FROM {table} WHERE document IS NOT NULL AND {buckets} ORDER BY id)
"""


class Snapshot(Endpoint):
    """All that is published, at one revision."""

    scope = "mirror"
    formats = ("ndjson",)

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        return Operation(
            "All that is published, at one revision",
            {"application/x-ndjson": {"type": "string"}},
            PARAMETERS,
            DESCRIPTION,
            problems=("busy",),
            links=("license",),
        )

    def get(self, request: Any) -> HttpResponseBase:
        numbers = read(request.query_params)
        coding = choose_coding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        response: HttpResponseBase
        if is_known(etag(request.revision, numbers, coding), request):
            revision, response = request.revision, HttpResponseNotModified()
        elif request.method == "HEAD":
            revision, response = request.revision, HttpResponse(content_type=MEDIA_TYPE)
        else:
            copy = Copy(numbers)
            revision, response = (
                copy.head.revision,
                StreamingHttpResponse(Coded(copy, coding), content_type=MEDIA_TYPE),
            )
        for name, value in public_headers(etag(revision, numbers, coding), revision).items():
            response.headers[name] = value
        if coding:
            response.headers["Content-Encoding"] = coding
        response.headers["Link"] = f'<{settings.LICENSE["url"]}>; rel="license"'
        response.headers["Content-Disposition"] = f'attachment; filename="directory-{revision}.ndjson"'
        return response


def etag(revision: int, numbers: list[int], coding: str) -> str:
    identity = f"{settings.SITE_URL} {revision} {numbers} {coding} {BUILD}"
    return f'"{hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()}"'


def read(query: Any) -> list[int]:
    """The buckets that a query asks for, none for all of them; raises InvalidQuery."""
    mistakes = unknown_parameters(query, PARAMETERS)
    read_format(query, FORMATS["ndjson"], ("ndjson",), mistakes)
    numbers: list[int] = []
    if "bucket" in query:
        try:
            numbers = [read_bucket(raw) for raw in split(query.getlist("bucket"), several=True)]
        except Mistake as mistake:
            mistakes.append(mistake.of("bucket"))
    if mistakes:
        raise InvalidQuery(mistakes)
    return sorted(set(numbers))


def read_bucket(raw: str) -> int:
    return 0 if raw == "0" else whole_number(raw, buckets.BUCKETS - 1)


@dataclass
class Head:
    """What the first line tells."""

    revision: int
    epoch: str
    position: int
    counts: dict[str, int]

    @property
    def next(self) -> str:
        """Where the changes feed goes on behind it, without a gap."""
        place = Place(self.epoch, self.revision, self.position)
        return f"{settings.SITE_URL}/api/v1/changes/?after={place.encode()}"

    def line(self) -> bytes:
        told = {"revision": self.revision, "epoch": self.epoch, "counts": self.counts}
        return orjson.dumps({**told, "next": self.next, "license": settings.LICENSE}) + b"\n"


class Copy:
    """The lines of a snapshot of these buckets, chunk by chunk.

    The database's snapshot is taken when it is opened, so before the response's headers are. It is open until
    ``close()``, which the server calls whether the client has read everything or gone away.
    """

    def __init__(self, numbers: list[int]) -> None:
        if not running.acquire(blocking=False):
            raise Problem("busy")
        with ExitStack() as stack:
            stack.callback(running.release)
            stack.enter_context(transaction.atomic())
            self.cursor = stack.enter_context(connection.chunked_cursor())
            self.cursor.execute(statement(bool(numbers)), {"buckets": numbers} if numbers else None)
            [(_, position, revision, epoch, counts)] = self.cursor.fetchmany(1)
            known = orjson.loads(counts or "{}")
            counts = {kind: known.get(kind, 0) for kind in kinds()}
            self.head = Head(revision or 0, epoch or FIRST, position or 0, counts)
            self.open = stack.pop_all()

    def __iter__(self) -> Iterator[bytes]:
        numbers = {kind: model.kind_number for kind, model in kinds().items()}
        total = 0
        yield self.head.line()
        for rows in self.chunks():
            total += len(rows)
            yield "".join(
                [
                    f'{{"kind":"{kind}","id":"{ids.encode(numbers[kind], pk)}",'
                    f'"revision":{revision},"document":{document}}}\n'
                    for kind, pk, revision, _, document in rows
                ]
            ).encode()
        yield orjson.dumps({"rows": total, "revision": self.head.revision}) + b"\n"

    def chunks(self) -> Iterator[list[tuple[str, int, int, None, str]]]:
        """(kind, primary key, revision, None, document) of each object, some at a time, kind after kind."""
        while rows := self.cursor.fetchmany(CHUNK):
            yield rows

    def close(self) -> None:
        self.open.close()


def statement(some: bool) -> str:
    """The head and, kind after kind, the rows; ``some`` leaves out all but the buckets that are asked for."""
    of_head = "number = ANY(%(buckets)s)" if some else "true"
    parts = [HEAD.format(buckets=of_head)]
    for kind, model in kinds().items():
        of_row = f"{buckets.BUCKET.replace('known.number', str(model.kind_number))} = ANY(%(buckets)s)"
        of_row = of_row.replace("object_id", "id") if some else "true"
        parts.append(ROWS.format(kind=kind, table=model._meta.db_table, buckets=of_row))
    return " UNION ALL ".join(parts)


class Coded:
    """Chunks of bytes compressed as they come, the same bytes each time."""

    def __init__(self, chunks: Copy, coding: str) -> None:
        self.chunks, self.coding = chunks, coding

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from coded(iter(self.chunks), self.coding)
        finally:
            self.close()

    def close(self) -> None:
        self.chunks.close()


def coded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    if not coding:
        yield from chunks
    elif coding == "br":
        brotli_coder = brotli.Compressor(quality=4)
        for chunk in chunks:
            yield brotli_coder.process(chunk)
        yield brotli_coder.finish()
    else:
        gzip_coder = zlib.compressobj(level=5, wbits=31)
        for chunk in chunks:
            yield gzip_coder.compress(chunk)
        yield gzip_coder.flush()
