"""Facets: how many objects there would be with each value of a field, beside the page that was asked for.

Counts are disjunctive: what is chosen in a facet does not narrow that facet's own counts, only the others'. The
address of a value that is not chosen chooses it in place of the others of its facet, so that following it finds as
many objects as the count says; that of a chosen value takes it away again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from pyroaring import BitMap

from directory.api.bitmaps import BitmapIndex
from directory.api.errors import Mistake, unknown_value
from directory.api.filters import boolean
from directory.api.groupings import Applied, Bands, Value, Values
from directory.api.ordering import Ordering
from directory.api.parameters import MAX_VALUES, Parameter
from directory.api.selection import FilterSet, Selection, split
from directory.models import Published

PARAMETERS = {
    "facets": Parameter(
        "The facets to count, separated by commas. What has several values, or a range that lies in several bands, is"
        " counted with each.",
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_VALUES},
        ["kind"],
    ),
    "facets_zero": Parameter(
        "Whether facets also show values that nothing has.", {"type": "boolean", "default": False}, True, ("facets",)
    ),
}

# The address of the list with these filters.
Address = Callable[[Applied], str]


class FacetSet:
    """The facets of one collection, and the bitmaps that count them.

    ``besides`` are filters that are no facets but that bitmaps shall know as well: those with few values. The pages
    of large collections are chosen by bitmaps, too, in any of ``orderings``.
    """

    # All that were declared.
    known: ClassVar[list[FacetSet]] = []

    def __init__(
        self,
        model: type[Published],
        filterset: type[FilterSet],
        facets: Mapping[str, Values],
        besides: Collection[str] = (),
        orderings: Collection[Ordering] = (),
    ) -> None:
        self.facets = facets
        for facet in facets.values():
            facet.bind(model, filterset)
        filters = [facet.filter for facet in facets.values()] + [filterset.filters[name] for name in besides]
        self.index = BitmapIndex(model, filterset, filters, orderings)
        self.known.append(self)

    def count(self, asked: AskedFacets, selection: Selection, revision: int, address: Address) -> FacetCounts:
        """All of ``asked`` at ``revision``; raises Superseded where something was published since."""
        facets = {name: self.facets[name] for name in asked.names}
        apart = {parameter for facet in facets.values() for parameter in facet.parameters}
        state, met = self.index.match(selection, apart, revision)
        found = BitMap.intersection(state.everything, *met.values())
        answer = {}
        for name, facet in facets.items():
            others = [ids for parameter, ids in met.items() if parameter not in facet.parameters]
            base = found if len(others) == len(met) else BitMap.intersection(state.everything, *others)
            sets = facet.sets(state, revision)
            # Where nothing narrows the facet there is nothing to intersect with.
            counts = [(value, base.intersection_cardinality(ids) if others else len(ids)) for value, ids in sets]
            answer[name] = shown(facet, counts, asked.zero, selection.applied, address)
        return FacetCounts(len(found), answer)

    def total(self, selection: Selection, revision: int) -> int | None:
        """How many objects a selection finds at ``revision``, where bitmaps that are there already tell it alone.

        Raises Superseded where something was published since.
        """
        if not self.index.tells(selection):
            return None
        state, met = self.index.match(selection, (), revision)
        return len(BitMap.intersection(state.everything, *met.values()))


@dataclass(frozen=True)
class AskedFacets:
    """What a query asks of facets."""

    names: tuple[str, ...] = ()
    zero: bool = False

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [
            *([("facets", ",".join(self.names))] if self.names else []),
            *([("facets_zero", "true")] if self.zero else []),
        ]


@dataclass(frozen=True)
class FacetCounts:
    """How many objects a query finds, and facet → its values with their counts."""

    total: int
    facets: dict[str, list[dict[str, Any]]]


def shown(
    facet: Values, counts: list[tuple[Value, int]], zero: bool, applied: Applied, address: Address
) -> list[dict[str, Any]]:
    """The values as the answer shows them: those that something has, those that are chosen, and all if ``zero``."""
    chosen, rest = facet.chosen(applied), facet.rest(applied)
    # Addresses differ in one place, and writing each anew would take longer than counting.
    before, _, after = address(rest | {facet.parameter: ["\0"]}).partition(quote("\0"))
    rows = []
    for value, count in counts:
        is_chosen = value.value in chosen
        if not (count or is_chosen or zero):
            continue
        if is_chosen:
            url = address(facet.without(value, applied))
        elif isinstance(facet, Bands):
            url = address(rest | {parameter: [word] for parameter, word in value.asked})
        else:
            url = f"{before}{quote(value.value)}{after}"
        rows.append({"value": value.value, "label": value.label, "count": count, "selected": is_chosen, "url": url})
    return rows if facet.is_ordered else sorted(rows, key=lambda row: (-row["count"], row["label"]))


def read_facets(query: Any, known: Collection[str], mistakes: list[Mistake]) -> AskedFacets:
    """The facets that ``query`` asks for among ``known``; what is wrong is appended to ``mistakes``."""
    if "facets" not in query:
        if "facets_zero" in query:
            detail = "“facets_zero” means nothing without “facets”."
            mistakes.append(Mistake("missing_parameter", detail, "facets_zero"))
        return AskedFacets()
    names: list[str] = []
    zero = False
    try:
        names = split(query.getlist("facets"), several=True)
        mistakes.extend(unknown_facet(name, known) for name in names if name not in known)
    except Mistake as mistake:
        mistakes.append(mistake.of("facets"))
    try:
        zero = "facets_zero" in query and boolean(split(query.getlist("facets_zero"), several=False)[0])
    except Mistake as mistake:
        mistakes.append(mistake.of("facets_zero"))
    return AskedFacets(tuple(names), zero)


def unknown_facet(name: str, known: Collection[str]) -> Mistake:
    detail = f"There is no facet “{name[:60]}”; there are {', '.join(known) or 'none'}."
    return unknown_value(detail, name, known).of("facets")
