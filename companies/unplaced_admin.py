"""The admin's list of what sources say and no field has a place for."""

import datetime
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from companies.part_admin import OfCompany
from companies.placing import place_again
from companies.unplaced import UnplacedValue
from companies.workflow import PUBLISH
from directory.curating import LookedAtAdmin
from directory.publishing import CHUNK


class FieldFilter(admin.AllValuesFieldListFilter):
    """By the field that a value was meant for, in words."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": str(choice["display"]).replace("_", " ")}


class UnplacedValueAdmin(LookedAtAdmin):
    """What is of use gets a place: give a specialty the word as another name, then place it again."""

    deferred = OfCompany.deferred
    actions = ["place_again"]
    fields = ["value", "meant_for", "company", "seen_at"]
    readonly_fields = ["meant_for"]
    list_display = ["value", "meant_for", "company", "seen_on"]
    list_filter = [("field", FieldFilter)]
    list_select_related = ["company"]
    search_fields = ["value__istartswith"]
    search_help_text = "By the beginning of the value."

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PUBLISH)

    @admin.display(description="meant for", ordering="field")
    def meant_for(self, obj: UnplacedValue) -> str:
        return obj.field.replace("_", " ")

    @admin.display(description="seen on", ordering="seen_at")
    def seen_on(self, obj: UnplacedValue) -> datetime.date:
        return obj.seen_at.date()

    @admin.action(description="Place again", permissions=["publish"])
    def place_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        selected = queryset.count()
        if selected > CHUNK:
            self.message_user(request, f"At most {CHUNK} at once: filter the list first.", messages.ERROR)
            return
        placed = place_again(queryset, by=request.user)  # type: ignore[arg-type]
        said = f"Placed: {placed}."
        if selected > placed:
            said += f" Still without a place: {selected - placed}."
        self.message_user(request, said, messages.SUCCESS if placed else messages.WARNING)
