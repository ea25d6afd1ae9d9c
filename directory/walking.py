"""One after another: from an object's form to the next in the list that one came from."""

from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

# The button, and the part of a form's address that has the list's.
NEXT = "_next"
LIST = "_changelist_filters"


class WalkingAdmin(admin.ModelAdmin):
    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        context["may_walk"] = bool(context.get("original") and request.GET.get(LIST))
        return super().render_change_form(request, context, *args, **options)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if NEXT in request.POST:
            # While it is still in the list: what is saved may be just what keeps it there.
            request.following = self.next_in_list(request, obj.pk)  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def next_in_list(self, request: HttpRequest, pk: int) -> int | None:
        """The primary key behind ``pk`` in the list of the address; None for the last, and what is not in it."""
        listing = copy(request)
        listing.GET = QueryDict(request.GET.get(LIST, ""))
        try:
            found = self.get_changelist_instance(listing).queryset
        except IncorrectLookupParameters:
            return None
        pks = found.values_list("pk", flat=True).iterator()
        return next(pks, None) if pk in pks else None

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if NEXT not in request.POST:
            return super().response_post_save_change(request, obj)
        following = getattr(request, "following", None)
        if following is None:
            self.message_user(request, "That was the last of the list.")
            return super().response_post_save_change(request, obj)
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[following])
        filters = self.get_preserved_filters(request)
        return HttpResponseRedirect(add_preserved_filters({"preserved_filters": filters, "opts": self.opts}, url))
