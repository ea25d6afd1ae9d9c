"""What all endpoints do: answers are kept until the next revision, and pages of other sites may ask."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from directory.api.caching import remember
from directory.api.deprecation import Deprecations, announced
from directory.api.operations import Operation


class Endpoint(APIView):
    """An address that answers anybody, most of them GET; ``scope`` is what a key is for that may ask it.

    ``deprecated`` has what of it will go, by parameters' names: see directory.api.deprecation. What ``confirms`` the
    revision that it is told is not asked for it first: see directory.api.caching.
    """

    scope: ClassVar[str] = "read"
    deprecated: ClassVar[Deprecations] = {}
    confirms: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:
        view: Any = super().as_view(*args, **kwargs)
        actions = set((getattr(view, "actions", None) or {}).values())
        view = remember(view, confirms=bool(actions) and actions <= cls.confirms)
        return announced(view, cls.deprecated) if cls.deprecated else view

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of a method; ``action`` is a view set's, otherwise ``get`` or ``post``."""
        raise NotImplementedError

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What a browser asks before it sends JSON, or If-None-Match, from another site's page."""
        response = HttpResponse(status=204)
        response["Allow"] = ", ".join(self.allowed_methods)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = response["Allow"]
        response["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, If-None-Match"
        response["Access-Control-Max-Age"] = "86400"
        return response
