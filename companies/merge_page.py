"""The admin's page on which two entries of one company are laid side by side and become one."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from companies.merging import BOTH, DROP, KEEP, SAME, facts, merge_companies, merged, undo_merge
from companies.models import Company, Merge
from directory.publishing import Document
from directory.reverting import with_reason
from directory.wording import Wording

PERMISSION = "companies.merge_company"


@dataclass(frozen=True)
class Row:
    """One field of both companies, and what it is after the merge."""

    name: str
    keep: str
    drop: str
    result: str
    choices: list[tuple[str, str, bool]]

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


def merge_page(request: HttpRequest) -> HttpResponse:
    """Both companies field by field; POST shows what the choices give, or merges when it says so."""
    user: Any = request.user
    if not user.has_perm(PERMISSION):
        raise PermissionDenied
    keep, drop = (named(request, end) for end in (KEEP, DROP))
    before, other = facts(keep), facts(drop)
    choices = {name: request.POST[name] for name in before if request.POST.get(name) in (KEEP, DROP, BOTH)}
    form, refused, is_done = with_reason(
        request.POST if "merge" in request.POST else None,
        lambda reason: merge_companies(keep=keep, drop=drop, choices=choices, by=user, reason=reason),
    )
    if is_done:
        merge = Merge.objects.standing().get(drop=drop)
        undo = reverse("admin:companies_merge_undo", args=[merge.pk])
        messages.success(
            request, format_html('{} was merged into {}. <a href="{}">Undo</a>', drop.name, keep.name, undo)
        )
        return HttpResponseRedirect(reverse("admin:companies_company_change", args=[keep.pk]))
    result = merged(before, other, choices)
    context = {
        **admin.site.each_context(request),
        "title": f"Merge {drop.name} into {keep.name}",
        "opts": Company._meta,
        "keep": keep,
        "drop": drop,
        "rows": rows(before, other, result, choices),
        "alias": new_alias(before, other, result),
        "form": form,
        "refusals": refused,
    }
    return TemplateResponse(request, "admin/companies/company/merge.html", context)


def named(request: HttpRequest, end: str) -> Company:
    """The company that the address names as the one to keep or to drop."""
    pk = request.GET.get(end, "")
    return get_object_or_404(Company, pk=int(pk) if pk.isascii() and pk.isdigit() and len(pk) < 19 else None)


def rows(keep: Document, drop: Document, result: Document, choices: dict[str, str]) -> list[Row]:
    """The fields in which the two differ, or that the merge changes."""
    wording = Wording(Company)
    return [
        Row(
            name,
            wording.say(name, keep[name]),
            wording.say(name, drop[name]),
            wording.say(name, value),
            offered(name, keep, value, choices) if keep[name] != drop[name] else [],
        )
        for name, value in result.items()
        if keep[name] != drop[name] or value != keep[name]
    ]


def new_alias(keep: Document, drop: Document, result: Document) -> str:
    """The name that the result does not bear and is found by all the same."""
    other = drop["name"] if result["name"] == keep["name"] else keep["name"]
    return str(other) if other in result["aliases"] else ""


def offered(name: str, keep: Document, result: Any, choices: dict[str, str]) -> list[tuple[str, str, bool]]:
    """(value, label, whether it is chosen) of each choice of a field."""
    ends = [(KEEP, "left"), (DROP, "right"), *([(BOTH, "both")] if name in SAME else [])]
    default = BOTH if name in SAME else KEEP if result == keep[name] else DROP
    chosen = choices.get(name, default)
    return [(value, label, value == chosen) for value, label in ends]


def company_link(company: Company) -> str:
    return format_html('<a href="{}">{}</a>', reverse("admin:companies_company_change", args=[company.pk]), company)


def undo_merge_page(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Asks why and makes two of one again."""
    user: Any = request.user
    if not user.has_perm(PERMISSION):
        raise PermissionDenied
    merge = get_object_or_404(Merge.objects.select_related("keep", "drop"), pk=merge_id)
    sent = request.POST if request.method == "POST" else None
    form, refused, is_done = with_reason(sent, lambda reason: undo_merge(merge, by=user, reason=reason))
    if is_done:
        messages.success(request, f"{merge.keep} and {merge.drop} are two companies again.")
        return HttpResponseRedirect(reverse("admin:companies_merge_changelist"))
    context = {
        **admin.site.each_context(request),
        "title": f"Undo the merge of {merge}",
        "opts": Merge._meta,
        "merge": merge,
        "form": form,
        "refusals": refused,
    }
    return TemplateResponse(request, "admin/companies/merge/undo.html", context)
