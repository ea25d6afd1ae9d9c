"""Choosing: which objects are on a page, told in the process, so that PostgreSQL is asked for them by their keys.

What a list finds by several conditions in some order has no index of its own, and planning the question alone takes
PostgreSQL longer than reading 25 rows. Bitmaps and orders (see there) tell the page in a fraction of a millisecond.
They name a few objects too many, those edited since the order was read; PostgreSQL sorts them in and cuts the page
off, in the statement that also says whether what the process knows was still true.
"""

from __future__ import annotations

from functools import cache

from django.db.models import Q
from pyroaring import BitMap

from directory.api.bitmaps import OUTBOX, REVISION, BitmapIndex, Bitmaps
from directory.api.caching import Superseded
from directory.api.ordering import Ordering, RowComparison
from directory.api.orders import MOST_EDITED
from directory.api.pagination import Page, Window, beside, beyond, cursor_slots, make_page, page_statement
from directory.api.selection import Selection
from directory.api.statements import Slot, Statement
from directory.models import Published

# More objects in front of a numbered page are for PostgreSQL to pass.
MOST_PASSED = 10_000


def choose_page(index: BitmapIndex, selection: Selection, window: Window, revision: int) -> Page | None:
    """The page at ``revision``, with its count if one is asked for; None where SQL has to find it.

    Raises Superseded where something was published since, and Problem behind the end of the list.
    """
    if not index.tells(selection):
        return None
    state = index.at(revision)
    while state.revision == revision:
        found = BitMap.intersection(state.everything, *index.met(state, selection).values())
        chosen = choose(state, found, window)
        if chosen is None:
            return None
        pks, passed = chosen
        statement = chosen_statement(
            index.model,
            window.ordering,
            numbered=bool(window.page),
            backwards=window.backwards,
            placed=window.cursor is not None,
        )
        values = window.values | {"pks": pks, "offset": passed}
        fetched = statement.execute(values)
        now, outbox, in_place = fetched[0][:3]
        if (now, outbox) == (state.revision, state.outbox):
            rows = [row[3:] for row in fetched if row[3] is not None]
            count = None if window.count == "none" else len(found)
            return make_page(window, revision, count, rows) if in_place else None
        state = index.advance(state)
    raise Superseded(state.revision)


def choose(state: Bitmaps, found: BitMap, window: Window) -> tuple[list[int], int] | None:
    """(ids among which the page is, how many of them stand before it); None where the order cannot tell."""
    order = state.orders.get(window.ordering.row_value)
    edited = found & state.edited
    if order is None or len(edited) > MOST_EDITED or window.offset > MOST_PASSED:
        return None
    beyond = window.cursor.values[-1] if window.cursor else None
    if beyond is not None and (beyond in state.edited or beyond not in order):
        return None
    descending = window.ordering.descending != window.backwards
    count = window.offset + window.page_size + 1
    pks = order.first(count, found - edited, beyond=beyond, descending=descending)
    if edited:
        return [*pks, *edited], window.offset
    return pks[window.offset :], 0


@cache
def chosen_statement(
    model: type[Published], ordering: Ordering, *, numbered: bool, backwards: bool, placed: bool
) -> Statement:
    """The revision, the outbox, whether the cursor's row is still in its place, and the page among ``pks``."""
    conditions = [Statement.of_condition(model, Q(pk__any=Slot("pks")))]
    in_place = Statement("true", ())
    if placed:
        conditions.append(beyond(model, ordering, backwards=backwards))
        same = RowComparison(ordering.keys, cursor_slots(ordering), operator="=")
        row = Statement.of(model._default_manager.published().filter(same).order_by().values("pk"))
        in_place = Statement(f"EXISTS ({row.sql})", row.params)
    rows = page_statement(model, ordering, numbered=numbered, backwards=backwards).given(conditions)
    columns = (Statement(REVISION, ()), Statement(OUTBOX, (model._meta.model_name,)), in_place)
    return beside(columns, rows)
