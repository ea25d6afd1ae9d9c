from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from companies.models import ORDERINGS, Company
from companies.views import CompanyViewSet
from directory.api.caching import at_one_revision
from directory.api.described import key_parameter, list_operation
from directory.api.facets import FacetSet
from directory.api.linked import LinkedData
from directory.api.operations import Operation
from directory.api.rendering import offered
from directory.api.viewsets import PublishedViewSet
from partners.filters import PublicViewFilters
from partners.models import PublicView
from partners.viewing import ViewListing, document


def companies_operation(view: type[PublishedViewSet]) -> Operation:
    companies = list_operation(CompanyViewSet)
    return replace(
        companies,
        summary="The companies of one view",
        description="Answers as the list of companies does. Further filters narrow it, and an `ordering` takes the"
        " place of the view's; a filter that the view has may only be given as the view has it.",
        path={"key": key_parameter(PublicView)},
        links=(*companies.links, "alternate"),
        problems=(*companies.problems, "not_found", "gone", "broken_view"),
        moves=True,
    )


class PublicViewViewSet(PublishedViewSet):
    """The views, and under the address of each its companies."""

    queryset = PublicView.objects.published()
    filterset_class = PublicViewFilters
    facets = FacetSet(PublicView, PublicViewFilters, {})
    linked = LinkedData("ItemList", {"name": "name", "description": "description"})
    orderings = ORDERINGS["term"]
    operations = {"list": list_operation, "retrieve": companies_operation}
    history = None  # type: ignore[assignment]  # which leads to documents: a view's address answers with companies

    def retrieve(self, request: Any, key: str) -> HttpResponse:
        def answer(revision: int) -> HttpResponseBase:
            found = self.find(key, request)
            if isinstance(found, HttpResponse):
                return found
            asked = ViewListing(document(found), request.query_params, found.revision, request.accepted_renderer)
            return asked.answer(request)

        return at_one_revision(request.revision, answer)  # type: ignore[return-value]

    @property
    def formats(self) -> tuple[str, ...]:
        return offered(Company, "list") if self.action == "retrieve" else super().formats
