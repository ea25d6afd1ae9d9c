"""Whether a company that somebody is typing might be there already: what the admin's page asks meanwhile."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from companies.facts import Facts
from companies.matching import find
from companies.models import Company
from hubs.models import Hub

# Of what is typed; no name and no website is longer.
LONGEST = 500
SHORTEST = 3


def alike_view(request: HttpRequest) -> JsonResponse:
    """The companies that ``name``, ``website`` and ``hub`` (a primary key) may be, without the one of ``exclude``.

    JSON: ``{"matches": [{"name", "url", "status", "certain", "reasons"}]}``, the best first.
    """
    model_admin = admin.site.get_model_admin(Company)
    if not (model_admin.has_add_permission(request) or model_admin.has_change_permission(request)):
        raise PermissionDenied
    name, website = (request.GET.get(field, "").replace("\0", "").strip()[:LONGEST] for field in ("name", "website"))
    if website and "://" not in website:
        website = f"https://{website}"  # as saving it takes it
    if max(len(name), len(website)) < SHORTEST:
        return answer([])
    hub = Hub.objects.filter(pk=number(request, "hub") or 0).values_list("slug", flat=True).first()
    facts = Facts(name=name, website=website, hub=hub or "")
    matches = find(facts, limit=5, exclude=number(request, "exclude"))
    companies = Company.objects.only("name", "status").in_bulk([match.pk for match in matches])
    return answer(
        {
            "name": companies[match.pk].name,
            "url": reverse("admin:companies_company_change", args=[match.pk]),
            "status": companies[match.pk].get_status_display(),
            "certain": match.certainty == "certain",
            "reasons": match.reasons,
        }
        for match in matches
        if match.pk in companies
    )


def answer(matches: Any) -> JsonResponse:
    response = JsonResponse({"matches": list(matches)})
    add_never_cache_headers(response)
    return response


def number(request: HttpRequest, name: str) -> int | None:
    """A primary key in the address; None where there is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
