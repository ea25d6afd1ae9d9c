"""Relaxing: where nothing matched, the fewest filters to drop so that something does, and how much that gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyroaring import BitMap

from directory.api.bitmaps import BitmapIndex, by_number
from directory.api.selection import FilterSet, Selection

# Ways that are looked for: where many filters have to go, there may be one for almost every object.
MOST = 20


def relax(
    index: BitmapIndex, selection: Selection, revision: int, address: Callable[[dict[str, list[str]]], str]
) -> list[dict[str, Any]]:
    """The ways to drop as few filters as possible, those first that give most objects.

    Each tells how many objects every filter that it drops finds alone. A filter goes with those that mean nothing
    without it. Raises Superseded where something was published since.
    """
    if not selection.form:
        return []
    state, met = index.match(selection, [parameter for parameter, _ in selection.form], revision)
    # Whatever meets most of the filters is what dropping the fewest gives.
    nearest = next((ids for ids in reversed(by_number([*met.values()], state.everything)) if ids), BitMap())
    ways: list[dict[str, Any]] = []
    while nearest and len(ways) < MOST:
        dropped = [parameter for parameter, ids in met.items() if nearest.min() not in ids]
        given = nearest.intersection(*(ids for parameter, ids in met.items() if parameter not in dropped))
        nearest = nearest - given
        ways.append(
            {
                "parameters": dropped,
                "alone": {parameter: len(met[parameter]) for parameter in dropped},
                "count": len(given),
                "url": address(without(index.filterset, selection, dropped)),
            }
        )
    return sorted(ways, key=lambda way: -way["count"])


def without(filterset: type[FilterSet], selection: Selection, dropped: list[str]) -> dict[str, list[str]]:
    """The filters but for ``dropped`` and those that mean nothing without one of them."""
    declared = filterset.parameters
    return {
        name: values
        for name, values in selection.applied.items()
        if name not in dropped and not set(declared[name][0].together).intersection(dropped)
    }
