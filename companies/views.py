from typing import Any

from django.http import HttpResponse
from rest_framework import decorators

from companies.completions import meant_by
from companies.facets import COMPANY_FACETS, COMPANY_GROUPS, INDUSTRY_FACETS, SPECIALTY_FACETS
from companies.filters import CompanyFilters, IndustryFilters, SpecialtyFilters
from companies.linked import COMPANY, INDUSTRY, SPECIALTY
from companies.models import ORDERINGS, Company, Industry, Specialty
from companies.similar import Similar, similar_operation
from directory.api.caching import at_one_revision
from directory.api.stats import Statistics
from directory.api.viewsets import PublishedViewSet


class CompanyViewSet(PublishedViewSet):
    queryset = Company.objects.published()
    filterset_class = CompanyFilters
    notes = (
        "`q` searches their names, domain, hub, specialties, industries, summary and description. A place, as in"
        " `near`, `bbox` and GeoJSON, is the centre of a company's home hub, not its own address."
    )
    facets = COMPANY_FACETS
    linked = COMPANY
    orderings = ORDERINGS["company"]
    operations = {**PublishedViewSet.operations, "similar": similar_operation}

    def meant_by(self, key: str, revision: int) -> tuple[str, ...]:
        return meant_by(key, revision)

    @decorators.action(detail=True)
    def similar(self, request: Any, key: str) -> HttpResponse:
        return at_one_revision(request.revision, lambda revision: Similar(self, request, revision).answer(key))


class SpecialtyViewSet(PublishedViewSet):
    queryset = Specialty.objects.published()
    filterset_class = SpecialtyFilters
    facets = SPECIALTY_FACETS
    linked = SPECIALTY
    orderings = ORDERINGS["term"]


class IndustryViewSet(PublishedViewSet):
    queryset = Industry.objects.published()
    filterset_class = IndustryFilters
    facets = INDUSTRY_FACETS
    linked = INDUSTRY
    orderings = ORDERINGS["term"]


class CompanyStatistics(Statistics):
    model = Company
    filterset_class = CompanyFilters
    facets = COMPANY_FACETS
    groups = COMPANY_GROUPS
    medians = ("founded_year", "employees_min", "hourly_rate_min")
