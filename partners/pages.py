"""Pages about single companies, for people and for machines that crawl."""

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from companies.countries import COUNTRIES
from companies.linked import COMPANY
from companies.views import CompanyViewSet
from directory.api.addresses import PermanentRedirect, find
from directory.api.caching import remember
from directory.api.errors import Problem
from directory.api.linked import linked_data


@require_safe
@remember
def company(request: HttpRequest, key: str) -> HttpResponse:
    """A company as it was published, with the source of each fact, and once more as JSON-LD."""
    try:
        found = find(CompanyViewSet.queryset, key, request)
    except Problem as error:
        return missing(request, error)
    if isinstance(found, PermanentRedirect):
        return PermanentRedirect(found["Location"].replace("/api/v1/companies/", "/companies/", 1))
    if found.slug != key:
        return PermanentRedirect(f"/companies/{found.slug}/")
    document = orjson.loads(found.document)
    context = {
        "company": document,
        "markets": [COUNTRIES[code] for code in document["export_markets"]],
        "linked": mark_safe(linked_data(COMPANY.of(document)).decode()),  # noqa: S308 - escaped for <script>
        "page": f"{settings.SITE_URL}/companies/{found.slug}/",
        "license": settings.LICENSE,
    }
    response = render(request, "pages/company.html", context)
    response.revision = found.revision  # type: ignore[attr-defined]
    response["Link"] = f'<{document["url"]}>; rel="alternate"; type="application/json"'
    return response


def missing(request: HttpRequest, error: Problem) -> HttpResponse:
    """That there is no such company, or no longer."""
    response = render(request, "pages/missing.html", {"detail": error.detail}, status=error.status_code)
    response["Cache-Control"] = "no-store"
    return response
