"""Companies, what they do, and where each fact about them comes from."""

from __future__ import annotations

import datetime

import pgtrigger
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from companies.countries import COUNTRIES
from companies.dictionary import dictionary_triggers
from companies.identifiers import SCHEMES, Scheme, check_identifier
from companies.merges import Merge as Merge  # Django looks for models here
from companies.pairs import Duplicate as Duplicate
from companies.pairs import DuplicateSearch as DuplicateSearch
from companies.questions import AskedQuerySet
from companies.staged import Import as Import
from companies.staged import ImportRow as ImportRow
from companies.suggestions import Suggestion as Suggestion
from companies.unplaced import UnplacedValue as UnplacedValue
from companies.vouching import check_facts
from companies.workflow import NEW, Status, Step
from directory.api.ordering import Sort, declare_orderings, indexes_for
from directory.models import Published, PublishedQuerySet, marks, published_triggers
from directory.websites import DomainField, WebsiteField, bare_domain, website_constraint
from hubs.models import PUBLISHED, SORTS, Hub, Program

INT_MAX = 2**31 - 1
# What companies are fetched by that something else may be: see companies.matching.
MATCH_KEYS = models.Func(
    F("name"),
    F("legal_name"),
    F("aliases"),
    models.Value(0),
    function="company_match_keys",
    output_field=ArrayField(models.TextField()),
)
COMPANY_SORTS = SORTS | {
    "founded_year": Sort("founded_year", least=-32768, most=32767),
    "employees": Sort("employees_min", least=-1, most=INT_MAX),
    "hourly_rate": Sort("hourly_rate_min", least=-1, most=INT_MAX),
    "verified_on": Sort("verified_on", least=datetime.date.min, most=datetime.date.max),
}
ORDERINGS = {
    "company": declare_orderings(
        COMPANY_SORTS,
        *(f"{sign}{name}" for name in COMPANY_SORTS for sign in ("", "-")),
        *("founded_year,name", "-founded_year,name"),
    ),
    "term": declare_orderings(SORTS, "name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"),
}


def in_order(low: str, high: str) -> Q:
    """Either end may be missing; where both are there, they are in order."""
    return Q(**{f"{low}__isnull": True}) | Q(**{f"{high}__isnull": True}) | Q(**{f"{low}__lte": F(high)})


def aliases_field(help_text: str) -> ArrayField:
    return ArrayField(models.CharField(max_length=200), default=list, blank=True, help_text=help_text)


class TermQuerySet(PublishedQuerySet):
    def claiming(self, words: list[str]) -> TermQuerySet:
        """The terms that already go by one of ``words``, as name or alias."""
        return self.filter(Q(name__in=words) | Q(aliases__overlap=words))


class Term(Published):
    """A word of the directory's vocabulary; no two of a kind share a name or an alias."""

    named_by = ("name", "aliases")

    aliases = aliases_field("As people write it; each word leads to one term only.")

    objects = TermQuerySet.as_manager()

    class Meta(Published.Meta):
        abstract = True

    def clean(self) -> None:
        super().clean()
        words = [self.name, *self.aliases]
        for other in type(self).objects.exclude(pk=self.pk).claiming(words):
            claimed = {other.name, *other.aliases} & set(words)
            raise ValidationError({"aliases": f"“{min(claimed)}” already leads to “{other.name}”."})


class Industry(Term):
    """An industry that companies serve: healthcare, logistics, agriculture."""

    kind_number = 2
    collection = "industries"
    example = "healthcare"
    serializer = "companies.serializers.IndustrySerializer"

    class Meta(Term.Meta):
        verbose_name_plural = "industries"
        triggers = published_triggers("industry")
        indexes = indexes_for(ORDERINGS["term"].values(), prefix="industry", condition=PUBLISHED)


class SpecialtyQuerySet(TermQuerySet):
    def for_document(self) -> SpecialtyQuerySet:
        return self.select_related("parent")


class Specialty(Term):
    """Something that companies are good at; a tree, in which a parent includes its descendants."""

    kind_number = 3
    collection = "specialties"
    example = "artificial-intelligence"
    serializer = "companies.serializers.SpecialtySerializer"
    follows = {"specialty": ("parent",)}

    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    emerging = models.BooleanField(default=False, help_text="AI, Blockchain, IoT and what belongs to them.")

    objects = SpecialtyQuerySet.as_manager()

    class Meta(Term.Meta):
        verbose_name_plural = "specialties"
        indexes = indexes_for(ORDERINGS["term"].values(), prefix="specialty", condition=PUBLISHED)
        triggers = [
            *published_triggers("specialty"),
            pgtrigger.Trigger(
                name="keep_tree",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("parent_id"),
                func="""
                    IF EXISTS (
                        WITH RECURSIVE ancestor (id) AS (
                            SELECT NEW.parent_id
                            UNION SELECT parent_id FROM companies_specialty JOIN ancestor USING (id)
                        ) SELECT FROM ancestor WHERE id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'a specialty cannot be below itself' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def clean(self) -> None:
        super().clean()
        ancestor = self.parent
        while ancestor is not None:
            if ancestor.pk == self.pk:
                raise ValidationError({"parent": f"“{self.parent}” is below “{self.name}” itself."})
            ancestor = ancestor.parent


class CompanyQuerySet(AskedQuerySet):
    def for_document(self) -> CompanyQuerySet:
        offices = Office.objects.select_related("hub").defer("hub__document").order_by("pk")
        return (
            self.select_related("hub")
            .defer("search", "hub__document")
            .prefetch_related(
                models.Prefetch("offices", offices),
                models.Prefetch("specialties", Specialty.objects.order_by("name_key").only("slug", "name")),
                models.Prefetch("industries", Industry.objects.order_by("name_key").only("slug", "name")),
                models.Prefetch("programs", Program.objects.order_by("name_key").only("slug", "name")),
                models.Prefetch("credentials", Credential.objects.order_by("pk")),
                models.Prefetch("identifiers", Identifier.objects.order_by("pk")),
                models.Prefetch("sources", Source.objects.order_by("pk")),
            )
        )

    def for_matching(self) -> CompanyQuerySet:
        """The companies that something else may be: not those that are another one already."""
        merged = Merge.objects.standing().filter(drop=OuterRef("pk"))
        return (
            self.exclude(Exists(merged))
            .select_related("hub")
            .only("name", "legal_name", "aliases", "website", "hub__slug")
            .prefetch_related("identifiers")
        )

    def to_check_link(self, now: datetime.datetime) -> CompanyQuerySet:
        """Those whose website is to be checked: first what curators asked for, then what is due the longest."""
        is_due = Q(link_check=None) | Q(link_check__next_check__lte=now) | ~Q(link_check__url=F("website"))
        wanted = Q(link_check__asked_at__isnull=False) | Q(is_due, status=Status.PUBLISHED)
        return (
            self.exclude(website="")
            .filter(wanted)
            .order_by(
                F("link_check__asked_at").asc(nulls_last=True),
                F("link_check__next_check").asc(nulls_first=True),
                "pk",
            )
        )


class Company(Published):
    """A startup or technology company."""

    kind_number = 6
    collection = "companies"
    example = "devsinc"
    serializer = "companies.serializers.CompanySerializer"
    follows = {
        "hub": ("hub", "offices__hub"),
        "specialty": ("specialties",),
        "industry": ("industries",),
        "program": ("programs",),
    }
    named_by = ("name", "legal_name", "aliases")
    shown_by = {"status": Status.PUBLISHED}

    class Kind(models.TextChoices):
        STARTUP = "startup"
        ESTABLISHED = "established"

    class OperatingStatus(models.TextChoices):
        ACTIVE = "active"
        ACQUIRED = "acquired"
        CLOSED = "closed"

    Status = Status

    legal_name = models.CharField(max_length=250, blank=True, help_text="As registered: with (Pvt.) Ltd.")
    aliases = aliases_field("Other names: abbreviations, former names, اردو.")
    kind = models.CharField(max_length=16, choices=Kind.choices, blank=True)
    operating_status = models.CharField(
        max_length=16, choices=OperatingStatus.choices, blank=True, help_text="Empty: not known."
    )
    summary = models.CharField(max_length=300, blank=True, help_text="What it does, in one sentence.")
    description = models.TextField(blank=True)
    website = WebsiteField()
    domain = DomainField(max_length=255, blank=True, editable=False)
    shares_domain = models.BooleanField(default=False, help_text="Another company legitimately has the same domain.")
    founded_year = models.PositiveSmallIntegerField(null=True, blank=True)
    employees_min = models.PositiveIntegerField(null=True, blank=True)
    employees_max = models.PositiveIntegerField(null=True, blank=True, help_text="Empty with “500+”.")
    hourly_rate_min = models.PositiveIntegerField(null=True, blank=True, help_text="US dollars an hour.")
    hourly_rate_max = models.PositiveIntegerField(null=True, blank=True)
    hub = models.ForeignKey(
        Hub, null=True, blank=True, on_delete=models.PROTECT, related_name="companies", help_text="Its home."
    )
    specialties = models.ManyToManyField(Specialty, blank=True, related_name="companies")
    industries = models.ManyToManyField(Industry, blank=True, related_name="companies")
    programs = models.ManyToManyField(Program, blank=True, related_name="companies")
    export_markets = ArrayField(
        models.CharField(max_length=2, choices=list(COUNTRIES.items())),
        default=list,
        blank=True,
        help_text="ISO 3166 codes: US, GB, AE.",
    )
    women_led = models.BooleanField(null=True, blank=True)
    research_and_development = models.BooleanField(null=True, blank=True)
    verified_on = models.DateField(null=True, blank=True, help_text="When somebody last checked the facts.")
    search = models.GeneratedField(
        expression=models.Func(F("document"), function="company_search"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    # Never public.
    verify_by = models.DateField(
        null=True,
        blank=True,
        help_text="When to check the facts again. Empty: a year after they were last checked.",
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    notes = models.TextField(blank=True, help_text="For curators; never public.")
    contact_email = models.EmailField(blank=True, help_text="Never public.")

    objects = CompanyQuerySet.as_manager()

    class Meta(Published.Meta):
        verbose_name_plural = "companies"
        permissions = [("publish_company", "Can publish company"), ("merge_company", "Can merge company")]
        triggers = [*published_triggers("company"), *dictionary_triggers()]
        indexes = [
            *indexes_for(ORDERINGS["company"].values(), prefix="company", condition=PUBLISHED),
            GinIndex(fields=["name_key"], name="company_name_trigrams", opclasses=["gin_trgm_ops"]),
            GinIndex(fields=["export_markets"], name="company_export_markets"),
            GinIndex(fields=["search"], name="company_search"),
            GinIndex(MATCH_KEYS, name="company_match_keys"),
            models.Index(
                name="company_domain", fields=["domain"], opclasses=["varchar_pattern_ops"], condition=~Q(domain="")
            ),
        ]
        constraints = [
            *Published.Meta.constraints,
            website_constraint("company"),
            models.CheckConstraint(
                name="company_domain_of_website",
                condition=Q(website="", domain="") | (~Q(domain="") & Q(website__icontains=F("domain"))),
                violation_error_message="The domain is not the website's: change both, or save the company.",
            ),
            models.UniqueConstraint(
                fields=["domain"],
                name="company_domain_once",
                condition=~Q(domain="") & Q(shares_domain=False),
                violation_error_message="Another company has this website's domain. If both are right, say so"
                " by “shares domain”.",
            ),
            models.CheckConstraint(
                name="company_year_plausible",
                condition=Q(founded_year__isnull=True) | Q(founded_year__gte=1850, founded_year__lte=2100),
                violation_error_message="The founding year lies between 1850 and 2100.",
            ),
            models.CheckConstraint(
                name="company_employees_in_order",
                condition=in_order("employees_min", "employees_max"),
                violation_error_message="The smaller number of employees comes first.",
            ),
            models.CheckConstraint(
                name="company_rate_in_order",
                condition=in_order("hourly_rate_min", "hourly_rate_max"),
                violation_error_message="The lower hourly rate comes first.",
            ),
            models.CheckConstraint(
                name="company_choices_known",
                condition=Q(kind__in=["", "startup", "established"])
                & Q(operating_status__in=["", "active", "acquired", "closed"])
                & Q(status__in=["draft", "in_review", "published", "withdrawn"]),
                violation_error_message="Kind, operating status and status are each one of their lists.",
            ),
            models.CheckConstraint(
                name="company_export_markets_known",
                condition=Q(export_markets__contained_by=list(COUNTRIES)),
                violation_error_message="Export markets are ISO 3166 codes of countries.",
            ),
        ]

    @property
    def is_public(self) -> bool:
        return self.status == self.Status.PUBLISHED

    def hide(self, *, by: User | None = None, reason: str = "") -> None:
        before, self.status = self.status, Status.WITHDRAWN
        self.save(update_fields=["status"])
        Step.objects.take([self], before=before, after=self.status, by=by, reason=reason)

    def was_shown(self, before: Company | None, *, by: User | None, reason: str) -> None:
        Step.objects.take([self], before=before.status if before else NEW, after=self.status, by=by, reason=reason)

    def clean(self) -> None:
        self.domain = bare_domain(self.website)
        super().clean()


class CompanySpecialty(Company.specialties.through):
    class Meta:
        proxy = True
        triggers = marks("company", "company_id")


class CompanyIndustry(Company.industries.through):
    class Meta:
        proxy = True
        triggers = marks("company", "company_id")


class CompanyProgram(Company.programs.through):
    class Meta:
        proxy = True
        triggers = marks("company", "company_id")


class Office(models.Model):
    """A place of work in another hub than the home."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="offices")
    hub = models.ForeignKey(Hub, on_delete=models.PROTECT, related_name="offices")
    address = models.CharField(max_length=300, blank=True)

    class Meta:
        triggers = marks("company", "company_id")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "hub", "address"],
                name="office_once",
                violation_error_message="This office is already there.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.company} in {self.hub}"


class Credential(models.Model):
    """A certification, a partnership with a vendor, or a membership."""

    class Kind(models.TextChoices):
        CERTIFICATION = "certification"
        PARTNERSHIP = "partnership"
        MEMBERSHIP = "membership"

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=200, help_text="ISO 27001, AWS Advanced Partner, P@SHA member.")
    issuer = models.CharField(max_length=200, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        triggers = marks("company", "company_id")
        constraints = [
            models.CheckConstraint(
                name="credential_kind_known",
                condition=Q(kind__in=["certification", "partnership", "membership"]),
                violation_error_message="The kind is certification, partnership or membership.",
            ),
            models.CheckConstraint(
                name="credential_validity_in_order",
                condition=in_order("valid_from", "valid_until"),
                violation_error_message="The validity ends before it begins.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Identifier(models.Model):
    """What a register calls the company; one company for each value of a scheme."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=12, choices=Scheme.choices)
    value = models.CharField(max_length=100)

    class Meta:
        triggers = marks("company", "company_id")
        constraints = [
            models.UniqueConstraint(
                fields=["scheme", "value"],
                name="identifier_once",
                violation_error_message="Another company has this identifier.",
            ),
            *(
                models.CheckConstraint(
                    name=f"identifier_{scheme}_form",
                    condition=~Q(scheme=scheme) | Q(value__regex=form.pattern),
                    violation_error_message=f"{form.label}: {form.explanation}",
                )
                for scheme, form in SCHEMES.items()
            ),
            models.CheckConstraint(
                name="identifier_scheme_known",
                condition=Q(scheme__in=list(SCHEMES)),
                violation_error_message="The scheme is not one of the list.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"

    def clean(self) -> None:
        super().clean()
        if message := check_identifier(self.scheme, self.value):
            raise ValidationError({"value": message})


class Source(models.Model):
    """Where facts about a company come from."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="sources")
    reference = models.CharField(max_length=500, help_text="An address, or a citation.")
    facts = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="The fields it vouches for: website, founded_year. Empty: that the company exists.",
    )
    seen_on = models.DateField(null=True, blank=True)

    class Meta:
        triggers = marks("company", "company_id")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                name="source_once",
                violation_error_message="This source is already there.",
            )
        ]

    def __str__(self) -> str:
        return self.reference

    def clean(self) -> None:
        super().clean()
        try:
            check_facts(self.facts)
        except ValidationError as error:
            raise ValidationError({"facts": error}) from error
