"""The admin's queue of companies that may be in the directory twice."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from companies.merge_page import PERMISSION as MERGE
from companies.models import Duplicate
from companies.reasons import ReasonActionForm
from directory.admin import CuratorFilter, LookedAtAdmin, containing

DECIDE = "companies.decide_duplicate"
ALL = "all"


class StateFilter(admin.SimpleListFilter):
    """By state; unless one is chosen, what waits for a decision."""

    title = parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [*Duplicate.State.choices[1:], (ALL, "All")]

    def choices(self, changelist: Any) -> Any:
        """The first choice, which is made by choosing none, is what is open."""
        first, *others = super().choices(changelist)
        return [{**first, "display": Duplicate.State.OPEN.label}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        state = self.value() or Duplicate.State.OPEN
        return queryset if state == ALL else queryset.filter(state=state)


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
    list_display = ["score", "first", "second", "said", "merge", "state", "by", "at", "why"]
    list_display_links = ["score"]
    list_filter = [StateFilter, ScoreFilter, ("by", CuratorFilter)]
    list_select_related = ["first", "second", "by"]
    search_fields = ["first__name_key"]
    search_help_text = "By the name of either."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        names = (containing(queryset, f"{end}__name_key", search_term) for end in ("first", "second"))
        first, second = (found.values("pk") for found in names)
        return (queryset.filter(Q(pk__in=first) | Q(pk__in=second)) if search_term else queryset), False

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever does not merge has no use for the way to it."""
        merges = request.user.has_perm(MERGE)
        return [column for column in self.list_display if merges or column != "merge"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDE)

    @admin.action(description="Not a duplicate", permissions=["decide"])
    def not_duplicate(self, request: HttpRequest, queryset: QuerySet) -> None:
        why = request.POST.get("reason", "").strip()
        decided = queryset.decide(Duplicate.State.NOT_DUPLICATE, by=request.user, why=why)  # type: ignore[attr-defined]
        self.message_user(request, f"Not a duplicate: {decided}.", messages.SUCCESS)

    @admin.display(description="reasons")
    def said(self, obj: Duplicate) -> str:
        return "; ".join(obj.reasons)

    @admin.display(description="merge")
    def merge(self, obj: Duplicate) -> str:
        if obj.state == Duplicate.State.MERGED:
            return "Merged"
        query = urlencode({"keep": obj.first_id, "drop": obj.second_id})
        return format_html('<a href="{}?{}">Compare</a>', reverse("admin:companies_company_merge"), query)
