from companies.filters import CompanyFilters, IndustryFilters, SpecialtyFilters
from companies.models import ORDERINGS, Company, Industry, Specialty
from directory.api.viewsets import PublishedViewSet


class CompanyViewSet(PublishedViewSet):
    queryset = Company.objects.published()
    filterset_class = CompanyFilters
    orderings = ORDERINGS["company"]


class SpecialtyViewSet(PublishedViewSet):
    queryset = Specialty.objects.published()
    filterset_class = SpecialtyFilters
    orderings = ORDERINGS["term"]


class IndustryViewSet(PublishedViewSet):
    queryset = Industry.objects.published()
    filterset_class = IndustryFilters
    orderings = ORDERINGS["term"]
