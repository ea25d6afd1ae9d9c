"""The changes feed: all that was published since a place in the log, in the order of commits, of every kind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.db import connection
from django.http import HttpResponse

from directory import ids
from directory.api import rendering
from directory.api.caching import NOT_KEPT, RevisionCache, unkept
from directory.api.cursors import Cursor
from directory.api.described import SHARED, narrowed
from directory.api.documents import document_schemas
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.history import visible
from directory.api.operations import Operation, closed, nullable, reference
from directory.api.pagination import one_of, whole_number
from directory.api.parameters import Parameter
from directory.api.rendering import Format, read_format
from directory.api.selection import split, unknown_parameters
from directory.models import Action, kinds
from directory.waiting import Wait

LIMIT, MAX_LIMIT = 100, 1000
MAX_WAIT = 60
SNAPSHOT = f"{settings.SITE_URL}/api/v1/snapshot/"
# What a cursor says that it is one of.
LOG = "log"
FIRST = str(uuid.UUID(int=0))  # the epoch of a log that nothing was written to yet


def kind_parameter(description: str) -> Parameter:
    items = {"type": "string", "enum": list(kinds())}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": len(kinds())}
    return Parameter(description, schema, ["company", "hub"])


PARAMETERS = {
    "after": Parameter(
        "Where to begin: behind a revision, by its number, or at the cursor of a “next” link. Unless given, at the"
        " log's beginning.",
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[A-Za-z0-9_-]{40,}$"}]},
        0,
    ),
    "wait": Parameter(
        "Where nothing is new: how many seconds to wait for it.",
        {"type": "integer", "minimum": 1, "maximum": MAX_WAIT},
        1,
    ),
    "kind": kind_parameter("The kinds to follow, all of them unless this says so."),
    "limit": Parameter(
        "How many changes at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT}, 3
    ),
    "format": narrowed(rendering.PARAMETERS["format"], "json", "ndjson"),
}
DESCRIPTION = (
    "Every revision's changes, one for each object, in the order of their commits; what comes first is never named by"
    " what comes later only. Whoever follows `next` misses none and meets none twice, whatever `limit` is. There is"
    " always a `next`: fewer changes than `limit` say that there are no more yet, and with `wait` the next answer"
    " comes as soon as there are. A tombstone (`withdrawn`, `merged`) has no document, nor has an earlier change"
    " of an object that is no longer published. In NDJSON, `document` is the last member of its line, byte for byte"
    " as it is digested; the last line says how many changes there were, and what is next."
)
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


# Where the log ends.
ends = RevisionCache(limit=1)


@dataclass
class Asked:
    """What a request asks of the feed."""

    kinds: list[str]
    limit: int
    wait: int
    format: Format
    # A cursor's place, or a revision's number.
    after: Place | int
    # The query but for where it begins.
    query: dict[str, str]

    def url(self, place: Place) -> str:
        query = urlencode({"after": place.encode(), **self.query}, safe=",")
        return f"{settings.SITE_URL}/api/v1/changes/?{query}"


@dataclass
class Page:
    """A part of the log, each change as the fields of its record, and where it goes on."""

    revision: int
    place: Place
    records: list[dict[str, Any]]
    is_full: bool


class Changes(Endpoint):
    """What was published since, in order."""

    formats = ("json", "ndjson")

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        documents = [reference(model.__name__) for model in kinds().values()]
        change = closed(
            {
                "revision": {"type": "integer", "minimum": 1},
                "kind": {"type": "string", "enum": list(kinds())},
                "id": {"type": "string", "pattern": ids.PATTERN},
                "slug": nullable({"type": "string"}),
                "action": {"type": "string", "enum": list(Action.values)},
                "successor": nullable({"type": "string", "description": "The id of what it was merged into."}),
                "document": {"anyOf": [*documents, {"type": "null"}]},
            },
            description="What a revision made of an object; no slug and document where it is no longer published.",
        )
        body = closed(
            {
                "revision": {"type": "integer", "minimum": 0, "description": "The directory's newest revision."},
                "results": {"type": "array", "items": reference("LoggedChange")},
                "next": {"type": "string", "format": "uri"},
                "meta": closed({"license": reference("License")}),
            }
        )
        schemas = {name: schema for model in kinds().values() for name, schema in document_schemas(model).items()}
        return Operation(
            "What was published since, in order",
            {"application/json": body, "application/x-ndjson": {"type": "string"}},
            PARAMETERS,
            DESCRIPTION,
            problems=("start_over",),
            links=("next",),
            schemas={**schemas, **SHARED, "LoggedChange": change},
        )

    def get(self, request: Any) -> HttpResponse:
        asked = read(request.query_params, request.accepted_renderer)
        page = read_page(asked, request.revision)
        url = asked.url(page.place)
        response = HttpResponse(body(asked, page, url), content_type=asked.format.media_type)
        response["Link"] = f'<{url}>; rel="next"'
        if asked.wait and not page.records and request.method == "GET":
            response = unkept(response, page.revision, request)
            response["Cache-Control"] = NOT_KEPT
            response.waits = Wait(page.revision, asked.wait)  # type: ignore[attr-defined]
        elif page.is_full:
            # Whoever reads the whole log would drive out what others ask for.
            response = unkept(response, page.revision, request)
        else:
            response.revision = page.revision  # type: ignore[attr-defined]
        return response


def body(asked: Asked, page: Page, url: str) -> bytes:
    if asked.format.format == "json":
        meta = {"license": settings.LICENSE}
        return orjson.dumps({"revision": page.revision, "results": page.records, "next": url, "meta": meta})
    last = {"rows": len(page.records), "revision": page.revision, "next": url, "license": settings.LICENSE}
    return b"".join(orjson.dumps(line) + b"\n" for line in [*page.records, last])


def read(query: Any, accepted: Format) -> Asked:
    """What a query asks for; raises InvalidQuery."""
    mistakes = unknown_parameters(query, PARAMETERS)
    chosen = read_format(query, accepted, Changes.formats, mistakes)
    given: dict[str, str] = {"format": chosen.format} if "format" in query else {}

    def value(name: str, parse: Any, fallback: Any) -> Any:
        if name not in query:
            return fallback
        try:
            raw = split(query.getlist(name), several=name == "kind")
            given[name] = ",".join(raw)
            return parse(raw)
        except Mistake as mistake:
            mistakes.append(mistake.of(name))
            return fallback

    after = value("after", lambda raw: read_after(raw[0]), 0)
    asked = Asked(
        kinds=value("kind", read_kinds, list(kinds())),
        limit=value("limit", lambda raw: whole_number(raw[0], MAX_LIMIT), LIMIT),
        wait=value("wait", lambda raw: whole_number(raw[0], MAX_WAIT), 0),
        format=chosen,
        after=after,
        query={name: text for name, text in sorted(given.items()) if name != "after"},
    )
    if mistakes:
        raise InvalidQuery(mistakes)
    return asked


def read_after(raw: str) -> Place | int:
    if raw.isascii() and raw.isdigit() and len(raw) <= 18:
        return int(raw)
    _, cursor = Cursor.decode(raw, (LOG,), LOG)
    return Place(*cursor.values)


def read_kinds(raw: list[str]) -> list[str]:
    return [one_of(kind, kinds()) for kind in raw]


def read_page(asked: Asked, revision: int) -> Page:
    """The changes asked for, of one snapshot; raises Mistake for a revision to come, Problem for a lost place.

    Who has read all up to ``revision``, the directory's, is told so without a look into the log.
    """
    after = asked.after
    if isinstance(after, Place) and after == ends.get(revision, LOG):
        return Page(revision, after, [], is_full=False)
    position = after.position if isinstance(after, Place) else position_of(after)
    with connection.cursor() as cursor:
        cursor.execute(PAGE, {"kinds": asked.kinds, "position": position, "limit": asked.limit + 1})
        fetched = cursor.fetchall()
    current, last, epoch, forgotten = fetched[0][:4]
    current, end = current or 0, Place(str(epoch or FIRST), current or 0, last or 0)
    check_place(after, end, forgotten or 0)
    ends.put(end.revision, LOG, end)
    rows = [row[4:] for row in fetched if row[4] is not None]
    is_full = len(rows) > asked.limit
    rows = rows[: asked.limit]
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
        detail = f"Of revisions up to {forgotten}, not all is kept any more."
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
