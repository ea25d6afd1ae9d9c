from directory.api.filters import (
    Choice,
    Date,
    DecimalNumber,
    Flag,
    Id,
    Number,
    Related,
    Text,
    Texts,
    Time,
    Word,
)
from directory.api.selection import FilterSet
from hubs.models import Hub, Indicator, Program, Province


class PublishedFilters(FilterSet):
    """What every kind can be filtered by, beside its id."""

    slug = Word()
    name = Text("name_key")
    revision = Number()
    created_at = Time()
    updated_at = Time()


class HubFilters(PublishedFilters):
    id = Id(Hub)
    alias = Texts("aliases")
    province = Choice(Province.values, optional=False)
    latitude = DecimalNumber()
    longitude = DecimalNumber()
    notable = Flag()
    geonames_id = Number()
    summary = Text()
    technology_park = Texts("technology_parks")
    source = Text()


class ProgramFilters(PublishedFilters):
    id = Id(Program)
    kind = Choice(Program.Kind.values, optional=False)
    hub = Related(Hub, "hub_id")
    organiser = Text()
    started_year = Number()
    for_women = Flag()
    summary = Text()
    website = Word()
    source = Text()


class IndicatorFilters(PublishedFilters):
    id = Id(Indicator)
    measure = Word()
    period = Word()
    period_start = Date()
    period_end = Date()
    value = DecimalNumber()
    unit = Word()
    hub = Related(Hub, "hub_id")
    note = Text()
    source = Text()
