"""How curators see and ask for checks of websites in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from companies.links import DEAD_AFTER, State
from companies.models import Company
from companies.questions import QUESTIONS
from companies.reaching import ask_for_check
from directory.narrowing import Counted

PERMISSION = "companies.change_company"
DEAD = "dead"
# What a list may be filtered by → in words.
LINKS_IN_WORDS = {
    DEAD: f"Dead: failed on {DEAD_AFTER} days in a row",
    **{state.value: str(state.label) for state in State if state != State.UNKNOWN},
}


class LinkFilter(Counted, admin.SimpleListFilter):
    title = "website"
    parameter_name = "link"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return list(LINKS_IN_WORDS.items())

    def condition(self) -> Q:
        return self.holds(self.value()) if self.value() else Q()

    def holds(self, state: str | None) -> Q:
        if state == DEAD:
            return QUESTIONS["with_dead_link"].holds(Company.objects.none())
        return Q(link_check__state=state, link_check__url=F("website"))

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        states = enumerate(LINKS_IN_WORDS)
        return {f"{n}__c": Count(pk_attname, filter=self.holds(state)) for n, state in states}


def link_in_words(company: Company) -> str:
    """What is known of the company's website, in a sentence."""
    if not company.website:
        return "It has no website."
    check: Any = getattr(company, "link_check", None)
    if check is None or check.url != company.website or not check.checked_at:
        waits = check is not None and check.asked_at
        return "It is checked within a minute." if waits else "Not checked yet."
    problem = f": {check.problem}" if check.problem else "."
    days = f" It failed on {check.failures} day{'s' * (check.failures > 1)} in a row." if check.failures else ""
    there = f" It is now {check.final_url}" if check.state == State.MOVED else ""
    again = " It is checked again within a minute." if check.asked_at else ""
    return f"{check.get_state_display()}, checked on {check.checked_at:%-d %B %Y}{problem}{days}{there}{again}"


def may_check(request: HttpRequest) -> bool:
    user: Any = request.user
    return settings.LINK_CHECKS and user.has_perm(PERMISSION)


def check_page(request: HttpRequest, company_id: int) -> HttpResponse:
    """Asks for a check of a company's website, which the worker makes."""
    if not may_check(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    company = get_object_or_404(Company.objects.exclude(website=""), pk=company_id)
    ask_for_check(company)
    messages.success(request, "The website is checked within a minute. Open the page again to see what came of it.")
    return HttpResponseRedirect(reverse("admin:companies_company_change", args=[company.pk]))
