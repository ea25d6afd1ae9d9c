"""Saved views: what a curator narrowed a list down to, under a name, for themselves or for everybody."""

import copy
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation
from django.db import DataError, transaction
from django.http import HttpRequest, QueryDict

from directory.models import SavedView, kinds

# What of a list's address is no part of a view: the page, and what Django adds for its own purposes.
PASSING = {"p", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters"}
NOTHING = "There is nothing to keep: filter, search or sort the list first."


def view_of(query: str) -> str:
    """The part of a list's address that makes a view, the same however it is ordered; empty for the whole list."""
    return urlencode(sorted((name, value) for name, value in parse_qsl(query) if value and name not in PASSING))


def opens(request: HttpRequest, kind: str, query: str) -> bool:
    """Whether ``query`` is one of the list of ``kind``, and the list one that may be seen."""
    model: Any = kinds().get(kind)
    model_admin: Any = admin.site._registry.get(model)
    if model_admin is None or not model_admin.has_view_permission(request):
        return False
    asked = copy.copy(request)
    asked.GET, asked.method = QueryDict(query), "GET"
    try:
        with transaction.atomic():
            model_admin.get_changelist_instance(asked)
    except (IncorrectLookupParameters, SuspiciousOperation, ValueError, DataError):
        return False
    return True


class SavedViewForm(forms.ModelForm):
    """A new view's list and query come with the page on which it is saved; later, its name and reach may change."""

    request: ClassVar[HttpRequest]

    class Meta:
        widgets = {"kind": forms.HiddenInput, "query": forms.HiddenInput}
        error_messages = {"query": {"required": NOTHING}}

    def _get_validation_exclusions(self) -> set[str]:
        """Check that the name is new too: the owner is in no form, but decides it."""
        return super()._get_validation_exclusions() - {"user", "kind"}  # type: ignore[misc]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if self.instance._state.adding:
            self.instance.user = self.request.user
            query = cleaned["query"] = view_of(cleaned.get("query") or "")
            if not query and "query" not in self.errors:
                self.add_error("query", NOTHING)
            elif query and not opens(self.request, cleaned.get("kind") or "", query):
                self.add_error(None, "The list cannot be narrowed down like this.")
        return cleaned


def views_for(request: HttpRequest, kind: str) -> dict[str, Any]:
    """What a list shows of views: those that may be opened, and what would be saved now."""
    present = view_of(request.GET.urlencode())
    views = list(SavedView.objects.open_to(request.user).filter(kind=kind).select_related("user"))
    return {
        "views": views,
        "present": present,
        "is_saved": any(view.query == present and view.user_id == request.user.pk for view in views),
        "view_kind": kind,
        "may_save": request.user.has_perm("directory.add_savedview"),
    }
