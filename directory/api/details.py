"""Details: one object, as it is or as it was, in the shape and format asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.http import HttpResponse

from directory.api import history, rendering, shapes
from directory.api.addresses import Found
from directory.api.caching import Superseded
from directory.api.errors import InvalidQuery
from directory.api.history import document_at, documents_at, read_moment
from directory.api.linked import linked_data
from directory.api.related import Related, related_documents
from directory.api.rendering import conflicts, feature, kinds_needed, read_format
from directory.api.selection import unknown_parameters
from directory.api.shapes import read_shape

if TYPE_CHECKING:
    from directory.api.viewsets import PublishedViewSet

PARAMETERS = {**shapes.PARAMETERS, **history.PARAMETERS, **rendering.PARAMETERS}


class Detail:
    """One request for an object: what it asks for, and how it is answered."""

    def __init__(self, view: PublishedViewSet, request: Any, revision: int) -> None:
        self.view, self.request, self.revision = view, request, revision
        query: Any = request.query_params
        mistakes = unknown_parameters(query, PARAMETERS)
        self.shape = read_shape(query, view.model, mistakes)
        self.moment = read_moment(query, revision, mistakes)
        self.format = read_format(query, request.accepted_renderer, view.formats, mistakes)
        mistakes += conflicts(query, self.format)
        if mistakes:
            raise InvalidQuery(mistakes)
        given = [(name, query[name]) for name in ("as_of", "format") if name in query]
        self.asked = urlencode([*self.shape.asked, *given], safe=",():")

    def answer(self, key: str) -> HttpResponse:
        """The object; raises Superseded where something was published since."""
        found = self.view.find(key, self.request)
        if isinstance(found, HttpResponse):
            return found
        response = HttpResponse(self.body(found), content_type=self.format.media_type)
        response.revision = found.revision  # type: ignore[attr-defined]
        address = f"{settings.SITE_URL}/api/v1/{self.view.model.collection}/{found.slug}/"
        response["Link"] = f'<{address}{"?" if self.asked else ""}{self.asked}>; rel="canonical"'
        return response

    def body(self, found: Found) -> bytes | str:
        model = self.view.model
        if self.format.format == "json" and self.shape.is_whole and not self.moment:
            return found.document
        document = document_at(model, found.pk, self.moment) if self.moment else orjson.loads(found.document)
        if self.format.format == "jsonld":
            return linked_data(self.view.linked.of(document))
        related = self.related(found)
        properties = self.shape.apply(document, related)
        if self.format.format == "geojson":
            return orjson.dumps(feature(model, document, properties, related))
        return orjson.dumps(properties)

    def related(self, found: Found) -> Related:
        """The documents that the answer needs of other kinds, of the same moment as the object's."""
        needed = self.shape.kinds | kinds_needed(self.format, self.view.model)
        if self.moment:
            return {kind: documents_at(kind, self.moment) for kind in needed}
        if needed and found.revision != self.revision:
            raise Superseded(found.revision)
        return related_documents(needed, self.revision)
