"""One after another: from an object's form to the next in the list that one came from."""

from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.views.main import ORDER_VAR
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import urlencode

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
        """The primary key behind ``pk`` in the list of the address, also where ``pk`` is no longer in it; or None."""
        asked = QueryDict(request.GET.get(LIST, ""))
        try:
            found = self.listed(request, asked)
            following = set(found)
            if pk not in following:
                found = self.listed(request, QueryDict(urlencode({ORDER_VAR: asked.get(ORDER_VAR, "")})))
        except IncorrectLookupParameters:
            return None
        behind = iter(found)
        return next((other for other in behind if other in following), None) if pk in behind else None

    def listed(self, request: HttpRequest, asked: QueryDict) -> list[int]:
        """The primary keys of a list, in its order."""
        listing = copy(request)
        listing.GET = asked  # type: ignore[assignment]
        return list(self.get_changelist_instance(listing).queryset.values_list("pk", flat=True))

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
