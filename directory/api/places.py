"""Places: filters by where something is, answered by the coordinates that the vocabulary knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from directory.api.errors import Mistake
from directory.api.filters import PHRASES, Filter
from directory.api.numbers import DECIMAL
from directory.api.vocabulary import vocabulary_of

EARTH_KM = 6371.0088  # its mean radius
NEAREST_KM = Decimal("0.001")  # a metre
FARTHEST_KM = 20_000  # about half its circumference
EXAMPLES = {"latitude": "31.55", "longitude": "74.34", "west": "74", "south": "31", "east": "75", "north": "32"}
DEGREES = r"-?[0-9]{1,3}(\.[0-9]{1,15})?"


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The great-circle distance of two points, each latitude and longitude in degrees."""
    (south, west), (north, east) = (map(radians, point) for point in (one, other))
    half_chord = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin((east - west) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half_chord)))


def numbers(raw: str, *names: str) -> list[float]:
    """As many degrees as ``names``, latitudes within 90 and longitudes within 180; raises Mistake."""
    parts = [part.strip() for part in raw.split(",")]
    if len(parts) != len(names) or not all(re.fullmatch(DEGREES, part) for part in parts):
        example = ",".join(EXAMPLES[name] for name in names)
        detail = f"“{raw[:60]}” is not {','.join(names)} in degrees, such as {example}: a hub’s are in its document."
        raise Mistake("invalid_value", detail)
    for name, part in zip(names, parts, strict=True):
        most = 90 if name in ("latitude", "south", "north") else 180
        if abs(float(part)) > most:
            raise Mistake("invalid_value", f"The {name} {part} lies beyond {most} degrees.")
    return [float(part) for part in parts]


def shortest(number: str) -> str:
    """A number without what does not change it: 31.550 is 31.55."""
    return f"{(Decimal(number) + 0).normalize():f}"


class Place(Filter):
    """Where the objects of ``model`` that ``column`` refers to are; a point is always one value."""

    lookups = {"": False}

    def __init__(self, model: Any, column: str, **said: Any) -> None:
        super().__init__(column, **said)
        self.model = model

    def canonical(self, raw: list[str]) -> list[str]:
        parts = [part.strip() for part in raw[0].split(",")]
        return [",".join(shortest(part) if re.fullmatch(DEGREES, part) else part for part in parts)]

    def where(self, revision: int, fits: Callable[[tuple[float, float]], bool]) -> tuple[int, list[Any]]:
        """The form and the values of a condition that the place ``fits``."""
        places = vocabulary_of(self.model, revision).places
        return 1, [[pk for pk, place in places.items() if fits(place)]]


class Near(Place):
    """Within ``radius_km`` of a point."""

    together = ("radius_km",)
    phrases = PHRASES | {"": "within “radius_km” of this latitude,longitude"}
    schema = {"type": "string", "pattern": f"^{DEGREES},{DEGREES}$"}
    example = f"{EXAMPLES['latitude']},{EXAMPLES['longitude']}"

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        point = numbers(raw[0], "latitude", "longitude")
        try:
            radius = kilometres(raw[1])
        except Mistake:  # which is told of the other parameter
            return None, []
        return self.where(revision, lambda place: distance_km((point[0], point[1]), place) <= radius)


class Radius(Filter):
    """How far ``near`` reaches; no condition of its own."""

    lookups = {"": False}
    together = ("near",)
    phrases = PHRASES | {"": "how far “near” reaches"}
    schema = {"type": "number", "minimum": float(NEAREST_KM), "maximum": FARTHEST_KM}
    example = 10

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        kilometres(raw[0])
        return None, []

    def canonical(self, raw: list[str]) -> list[str]:
        return [shortest(raw[0]) if len(raw[0]) < 30 and DECIMAL.fullmatch(raw[0]) else raw[0]]


def kilometres(raw: str) -> float:
    number = Decimal(raw) if len(raw) < 30 and DECIMAL.fullmatch(raw) else Decimal(0)
    if not NEAREST_KM <= number <= FARTHEST_KM:
        detail = f"“{raw[:40]}” is not a number of kilometres from {NEAREST_KM} to {FARTHEST_KM}."
        raise Mistake("invalid_value", detail)
    return float(number)


class Box(Place):
    """Within west,south,east,north, as GeoJSON writes a bounding box."""

    phrases = PHRASES | {"": "within west,south,east,north in degrees"}
    schema = {"type": "string", "pattern": f"^{DEGREES}(,{DEGREES}){{3}}$"}
    example = "74,31,75,32"

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int | None, list[Any]]:
        west, south, east, north = numbers(raw[0], "west", "south", "east", "north")
        if west > east or south > north:
            raise Mistake(
                "invalid_value", "The box is west,south,east,north: its west or south lies beyond the other end."
            )
        return self.where(revision, lambda place: south <= place[0] <= north and west <= place[1] <= east)
