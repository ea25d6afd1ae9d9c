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
from django.utils.html import format_html, format_html_join

from companies.countries import COUNTRIES
from companies.dictionary import Word
from companies.duplicate_admin import DuplicateAdmin
from companies.import_page import import_page, progress_page, refused_page, upload_page
from companies.merge_page import PERMISSION, merge_page, undo_merge_page
from companies.models import (
    Company,
    Credential,
    Duplicate,
    Identifier,
    Import,
    ImportRow,
    Industry,
    Merge,
    Office,
    Source,
    Specialty,
)
from companies.reasons import ReasonActionForm, ReasonField
from companies.workflow import EXPLAINED, NEW, OPEN, Status, Step, publishes, reachable
from directory.admin import CuratedAdmin, CuratedForm, CuratorFilter, LookedAtAdmin, PublishedAdmin, containing
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
    """Offers the steps of the workflow that are open to ``user``."""

    user: Any = None
    reason = ReasonField(help_text="Why it changes. Needed when it is withdrawn, or sent back from review.")

    class Meta:
        field_classes = {"export_markets": CountriesField}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = NEW if self.instance._state.adding else self.instance.status
        if status := self.fields.get("status"):
            offered = [self.before, *reachable(self.user, self.before)]
            status.choices = [choice for choice in Status.choices if choice[0] in offered]  # type: ignore[attr-defined]
            status.error_messages["invalid_choice"] = "From where it is, you cannot take it there."

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
        if (self.before, cleaned.get("status")) in EXPLAINED and not cleaned.get("reason"):
            self.add_error("reason", "Say why: others have to know.")
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


class ToVerifyFilter(admin.SimpleListFilter):
    title = "to be verified"
    parameter_name = "to_verify"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("1", "By today")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.to_verify(timezone.localdate()) if self.value() else queryset  # type: ignore[attr-defined]


@admin.register(Company)
class CompanyAdmin(PublishedAdmin):
    form = CompanyForm
    action_form = ReasonActionForm
    also_known_by = ("legal_name", "aliases", "domain", "slug")
    deferred = ("document", "search", "hub__document")
    readonly_fields = ["domain", *PublishedAdmin.readonly_fields, "steps"]
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
                    ("verified_on", "verify_by"),
                ]
            },
        ),
        ("Private", {"fields": ["status", "reason", "notes", "contact_email"]}),
    ]
    autocomplete_fields = ["hub", "specialties", "industries", "programs"]
    inlines = [OfficeInline, CredentialInline, IdentifierInline, SourceInline]
    list_display = ["name", "hub", "kind", "status", "founded_year", "verified_on"]
    list_filter = [
        "status",
        "kind",
        "operating_status",
        "women_led",
        ToVerifyFilter,
        EmergingFilter,
        ("hub", HubFilter),
    ]
    list_select_related = ["hub"]
    actions = ["send_to_review", "send_back", "publish", "withdraw", "merge"]

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

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who does not publish edits only what is not public."""
        is_open = obj is None or obj.status in OPEN
        return super().has_change_permission(request, obj) and (is_open or publishes(request.user))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request) and publishes(request.user)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change, **options)
        form.user = request.user
        return form

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its steps, merges and duplicates go with a company, although nobody may delete a single one."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        kept = {model._meta.verbose_name for model in (Step, Merge, Duplicate)}
        return found, counts, missing - kept, protected

    def save_model(self, request: HttpRequest, obj: Company, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        reason = form.cleaned_data["reason"]
        self.give_reason(reason)
        if obj.status != form.before:
            Step.objects.take([obj], before=form.before, after=obj.status, by=request.user, reason=reason)  # type: ignore[arg-type]

    @admin.action(description="Send selected companies to review", permissions=["change"])
    def send_to_review(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.take_step(request, queryset, Status.IN_REVIEW)

    @admin.action(description="Make selected companies drafts again", permissions=["change"])
    def send_back(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.take_step(request, queryset, Status.DRAFT)

    @admin.action(description="Publish selected companies", permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.take_step(request, queryset, Status.PUBLISHED)

    @admin.action(description="Withdraw selected companies", permissions=["publish"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.take_step(request, queryset, Status.WITHDRAWN)

    def take_step(self, request: HttpRequest, queryset: QuerySet, after: Status) -> None:
        """Take those of ``queryset`` to ``after`` which the user may take there; say how many were left alone."""
        reason = request.POST.get("reason", "").strip()
        companies = [company for company in queryset if after in reachable(request.user, company.status)]
        befores = sorted({company.status for company in companies})
        if not reason and any((before, after) in EXPLAINED for before in befores):
            self.message_user(
                request, "Say why, in the field beside the action. Nothing was changed.", messages.ERROR
            )
            return
        Company.objects.filter(pk__in=[company.pk for company in companies]).update(status=after)
        for before in befores:
            moved = [company for company in companies if company.status == before]
            Step.objects.take(moved, before=before, after=after, by=request.user, reason=reason)  # type: ignore[arg-type]
        message = [{"changed": {"fields": ["Status"]}}]
        LogEntry.objects.log_actions(request.user.pk, companies, CHANGE, message)  # type: ignore[arg-type]
        self.give_reason(reason or f"{after.label}.")
        left = queryset.exclude(status=after).count()
        more = f" Left as they are, for this step is not open to them: {left}." if left else ""
        self.message_user(request, f"{after.label}: {len(companies)}.{more}", messages.SUCCESS)

    @admin.display(description="steps")
    def steps(self, obj: Company) -> str:
        taken = obj.steps.select_related("by")
        lines = [(step.at.date(), step, step.by or "somebody", step.reason) for step in taken]
        return (
            format_html("<ol>{}</ol>", format_html_join("", "<li>{}: {}, by {}. {}</li>", lines))
            if lines
            else "None."
        )


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

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.may_edit(request, obj)

    @staticmethod
    def may_edit(request: HttpRequest, obj: Any) -> bool:
        """Whether the company that the row belongs to may be edited."""
        return obj is None or publishes(request.user) or obj.company.status in OPEN

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "company" and not publishes(request.user):
            options["queryset"] = Company.objects.filter(status__in=OPEN)
        return super().formfield_for_foreignkey(db_field, request, **options)


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


@admin.register(Step)
class StepAdmin(LookedAtAdmin):
    """What was done with companies' statuses, across all of them."""

    list_display = ["at", "company", "before", "after", "by", "reason"]
    list_filter = ["after", ("by", CuratorFilter)]
    list_select_related = ["company", "by"]
    search_fields = ["company__name_key"]
    search_help_text = "By the company’s name."

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("company__document", "company__search", "company__description")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return containing(queryset, "company__name_key", search_term), False


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


@admin.register(Import)
class ImportAdmin(LookedAtAdmin):
    """Files that became companies, or are about to."""

    list_display = ["name", "at", "by", "state", "rows", "done"]
    list_filter = ["state", ("by", CuratorFilter)]
    list_select_related = ["by"]
    search_fields = ["name", "reason"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<int:import_id>/refused/", view(refused_page), name="companies_import_refused"),
            path("<int:import_id>/progress/", view(progress_page), name="companies_import_progress"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).without_file()  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return upload_page(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return import_page(request, int(object_id) if object_id.isascii() and object_id.isdigit() else 0)

    @admin.display(description="rows")
    def rows(self, obj: Import) -> int:
        return obj.counts.get("all", 0)

    @admin.display(description="done")
    def done(self, obj: Import) -> int:
        return obj.counts.get("done", 0)


@admin.register(ImportRow)
class ImportRowAdmin(LookedAtAdmin):
    list_display = ["batch", "number", "decision", "company", "done", "revision"]
    list_filter = ["decision"]
    list_select_related = ["batch", "company"]
    search_fields = ["company__name_key"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("batch__content", "company__document", "company__search")


admin.site.register(Duplicate, DuplicateAdmin)
