"""Exports: all that a list's filters find, streamed at one revision and in constant memory."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse

from directory.api.caching import Superseded, is_known, public_headers
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

Encode = Callable[[Iterable[list[str]]], Iterator[bytes]]


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
    if is_known(etag, request):
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
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(columns)
        for documents in chunks:
            writer.writerows([read(shape.fill(orjson.loads(document), related)) for document in documents])
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()

    return encode


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


def cell_reader(known: Field, chosen: Mapping[str, Any] | None) -> Callable[[Any], list[Any]]:
    """What reads the cells of an object, one for each of its ``leaves()``."""
    parts = [
        (name, inner_reader(part, chosen[name] if chosen else None) if part.parts or part.many else None)
        for name, part in known.parts.items()
        if chosen is None or name in chosen
    ]

    def read(value: Any) -> list[Any]:
        cells: list[Any] = []
        for name, inner in parts:
            if inner:
                cells += inner(value.get(name))
            else:
                cells.append(plain(value.get(name)))
        return cells

    return read


def inner_reader(known: Field, chosen: Mapping[str, Any] | None) -> Callable[[Any], list[Any]]:
    """What reads the cells of an object within another, or of a list: there the items' own cells, joined."""
    nothing = [None] * len(list(leaves(known, chosen)) or [known])
    inner = cell_reader(known, chosen)

    def read(value: Any) -> list[Any]:
        return inner(value) if value else nothing

    def read_texts(value: Any) -> list[Any]:
        return [joined([plain(item) for item in value])] if value else nothing

    def read_objects(value: Any) -> list[Any]:
        return [joined(column) for column in zip(*map(inner, value), strict=True)] if value else nothing

    if not known.many:
        return read
    return read_objects if known.parts else read_texts


def joined(cells: Iterable[Any]) -> str:
    """The cells of a list as one, with ``|`` between them and ``\\`` before a ``|`` or ``\\`` of their own."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    return "|".join([text.replace("\\", "\\\\").replace("|", "\\|") for text in texts])


def plain(value: Any) -> Any:
    """A single value as a cell: nothing for null, and no text that a spreadsheet would run."""
    if value.__class__ is str:
        return f"'{value}" if value[:1] in NEUTRALISED else value
    if value is True or value is False:
        return "true" if value else "false"
    return value
