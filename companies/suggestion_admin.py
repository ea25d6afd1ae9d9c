"""The admin's list of what the world suggests."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from companies.part_admin import OfCompany
from companies.proposing import in_order
from companies.review_page import review_page
from companies.suggestions import State, Suggestion
from directory.curating import CuratorFilter, LookedAtAdmin
from directory.narrowing import OpenFilter


class StateFilter(OpenFilter):
    states = State


class SuggestionAdmin(OfCompany, LookedAtAdmin):
    """What the world suggests: those that wait come first."""

    list_display = ["name", "changes", "received_at", "state", "changed_since"]
    list_filter = [StateFilter, ("decided_by", CuratorFilter)]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found: Any = super().get_queryset(request)
        return found.open_first()

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
