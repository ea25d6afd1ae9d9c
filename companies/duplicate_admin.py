"""The admin's queue of companies that may be in the directory twice."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from companies import background
from companies.merge_page import PERMISSION as MERGE
from companies.merge_page import company_link
from companies.models import Duplicate, DuplicateSearch
from companies.reasons import ReasonActionForm
from directory.curating import CuratorFilter, LookedAtAdmin, containing
from directory.narrowing import OpenFilter

DECIDE = "companies.decide_duplicate"
TASK = "companies.tasks.find_duplicates"


class StateFilter(OpenFilter):
    states = Duplicate.State


class ScoreFilter(admin.SimpleListFilter):
    title = parameter_name = "score"
    floors = ("0.9", "0.8", "0.7", "0.6")

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(floor, f"{floor} and more") for floor in self.floors] + [("0", f"Less than {self.floors[-1]}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if value in self.floors:
            return queryset.filter(score__gte=float(value))
        return queryset.filter(score__lt=float(self.floors[-1])) if value == "0" else queryset


def look_now(request: HttpRequest) -> HttpResponse:
    """Ask the worker to look for duplicates, as it does every night."""
    if not request.user.has_perm(DECIDE):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    background.ask(TASK, lock="find_duplicates", queueing_lock="find_duplicates")
    messages.success(request, "The directory is being looked through for duplicates: look again in a minute.")
    return HttpResponseRedirect(reverse("admin:companies_duplicate_changelist"))


class DuplicateAdmin(LookedAtAdmin):
    """Pairs of companies: either they are merged, or somebody says that they are two."""

    deferred = (
        *("first__document", "first__search", "first__description"),
        *("second__document", "second__search", "second__description"),
    )
    action_form = ReasonActionForm
    actions = ["not_duplicate"]
    fields = ["first", "second", "score", "said", "seen_at", "state", "by", "at", "why"]
    readonly_fields = ["said"]
    list_display = ["score", "one", "other", "merge", "decided", "said"]
    list_display_links = ["score"]
    change_list_template = "admin/companies/duplicate/change_list.html"
    list_filter = [StateFilter, ScoreFilter, ("by", CuratorFilter)]
    list_select_related = ["first", "second", "by"]
    search_fields = ["first__name_key"]
    search_help_text = "By the name of either."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        names = (containing(queryset, f"{end}__name_key", search_term) for end in ("first", "second"))
        first, second = (found.values("pk") for found in names)
        return (queryset.filter(Q(pk__in=first) | Q(pk__in=second)) if search_term else queryset), False

    def get_urls(self) -> list[Any]:
        look = self.admin_site.admin_view(look_now)
        return [path("look/", look, name="companies_duplicate_look"), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever does not merge has no use for the way to it, and what is open was decided by nobody."""
        hidden = set() if request.user.has_perm(MERGE) else {"merge"}
        if StateFilter.parameter_name not in request.GET:
            hidden.add("decided")
        return [column for column in self.list_display if column not in hidden]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        search = {"last_search": DuplicateSearch.objects.first(), "may_look": request.user.has_perm(DECIDE)}
        return super().changelist_view(request, search | (extra_context or {}))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDE)

    @admin.action(description="Not a duplicate", permissions=["decide"])
    def not_duplicate(self, request: HttpRequest, queryset: QuerySet) -> None:
        why = request.POST.get("reason", "").strip()
        decided = queryset.decide(Duplicate.State.NOT_DUPLICATE, by=request.user, why=why)  # type: ignore[attr-defined]
        self.message_user(request, f"Not a duplicate: {decided}.", messages.SUCCESS)

    @admin.display(description="one", ordering="first__name_key")
    def one(self, obj: Duplicate) -> str:
        return company_link(obj.first)

    @admin.display(description="the other", ordering="second__name_key")
    def other(self, obj: Duplicate) -> str:
        return company_link(obj.second)

    @admin.display(description="state", ordering="state")
    def decided(self, obj: Duplicate) -> str:
        """What was decided, when, by whom and why."""
        if obj.at is None:
            return obj.get_state_display()
        why = f": {obj.why}" if obj.why else ""
        return f"{obj.get_state_display()}, {obj.at:%d %b %Y}, by {obj.by or 'somebody'}{why}"

    @admin.display(description="reasons")
    def said(self, obj: Duplicate) -> str:
        return "; ".join(obj.reasons)

    @admin.display(description="merge")
    def merge(self, obj: Duplicate) -> str:
        if obj.state == Duplicate.State.MERGED:
            return "Merged"
        query = urlencode({"keep": obj.first_id, "drop": obj.second_id})
        return format_html('<a href="{}?{}">Compare</a>', reverse("admin:companies_company_merge"), query)
