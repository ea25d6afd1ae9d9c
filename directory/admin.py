"""The admin of what the directory itself keeps: the log, which is only looked at, and curators' views of lists."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from directory import ids
from directory.curating import CuratorFilter, GuardedAdmin, LookedAtAdmin, change_link
from directory.models import Address, Log, Mark, Revision, SavedView, Version, kinds
from directory.reverting import undo_page
from directory.saved_views import SavedViewForm

# Objects that the list of revisions names one by one.
NAMED = 3


class KindFilter(admin.SimpleListFilter):
    """By kind, without asking millions of rows which kinds there are."""

    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(kind, str(capfirst(model._meta.verbose_name))) for kind, model in kinds().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Revision)
class RevisionAdmin(LookedAtAdmin):
    fields = ["id", "created_at", "by", "source", "reason", "versions", "undo"]
    readonly_fields = ["versions", "undo"]
    list_display = ["id", "created_at", "versions", "by", "source", "reason"]
    list_filter = ["source", ("by", CuratorFilter)]
    list_select_related = ["by"]
    search_fields = ["reason"]

    def get_urls(self) -> list[Any]:
        undo = self.admin_site.admin_view(undo_page)
        return [path("<int:revision_id>/undo/", undo, name="directory_revision_undo"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).with_names(NAMED)  # type: ignore[attr-defined]

    @admin.display(description="what it changed")
    def versions(self, obj: Any) -> str:
        url = reverse("admin:directory_version_changelist")
        more = (obj.objects or 0) - len(obj.names)
        said = ", ".join(obj.names) + (f" and {more:,} more" if more > 0 else "")
        return format_html('<a href="{}?revision__id__exact={}">{}</a>', url, obj.pk, said or "Nothing")

    @admin.display(description="undo")
    def undo(self, obj: Revision) -> str:
        url = reverse("admin:directory_revision_undo", args=[obj.pk])
        return format_html('<a href="{}">See what an undo would do</a>', url)


@admin.register(Version)
class VersionAdmin(LookedAtAdmin):
    deferred = ("document",)
    fields = ["at_revision", "kind", "public_id", "slug", "action", "successor", "readable"]
    readonly_fields = ["at_revision", "public_id", "readable"]
    list_display = ["id", "at_revision", "kind", "public_id", "slug", "action"]
    list_filter = [KindFilter, "action"]
    ordering = ["-pk"]
    search_fields = ["slug"]
    search_help_text = "By id or slug, earlier slugs too: all that was published of the object."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """By the object, which an index finds; the slug itself has none."""
        if not search_term:
            return queryset, False
        numbers = {model.kind_number: kind for kind, model in kinds().items()}
        try:
            number, pk = ids.decode(search_term.strip())
        except ValueError:
            addresses = Address.objects.filter(kind__in=kinds(), slug=search_term.strip().lower())
            found = list(addresses.values_list("kind", "object_id"))
        else:
            found = [(numbers.get(number, ""), pk)]
        wanted = Q(pk=None)
        for kind, object_id in found:
            wanted |= Q(kind=kind, object_id=object_id)
        return queryset.filter(wanted), False

    @admin.display(description="revision", ordering="revision")
    def at_revision(self, obj: Version) -> str:
        return change_link("directory_revision", obj.revision_id)

    @admin.display(description="document")
    def readable(self, obj: Version) -> str:
        if obj.document is None:
            return "Withdrawn: nothing is left of it."
        return format_html("<pre>{}</pre>", json.dumps(json.loads(obj.document), indent=2, ensure_ascii=False))


@admin.register(SavedView)
class SavedViewAdmin(GuardedAdmin):
    """Views are saved beside the list itself; here they are renamed, shared and deleted by their owners."""

    form = SavedViewForm
    view_on_site = False
    list_display = ["name", "kind", "user", "shared", "opened"]
    list_select_related = ["user"]
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", "shared", "kind", "query"] if obj is None else ["name", "shared", "user", "opened"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else ["user", "opened"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **options)  # a class of this request's own
        form.request = request
        return form

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        views: Any = super().get_queryset(request)
        return views if super().has_change_permission(request) else views.open_to(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_own(request, obj) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_own(request, obj) or super().has_delete_permission(request, obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        self.message_user(request, f"“{obj}” was saved.", messages.SUCCESS)
        return HttpResponseRedirect(obj.get_absolute_url())

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        self.message_user(request, f"“{obj}” was changed.", messages.SUCCESS)
        return HttpResponseRedirect(obj.get_absolute_url())

    @admin.display(description="list")
    def opened(self, obj: SavedView) -> str:
        return format_html('<a href="{}">{}</a>', obj.get_absolute_url(), "Open it")


def is_own(request: HttpRequest, view: SavedView | None) -> bool:
    return view is not None and view.user_id == request.user.pk


@admin.register(Mark)
class MarkAdmin(LookedAtAdmin):
    list_display = ["id", "kind", "object_id", "xid"]
    list_filter = [KindFilter]


@admin.register(Address)
class AddressAdmin(LookedAtAdmin):
    list_display = ["slug", "kind", "object_id"]
    list_filter = [KindFilter]
    search_fields = ["slug__startswith"]


@admin.register(Log)
class LogAdmin(LookedAtAdmin):
    list_display = ["epoch", "rendering"]
