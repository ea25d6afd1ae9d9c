"""Similar companies: those that share specialties and industries with one, and why they are listed."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpResponse
from pyroaring import BitMap
from rest_framework.request import Request

from companies.facets import COMPANY_FACETS
from companies.filters import CompanyFilters
from companies.models import Company
from directory.api import rendering, shapes
from directory.api.addresses import Found
from directory.api.bitmaps import Bitmaps, by_number
from directory.api.caching import Superseded
from directory.api.described import SHARED, key_parameter, shaped, taken
from directory.api.documents import document_schemas
from directory.api.errors import InvalidQuery, Mistake
from directory.api.operations import Operation, closed, nullable, reference
from directory.api.pagination import read_snapshot, snapshot, whole_number
from directory.api.parameters import Parameter
from directory.api.related import related_documents
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import Selection, unknown_parameters
from directory.api.shapes import read_shape
from directory.api.statements import Slot, Statement
from directory.api.viewsets import PublishedViewSet

PAGE_SIZE, MAX_PAGE_SIZE = 10, 50
PARAMETERS = {
    "page_size": Parameter(
        "How many companies to show.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
        5,
    ),
    **shapes.PARAMETERS,
    **rendering.PARAMETERS,
}
# How much of the score each can give. A hub alone makes nobody similar.
WEIGHTS = {"specialties": 0.5, "industries": 0.3, "hub": 0.2}
# How many of those that share most, out of which the scores choose, and what each shared one counts for that.
CANDIDATES = 200
SHARED_COUNT = {"specialty": 5, "industry": 3}
DOCUMENTS = Statement.of(Company.objects.published().filter(pk__any=Slot("pks")).values_list("document"))

Document = dict[str, Any]


class Similar:
    """One request for the companies that are like another."""

    def __init__(self, view: PublishedViewSet, request: Request, revision: int) -> None:
        self.view, self.request, self.revision = view, request, revision
        query: Any = request.query_params
        mistakes = unknown_parameters(query, PARAMETERS)
        self.page_size = read_page_size(query, mistakes)
        self.shape = read_shape(query, Company, mistakes)
        read_format(query, FORMATS["json"], ("json",), mistakes)
        if mistakes:
            raise InvalidQuery(mistakes)
        given = [(name, query[name]) for name in ("page_size", "format") if name in query]
        self.asked = urlencode([*self.shape.asked, *given], safe=",()")

    def answer(self, key: str) -> HttpResponse:
        """The companies, the most similar first; raises Superseded where something was published since."""
        found = self.view.find(key, self.request, "similar/")
        if isinstance(found, HttpResponse):
            return found
        candidates = self.candidates(found)
        related = related_documents(self.shape.kinds, self.revision)
        own = orjson.loads(found.document)
        results = [explained(own, document) for document in candidates]
        results = sorted((r for r in results if r["score"]), key=lambda r: (-r["score"], r["company"]["id"]))
        for result in results[: self.page_size]:
            result["company"] = self.shape.apply(result["company"], related)
        address = f"{settings.SITE_URL}/api/v1/companies/{found.slug}/similar/{'?' if self.asked else ''}{self.asked}"
        body = {
            "results": results[: self.page_size],
            "meta": {"query": {"canonical": address, "applied": {}}, "license": settings.LICENSE},
        }
        response = HttpResponse(orjson.dumps(body), content_type=FORMATS["json"].media_type)
        response.revision = found.revision  # type: ignore[attr-defined]
        response["Link"] = f'<{address}>; rel="canonical"'
        return response

    def candidates(self, found: Found) -> list[Document]:
        state, _ = COMPANY_FACETS.index.match(Selection((), {}, {}, []), (), self.revision)
        values = {"pks": list(islice(sharing(state, found.pk), CANDIDATES)), "limit": None, "offset": 0}
        revision, _, rows = read_snapshot(snapshot(DOCUMENTS), values)
        if (newest := max(revision, found.revision)) != self.revision:
            raise Superseded(newest)
        return [orjson.loads(document) for (document,) in rows]


def sharing(state: Bitmaps, pk: int) -> Iterator[int]:
    """The companies that share something with one, those first that share most, then by their numbers."""
    ways: list[tuple[int, BitMap]] = [(0, state.everything - BitMap([pk]))]
    for parameter, counts in SHARED_COUNT.items():
        source = CompanyFilters.filters[parameter].source
        values = [ids for ids in (state.found[source, value] for value in state.values.get(source, ())) if pk in ids]
        ways = [
            (weight + counts * number, both)
            for weight, ids in ways
            for number, sharers in enumerate(by_number(values, state.everything))
            if (both := ids & sharers)
        ]
    for weight, ids in sorted(ways, key=lambda way: -way[0]):
        yield from ids if weight else ()


def read_page_size(query: Any, mistakes: list[Mistake]) -> int:
    try:
        if len(query.getlist("page_size")) > 1:
            raise Mistake("repeated_parameter", "This parameter is given once only.")
        return whole_number(query.get("page_size", str(PAGE_SIZE)), MAX_PAGE_SIZE)
    except Mistake as mistake:
        mistakes.append(mistake.of("page_size"))
        return PAGE_SIZE


def explained(own: Document, other: Document) -> Document:
    """``other`` with what it shares with ``own``, and a score from 0 to 1 made of that.

    Of specialties and of industries it counts which part both have of what either has: a company that lists
    everything is not similar to everybody.
    """
    score = 0.0
    why: Document = {}
    for field in ("specialties", "industries"):
        mine, theirs = ({reference["slug"] for reference in document[field]} for document in (own, other))
        why[field] = [reference for reference in other[field] if reference["slug"] in mine]
        score += WEIGHTS[field] * len(mine & theirs) / max(1, len(mine | theirs))
    same_hub = own["hub"] is not None and own["hub"] == other["hub"]
    why["hub"] = other["hub"] if same_hub else None
    if score and same_hub:
        score += WEIGHTS["hub"]
    return {"score": round(score, 3), "why": why, "company": other}


def similar_operation(view: Any) -> Operation:
    """What OpenAPI says of it."""
    names = {"type": "array", "items": reference("Reference")}
    why = closed({"specialties": names, "industries": names, "hub": nullable(reference("Reference"))})
    score = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    result = closed({"score": score, "why": {**why, "description": "What both have."}, "company": shaped("Company")})
    query = {"canonical": {"type": "string", "format": "uri"}, "applied": closed({})}
    body = closed(
        {
            "results": {"type": "array", "items": result, "maxItems": MAX_PAGE_SIZE},
            "meta": closed({"query": closed(query), "license": reference("License")}),
        }
    )
    return Operation(
        summary="Companies that are like one",
        description="Those that share most specialties and industries, the most similar first. The score is the share"
        " of specialties that both have among those that either has, which counts for half of it, the same of"
        " industries (0.3), and the same home hub (0.2). What is unknown of a company adds nothing.",
        path={"key": key_parameter(Company)},
        parameters=taken(view, "similar", PARAMETERS),
        answers={"application/json": reference("SimilarList")},
        schemas={**document_schemas(Company), **SHARED, "SimilarList": body},
        problems=("not_found", "gone"),
        links=("canonical",),
        moves=True,
    )
