"""Pages: of one snapshot, at any depth, each row exactly once."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from directory.api.caching import RevisionCache
from directory.api.errors import Mistake, Problem, similar
from directory.api.ordering import Ordering

PAGE_SIZE, MAX_PAGE_SIZE = 25, 200
MAX_OFFSET = 2**31
COUNTS = ("exact", "estimate", "none")
FORMATS = ("json",)
PARAMETERS = ("ordering", "page_size", "page", "cursor", "count", "format")

counts = RevisionCache(limit=10_000)


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: behind (or, backwards, before) the row with these values."""

    values: list[Any]
    backwards: bool = False

    def encode(self, ordering: str, filters: str) -> str:
        """The cursor as an opaque text, signed, that fits this ordering and these filters only."""
        payload = orjson.dumps([ordering, digest(filters), self.backwards, self.values])
        return base64.urlsafe_b64encode(signature(payload) + payload).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, ordering: str | None, filters: str) -> tuple[str, Cursor]:
        """(its ordering, the cursor); a Mistake where it was made by somebody else or for another query."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        if not hmac.compare_digest(raw[:12], signature(raw[12:])):
            raise Mistake("invalid_cursor", "This is no cursor of ours; take it from a “next” link.", "cursor")
        of_ordering, of_filters, backwards, values = orjson.loads(raw[12:])
        if of_filters != digest(filters) or ordering not in (None, of_ordering):
            raise Mistake(
                "invalid_cursor", "This cursor belongs to a query with other filters or ordering.", "cursor"
            )
        return of_ordering, cls(values, backwards)


def signature(payload: bytes) -> bytes:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"cursor").digest()
    return hashlib.blake2b(payload, key=key, digest_size=12).digest()


def digest(filters: str) -> str:
    return hashlib.blake2b(filters.encode(), digest_size=8).hexdigest()


@dataclass
class Window:
    """Which part of a list is asked for, and how it is counted."""

    ordering: Ordering
    page_size: int = PAGE_SIZE
    page: int | None = None
    cursor: Cursor | None = None
    count: str = "none"


@dataclass
class Page:
    """A part of a list as it was at ``revision``."""

    revision: int
    count: int | None
    documents: list[str]
    before: list[Any] | None = field(default=None)
    after: list[Any] | None = field(default=None)


def read_window(
    query: Any, orderings: dict[str, Ordering], default: str, filters: str, mistakes: list[Mistake]
) -> Window:
    """The window that ``query`` asks for; what is wrong is appended to ``mistakes``."""

    def read(name: str, parse: Any, fallback: Any) -> Any:
        if name not in query:
            return fallback
        try:
            if len(query.getlist(name)) > 1:
                raise Mistake("repeated_parameter", "This parameter is given once only.")
            return parse(query[name])
        except Mistake as mistake:
            mistake.parameter = name
            mistakes.append(mistake)
            return fallback

    ordering = read("ordering", lambda raw: one_of(raw, orderings), None)
    page_size = read("page_size", lambda raw: whole_number(raw, MAX_PAGE_SIZE), PAGE_SIZE)
    page = read("page", lambda raw: whole_number(raw, MAX_OFFSET // page_size), None)
    named, cursor = read("cursor", lambda raw: Cursor.decode(raw, ordering, filters), (ordering, None))
    count = read("count", lambda raw: one_of(raw, COUNTS), "exact" if page else "none")
    read("format", lambda raw: one_of(raw, FORMATS), "json")
    if page and cursor:
        mistakes.append(Mistake("conflicting_parameters", "Give page or cursor, not both.", "page"))
    return Window(orderings[named or default], page_size, page, cursor, count)


def one_of(raw: str, known: Any) -> str:
    if raw not in known:
        raise Mistake(
            "unknown_value" if raw else "empty_value",
            f"“{raw[:60]}” is not one of {', '.join(known)}.",
            did_you_mean=similar(raw, known),
        )
    return raw


def whole_number(raw: str, most: int) -> int:
    if not (raw.isascii() and raw.isdigit() and len(raw) < 12 and 1 <= int(raw) <= most):
        raise Mistake("invalid_value", f"“{raw[:40]}” is not a whole number from 1 to {most}.")
    return int(raw)


def read_page(queryset: QuerySet[Any], window: Window, filters: str, revision: int) -> Page:
    """Read a page, its count and the directory's revision in one statement, so of one snapshot.

    A count already known at ``revision`` is not asked for again.
    """
    ordering, cursor, size = window.ordering, window.cursor, window.page_size
    backwards = cursor is not None and cursor.backwards
    rows = queryset
    if cursor is not None:
        rows = rows.filter(ordering.beyond(cursor.values, backwards=backwards))
    start = (window.page - 1) * size if window.page else 0
    keys = () if window.page else ordering.keys
    rows = rows.order_by(*ordering.order_by(backwards=backwards)).values_list("document", *keys)
    key = (queryset.model, filters, window.count)
    known = counts.get(revision, key)
    counting = queryset.values("pk") if window.count == "exact" and known is None else None
    found, count, page_rows = snapshot(rows[start : start + size + 1], counting)
    if window.count == "estimate" and known is None:
        count = estimate(queryset)
    if count is not None:
        counts.put(found, key, count)
    elif found == revision:
        count = known
    if not page_rows and window.page and window.page > 1:
        raise Problem("no_such_page", f"Page {window.page} lies behind the end of the list.")
    more = len(page_rows) > size
    page_rows = page_rows[:size]
    if backwards:
        page_rows.reverse()
    page = Page(found, count, [row[0] for row in page_rows])
    if page_rows and (more or backwards):
        page.after = plain(page_rows[-1][1:])
    if page_rows and (more if backwards else cursor is not None or start):
        page.before = plain(page_rows[0][1:])
    return page


def snapshot(rows: QuerySet[Any], counting: QuerySet[Any] | None) -> tuple[int, int | None, list[tuple[Any, ...]]]:
    """(directory's revision, count of ``counting``, rows), all read by one statement."""
    count_sql, count_params = counting.query.sql_with_params() if counting is not None else ("", ())
    sql, params = rows.query.sql_with_params()
    counted = f"(SELECT count(*) FROM ({count_sql}) AS counted)" if count_sql else "NULL"  # noqa: S608 - the ORM's SQL
    with connection.cursor() as cursor:
        # The outer join keeps the revision when there is no row; it adds no order of its own to the page's.
        cursor.execute(
            f"SELECT (SELECT max(id) FROM directory_revision), {counted}, page.*"  # noqa: S608 - the ORM's SQL
            f" FROM (SELECT 1) AS one LEFT JOIN ({sql}) AS page ON true",
            (*count_params, *params),
        )
        fetched = cursor.fetchall()
    revision, count = fetched[0][:2]
    return revision or 0, count, [row[2:] for row in fetched if row[2] is not None]


def estimate(queryset: QuerySet[Any]) -> int:
    """The planner's guess at the number of rows."""
    return int(orjson.loads(queryset.explain(format="json"))[0]["Plan"]["Plan Rows"])


def plain(values: Sequence[Any]) -> list[Any]:
    return [v.isoformat() if isinstance(v, datetime.date) else v for v in values]
