from directory.api.dates import Date, Time
from directory.api.filters import Choice, Flag, Id, Slug, Word
from directory.api.numbers import DecimalNumber, Number
from directory.api.places import Box, Near, Radius
from directory.api.relations import Related
from directory.api.selection import FilterSet
from directory.api.texts import Text, Texts
from hubs.models import Hub, Indicator, Program, Province


class PublishedFilters(FilterSet):
    """What every kind can be filtered by, beside its id and slug."""

    name = Text("name_key")
    revision = Number(about="Number of the change that made it as it is")
    created_at = Time(about="When it was entered")
    updated_at = Time(about="When it last changed")


class HubFilters(PublishedFilters):
    id = Id(Hub)
    slug = Slug(Hub)
    alias = Texts("aliases", about="Another name", example="KHI")
    province = Choice(dict(Province.choices), optional=False)
    latitude = DecimalNumber(about="Degrees north, WGS 84")
    longitude = DecimalNumber(about="Degrees east, WGS 84", example=70)
    near = Near(Hub, "pk", about="Where it is")
    radius_km = Radius(about="Kilometres")
    bbox = Box(Hub, "pk", about="Where it is")
    notable = Flag(about="One of the country's main hubs")
    geonames_id = Number(about="Number in geonames.org", example=1172451)
    summary = Text()
    technology_park = Texts("technology_parks")
    source = Text(about="Where the facts come from", example="geonames")


class ProgramFilters(PublishedFilters):
    id = Id(Program)
    slug = Slug(Program)
    kind = Choice(Program.Kind.values, optional=False)
    hub = Related(Hub, "hub_id")
    organiser = Text(example="Ignite")
    started_year = Number(example=2017)
    for_women = Flag(about="For women")
    summary = Text(example="incubation")
    website = Word(example="https://nicpakistan.pk/")
    source = Text(about="Where the facts come from", example="pakobserver")


class IndicatorFilters(PublishedFilters):
    id = Id(Indicator)
    slug = Slug(Indicator)
    measure = Word(about="What is measured", example="it-exports")
    period = Word(about="The period's name", example="FY2023-24")
    period_start = Date(about="First day of the period", example="2023-07-01")
    period_end = Date(about="Last day of the period", example="2024-06-30")
    value = DecimalNumber(example=3223)
    unit = Word(example="USD million")
    hub = Related(Hub, "hub_id")
    note = Text(example="State Bank")
    source = Text(about="Where the figure comes from", example="brecorder")
