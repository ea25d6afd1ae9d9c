from directory.api.viewsets import PublishedViewSet
from hubs.filters import HubFilters, IndicatorFilters, ProgramFilters
from hubs.models import ORDERINGS, Hub, Indicator, Program


class HubViewSet(PublishedViewSet):
    queryset = Hub.objects.published()
    filterset_class = HubFilters
    orderings = ORDERINGS["hub"]


class ProgramViewSet(PublishedViewSet):
    queryset = Program.objects.published()
    filterset_class = ProgramFilters
    orderings = ORDERINGS["program"]


class IndicatorViewSet(PublishedViewSet):
    queryset = Indicator.objects.published()
    filterset_class = IndicatorFilters
    orderings = ORDERINGS["indicator"]
