"""Relaxing: where nothing matched, which single filter to drop, and how many objects that gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from directory.api.caching import Superseded
from directory.api.pagination import count_statement
from directory.api.selection import FilterSet, Selection
from directory.api.statements import Statement
from directory.models import Published


def relax(
    model: type[Published],
    filterset: type[FilterSet],
    selection: Selection,
    revision: int,
    address: Callable[[dict[str, list[str]]], str],
) -> list[dict[str, Any]]:
    """The filters without which something matches, those first that give most; one statement.

    A filter goes with those that mean nothing without it. Raises Superseded where something was published since.
    """
    counting = []
    for dropped, _ in selection.form:
        others = [filterset.condition(model, *form) for form in selection.form if form[0] != dropped]
        counting.append(count_statement(model).given(others))
    if not counting:
        return []
    counts = ", ".join(f"(SELECT count(*) FROM ({counted.sql}) AS counted)" for counted in counting)  # noqa: S608
    params = tuple(param for counted in counting for param in counted.params)
    sql = f"SELECT (SELECT coalesce(max(id), 0) FROM directory_revision), {counts}"  # noqa: S608 - the ORM's SQL
    [(found, *numbers)] = Statement(sql, params).execute(selection.values)
    if found != revision:
        raise Superseded(found)
    ways = [
        {"parameter": dropped, "count": number, "url": address(without(filterset, selection, dropped))}
        for (dropped, _), number in zip(selection.form, numbers, strict=True)
        if number
    ]
    return sorted(ways, key=lambda way: -way["count"])


def without(filterset: type[FilterSet], selection: Selection, dropped: str) -> dict[str, list[str]]:
    """The filters but for ``dropped`` and those that mean nothing without it."""
    gone = {dropped}.union(name for name in selection.applied if dropped in filterset.parameters[name][0].together)
    return {name: values for name, values in selection.applied.items() if name not in gone}
