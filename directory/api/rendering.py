"""Formats: which one a client gets, and how documents look in each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation

from directory.api.errors import Mistake
from directory.api.facets import PARAMETERS as FACET_PARAMETERS
from directory.api.pagination import one_of
from directory.api.parameters import Parameter
from directory.api.related import Document, Related
from directory.api.shapes import PARAMETERS as SHAPE_PARAMETERS
from directory.api.shapes import document_field
from directory.models import Published


@dataclass(frozen=True)
class Format:
    """A format: its name in ``format=``, its content type, and other names of its media type."""

    format: str
    media_type: str
    synonyms: tuple[str, ...] = ()
    # Whether it is the whole result, streamed, rather than a page.
    is_whole: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.media_type.partition(";")[0], *self.synonyms)


FORMATS = {
    found.format: found
    for found in (
        Format("json", "application/json; charset=utf-8"),
        Format("csv", "text/csv; charset=utf-8; header=present", is_whole=True),
        Format("ndjson", "application/x-ndjson", ("application/ndjson", "application/jsonl"), is_whole=True),
        Format("jsonld", "application/ld+json"),
        Format("geojson", "application/geo+json"),
    )
}
PARAMETERS = {
    "format": Parameter(
        "The format of the answer, whatever the Accept header says.",
        {"type": "string", "enum": list(FORMATS)},
        "json",
    ),
}
# What selects a part of a list: a whole result has none.
PAGE_PARAMETERS = ("page_size", "page", "cursor", "count")
QUALITY = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")


class Negotiation(DefaultContentNegotiation):
    """Chooses among the ``formats`` that a view offers, JSON where it names none.

    DRF's own asks every renderer about every media range, anew for each request.
    """

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> tuple[Format, str]:
        offered = getattr(request.parser_context["view"], "formats", ("json",))
        if "format" in request.query_params:
            # The parameter decides; it is read where all mistakes are collected.
            return FORMATS["json"], FORMATS["json"].media_type
        chosen = choose_format(request.META.get("HTTP_ACCEPT", ""), offered)
        if chosen is None:
            raise NotAcceptable(f"None of the accepted formats is served here; there are {', '.join(offered)}.")
        return chosen, chosen.media_type


@lru_cache(maxsize=512)
def choose_format(accept: str, offered: tuple[str, ...]) -> Format | None:
    """The offered format that an Accept header likes best (RFC 9110, 12.5.1), the first of equals."""
    ranges = dict(accepted(accept))
    best: tuple[float, Format | None] = (0.0, None)
    for name in offered:
        quality = max(quality_of(media, ranges) for media in FORMATS[name].names)
        if quality > best[0]:
            best = quality, FORMATS[name]
    return best[1]


def accepted(accept: str) -> Iterable[tuple[str, float]]:
    """(media range, quality) of each part; a part that nobody can read is left out."""
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        said = next((word for word in parameters if word.startswith("q=")), "q=1")
        if media.count("/") == 1 and (quality := QUALITY.fullmatch(said)):
            yield media, min(1.0, float(quality[1]))


def quality_of(media: str, ranges: Mapping[str, float]) -> float:
    """What the most specific range that fits says."""
    fitting = (media, f"{media.partition('/')[0]}/*", "*/*")
    return next((ranges[name] for name in fitting if name in ranges), 0.0)


@cache
def offered(model: type[Published], action: str) -> tuple[str, ...]:
    """The formats of a list or a detail, the preferred first; whatever else there is is JSON."""
    if action not in ("list", "retrieve"):
        return ("json",)
    return tuple(
        name
        for name, found in FORMATS.items()
        if (action == "list" or not found.is_whole) and (name != "geojson" or place_of(model))
    )


def read_format(query: Any, accepted: Format, offered: Sequence[str], mistakes: list[Mistake]) -> Format:
    """The format asked for by ``query``, otherwise the one that was negotiated."""
    if "format" not in query:
        return accepted
    try:
        if len(query.getlist("format")) > 1:
            raise Mistake("repeated_parameter", "This parameter is given once only.")
        return FORMATS[one_of(query["format"], offered)]
    except Mistake as mistake:
        mistakes.append(mistake.of("format"))
        return accepted


def conflicts(query: Any, chosen: Format) -> list[Mistake]:
    """What is asked for that the format cannot do."""
    if chosen.is_whole:
        detail = f"{chosen.format} is the whole result: leave this out, or ask for json."
        excluded: tuple[str, ...] = (*PAGE_PARAMETERS, *FACET_PARAMETERS)
    elif chosen.format == "jsonld":
        detail = "JSON-LD has a shape of its own: leave this out, or ask for json."
        excluded = (*SHAPE_PARAMETERS, *FACET_PARAMETERS)
    else:
        return []
    return [Mistake("conflicting_parameters", detail, name) for name in excluded if name in query]


@cache
def place_of(model: type[Published]) -> tuple[str, type[Published]] | None:
    """(field, kind) of the reference that says where documents of ``model`` are; no field if they do themselves."""
    known = document_field(model)
    if "latitude" in known.parts:
        return "", model
    for name, part in known.parts.items():
        if part.kind and not part.many and "latitude" in document_field(part.kind).parts:
            return name, part.kind
    return None


def kinds_needed(chosen: Format, model: type[Published]) -> frozenset[type[Published]]:
    """The kinds whose documents say where those of ``model`` are, if the format asks that."""
    field, kind = place_of(model) or ("", model)
    return frozenset([kind] if chosen.format == "geojson" and field else [])


def feature(model: type[Published], document: Document, properties: Document, related: Related) -> Document:
    """A document as a GeoJSON feature (RFC 7946); its geometry is null where nobody knows the place."""
    field, kind = place_of(model) or ("", model)
    place: Mapping[str, Any] = document
    if field:
        place = related[kind].get(document[field]["slug"], {}) if document[field] else {}
    known = place.get("latitude") is not None
    geometry = {"type": "Point", "coordinates": [place["longitude"], place["latitude"]]} if known else None
    return {"type": "Feature", "id": document["id"], "geometry": geometry, "properties": properties}
