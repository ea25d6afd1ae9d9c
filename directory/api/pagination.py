"""Pages: of one snapshot, at any depth, each row exactly once."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from directory.api.caching import RevisionCache
from directory.api.cursors import Cursor
from directory.api.errors import Mistake, Problem, unknown_value
from directory.api.ordering import Ordering
from directory.api.parameters import Parameter
from directory.api.selection import FilterSet, Selection
from directory.api.statements import Conditions, Slot, Statement
from directory.models import Published

PAGE_SIZE, MAX_PAGE_SIZE = 25, 200
MAX_PAGE = 2**31 // MAX_PAGE_SIZE
COUNTS = ("exact", "estimate", "none")
PARAMETERS = {
    "ordering": Parameter(
        "The order of the list, one of those declared; relevance is of what “q” finds.", {"type": "string"}, "name"
    ),
    "page_size": Parameter(
        "How many objects a page has.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
        50,
    ),
    "page": Parameter("Which page, counted from 1.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}, 2),
    "cursor": Parameter("Where to go on, taken from a “next” or “previous” link.", {"type": "string"}, None),
    "count": Parameter(
        "How the objects are counted: exactly with “page”, otherwise not, unless this says so.",
        {"type": "string", "enum": list(COUNTS)},
        "exact",
    ),
}

counts = RevisionCache(limit=10_000)


@dataclass
class Window:
    """Which part of a list is asked for, and how it is counted."""

    ordering: Ordering
    page_size: int = PAGE_SIZE
    page: int | None = None
    cursor: Cursor | None = None
    count: str = "none"

    @property
    def backwards(self) -> bool:
        return self.cursor is not None and self.cursor.backwards

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size if self.page else 0

    @property
    def values(self) -> dict[str, Any]:
        """Slot → value; one row more than asked for tells whether more follow."""
        position = {f"cursor.{n}": value for n, value in enumerate(self.cursor.values)} if self.cursor else {}
        return {"limit": self.page_size + 1, "offset": self.offset, **position}


@dataclass
class Page:
    """A part of a list as it was at ``revision``."""

    revision: int
    count: int | None
    documents: list[str]
    before: list[Any] | None = field(default=None)
    after: list[Any] | None = field(default=None)


def read_window(
    query: Any,
    orderings: dict[str, Ordering],
    default: str,
    scope: str,
    mistakes: list[Mistake],
    searched: Mapping[str, str] | None = None,
) -> Window:
    """The window that ``query`` asks for of ``scope``; what is wrong is appended to ``mistakes``.

    ``searched`` maps orderings of what a search finds to the parameter that searches.
    """

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

    ordering = read("ordering", lambda raw: one_of(raw, orderings, searched), None)
    page_size = read("page_size", lambda raw: whole_number(raw, MAX_PAGE_SIZE), PAGE_SIZE)
    page = read("page", lambda raw: whole_number(raw, MAX_PAGE), None)
    fitting = (ordering,) if ordering else orderings
    named, cursor = read("cursor", lambda raw: Cursor.decode(raw, fitting, scope), (ordering, None))
    count = read("count", lambda raw: one_of(raw, COUNTS), "exact" if page else "none")
    if page and cursor:
        mistakes.append(Mistake("conflicting_parameters", "Give page or cursor, not both.", "page"))
    return Window(orderings[named or default], page_size, page, cursor, count)


def one_of(raw: str, known: Any, needing: Mapping[str, str] | None = None) -> str:
    """``raw``, one of those ``known``; raises Mistake otherwise. ``needing`` maps others to what they go with."""
    if raw not in known:
        if needing and raw in needing:
            raise Mistake("missing_parameter", f"“{raw}” means nothing without “{needing[raw]}”.")
        mistake = unknown_value(f"“{raw[:60]}” is not one of {', '.join(known)}.", raw, known)
        mistake.code = mistake.code if raw else "empty_value"
        raise mistake
    return raw


def whole_number(raw: str, most: int) -> int:
    if not (raw.isascii() and raw.isdigit() and len(raw) < 12 and 1 <= int(raw) <= most):
        raise Mistake("invalid_value", f"“{raw[:40]}” is not a whole number from 1 to {most}.")
    return int(raw)


def read_page(
    model: type[Published],
    filterset_class: type[FilterSet],
    selection: Selection,
    window: Window,
    scope: str,
    revision: int,
) -> Page:
    """Read a page, its count and the directory's revision in one statement, so of one snapshot.

    A count already known at ``revision`` is not asked for again.
    """
    selected = [filterset_class.condition(model, *form) for form in selection.form]
    key = (scope, window.count)
    known = counts.get(revision, key)
    counting = count_statement(model).given(selected) if window.count != "none" and known is None else None
    counted = counting if window.count == "exact" else None

    rows = rows_statement(model, filterset_class, selection, window, numbered=bool(window.page))
    values = selection.values | window.values
    found, count, page_rows = read_snapshot(snapshot(rows, counted), values)

    if window.count == "estimate" and counting:
        count = estimate(counting, values)
    if count is not None:
        counts.put(found, key, count)
    elif found == revision:
        count = known
    return make_page(window, found, count, page_rows)


def rows_statement(
    model: type[Published],
    filterset_class: type[FilterSet],
    selection: Selection,
    window: Window,
    *,
    numbered: bool,
) -> Statement:
    """The rows that are asked for, from where the window begins; how many is still to be said."""
    narrowed = [filterset_class.condition(model, *form) for form in selection.form]
    narrowed += bounds(filterset_class, model, window.ordering, selection)
    if window.cursor:
        narrowed.append(beyond(model, window.ordering, backwards=window.backwards))
    return page_statement(model, window.ordering, numbered=numbered, backwards=window.backwards).given(narrowed)


def make_page(window: Window, revision: int, count: int | None, rows: list[tuple[Any, ...]]) -> Page:
    """A page of ``rows``, one more than asked for if more follow; raises Problem behind the end of the list."""
    if not rows and window.page and window.page > 1:
        last = (
            f" The last is page {max(1, -(-count // window.page_size))}."
            if window.count == "exact" and count is not None
            else ""
        )
        raise Problem("no_such_page", f"Page {window.page} lies behind the end of the list.{last}")
    more = len(rows) > window.page_size
    rows = rows[: window.page_size]
    if window.backwards:
        rows.reverse()
    page = Page(revision, count, [row[0] for row in rows])
    if rows and (more or window.backwards):
        page.after = plain(rows[-1][1:])
    if rows and (more if window.backwards else window.cursor or window.offset):
        page.before = plain(rows[0][1:])
    return page


@cache
def page_statement(model: type[Published], ordering: Ordering, *, numbered: bool, backwards: bool) -> Statement:
    """Documents in order, with their sort keys unless pages are numbered; the conditions are still to be given."""
    keys = () if numbered else ordering.keys
    rows = model._default_manager.published().filter(Conditions()).order_by(*ordering.order_by(backwards=backwards))
    return Statement.of(rows.values_list("document", *keys))


@cache
def count_statement(model: type[Published]) -> Statement:
    """The rows to be counted; the conditions are still to be given."""
    return Statement.of(model._default_manager.published().filter(Conditions()).values("pk"))


@cache
def beyond(model: type[Published], ordering: Ordering, *, backwards: bool) -> Statement:
    """The condition that a row stands beyond the cursor's."""
    return Statement.of_condition(model, ordering.beyond(cursor_slots(ordering), backwards=backwards))


def cursor_slots(ordering: Ordering) -> list[Slot]:
    """The places of the values of a cursor's row."""
    return [Slot(f"cursor.{n}") for n in range(len(ordering.keys))]


def bounds(
    filterset_class: type[FilterSet], model: type[Published], ordering: Ordering, selection: Selection
) -> list[Statement]:
    """Where the index of the ordering may begin or end, if a filter compares what is ordered by.

    The filter says so of the column, but the index has a key that is never missing: without the bound a list of the
    youngest companies, the oldest first, would walk past all others.
    """
    compared = [(filterset_class.parameters[parameter], parameter) for parameter, _ in selection.form]
    found = [bound(model, ordering, declared.column, lookup, name) for (declared, lookup), name in compared]
    return [statement for statement in found if statement]


@cache
def bound(model: type[Published], ordering: Ordering, column: str, lookup: str, parameter: str) -> Statement | None:
    condition = ordering.bound(column, lookup, Slot(f"{parameter}.0"))
    return Statement.of_condition(model, condition) if condition else None


def snapshot(rows: Statement, count: Statement | None = None) -> Statement:
    """The directory's revision, how many rows ``count`` gives, and ``rows``, all of one snapshot."""
    counted = f"(SELECT count(*) FROM ({count.sql}) AS counted)" if count else "NULL"  # noqa: S608 - the ORM's SQL
    revision = Statement("(SELECT max(id) FROM directory_revision)", ())
    return beside([revision, Statement(counted, count.params if count else ())], rows)


def beside(columns: Sequence[Statement], rows: Statement) -> Statement:
    """``rows`` from "offset" on, up to "limit", each behind ``columns`` that are the same for all of them."""
    said = ", ".join(column.sql for column in columns)
    # The outer join keeps the columns when there is no row; it adds no order of its own to the page's.
    page = f"(SELECT 1) AS one LEFT JOIN ({rows.sql} LIMIT %s OFFSET %s) AS page ON true"
    params = [param for part in (*columns, rows) for param in part.params]
    return Statement(f"SELECT {said}, page.* FROM {page}", (*params, Slot("limit"), Slot("offset")))  # noqa: S608


def read_snapshot(statement: Statement, values: Mapping[str, Any]) -> tuple[int, int | None, list[tuple[Any, ...]]]:
    """(directory's revision, count, rows) of a ``snapshot()``."""
    fetched = statement.execute(values)
    revision, count = fetched[0][:2]
    return revision or 0, count, [row[2:] for row in fetched if row[2] is not None]


def estimate(counting: Statement, values: Mapping[str, Any]) -> int:
    """The planner's guess at the number of rows."""
    [(plan,)] = Statement(f"EXPLAIN (FORMAT JSON) {counting.sql}", counting.params).execute(values)
    return int(plan[0]["Plan"]["Plan Rows"])


def plain(values: Sequence[Any]) -> list[Any]:
    return [v.isoformat() if isinstance(v, datetime.date) else v for v in values]
