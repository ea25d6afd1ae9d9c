"""Places, programs and figures of Pakistan's technology sector."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from directory.api.ordering import Sort, declare_orderings, indexes_for
from directory.models import Published, PublishedQuerySet, published_triggers, slug_of
from directory.websites import WebsiteField, website_constraint

PUBLISHED = Q(document__isnull=False)
SORTS = {"name": Sort("name_key"), "created_at": Sort("created_at"), "updated_at": Sort("updated_at")}
YEAR = Sort("started_year", least=-32768, most=32767)
ORDERINGS = {
    "hub": declare_orderings(SORTS, "name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"),
    "program": declare_orderings(
        SORTS | {"started_year": YEAR},
        *("name", "-name", "started_year", "-started_year"),
        *("created_at", "-created_at", "updated_at", "-updated_at"),
    ),
    "indicator": declare_orderings(
        SORTS | {"period": Sort("period_start"), "measure": Sort("measure")},
        *("name", "-name", "period", "-period", "measure,period"),
        *("created_at", "-created_at", "updated_at", "-updated_at"),
    ),
}


def between(field: str, low: float, high: float) -> Q:
    return Q(**{f"{field}__gte": low, f"{field}__lte": high})


class Province(models.TextChoices):
    """ISO 3166-2:PK."""

    BALOCHISTAN = "PK-BA", "Balochistan"
    GILGIT_BALTISTAN = "PK-GB", "Gilgit-Baltistan"
    ISLAMABAD = "PK-IS", "Islamabad Capital Territory"
    AZAD_JAMMU_KASHMIR = "PK-JK", "Azad Jammu and Kashmir"
    KHYBER_PAKHTUNKHWA = "PK-KP", "Khyber Pakhtunkhwa"
    PUNJAB = "PK-PB", "Punjab"
    SINDH = "PK-SD", "Sindh"


class Hub(Published):
    """A city where technology companies work."""

    kind_number = 1
    collection = "hubs"
    example = "lahore"
    serializer = "hubs.serializers.HubSerializer"
    named_by = ("name", "aliases")

    province = models.CharField(max_length=5, choices=Province.choices)
    latitude = models.FloatField(help_text="Degrees north, WGS 84.")
    longitude = models.FloatField(help_text="Degrees east, WGS 84.")
    geonames_id = models.PositiveIntegerField(null=True, blank=True, unique=True)
    notable = models.BooleanField(default=False, help_text="One of the country's main hubs.")
    aliases = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="As people write it: KHI, کراچی, districts.",
    )
    summary = models.TextField(blank=True)
    technology_parks = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    source = models.CharField(max_length=500, blank=True, help_text="Where these facts come from.")

    class Meta(Published.Meta):
        triggers = published_triggers("hub")
        indexes = indexes_for(ORDERINGS["hub"].values(), prefix="hub", condition=PUBLISHED)
        constraints = [
            *Published.Meta.constraints,
            models.CheckConstraint(
                name="hub_province_known",
                condition=Q(province__in=Province.values),
                violation_error_message="The province is one of ISO 3166-2:PK.",
            ),
            # The bounding box of Pakistan and the areas it administers, rounded outwards.
            models.CheckConstraint(
                name="hub_in_pakistan",
                condition=between("latitude", 23, 38) & between("longitude", 60, 78),
                violation_error_message="The coordinates lie outside Pakistan: latitude 23–38, longitude 60–78.",
            ),
        ]


class ProgramQuerySet(PublishedQuerySet):
    def for_document(self) -> "ProgramQuerySet":
        return self.select_related("hub")


class Program(Published):
    """An incubator, accelerator, scholarship, mentorship, training or digital-literacy program."""

    kind_number = 4
    collection = "programs"
    example = "nic-lahore"
    serializer = "hubs.serializers.ProgramSerializer"
    follows = {"hub": ("hub",)}

    class Kind(models.TextChoices):
        INCUBATOR = "incubator"
        ACCELERATOR = "accelerator"
        SCHOLARSHIP = "scholarship"
        MENTORSHIP = "mentorship"
        TRAINING = "training"
        DIGITAL_LITERACY = "digital-literacy"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    hub = models.ForeignKey(
        Hub,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="programs",
        help_text="Empty: national.",
    )
    organiser = models.CharField(max_length=200, blank=True)
    started_year = models.PositiveSmallIntegerField(null=True, blank=True)
    for_women = models.BooleanField(default=False)
    summary = models.TextField(blank=True)
    website = WebsiteField()
    source = models.CharField(max_length=500, blank=True, help_text="Where these facts come from.")

    objects = ProgramQuerySet.as_manager()

    class Meta(Published.Meta):
        triggers = published_triggers("program")
        indexes = indexes_for(ORDERINGS["program"].values(), prefix="program", condition=PUBLISHED)
        constraints = [
            *Published.Meta.constraints,
            models.CheckConstraint(
                name="program_kind_known",
                condition=Q(
                    kind__in=[
                        "incubator",
                        "accelerator",
                        "scholarship",
                        "mentorship",
                        "training",
                        "digital-literacy",
                    ]
                ),
                violation_error_message="The kind is not one of the list.",
            ),
            models.CheckConstraint(
                name="program_year_plausible",
                condition=Q(started_year__isnull=True) | between("started_year", 1947, 2100),
                violation_error_message="The year of the start lies between 1947 and 2100.",
            ),
            website_constraint("program"),
        ]


class IndicatorQuerySet(PublishedQuerySet):
    def for_document(self) -> "IndicatorQuerySet":
        return self.select_related("hub")


class Indicator(Published):
    """A figure for a period: IT exports of a fiscal year, firms registered in a hub, women in IT."""

    kind_number = 5
    collection = "indicators"
    example = "it-exports-fy2017-18"
    serializer = "hubs.serializers.IndicatorSerializer"
    follows = {"hub": ("hub",)}

    measure = models.SlugField(max_length=60, help_text="What is measured: it-exports.")
    period = models.CharField(max_length=20, help_text="As it is called: FY2024-25, 2023-03, 2012.")
    period_start = models.DateField()
    period_end = models.DateField(help_text="The last day of the period.")
    value = models.DecimalField(max_digits=18, decimal_places=4)
    unit = models.CharField(max_length=40, help_text="USD million, firms, percent.")
    hub = models.ForeignKey(
        Hub,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="indicators",
        help_text="Empty: national.",
    )
    note = models.TextField(blank=True)
    source = models.CharField(max_length=500, help_text="Where the figure comes from.")

    objects = IndicatorQuerySet.as_manager()

    class Meta(Published.Meta):
        triggers = published_triggers("indicator")
        indexes = indexes_for(ORDERINGS["indicator"].values(), prefix="indicator", condition=PUBLISHED)
        constraints = [
            *Published.Meta.constraints,
            models.UniqueConstraint(
                fields=["measure", "period", "hub"],
                name="indicator_once",
                nulls_distinct=False,
                violation_error_message="This measure already has a figure for that period and hub.",
            ),
            models.CheckConstraint(
                name="indicator_period_in_order",
                condition=Q(period_end__gte=F("period_start")),
                violation_error_message="The period ends before it starts.",
            ),
            models.CheckConstraint(
                name="indicator_has_source",
                condition=~Q(source=""),
                violation_error_message="A figure without a source is not published: name it.",
            ),
        ]

    def slug_stem(self) -> str:
        return "-".join(filter(None, [self.measure, slug_of(self.period), self.hub.slug if self.hub else ""]))
