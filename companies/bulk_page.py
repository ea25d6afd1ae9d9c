"""The admin's page on which a bulk change is chosen, looked at company by company, and made."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from companies.bulk import BULKS, Bulk, Done, apply, may_take, preview
from companies.models import Company
from directory.narrowing import LOOKUPS
from directory.publishing import CHUNK
from directory.reverting import ReasonForm, refusals

PREVIEW = "preview"


class Chosen(AutocompleteMixin):
    """A lookup that shows what is chosen, and nothing of an address that names no object."""

    def optgroups(self, name: str, value: list[str], attrs: Any = None) -> Any:
        keys = [key for key in value if key.isascii() and key.isdigit() and len(key) < 19]
        return super().optgroups(name, keys, attrs)


class ChosenOne(Chosen, AutocompleteSelect):
    pass


class ChosenSeveral(Chosen, AutocompleteSelectMultiple):
    pass


def one(name: str) -> forms.ModelChoiceField:
    """A field of companies, looked up."""
    related: Any = Company._meta.get_field(name)
    queryset = related.related_model.objects.defer("document")
    return forms.ModelChoiceField(queryset, widget=ChosenOne(related, admin.site))


def several(name: str) -> forms.ModelMultipleChoiceField:
    related: Any = Company._meta.get_field(name)
    queryset = related.related_model.objects.defer("document")
    return forms.ModelMultipleChoiceField(queryset, widget=ChosenSeveral(related, admin.site))


# Bulk change → the fields that say what it is to do; the others need none.
FIELDS: dict[str, dict[str, Callable[[], forms.Field]]] = {
    "set_hub": {"hub": lambda: one("hub")},
    "add_specialty": {"specialties": lambda: several("specialties")},
    "remove_specialty": {"specialties": lambda: several("specialties")},
    "add_industry": {"industries": lambda: several("industries")},
    "set_kind": {"kind": lambda: forms.ChoiceField(choices=Company.Kind.choices)},
    "mark_verified": {
        "source": lambda: forms.CharField(max_length=500, help_text="Where you checked: an address, or a citation.")
    },
}


class ValuesForm(forms.Form):
    """What a change is to do; ready where there is nothing to choose, or it is chosen."""

    def __init__(self, name: str, request: HttpRequest) -> None:
        declared = FIELDS.get(name, {})
        super().__init__(request.GET if PREVIEW in request.GET or not declared else None)
        self.fields |= {name: make() for name, make in declared.items()}


def bulk_action(name: str, bulk: Bulk) -> Callable[[Any, HttpRequest, QuerySet], HttpResponse]:
    """The action of the list that leads to the page of a change."""
    verb = bulk.permission.split(".")[1].split("_")[0]

    @admin.action(description=f"{bulk.label}…", permissions=[verb])
    def act(model_admin: Any, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        pks = queryset.order_by("pk").values_list("pk", flat=True)[:CHUNK]
        asked = {"ids": ".".join(map(str, pks)), "_changelist_filters": request.GET.urlencode()}
        url = reverse("admin:companies_company_bulk", args=[name])
        return HttpResponseRedirect(f"{url}?{urlencode({key: value for key, value in asked.items() if value})}")

    act.__name__ = name
    return act


def bulk_page(request: HttpRequest, name: str) -> HttpResponse:
    """What the change does to each company and, on POST, the change."""
    user: Any = request.user
    bulk = BULKS.get(name)
    if bulk is None:
        raise Http404
    if not may_take(user, bulk):
        raise PermissionDenied
    pks = named(request)
    values = ValuesForm(name, request)
    reason = ReasonForm(request.POST if request.method == "POST" else None)
    chosen = values.cleaned_data | {"today": timezone.localdate()} if values.is_valid() else None
    refused: list[str] = []
    if request.method == "POST" and chosen is not None and reason.is_valid():
        done = Done()

        def make() -> None:
            nonlocal done
            done = apply(bulk, seen(request, pks), chosen, by=user, reason=reason.cleaned_data["reason"])

        refused = refusals(make)
        if not refused:
            tell(request, bulk, done)
            return HttpResponseRedirect(list_of(request))
    lines = preview(bulk, pks, chosen, by=user) if chosen is not None else []
    context = {
        **admin.site.each_context(request),
        "title": bulk.label,
        "opts": Company._meta,
        "bulk": bulk,
        "count": len(pks),
        "values": values,
        "media": LOOKUPS,
        "is_ready": chosen is not None,
        "lines": [line for line in lines if not line.why_not],
        "left": [line for line in lines if line.why_not],
        "reason": reason,
        "refusals": refused,
        "kept": [(key, request.GET[key]) for key in ("ids", "_changelist_filters") if key in request.GET],
        "list": list_of(request),
    }
    return TemplateResponse(request, "admin/companies/company/bulk.html", context)


def named(request: HttpRequest) -> list[int]:
    """The companies that the address names."""
    parts = request.GET.get("ids", "").split(".")
    if len(parts) > CHUNK or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise Http404
    return [int(part) for part in parts]


def seen(request: HttpRequest, pks: list[int]) -> dict[int, str]:
    """Company → the token that it had in the preview; empty where it was in none."""
    return {pk: request.POST.get(f"seen-{pk}", "") for pk in pks}


def list_of(request: HttpRequest) -> str:
    """The list as it was narrowed down before."""
    query = request.GET.get("_changelist_filters", "")
    return reverse("admin:companies_company_changelist") + (f"?{query}" if query else "")


def tell(request: HttpRequest, bulk: Bulk, done: Done) -> None:
    user: Any = request.user
    text = f"{bulk.label}: {len(done.changed)} changed."
    if done.revision and user.has_perm("directory.undo_revision"):
        url = reverse("admin:directory_revision_undo", args=[done.revision.pk])
        text = format_html('{} <a href="{}">Undo</a>', text, url)
    messages.success(request, text)
    for why in dict.fromkeys(why for _, why in done.left):
        names = ", ".join(str(company) for company, reason in done.left if reason == why)
        messages.warning(request, f"Left alone – {why.rstrip('.')}: {names}.")
