"""The rows that belong to a company: within its page, and across all companies."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from companies.forms import SourceForm
from companies.models import Company, Credential, Identifier, Office, Source
from companies.workflow import OPEN, publishes
from directory.curating import CuratedAdmin, PlainRelations, containing
from directory.forms import CuratedForm
from hubs.admin import HubFilter


class OfCompany(admin.ModelAdmin):
    """A list of what belongs to companies, which is searched by their names."""

    # What no list shows of a company.
    deferred: ClassVar[tuple[str, ...]] = ("company__document", "company__search", "company__description")
    list_select_related = ["company"]
    search_fields = ("company__name_key",)
    search_help_text = "By the company’s name."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return containing(queryset, "company__name_key", search_term), False


class PartInline(PlainRelations, admin.TabularInline):
    """Rows that belong to a company."""

    form = CuratedForm
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


class PartAdmin(OfCompany, CuratedAdmin):
    """Rows that belong to a company, across all companies; saving one publishes the company."""

    autocomplete_fields = ["company"]

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


class OfficeAdmin(PartAdmin):
    autocomplete_fields = ["company", "hub"]
    deferred = (*PartAdmin.deferred, "hub__document")
    list_display = ["company", "hub", "address"]
    list_filter = [("hub", HubFilter)]
    list_select_related = ["company", "hub"]


class CredentialAdmin(PartAdmin):
    list_display = ["company", "kind", "name", "issuer", "valid_from", "valid_until"]
    list_filter = ["kind"]


class IdentifierAdmin(PartAdmin):
    list_display = ["company", "scheme", "value"]
    list_filter = ["scheme"]
    search_help_text = "By the company’s name, or by the identifier."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        return (found | queryset.filter(value=search_term.strip()) if search_term else found), duplicates


class SourceAdmin(PartAdmin):
    form = SourceForm
    list_display = ["company", "reference", "seen_on"]
