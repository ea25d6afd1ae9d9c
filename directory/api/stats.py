"""Statistics: how many objects a query finds and their medians, in all and by the groups that are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import orjson
from django.conf import settings
from django.http import HttpResponse

from directory.api import rendering
from directory.api.bitmaps import REVISION
from directory.api.caching import Superseded, at_one_revision
from directory.api.described import SHARED, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, similar
from directory.api.groupings import Values
from directory.api.listing import JSON, spelt
from directory.api.operations import Operation, closed, nullable, reference
from directory.api.pairs import over
from directory.api.parameters import Parameter
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import FilterSet, Selection, split
from directory.api.statements import Statement
from directory.models import Published

MAX_GROUPS = 2
PARAMETERS = {
    "group": Parameter(
        "What to group by, one or two of the groups declared; without it there are only the totals.",
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_GROUPS},
        ["kind"],
    ),
    **rendering.PARAMETERS,
}


class Statistics(Endpoint):
    """Statistics of ``model``: its ``groups``, and the columns of which it tells ``medians``."""

    model: type[Published]
    filterset_class: type[FilterSet]
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
        figures = {"count": {"type": "integer", "minimum": 0}, "median": median}
        group = closed({**dict.fromkeys(cls.groups, value), **figures}, optional=tuple(cls.groups))
        meta = closed({"query": reference("Query"), "license": reference("License")})
        body = closed({**figures, "results": {"type": "array", "items": group}, "meta": meta})
        summary = f"Statistics of {cls.model._meta.verbose_name_plural}"
        return Operation(summary, {"application/json": body}, {**filters, **own}, schemas=SHARED)

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
        rows = self.statement(selection, names, revision).execute(selection.values)
        if (found := rows[0][0]) != revision:
            raise Superseded(found)
        [total] = [self.figures(row) for row in rows if row[1]]
        groups = [self.labelled(row, names, revision) | self.figures(row) for row in rows if not row[1]]
        address = f"{settings.SITE_URL}/api/v1/stats/"
        asked = [spelt(selection.applied), f"group={','.join(names)}"] if names else [spelt(selection.applied)]
        canonical = "?".join(filter(None, [address, "&".join(filter(None, asked))]))
        meta = {"query": {"canonical": canonical, "applied": selection.applied}, "license": settings.LICENSE}
        body = orjson.dumps(total | {"results": self.in_order(groups, names, revision), "meta": meta})
        response = HttpResponse(body, content_type=JSON)
        response.revision = revision  # type: ignore[attr-defined]
        return response

    def statement(self, selection: Selection, names: list[str], revision: int) -> Statement:
        """(revision, whether it is the total, count, medians …, values …) of the whole and of each group."""
        table = self.model._meta.db_table
        medians = [f'percentile_cont(0.5) WITHIN GROUP (ORDER BY {table}."{column}")' for column in self.medians]
        figures = ", ".join(["count(*)", *medians])
        empty = "".join(", NULL" for _ in names)
        parts = [Statement(f"SELECT {REVISION}, true, {figures}{empty} FROM {table}", ())]  # noqa: S608
        if names:
            groups = [self.groups[name].pairs(revision) for name in names]
            values = ", ".join(f"g{n}.value" for n in range(len(groups)))
            joins = "".join(f" LEFT JOIN ({one.sql}) AS g{n} (id, value) USING (id)" for n, one in enumerate(groups))
            sql = f"SELECT 0, false, {figures}, {values} FROM {table}{joins} GROUP BY {values}"  # noqa: S608
            parts.append(Statement(sql, tuple(param for one in groups for param in one.params)))
        met = [self.filterset_class.condition(self.model, *form) for form in selection.form]
        given = " AND ".join(f"({one.sql})" for one in met) or "true"
        params = tuple(param for one in met for param in one.params)
        return over(self.model, parts, " UNION ALL ", Statement(given, params))

    def figures(self, row: tuple[Any, ...]) -> dict[str, Any]:
        medians = row[3 : 3 + len(self.medians)]
        shown = (int(median) if median is not None and median.is_integer() else median for median in medians)
        return {"count": row[2], "median": dict(zip(self.medians, shown, strict=True))}

    def labelled(self, row: tuple[Any, ...], names: list[str], revision: int) -> dict[str, Any]:
        """The values of a group with their names; what is not known is null."""
        shown = {}
        for name, word in zip(names, row[3 + len(self.medians) :], strict=True):
            labels = {value.value: value.label for value in self.groups[name].values(revision)}
            shown[name] = None if word is None else {"value": word, "label": labels.get(word, word)}
        return shown

    def in_order(self, groups: list[dict[str, Any]], names: list[str], revision: int) -> list[dict[str, Any]]:
        """Values in the order that they have, otherwise those first that most objects have; the unknown last."""
        ranks = [rank(self.groups[name], name, groups, revision) for name in names]
        return sorted(groups, key=lambda group: [by(group) for by in ranks])


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
            mistakes.append(Mistake("unknown_value", detail, "group", did_you_mean=similar(name, known)))
    return names
