"""The same page as a plain DRF view makes it: django-filter, the ORM, serializers and a cursor at each request.

Kinder than most: related rows are found by subqueries, the sort keys are those of our indexes, and the serializer
is ours, whose references are cheaper than nested model serializers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet, Value
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from rest_framework.generics import ListAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination

from companies.filters import CompanyFilters
from companies.models import ORDERINGS, Company
from companies.serializers import CompanySerializer
from directory.models import Fold
from tests.bench.handwritten import descendants


class Words(filters.BaseInFilter, filters.CharFilter):
    """Values separated by commas."""


def matching(condition: Callable[[Any], Q]) -> Callable[..., QuerySet[Any]]:
    return lambda queryset, name, value: queryset.filter(condition(value))


def having(**related: Any) -> Q:
    """Companies that have such related rows; a join would give some of them twice."""
    return Q(pk__in=Company.objects.filter(**related).values("pk"))


ASKED = {
    "name__startswith": filters.CharFilter(method=matching(lambda text: Q(name_key__startswith=Fold(Value(text))))),
    "kind": Words("kind"),
    "operating_status__not": Words("operating_status", exclude=True),
    "founded_year__gte": filters.NumberFilter("founded_year", "gte"),
    "employees__gte": filters.NumberFilter(
        method=matching(
            lambda least: Q(employees_max__gte=least) | Q(employees_max__isnull=True, employees_min__isnull=False)
        )
    ),
    "hourly_rate__lte": filters.NumberFilter(
        method=matching(
            lambda most: Q(hourly_rate_min__lte=most) | Q(hourly_rate_min__isnull=True, hourly_rate_max__isnull=False)
        )
    ),
    "hub": Words("hub__slug"),
    "office": Words(method=matching(lambda slugs: having(offices__hub__slug__in=slugs))),
    "specialty": filters.CharFilter(method=matching(lambda slug: having(specialties__in=descendants(slug)))),
    "industry": Words(method=matching(lambda slugs: having(industries__slug__in=slugs))),
    "export_market": Words("export_markets", lookup_expr="overlap"),
    "women_led": filters.BooleanFilter("women_led"),
    "credential_kind": Words(method=matching(lambda kinds: having(credentials__kind__in=kinds))),
    "verified_on__gte": filters.DateFilter("verified_on", "gte"),
}
# A FilterSet costs something for each filter that is declared, asked for or not, so all of our parameters are.
PlainFilters = type(
    "PlainFilters",
    (filters.FilterSet,),
    {name: filters.CharFilter(name) for name in CompanyFilters.parameters} | ASKED,
)


class PlainCursor(CursorPagination):
    """DRF's own cursor over annotated sort keys: a bare column would lose the rows where it is missing."""

    page_size = 25

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        sign = "-" if view.ordering.descending else ""
        return (*(f"{sign}sort_{number}" for number in range(len(view.ordering.sorts))), f"{sign}pk")


class PlainCompanies(ListAPIView):
    serializer_class = CompanySerializer
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = PlainFilters
    pagination_class = PlainCursor
    content_negotiation_class = DefaultContentNegotiation

    def get_queryset(self) -> QuerySet[Company]:
        self.ordering = ORDERINGS["company"][self.request.query_params.get("ordering", "name")]
        keys = {f"sort_{number}": key for number, key in enumerate(self.ordering.keys[:-1])}
        return Company.objects.published().for_document().defer("document").annotate(**keys)
