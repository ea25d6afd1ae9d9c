from directory.api.viewsets import PublishedViewSet
from hubs.facets import HUB_FACETS, INDICATOR_FACETS, PROGRAM_FACETS
from hubs.filters import HubFilters, IndicatorFilters, ProgramFilters
from hubs.linked import HUB, INDICATOR, PROGRAM
from hubs.models import ORDERINGS, Hub, Indicator, Program


class HubViewSet(PublishedViewSet):
    queryset = Hub.objects.published()
    filterset_class = HubFilters
    facets = HUB_FACETS
    linked = HUB
    orderings = ORDERINGS["hub"]


class ProgramViewSet(PublishedViewSet):
    queryset = Program.objects.published()
    filterset_class = ProgramFilters
    facets = PROGRAM_FACETS
    linked = PROGRAM
    orderings = ORDERINGS["program"]


class IndicatorViewSet(PublishedViewSet):
    queryset = Indicator.objects.published()
    filterset_class = IndicatorFilters
    facets = INDICATOR_FACETS
    linked = INDICATOR
    orderings = ORDERINGS["indicator"]
