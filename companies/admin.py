from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join

from companies.alike import alike_view
from companies.bulk import BULKS
from companies.bulk_page import bulk_action, bulk_page
from companies.completeness import FactFilter
from companies.dictionary import Word
from companies.duplicate_admin import DuplicateAdmin
from companies.forms import CompanyForm
from companies.import_admin import ImportAdmin, ImportRowAdmin
from companies.link_page import LinkFilter, check_page, link_in_words, may_check
from companies.links import LinkCheck
from companies.list_filters import HomeFilter, ImportFilter, QuestionFilter, SpecialtyFilter
from companies.merge_page import PERMISSION, company_link, merge_page, undo_merge_page
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
from companies.part_admin import (
    CredentialAdmin,
    CredentialInline,
    IdentifierAdmin,
    IdentifierInline,
    OfCompany,
    OfficeAdmin,
    OfficeInline,
    SourceAdmin,
    SourceInline,
)
from companies.quality_page import PERMISSION as QUALITY_PERMISSION
from companies.quality_page import quality_page
from companies.sources import show_sources, vouch
from companies.suggestion_admin import SuggestionAdmin
from companies.suggestions import Suggestion
from companies.unplaced import UnplacedValue
from companies.unplaced_admin import UnplacedValueAdmin
from companies.workflow import OPEN, Step, publishes
from directory.curating import (
    CuratorFilter,
    LookedAtAdmin,
    PublishedAdmin,
)
from directory.narrowing import BooleanFilter, ChoicesFilter, CountedChangeList
from directory.site import SitePage, Work


@admin.register(Company)
class CompanyAdmin(PublishedAdmin):
    form = CompanyForm
    also_known_by = ("legal_name", "aliases", "domain", "slug")
    deferred = ("document", "search", "hub__document")
    readonly_fields = ["domain", *PublishedAdmin.readonly_fields, "steps", "link"]
    fieldsets = [
        (
            "Identity",
            {"fields": ["name", "legal_name", "aliases", "slug", "website", "link", "shares_domain", "source"]},
        ),
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
    list_display = ["name", "hub", "site", "kind", "status", "verified_on"]
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
        ImportFilter,
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

    @admin.display(description="website", ordering="domain")
    def site(self, obj: Company) -> str:
        return obj.domain

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
        context["is_unsourced"] = getattr(context["adminform"].form, "is_unsourced", False)
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

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if reference := form.cleaned_data["source"]:
            changed = [*form.changed_data, *(formset.prefix for formset in formsets if formset.has_changed())]
            vouch(form.instance, reference, changed)

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
    are_few = True
    fields = ["name", "slug", "aliases"]
    list_display = ["name", "slug", "updated_at"]


@admin.register(Specialty)
class SpecialtyAdmin(PublishedAdmin):
    also_known_by = ("aliases", "slug")
    are_few = True
    deferred = ("document", "parent__document")
    fields = ["name", "slug", "aliases", "parent", "emerging"]
    autocomplete_fields = ["parent"]
    list_display = ["name", "parent", "emerging", "updated_at"]
    list_filter = ["emerging"]
    list_select_related = ["parent"]


@admin.register(Step)
class StepAdmin(OfCompany, LookedAtAdmin):
    """What was done with companies' statuses, across all of them."""

    list_display = ["at", "company", "before", "after", "by", "reason"]
    list_filter = ["after", ("by", CuratorFilter)]
    list_select_related = ["company", "by"]


@admin.register(LinkCheck)
class LinkCheckAdmin(OfCompany, LookedAtAdmin):
    """What came of asking websites, across all companies."""

    list_display = ["company", "state", "status_code", "problem", "failures", "checked_at", "next_check"]
    list_filter = ["state"]


@admin.register(Word)
class WordAdmin(LookedAtAdmin):
    """Words that one company has and nobody else may well be typing errors."""

    fields = ["word", "companies"]
    list_display = ["word", "companies"]
    search_fields = ["word__startswith"]
    search_help_text = "By the beginning of the word."


@admin.register(Merge)
class MergeAdmin(LookedAtAdmin):
    fields = ["at", "kept", "merged_into_it", "by", "reason", "undone_at", "undo"]
    readonly_fields = ["kept", "merged_into_it", "undo"]
    list_display = ["at", "kept", "merged_into_it", "by", "reason", "undone_at", "undo"]
    list_select_related = ["keep", "drop", "by"]
    search_fields = ["keep__name_key__startswith", "drop__name_key__startswith"]

    def get_urls(self) -> list[Any]:
        undo = self.admin_site.admin_view(undo_merge_page)
        return [path("<int:merge_id>/undo/", undo, name="companies_merge_undo"), *super().get_urls()]

    @admin.display(description="kept", ordering="keep__name_key")
    def kept(self, obj: Merge) -> str:
        return company_link(obj.keep)

    @admin.display(description="merged into it", ordering="drop__name_key")
    def merged_into_it(self, obj: Merge) -> str:
        return company_link(obj.drop)

    @admin.display(description="undo")
    def undo(self, obj: Merge) -> str:
        if obj.undone_at:
            return "Undone"
        return format_html('<a href="{}">Undo</a>', reverse("admin:companies_merge_undo", args=[obj.pk]))


for model, model_admin in {
    Office: OfficeAdmin,
    Credential: CredentialAdmin,
    Identifier: IdentifierAdmin,
    Source: SourceAdmin,
    Duplicate: DuplicateAdmin,
    Import: ImportAdmin,
    ImportRow: ImportRowAdmin,
    Suggestion: SuggestionAdmin,
    UnplacedValue: UnplacedValueAdmin,
}.items():
    admin.site.register(model, model_admin)
admin.site.pages.append(SitePage("quality/", "quality", "Quality", quality_page, QUALITY_PERMISSION))  # type: ignore[attr-defined]
admin.site.machinery |= {"companies.word", "companies.importrow"}  # type: ignore[attr-defined]
admin.site.work += [  # type: ignore[attr-defined]
    Work(
        "mine",
        "Companies waiting for me",
        "companies/company/?ask=waiting_for",
        lambda user: Company.objects.waiting_for(user),
        "companies.change_company",
    ),
    Work(
        "suggestions",
        "Open suggestions",
        "companies/suggestion/",
        lambda user: Suggestion.objects.open(),
        "companies.view_suggestion",
    ),
    Work(
        "duplicates",
        "Possible duplicates",
        "companies/duplicate/",
        lambda user: Duplicate.objects.open(),
        "companies.view_duplicate",
    ),
    Work(
        "imports",
        "Imports that wait",
        "companies/import/?waits=yes",
        lambda user: Import.objects.for_curators(),
        "companies.view_import",
    ),
]
