import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from companies.alike import alike_view
from companies.bulk import BULKS
from companies.bulk_page import bulk_action, bulk_page
from companies.completeness import FactFilter
from companies.countries import COUNTRIES
from companies.dictionary import Word
from companies.duplicate_admin import DuplicateAdmin
from companies.import_page import import_page, progress_page, refused_page, upload_page
from companies.link_page import LinkFilter, check_page, link_in_words, may_check
from companies.links import LinkCheck
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
from companies.proposing import in_order
from companies.quality_page import PERMISSION as QUALITY_PERMISSION
from companies.quality_page import quality_page
from companies.questions import QUESTIONS, Asker
from companies.reasons import ReasonField
from companies.review_page import review_page
from companies.sources import show_sources
from companies.suggestions import Suggestion
from companies.unplaced import UnplacedValue
from companies.unplaced_admin import UnplacedValueAdmin
from companies.workflow import EXPLAINED, NEW, OPEN, Status, Step, publishes, reachable
from directory.admin import (
    CuratedAdmin,
    CuratedForm,
    CuratorFilter,
    LookedAtAdmin,
    PublishedAdmin,
    UsedFilter,
    containing,
)
from directory.narrowing import BooleanFilter, ChoicesFilter, Counted, CountedChangeList
from directory.site import SitePage
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


class HomeFilter(HubFilter):
    most = 12


class SpecialtyFilter(UsedFilter):
    """By specialty itself, without those below it. No join: a company with two of them stays one row."""

    order = ("-emerging", "name_key")
    most = 12

    def condition(self) -> Q:
        found = self.holds(self.lookup_val) if self.lookup_val else Q()
        for is_missing in self.used_parameters.get(self.lookup_kwarg_isnull, ()):
            found &= self.missing() if is_missing else ~self.missing()
        return found

    def missing(self) -> Q:
        return QUESTIONS["without_specialty"].holds(Company.objects.none())

    def holds(self, pks: Sequence[Any]) -> Q:
        chosen = [int(pk) for pk in pks]
        return Q(pk__in=Company.specialties.through.objects.filter(specialty__in=chosen).values("company"))

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        counts = {f"{pk}__c": Count(pk_attname, filter=self.holds([pk])) for pk, _ in self.lookup_choices}
        return counts | {"__c": Count(pk_attname, filter=self.missing())}


class QuestionFilter(Counted, admin.SimpleListFilter):
    """What curators ask, several at once: the companies for which all of it holds."""

    title = "question"
    parameter_name = "ask"
    takes_several = True

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(question.name, question.label) for question in QUESTIONS.values()]

    def asked(self) -> list[str]:
        return (self.value() or "").split(",") if self.value() else []

    def condition(self) -> Q:
        if unknown := set(self.asked()) - set(QUESTIONS):
            raise IncorrectLookupParameters(f"no such question: {unknown}")
        return Q(*(self.holds(name) for name in self.asked()))

    def holds(self, name: str) -> Q:
        asker = Asker(self.request.user, timezone.localdate())
        return QUESTIONS[name].condition(Company.objects.none(), asker)

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        return {name: Count(pk_attname, filter=self.holds(name)) for name in QUESTIONS}

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        counts = self.get_facet_queryset(changelist)
        asked = self.asked()
        without = changelist.get_query_string(remove=[self.parameter_name])
        yield {"selected": not asked, "query_string": without, "display": "All"}
        for name, label in self.lookup_choices:
            others = [other for other in asked if other != name]
            then = ",".join(others if name in asked else [*asked, name])
            yield {
                "selected": name in asked,
                "query_string": changelist.get_query_string({self.parameter_name: then or None}),
                "display": f"{label} ({counts[name]})",
            }


@admin.register(Company)
class CompanyAdmin(PublishedAdmin):
    form = CompanyForm
    also_known_by = ("legal_name", "aliases", "domain", "slug")
    deferred = ("document", "search", "hub__document")
    readonly_fields = ["domain", *PublishedAdmin.readonly_fields, "steps", "link"]
    fieldsets = [
        ("Identity", {"fields": ["name", "legal_name", "aliases", "slug", "website", "link", "shares_domain"]}),
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
        QuestionFilter,
        ("status", ChoicesFilter),
        ("kind", ChoicesFilter),
        ("operating_status", ChoicesFilter),
        ("women_led", BooleanFilter),
        LinkFilter,
        FactFilter,
        ("hub", HomeFilter),
        ("specialties", SpecialtyFilter),
    ]
    show_facets = admin.ShowFacets.ALWAYS
    list_select_related = ["hub"]
    change_form_template = "admin/companies/company/change_form.html"
    actions = [*(bulk_action(name, bulk) for name, bulk in BULKS.items()), "merge"]

    def get_urls(self) -> list[Any]:
        return [
            path("alike/", self.admin_site.admin_view(alike_view), name="companies_company_alike"),
            path("bulk/<slug:name>/", self.admin_site.admin_view(bulk_page), name="companies_company_bulk"),
            path("merge/", self.admin_site.admin_view(merge_page), name="companies_company_merge"),
            path(
                "<int:company_id>/check-link/",
                self.admin_site.admin_view(check_page),
                name="companies_company_check_link",
            ),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[CountedChangeList]:
        return CountedChangeList

    @admin.display(description="website check")
    def link(self, obj: Company) -> str:
        return link_in_words(obj)

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

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        context["may_check_link"] = may_check(request)
        for inline in context["inline_admin_formsets"]:
            if inline.formset.model is Source:
                sources = [row.instance for row in inline.formset.initial_forms]
                show_sources(context["adminform"].form, sources)
        return super().render_change_form(request, context, *args, **options)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What was said and done about it goes with a company, although few may delete a single one of these."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        kept = {m._meta.verbose_name for m in (Step, Merge, Duplicate, Suggestion, LinkCheck, UnplacedValue)}
        return found, counts, missing - kept, protected

    def save_model(self, request: HttpRequest, obj: Company, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        reason = form.cleaned_data["reason"]
        self.give_reason(reason)
        if obj.status != form.before:
            Step.objects.take([obj], before=form.before, after=obj.status, by=request.user, reason=reason)  # type: ignore[arg-type]

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

    deferred = ("company__document", "company__search", "company__description")
    list_display = ["at", "company", "before", "after", "by", "reason"]
    list_filter = ["after", ("by", CuratorFilter)]
    list_select_related = ["company", "by"]
    search_fields = ["company__name_key"]
    search_help_text = "By the company’s name."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return containing(queryset, "company__name_key", search_term), False


@admin.register(LinkCheck)
class LinkCheckAdmin(LookedAtAdmin):
    """What came of asking websites, across all companies."""

    deferred = ("company__document", "company__search", "company__description")
    list_display = ["company", "state", "status_code", "problem", "failures", "checked_at", "next_check"]
    list_filter = ["state"]
    list_select_related = ["company"]
    search_fields = ["company__name_key"]
    search_help_text = "By the company’s name."

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
    deferred = ("batch__content", "company__document", "company__search")
    list_display = ["batch", "number", "decision", "company", "done", "revision"]
    list_filter = ["decision"]
    list_select_related = ["batch", "company"]
    search_fields = ["company__name_key"]


admin.site.register(Duplicate, DuplicateAdmin)
admin.site.register(UnplacedValue, UnplacedValueAdmin)


@admin.register(Suggestion)
class SuggestionAdmin(LookedAtAdmin):
    """What the world suggests: those that wait come first."""

    list_display = ["name", "changes", "received_at", "state", "changed_since"]
    list_filter = ["state", ("decided_by", CuratorFilter)]
    list_select_related = ["company"]
    search_fields = ["company__name_key"]
    search_help_text = "By the company’s name."

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found: Any = super().get_queryset(request)
        return found.open_first().defer("company__document", "company__search", "company__description")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return containing(queryset, "company__name_key", search_term), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return review_page(request, self, object_id)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Personal data has to go when who sent it says so."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    @admin.display(description="company")
    def name(self, obj: Suggestion) -> str:
        return str(obj)

    @admin.display(description="what should change")
    def changes(self, obj: Suggestion) -> str:
        return ", ".join(name.replace("_", " ") for name in in_order(obj.proposed))

    @admin.display(description="company since then", empty_value="—")
    def changed_since(self, obj: Suggestion) -> str:
        """Whether the company has another document now than the one that it is based on."""
        return "Changed" if obj.is_open and obj.company and obj.company.revision != obj.revision else ""


admin.site.pages.append(SitePage("quality/", "quality", "Quality", quality_page, QUALITY_PERMISSION))  # type: ignore[attr-defined]
