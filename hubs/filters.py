from directory.api.filters import Choice, Date, FilterSet, Flag, Id, Number, Related, Text, Time, Word
from hubs.models import Hub, Program, Province


class PublishedFilters(FilterSet):
    """What every kind can be filtered by."""

    id = Id()
    slug = Word()
    name = Text("name_key")
    revision = Number()
    created_at = Time()
    updated_at = Time()


class HubFilters(PublishedFilters):
    province = Choice(Province.values, optional=False)
    notable = Flag()
    geonames_id = Number()
    summary = Text()


class ProgramFilters(PublishedFilters):
    kind = Choice(Program.Kind.values, optional=False)
    hub = Related(Hub, "hub_id")
    organiser = Text()
    started_year = Number()
    for_women = Flag()
    summary = Text()


class IndicatorFilters(PublishedFilters):
    measure = Word()
    period = Word()
    period_start = Date()
    period_end = Date()
    unit = Word()
    hub = Related(Hub, "hub_id")
