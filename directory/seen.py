"""Bulk actions that act on what was seen: a list says of each row what it showed; what changed is left alone."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

# Before the primary key of a row: the field of the list that says what it showed.
SEEN = "seen-"
# Names that a message gives.
NAMED = 10


class SeenAdmin(admin.ModelAdmin):
    def action_checkbox(self, obj: Any) -> str:
        seen = format_html('<input type="hidden" name="{}{}" value="{}">', SEEN, obj.pk, digest(obj))
        return super().action_checkbox(obj) + seen

    @staticmethod
    def changed_since(request: HttpRequest, objs: Iterable[Any]) -> list[Any]:
        """Those of ``objs`` that are not what the list showed; of what it did not show, nobody can say."""
        return [obj for obj in objs if request.POST.get(f"{SEEN}{obj.pk}", digest(obj)) != digest(obj)]


def digest(obj: Any) -> str:
    """Of the columns that are loaded, a publication's own aside."""
    left = {"revision", "updated_at", "document"} | obj.get_deferred_fields()
    values = [getattr(obj, field.attname) for field in obj._meta.concrete_fields if field.attname not in left]
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def named(objs: list[Any]) -> str:
    """The first of ``objs`` by name, and how many more there are."""
    more = f" and {len(objs) - NAMED} more" if len(objs) > NAMED else ""
    return f"{', '.join(str(obj) for obj in objs[:NAMED])}{more}"
