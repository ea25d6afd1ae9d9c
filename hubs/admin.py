from django.contrib import admin

from directory.curating import PublishedAdmin, UsedFilter
from hubs.models import Hub, Indicator, Program


class HubFilter(UsedFilter):
    order = ("-notable", "name_key")


@admin.register(Hub)
class HubAdmin(PublishedAdmin):
    also_known_by = ("aliases", "slug")
    are_few = True
    fields = [
        *("name", "slug", "aliases", "province", ("latitude", "longitude"), "geonames_id", "notable"),
        *("summary", "technology_parks", "source"),
    ]
    list_display = ["name", "province", "notable", "updated_at"]
    list_filter = ["province", "notable"]


@admin.register(Program)
class ProgramAdmin(PublishedAdmin):
    also_known_by = ("organiser", "slug")
    deferred = ("document", "hub__document")
    fields = [
        *("name", "slug", "kind", "hub", "organiser", "started_year", "for_women", "summary", "website", "source"),
    ]
    autocomplete_fields = ["hub"]
    list_display = ["name", "kind", "hub", "organiser", "started_year", "for_women"]
    list_filter = ["kind", "for_women", ("hub", HubFilter)]
    list_select_related = ["hub"]


@admin.register(Indicator)
class IndicatorAdmin(PublishedAdmin):
    also_known_by = ("measure", "period", "slug")
    deferred = ("document", "hub__document")
    fields = [
        *("name", "slug", "measure", "period", ("period_start", "period_end"), ("value", "unit")),
        *("hub", "note", "source"),
    ]
    autocomplete_fields = ["hub"]
    list_display = ["name", "measure", "period", "value", "unit", "hub"]
    list_filter = [("hub", HubFilter)]
    list_select_related = ["hub"]
    date_hierarchy = "period_start"
