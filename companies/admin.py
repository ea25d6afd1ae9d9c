import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from companies.countries import COUNTRIES
from companies.dictionary import Word
from companies.merge_page import PERMISSION, merge_page, undo_merge_page
from companies.models import Company, Credential, Identifier, Industry, Merge, Office, Source, Specialty
from directory.admin import CuratedAdmin, CuratedForm, LookedAtAdmin, PublishedAdmin, containing
from directory.websites import bare_domain
from hubs.admin import HubFilter


class CodesField(SimpleArrayField):
    """A list of codes, apart by commas or spaces."""

    default_error_messages = {"item_invalid": "Code %(nth)s:"}

    def to_python(self, value: Any) -> Sequence[Any]:
        if isinstance(value, str):
            value = list(dict.fromkeys(re.findall(r"[^\s,;]+", value)))
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class CountriesField(CodesField):
    """ISO 3166 codes in either case."""

    def __init__(self, base_field: forms.Field, **options: Any) -> None:
        message = "“%(value)s” is not a country’s ISO 3166 code, such as US, GB or AE."
        country = forms.ChoiceField(choices=list(COUNTRIES.items()), error_messages={"invalid_choice": message})
        super().__init__(country, **options)

    def to_python(self, value: Any) -> Sequence[Any]:
        return super().to_python(value.upper() if isinstance(value, str) else value)


class CompanyForm(CuratedForm):
    class Meta:
        field_classes = {"export_markets": CountriesField}

    def _get_validation_exclusions(self) -> set[str]:
        """Check the domain too: it is in no form, but the website, which is, decides it."""
        return super()._get_validation_exclusions() - {"domain"}  # type: ignore[misc]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        today = timezone.localdate()
        if (cleaned.get("founded_year") or 0) > today.year:
            self.add_error("founded_year", "A company is founded before it is listed: this year lies in the future.")
        if cleaned.get("verified_on") and cleaned["verified_on"] > today:
            self.add_error("verified_on", "This day lies in the future.")
        domain = bare_domain(cleaned.get("website") or "")
        if domain and not cleaned.get("shares_domain"):
            self.name_owner_of(domain)
        return cleaned

    def name_owner_of(self, domain: str) -> None:
        """Say which company the domain belongs to; the database would only say that there is one."""
        owner = Company.objects.filter(domain=domain, shares_domain=False).exclude(pk=self.instance.pk).first()
        if owner:
            message = f"Another company has this website’s domain: {owner}. If both are right, tick “shares domain”."
            self.add_error("website", message)


class SourceForm(CuratedForm):
    class Meta:
        field_classes = {"facts": CodesField}


class PartInline(admin.TabularInline):
    """Rows that belong to a company."""

    extra = 0
    max_num = 200
    formfield_overrides = CuratedAdmin.formfield_overrides

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        """No more forms than rows may be, whatever number the browser says."""
        return super().get_formset(request, obj, **options, absolute_max=self.max_num)


class OfficeInline(PartInline):
    model = Office
    autocomplete_fields = ["hub"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("hub").defer("hub__document")


class CredentialInline(PartInline):
    model = Credential


class IdentifierInline(PartInline):
    model = Identifier


class SourceInline(PartInline):
    model = Source
    form = SourceForm


class EmergingFilter(admin.SimpleListFilter):
    title = "emerging technology"
    parameter_name = "emerging"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("1", "Yes"), ("0", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        emerging = Exists(Specialty.objects.filter(emerging=True, companies=OuterRef("pk")))
        return {"1": queryset.filter(emerging), "0": queryset.exclude(emerging)}.get(self.value() or "", queryset)


@admin.register(Company)
class CompanyAdmin(PublishedAdmin):
    form = CompanyForm
    also_known_by = ("legal_name", "aliases", "domain", "slug")
    deferred = ("document", "search", "hub__document")
    readonly_fields = ["domain", *PublishedAdmin.readonly_fields]
    fieldsets = [
        ("Identity", {"fields": ["name", "legal_name", "aliases", "slug", "website", "shares_domain"]}),
        (
            "What it does",
            {
                "fields": [
                    *("kind", "operating_status", "summary", "description", "specialties", "industries"),
                    *("research_and_development", "women_led"),
                ]
            },
        ),
        ("Where", {"fields": ["hub", "export_markets", "programs"]}),
        (
            "Size and cost",
            {
                "fields": [
                    "founded_year",
                    ("employees_min", "employees_max"),
                    ("hourly_rate_min", "hourly_rate_max"),
                    "verified_on",
                ]
            },
        ),
        ("Private", {"fields": ["status", "notes", "contact_email"]}),
    ]
    autocomplete_fields = ["hub", "specialties", "industries", "programs"]
    inlines = [OfficeInline, CredentialInline, IdentifierInline, SourceInline]
    list_display = ["name", "hub", "kind", "status", "founded_year", "verified_on"]
    list_filter = ["status", "kind", "operating_status", "women_led", EmergingFilter, ("hub", HubFilter)]
    list_select_related = ["hub"]
    actions = ["publish", "withdraw", "merge"]

    def get_urls(self) -> list[Any]:
        return [
            path("merge/", self.admin_site.admin_view(merge_page), name="companies_company_merge"),
            *super().get_urls(),
        ]

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description="Merge the two selected companies", permissions=["merge"])
    def merge(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        selected = list(queryset.order_by("pk").values_list("pk", flat=True)[:3])
        if len(selected) != 2:
            self.message_user(request, "Select just the two that are one company.", messages.ERROR)
            return None
        keep, drop = selected
        return HttpResponseRedirect(f"{reverse('admin:companies_company_merge')}?keep={keep}&drop={drop}")

    @admin.action(description="Publish selected companies", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.set_status(request, queryset, Company.Status.PUBLISHED)

    @admin.action(description="Withdraw selected companies", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.set_status(request, queryset, Company.Status.WITHDRAWN)

    def set_status(self, request: HttpRequest, queryset: QuerySet, status: Company.Status) -> None:
        companies = list(queryset.exclude(status=status))
        Company.objects.filter(pk__in=[company.pk for company in companies]).update(status=status)
        message = [{"changed": {"fields": ["Status"]}}]
        LogEntry.objects.log_actions(request.user.pk, companies, CHANGE, message)  # type: ignore[arg-type]
        self.give_reason(f"{status.label}.")
        self.message_user(request, f"{status.label}: {len(companies)}.", messages.SUCCESS)


@admin.register(Industry)
class IndustryAdmin(PublishedAdmin):
    also_known_by = ("aliases", "slug")
    fields = ["name", "slug", "aliases"]
    list_display = ["name", "slug", "updated_at"]


@admin.register(Specialty)
class SpecialtyAdmin(PublishedAdmin):
    also_known_by = ("aliases", "slug")
    deferred = ("document", "parent__document")
    fields = ["name", "slug", "aliases", "parent", "emerging"]
    autocomplete_fields = ["parent"]
    list_display = ["name", "parent", "emerging", "updated_at"]
    list_filter = ["emerging"]
    list_select_related = ["parent"]


class PartAdmin(CuratedAdmin):
    """Rows that belong to a company, across all companies; saving one publishes the company."""

    autocomplete_fields = ["company"]
    deferred: ClassVar[tuple[str, ...]] = ("company__document", "company__description")
    list_select_related = ["company"]
    search_fields = ["company__name_key"]
    search_help_text = "By the company’s name."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return containing(queryset, "company__name_key", search_term), False


@admin.register(Office)
class OfficeAdmin(PartAdmin):
    autocomplete_fields = ["company", "hub"]
    deferred = (*PartAdmin.deferred, "hub__document")
    list_display = ["company", "hub", "address"]
    list_filter = [("hub", HubFilter)]
    list_select_related = ["company", "hub"]


@admin.register(Credential)
class CredentialAdmin(PartAdmin):
    list_display = ["company", "kind", "name", "issuer", "valid_from", "valid_until"]
    list_filter = ["kind"]


@admin.register(Identifier)
class IdentifierAdmin(PartAdmin):
    list_display = ["company", "scheme", "value"]
    list_filter = ["scheme"]
    search_help_text = "By the company’s name, or by the identifier."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        return (found | queryset.filter(value=search_term.strip()) if search_term else found), duplicates


@admin.register(Source)
class SourceAdmin(PartAdmin):
    form = SourceForm
    list_display = ["company", "reference", "seen_on"]


@admin.register(Word)
class WordAdmin(LookedAtAdmin):
    """Words that one company has and nobody else may well be typing errors."""

    fields = ["word", "companies"]
    list_display = ["word", "companies"]
    search_fields = ["word__startswith"]
    search_help_text = "By the beginning of the word."


@admin.register(Merge)
class MergeAdmin(LookedAtAdmin):
    fields = ["at", "keep", "drop", "by", "reason", "undone_at", "undo"]
    readonly_fields = ["undo"]
    list_display = ["at", "keep", "drop", "by", "reason", "undone_at", "undo"]
    list_select_related = ["keep", "drop", "by"]
    search_fields = ["keep__name_key__startswith", "drop__name_key__startswith"]

    def get_urls(self) -> list[Any]:
        undo = self.admin_site.admin_view(undo_merge_page)
        return [path("<int:merge_id>/undo/", undo, name="companies_merge_undo"), *super().get_urls()]

    @admin.display(description="undo")
    def undo(self, obj: Merge) -> str:
        if obj.undone_at:
            return "Undone"
        return format_html('<a href="{}">Undo</a>', reverse("admin:companies_merge_undo", args=[obj.pk]))
