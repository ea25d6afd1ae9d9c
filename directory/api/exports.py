"""Exports: all that a list's filters find, streamed at one revision and in constant memory."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse

from directory.api.caching import Superseded, current_revision, is_known, public_headers
from directory.api.errors import Problem
from directory.api.pagination import rows_statement, snapshot
from directory.api.related import Related, related_documents
from directory.api.shapes import Field, Shape
from directory.api.statements import Statement

if TYPE_CHECKING:
    from directory.api.listing import Listing

# Rows that are in memory at once, and that one FETCH, which has to end within the statement's timeout, reads.
CHUNK = 500
# A slow reader holds a thread and a database connection: half of the threads stay for everybody else.
running = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))
# What decides, beside a revision, which bytes an export has.
BUILD = hashlib.blake2b(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))), digest_size=8
).hexdigest()
# A spreadsheet takes a cell that begins so for a formula; and what we put before such a cell is doubled.
NEUTRALISED = frozenset("=+-@\t\r\n＝＋－＠'")

QUOTE = '"'
SPECIAL = re.compile('[,"\r\n]').search
ESCAPED = re.compile(r"[|\\]").search

Encode = Callable[[Iterable[list[str]]], Iterator[bytes]]
# What appends the cells of a value to those of its row.
Read = Callable[[Any, list[str]], None]


class Stream:
    """The documents of a ``snapshot()`` through a server-side cursor, encoded chunk by chunk.

    The cursor's snapshot is taken when it is opened, so before the response's headers are. It is open until
    ``close()``, which the server calls whether the client has read everything or gone away.
    """

    def __init__(self, statement: Statement, values: Mapping[str, Any], encode: Encode) -> None:
        if not running.acquire(blocking=False):
            raise Problem("busy")
        self.encode = encode
        with ExitStack() as stack:
            stack.callback(running.release)
            stack.enter_context(transaction.atomic())
            self.cursor = stack.enter_context(connection.chunked_cursor())
            self.cursor.execute(statement.sql, statement.filled(values))
            self.fetched = self.cursor.fetchmany(CHUNK)
            self.revision: int = self.fetched[0][0] or 0
            self.open = stack.pop_all()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.encode(self.chunks())
        finally:
            self.close()

    def chunks(self) -> Iterator[list[str]]:
        while self.fetched:
            yield [document for _, _, document in self.fetched if document is not None]
            self.fetched = self.cursor.fetchmany(CHUNK)

    def close(self) -> None:
        self.open.close()


def export(listing: Listing, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The whole result as the listing's format; raises Superseded where something was published since."""
    canonical = listing.url()
    identity = f"{listing.revision} {listing.format.format} {canonical} {BUILD}"
    etag = f'"{hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()}"'
    response: HttpResponse | StreamingHttpResponse
    is_there = is_known(etag, request)
    if (is_there or request.method == "HEAD") and (newest := current_revision()) != listing.revision:
        raise Superseded(newest)
    if is_there:
        response = HttpResponseNotModified()
    elif request.method == "HEAD":
        response = StreamingHttpResponse([], content_type=listing.format.media_type)
    else:
        response = StreamingHttpResponse(open_stream(listing), content_type=listing.format.media_type)
    for name, value in public_headers(etag, listing.revision).items():
        response.headers[name] = value
    response.headers["Link"] = f'<{canonical}>; rel="canonical", <{settings.LICENSE["url"]}>; rel="license"'
    filename = f"{listing.view.model.collection}-{listing.revision}.{listing.format.format}"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def open_stream(listing: Listing) -> Stream:
    view, shape = listing.view, listing.shape
    related = related_documents(shape.kinds, listing.revision)
    rows = rows_statement(view.model, view.filterset_class, listing.selection, listing.window, numbered=True)
    encode = ENCODERS[listing.format.format](shape, related, listing.revision)
    stream = Stream(snapshot(rows), {**listing.selection.values, "limit": None, "offset": 0}, encode)
    if stream.revision != listing.revision:
        stream.close()
        raise Superseded(stream.revision)
    return stream


def ndjson(shape: Shape, related: Related, revision: int) -> Encode:
    """A document a line; the last line says how many there were, so that a reader knows that it has all."""

    def encode(chunks: Iterable[list[str]]) -> Iterator[bytes]:
        rows = 0
        for documents in chunks:
            rows += len(documents)
            if shape.is_whole:
                yield "".join([f"{document}\n" for document in documents]).encode()
            else:
                shaped = (orjson.dumps(shape.apply(orjson.loads(document), related)) for document in documents)
                yield b"".join([line + b"\n" for line in shaped])
        yield orjson.dumps({"rows": rows, "revision": revision}) + b"\n"

    return encode


def comma_separated(shape: Shape, related: Related, revision: int) -> Encode:
    """RFC 4180: a column for each field, those inside others by their path, such as ``hub.slug``."""
    columns = [".".join(path) for path in leaves(shape.known, shape.chosen)]
    read = cell_reader(shape.known, shape.chosen)

    def encode(chunks: Iterable[list[str]]) -> Iterator[bytes]:
        rows = [line(columns)]
        for documents in chunks:
            for document in documents:
                cells: list[str] = []
                read(shape.fill(orjson.loads(document), related), cells)
                rows.append(line(cells))
            yield "".join(rows).encode()
            rows.clear()

    return encode


def line(cells: list[str]) -> str:
    """A line of CSV; the module of that name takes twice as long, as it looks at every character by itself."""
    text = ",".join(cells)
    if '"' in text or "\n" in text or "\r" in text:
        return ",".join([f'"{one.replace(QUOTE, QUOTE * 2)}"' if SPECIAL(one) else one for one in cells]) + "\r\n"
    if text.count(",") >= len(cells):
        return ",".join([f'"{one}"' if "," in one else one for one in cells]) + "\r\n"
    return (text or '""') + "\r\n"  # an empty line would be none


ENCODERS = {"csv": comma_separated, "ndjson": ndjson}


def leaves(known: Field, chosen: Mapping[str, Any] | None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the fields chosen that have none inside."""
    for name, part in known.parts.items():
        if chosen is not None and name not in chosen:
            continue
        if part.parts:
            yield from leaves(part, chosen[name] if chosen else None, (*path, name))
        else:
            yield (*path, name)


def cell_reader(known: Field, chosen: Mapping[str, Any] | None) -> Read:
    """What reads the cells of an object, one for each of its ``leaves()``."""
    parts = [
        (name, inner_reader(part, chosen[name] if chosen else None) if part.parts or part.many else None)
        for name, part in known.parts.items()
        if chosen is None or name in chosen
    ]

    def read(value: Any, cells: list[str]) -> None:
        for name, inner in parts:
            cell = value.get(name)
            if inner:
                inner(cell, cells)
            else:
                cells.append("" if cell is None else plain(cell))

    return read


def inner_reader(known: Field, chosen: Mapping[str, Any] | None) -> Read:
    """What reads the cells of an object within another, or of a list: there the items' own cells, joined."""
    nothing = [""] * len(list(leaves(known, chosen)) or [known])
    inner = cell_reader(known, chosen)

    def read(value: Any, cells: list[str]) -> None:
        if value:
            inner(value, cells)
        else:
            cells += nothing

    def read_texts(value: Any, cells: list[str]) -> None:
        cells.append(joined(map(plain, value)) if value else "")

    def read_objects(value: Any, cells: list[str]) -> None:
        if not value:
            cells += nothing
            return
        rows: list[list[str]] = [[] for _ in value]
        for item, row in zip(value, rows, strict=True):
            inner(item, row)
        cells += rows[0] if len(rows) == 1 and not ESCAPED("".join(rows[0])) else map(joined, zip(*rows, strict=True))

    if not known.many:
        return read
    return read_objects if known.parts else read_texts


def joined(texts: Iterable[str]) -> str:
    """The cells of a list as one, with ``|`` between them and ``\\`` before a ``|`` or ``\\`` of their own."""
    return "|".join([text.replace("\\", "\\\\").replace("|", "\\|") for text in texts])


def plain(value: Any) -> str:
    """A single value as a cell: nothing for null, and no text that a spreadsheet would run."""
    if value.__class__ is str:
        return f"'{value}" if value[:1] in NEUTRALISED else value
    if value is None:
        return ""
    return str(value).lower() if value.__class__ is bool else str(value)
