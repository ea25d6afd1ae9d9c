"""Bitmaps: which objects have each value, kept in the process and advanced by the log.

A facet counts the objects of each of its values among all that a query finds: with a bitmap for each value that is
an intersection, with SQL a pass over the table. A state is what the tables held in one snapshot and is never changed;
a newer one shares with it whatever nobody edited. It reads the tables, as filters do, so what was edited behind the
application's back is read again as soon as it is marked, and once more when the mark is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import count, takewhile
from operator import itemgetter
from typing import Any, TypeVar, cast

import orjson
from django.db import connection
from pyroaring import BitMap

from directory.api.caching import Superseded
from directory.api.filters import Filter, Span
from directory.api.ordering import Ordering
from directory.api.orders import MOST_EDITED, Order, numbers_of
from directory.api.pagination import count_statement
from directory.api.pairs import over, pairs
from directory.api.selection import FilterSet, Selection
from directory.api.statements import Slot, Statement
from directory.models import Published

T = TypeVar("T")

# Ids as an array of network-order integers: half of their decimal digits, and read without an object for each.
IDS = "string_agg(int4send(id::int4), '')"
REVISION = "(SELECT coalesce(max(id), 0) FROM directory_revision)"
# The source of the row that tells what the others are of, of the one that tells which were read, and of orders.
HEAD, CHANGED, ORDER = "", "+", "<"
# Which marks the outbox holds, in a number.
OUTBOX = "(SELECT coalesce(bit_xor(hashint8extended(id, 0)), 0) FROM directory_mark WHERE kind = %s)"


def bitmap_of(ids: bytes | None) -> BitMap:
    return compact(BitMap(numbers_of(ids)))


def compact(bitmap: BitMap) -> BitMap:
    bitmap.run_optimize()
    bitmap.shrink_to_fit()
    return bitmap


def by_number(sets: list[BitMap], everything: BitMap) -> list[BitMap]:
    """Those of ``everything`` that are in none of ``sets``, in one, in two, and so on."""
    exactly = [everything]
    for ids in sets:
        inside, outside = [one & ids for one in exactly], [one - ids for one in exactly]
        exactly = [out | into for out, into in zip([*outside, BitMap()], [BitMap(), *inside], strict=True)]
    return exactly


def spelt(value: Any) -> str:
    """A value as PostgreSQL casts it to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Bitmaps:
    """Which published objects have which values, at ``revision`` and with ``marks`` (id → object) in the outbox."""

    revision: int
    outbox: int
    marks: Mapping[int, int]
    everything: BitMap
    # (source of values, value) → objects.
    found: Mapping[tuple[str, str], BitMap]
    # An ordering's row value → the objects in its order, as they were before the objects ``edited`` were.
    orders: Mapping[str, Order | None] = field(default_factory=dict)
    edited: BitMap = field(default_factory=BitMap)
    # What every answer needs, such as a specialty with all below it.
    kept: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def values(self) -> Mapping[str, list[str]]:
        """Source → its values."""
        values: dict[str, list[str]] = {}
        for source, value in self.found:
            values.setdefault(source, []).append(value)
        return values

    def having(self, source: str, values: Iterable[Any] | Span | None) -> BitMap:
        """The objects that have any of ``values``; any value at all for None."""
        if values is None:
            return self.keep((source, None), lambda: self.having(source, self.values.get(source, ())))
        if isinstance(values, Span):
            numbers, sets = self.ascending(source, values)
            return BitMap.union(BitMap(), *sets[values.within(numbers)])
        found = (self.found.get((source, spelt(value))) for value in values)
        return BitMap.union(BitMap(), *(ids for ids in found if ids))

    def ascending(self, source: str, span: Span) -> tuple[list[Any], list[BitMap]]:
        """The values of a source as ``span`` compares them, in order, and the objects that have each."""

        def sort() -> tuple[list[Any], list[BitMap]]:
            pairs = [(span.read(value), self.found[source, value]) for value in self.values.get(source, ())]
            pairs.sort(key=itemgetter(0))
            return [number for number, _ in pairs], [ids for _, ids in pairs]

        return self.keep((source, type(span.number)), sort)

    def having_term(self, source: str, values: tuple[str, ...]) -> BitMap:
        """The same for values that are asked for together again and again."""
        if len(values) == 1:
            return self.found.get((source, values[0])) or BitMap()
        return self.keep((source, values), lambda: compact(self.having(source, values)))

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is made of this state once."""
        if key not in self.kept:
            self.kept[key] = make()
        return cast("T", self.kept[key])

    def advanced(self, newer: Bitmaps, reread: BitMap) -> Bitmaps:
        """This state with the objects ``reread`` as in ``newer``, which knows no others."""
        touched = {key for key, ids in self.found.items() if ids.intersect(reread)} | set(newer.found)
        none = BitMap()
        found = {key: compact((self.found.get(key, none) - reread) | newer.found.get(key, none)) for key in touched}
        everything = compact((self.everything - reread) | newer.everything)
        together = {**self.found, **found}
        edited = self.edited | reread
        return replace(newer, everything=everything, found=together, orders=self.orders, edited=edited)


class BitmapIndex:
    """The newest state of one collection that this process knows.

    ``filters`` are those whose values have bitmaps, ``orderings`` those whose orders ``renew()`` reads.
    """

    def __init__(
        self,
        model: type[Published],
        filterset: type[FilterSet],
        filters: Iterable[Filter],
        orderings: Iterable[Ordering] = (),
    ) -> None:
        self.model, self.filterset = model, filterset
        self.orderings = {ordering.row_value: ordering for ordering in orderings}
        self.sources = {source: declared for declared in filters for source in declared.sources}
        self.lock = threading.Lock()
        self.state: Bitmaps | None = None

    def match(self, selection: Selection, apart: Collection[str], revision: int) -> tuple[Bitmaps, dict[str, BitMap]]:
        """(the state at ``revision``, parameter → objects that meet it), of one snapshot; Superseded if it is past.

        What no bitmap knows is asked in SQL, in one condition but for the parameters to be kept ``apart``.
        """
        state = self.at(revision)
        while state.revision == revision:
            met = self.met(state, selection)
            unknown = [(name, form) for name, form in selection.form if name not in met]
            groups = [[one] for one in unknown if one[0] in apart]
            groups += [rest] if (rest := [one for one in unknown if one[0] not in apart]) else []
            [(now, outbox, *found)] = self.asking(groups).execute(selection.values)
            if (now, outbox) == (state.revision, state.outbox):
                asked = zip(groups, found, strict=True)
                return state, met | {group[0][0]: bitmap_of(ids) for group, ids in asked}
            state = self.advance(state)
        raise Superseded(state.revision)

    def at(self, revision: int) -> Bitmaps:
        """A state at ``revision`` or later."""
        state = self.state
        return state if state and state.revision >= revision else self.advance(state)

    def advance(self, seen: Bitmaps | None) -> Bitmaps:
        """A newer state than the one ``seen``, unless another thread has made it meanwhile."""
        with self.lock:
            if self.state is None or self.state is seen:
                self.state = self.read(seen)
            return self.state

    @property
    def is_fresh(self) -> bool:
        """Whether there is a state, and few were edited since its orders were read."""
        state = self.state
        if state is None or not self.orderings:
            return state is not None
        return bool(state.orders) and len(state.edited) <= MOST_EDITED // 2

    def renew(self) -> None:
        """Read everything anew, the orders as well, beside what is asked meanwhile."""
        fresh = self.execute({}, ordered=True)[0]
        with self.lock:
            self.state = self.read(fresh)

    def read(self, state: Bitmaps | None) -> Bitmaps:
        """A new state: ``state`` with what the log and the outbox say has changed since, or all of it anew."""
        if state:
            marks = {"marks": list(state.marks), "marked": list(state.marks.values())}
            newer, reread = self.execute({"revision": state.revision, **marks})
            if newer.revision >= state.revision:
                return state.advanced(newer, reread)
        # The first time; or the log went back, since the database was restored.
        return self.execute({})[0]

    def execute(self, values: Mapping[str, Any], *, ordered: bool = False) -> tuple[Bitmaps, BitMap]:
        """(a state of all objects, or of those alone that have changed since ``values``; which were read)."""
        statement = self.reading(changed=bool(values), ordered=ordered)
        found: dict[tuple[str, str], BitMap] = {}
        orders: dict[str, Order | None] = {}
        head: dict[str, Any] = {}
        # A row at a time: together they are many times as large as what becomes of them.
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement.sql, statement.filled(values))
            for source, value, ids in iter(cursor.fetchone, None):
                if source == HEAD:
                    head = orjson.loads(value) | {"everything": bitmap_of(ids)}
                elif source == ORDER:
                    orders[value] = Order.of(numbers_of(ids))
                else:
                    found[source, value] = bitmap_of(ids)
        marks = {int(mark): pk for mark, pk in head["marks"].items()}
        reread, everything = found.pop((CHANGED, ""), BitMap()), head["everything"]
        published = {key: ids if ids <= everything else compact(ids & everything) for key, ids in found.items()}
        return Bitmaps(head["revision"], head["outbox"], marks, everything, published, orders), reread

    @cache  # noqa: B019 - an index lives as long as its process
    def reading(self, *, changed: bool, ordered: bool) -> Statement:
        """(source, value, ids) of each value of all objects, or of those that have changed, the HEAD, and orders."""
        kind, table = self.model._meta.model_name or "", self.model._meta.db_table
        marks = "(SELECT coalesce(json_object_agg(id, object_id), '{}') FROM directory_mark WHERE kind = %s)"
        head = f"json_build_object('revision', {REVISION}, 'outbox', {OUTBOX}, 'marks', {marks})::text"
        since = changed_objects(kind)
        parts = [
            Statement(f"SELECT '{HEAD}', {head}, {IDS} FROM {table}", (kind, kind)),  # noqa: S608
            *(
                grouped(source, pairs(declared, self.model, source), table if changed else "")
                for source, declared in self.sources.items()
            ),
            *(in_order(self.model, ordering) for ordering in (self.orderings.values() if ordered else ())),
        ]
        if not changed:
            return over(self.model, parts, " UNION ALL ", Statement("true", ()))
        read = f"SELECT '{CHANGED}', '', {IDS} FROM ({since.sql}) AS changed (id)"  # noqa: S608
        parts.append(Statement(read, since.params))
        return over(self.model, parts, " UNION ALL ", Statement(f"id IN ({since.sql})", since.params))

    def asking(self, groups: Iterable[Iterable[tuple[str, Any]]]) -> Statement:
        """The revision, the outbox, and the ids that meet each of ``groups`` of conditions."""
        columns = [Statement(REVISION, ()), Statement(OUTBOX, (self.model._meta.model_name,))]
        for group in groups:
            rows = count_statement(self.model).given(self.filterset.condition(self.model, *form) for form in group)
            columns.append(Statement(f"(SELECT {IDS} FROM ({rows.sql}) AS met (id))", rows.params))  # noqa: S608
        params = tuple(param for column in columns for param in column.params)
        return Statement(f"SELECT {', '.join(column.sql for column in columns)}", params)

    def knows(self, parameter: str) -> bool:
        """Whether bitmaps tell which objects meet a parameter."""
        return self.sources.keys() >= set(self.filterset.parameters[parameter][0].sources)

    def tells(self, selection: Selection) -> bool:
        """Whether bitmaps that are there already tell alone what a selection finds."""
        return self.state is not None and all(self.knows(parameter) for parameter, _ in selection.form)

    def met(self, state: Bitmaps, selection: Selection) -> dict[str, BitMap]:
        """Parameter → objects that meet it, for each one that bitmaps know."""
        return {name: self.meeting(state, selection, name, form) for name, form in selection.form if self.knows(name)}

    def meeting(self, state: Bitmaps, selection: Selection, parameter: str, form: int) -> BitMap:
        """The objects that meet one parameter."""
        declared, lookup = self.filterset.parameters[parameter]
        slots = takewhile(selection.values.__contains__, (f"{parameter}.{n}" for n in count()))
        met: BitMap = declared.met(state, lookup, form, [selection.values[slot] for slot in slots])
        return met


def changed_objects(kind: str) -> Statement:
    """The objects of ``kind`` published since, and those whose marks have come or gone since."""
    published = "SELECT object_id FROM directory_version WHERE kind = %s AND revision_id > %s"
    come = "SELECT object_id FROM directory_mark WHERE kind = %s AND id <> ALL(%s::bigint[])"
    gone = (
        "SELECT object_id FROM unnest(%s::bigint[], %s::bigint[]) AS known (id, object_id)"
        " WHERE NOT EXISTS (SELECT FROM directory_mark WHERE directory_mark.id = known.id)"
    )
    revision, marks, marked = Slot("revision"), Slot("marks"), Slot("marked")
    return Statement(f"{published} UNION {come} UNION {gone}", (kind, revision, kind, marks, marks, marked))


def grouped(source: str, found: Statement, among: str) -> Statement:
    """(source, value, ids) of each value, where it is ``among`` the rows of a table, if it is not empty."""
    where = f" WHERE id IN (SELECT id FROM {among})" if among else ""  # noqa: S608
    sql = f"SELECT '{source}', value, {IDS} FROM ({found.sql}) AS one{where} GROUP BY value"  # noqa: S608
    return Statement(sql, found.params)


def in_order(model: type[Published], ordering: Ordering) -> Statement:
    """(ORDER, row value, ids ascending by it)."""
    rows = Statement.of(model._default_manager.published().order_by(*ordering.keys).values("pk"))
    sql = f"SELECT '{ORDER}', %s, {IDS} FROM ({rows.sql}) AS sorted (id)"  # noqa: S608 - the ORM's SQL
    return Statement(sql, (ordering.row_value, *rows.params))
