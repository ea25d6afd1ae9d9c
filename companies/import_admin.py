"""The admin's list of files that became companies, or are about to."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path

from companies.import_page import import_page, left_out_page, progress_page, refused_page, upload_page
from companies.models import Import
from directory.curating import CuratorFilter, LookedAtAdmin


class WaitsFilter(admin.SimpleListFilter):
    title = "waiting for somebody"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.for_curators() if self.value() else queryset  # type: ignore[attr-defined]


class ImportAdmin(LookedAtAdmin):
    """Files that became companies, or are about to."""

    list_display = ["name", "at", "by", "standing", "rows", "done"]
    list_filter = [WaitsFilter, "state", ("by", CuratorFilter)]
    list_select_related = ["by"]
    search_fields = ["name", "reason"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<int:import_id>/refused/", view(refused_page), name="companies_import_refused"),
            path("<int:import_id>/left-out/", view(left_out_page), name="companies_import_left_out"),
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

    @admin.display(description="state", ordering="state")
    def standing(self, obj: Import) -> str:
        return obj.standing

    @admin.display(description="rows")
    def rows(self, obj: Import) -> int:
        return obj.counts.get("all", 0)

    @admin.display(description="done")
    def done(self, obj: Import) -> int:
        return obj.counts.get("done", 0)


class ImportRowAdmin(LookedAtAdmin):
    deferred = ("batch__content", "company__document", "company__search")
    list_display = ["batch", "number", "decision", "company", "done", "revision"]
    list_filter = ["decision"]
    list_select_related = ["batch", "company"]
    search_fields = ["company__name_key"]
