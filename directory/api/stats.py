"""Statistics: how many objects a query finds and their medians, in all and by the groups that are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import orjson
from django.conf import settings
from django.http import HttpResponse
from pyroaring import BitMap

from directory.api import rendering
from directory.api.bitmaps import Bitmaps
from directory.api.caching import at_one_revision
from directory.api.described import SHARED, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, unknown_value
from directory.api.facets import FacetSet
from directory.api.groupings import Values
from directory.api.listing import JSON, spelt
from directory.api.medians import ranking
from directory.api.operations import Operation, closed, nullable, reference
from directory.api.parameters import Parameter
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import FilterSet, split
from directory.models import Published

# What a group's values are called, and the objects in it.
Group = tuple[dict[str, Any], BitMap]

MAX_GROUPS = 2
PARAMETERS = {
    "group": Parameter(
        "What to group by, one or two of the groups declared; without it there are only the totals.",
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_GROUPS},
        ["kind"],
    ),
    **rendering.PARAMETERS,
}
DESCRIPTION = (
    "How many objects the filters find, and their medians; with `group` the same for each value, or each pair of"
    " values. A median is of those objects of which the number is known, which `known` counts, and null where it is"
    " known of none; of a range, such as 300 to 500 employees, the lower end counts. An object with several values is"
    " in several groups, and a range of employees or rates in each band that it overlaps, as the filters have it."
    " A group that is null has those of which the value is unknown."
)


class Statistics(Endpoint):
    """Statistics of ``model``: its ``groups``, and the numbers that have bitmaps of which it tells ``medians``."""

    model: type[Published]
    filterset_class: type[FilterSet]
    facets: ClassVar[FacetSet]
    groups: ClassVar[Mapping[str, Values]]
    medians: ClassVar[tuple[str, ...]]

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        filters = {
            name: declared.parameter(lookup) for name, (declared, lookup) in cls.filterset_class.parameters.items()
        }
        several = {**PARAMETERS["group"].schema, "items": {"type": "string", "enum": list(cls.groups)}}
        own = {
            "group": replace(PARAMETERS["group"], schema=several),
            "format": narrowed(PARAMETERS["format"], "json"),
        }
        number = {"type": ["number", "null"]}
        median = closed(dict.fromkeys(cls.medians, number), description="Of those where it is known.")
        value = nullable(closed({"value": {"type": "string"}, "label": {"type": "string"}}))
        count = {"type": "integer", "minimum": 0}
        known = closed(dict.fromkeys(cls.medians, count), description="Of how many it is known.")
        figures = {"count": count, "median": median, "known": known}
        group = closed({**dict.fromkeys(cls.groups, value), **figures}, optional=tuple(cls.groups))
        meta = closed({"query": reference("Query"), "license": reference("License")})
        body = closed({**figures, "results": {"type": "array", "items": group}, "meta": meta})
        summary = f"Statistics of {cls.model._meta.verbose_name_plural}"
        return Operation(summary, {"application/json": body}, {**filters, **own}, DESCRIPTION, schemas=SHARED)

    def get(self, request: Any) -> HttpResponse:
        return at_one_revision(request.revision, lambda revision: self.answer(request.query_params, revision))

    def answer(self, query: Any, revision: int) -> HttpResponse:
        """The statistics at ``revision``; raises Superseded where something was published since."""
        selection = self.filterset_class.select(query.lists(), PARAMETERS, revision)
        mistakes = list(selection.mistakes)
        names = read_groups(query, self.groups, mistakes)
        read_format(query, FORMATS["json"], ("json",), mistakes)
        if mistakes:
            raise InvalidQuery(mistakes)
        state, met = self.facets.index.match(selection, (), revision)
        found = BitMap.intersection(state.everything, *met.values())
        sets = [self.sets(state, name, revision) for name in names]
        groups = [shown | self.figures(state, objects) for shown, objects in crossed(found, sets)] if names else []
        address = f"{settings.SITE_URL}/api/v1/stats/"
        asked = [spelt(selection.applied), f"group={','.join(names)}"] if names else [spelt(selection.applied)]
        canonical = "?".join(filter(None, [address, "&".join(filter(None, asked))]))
        meta = {"query": {"canonical": canonical, "applied": selection.applied}, "license": settings.LICENSE}
        results = self.in_order(groups, names, revision)
        body = orjson.dumps(self.figures(state, found) | {"results": results, "meta": meta})
        response = HttpResponse(body, content_type=JSON)
        response.revision = revision  # type: ignore[attr-defined]
        return response

    def sets(self, state: Bitmaps, name: str, revision: int) -> list[Group]:
        """The groups of one name and the objects in each; those of which the value is not known are a group, too."""
        sets = self.groups[name].sets(state, revision)
        unknown = state.everything - BitMap.union(BitMap(), *(objects for _, objects in sets))
        known: list[Group] = [
            ({name: {"value": value.value, "label": value.label}}, objects) for value, objects in sets
        ]
        return [*known, ({name: None}, unknown)]

    def figures(self, state: Bitmaps, objects: BitMap) -> dict[str, Any]:
        """How many ``objects`` there are, their medians, and of how many these are."""
        rankings = {source: ranking(state, source) for source in self.medians}
        medians = {source: ranked.median(objects) for source, ranked in rankings.items()}
        whole = {source: int(number) for source, number in medians.items() if number is not None and number % 1 == 0}
        known = {source: objects.intersection_cardinality(ranked.known) for source, ranked in rankings.items()}
        return {"count": len(objects), "median": medians | whole, "known": known}

    def in_order(self, groups: list[dict[str, Any]], names: list[str], revision: int) -> list[dict[str, Any]]:
        """Values in the order that they have, otherwise those first that most objects have; the unknown last."""
        ranks = [rank(self.groups[name], name, groups, revision) for name in names]
        return sorted(groups, key=lambda group: [by(group) for by in ranks])


def crossed(found: BitMap, sets: Sequence[Sequence[Group]]) -> Iterator[Group]:
    """The groups with one of each of ``sets`` that have some of the objects ``found``."""
    if not sets:
        yield {}, found
        return
    for shown, objects in sets[0]:
        if both := found & objects:
            yield from ((shown | rest, within) for rest, within in crossed(both, sets[1:]))


def rank(group: Values, name: str, rows: list[dict[str, Any]], revision: int) -> Callable[[dict[str, Any]], Any]:
    """What rows are sorted by to have one group's values in order."""
    totals: Counter[str | None] = Counter()
    for row in rows:
        totals[row[name] and row[name]["value"]] += row["count"]
    positions = {value.value: position for position, value in enumerate(group.values(revision))}

    def key(row: dict[str, Any]) -> Any:
        if row[name] is None:
            return True, 0, ""
        word = row[name]["value"]
        if group.is_ordered:
            return False, positions.get(word, 0), int(word) if not positions else 0
        return False, -totals[word], row[name]["label"]

    return key


def read_groups(query: Any, known: Mapping[str, Values], mistakes: list[Mistake]) -> list[str]:
    """The groups that ``query`` asks for; what is wrong is appended to ``mistakes``."""
    if "group" not in query:
        return []
    try:
        names = split(query.getlist("group"), several=True)
        if len(names) > MAX_GROUPS:
            raise Mistake("too_many_values", f"{len(names)} groups are more than the {MAX_GROUPS} allowed.")
    except Mistake as mistake:
        mistakes.append(mistake.of("group"))
        return []
    for name in names:
        if name not in known:
            detail = f"There is no group “{name[:60]}”; there are {', '.join(known)}."
            mistakes.append(unknown_value(detail, name, known).of("group"))
    return names
