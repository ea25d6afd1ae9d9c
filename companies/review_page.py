"""The admin's page on which a suggestion is looked at field by field, and decided on."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from companies.merging import facts
from companies.models import Company
from companies.reviewing import Decision, Field, Standing, decide, fields, fingerprint, may_decide, target
from companies.suggestions import Suggestion
from companies.workflow import NEW, Status, reachable
from directory.models import Fold
from directory.reverting import refusals
from directory.websites import bare_domain
from directory.wording import Piece, Wording

ACCEPT, REJECT = "accept", "reject"
# Companies that a new one may be.
ALIKE = 5


@dataclass(frozen=True)
class Row:
    """A field as it is shown, with what is said of it so far."""

    field: Field
    wording: Wording
    choice: str = ""
    reason: str = ""

    @property
    def label(self) -> str:
        return self.field.name.replace("_", " ")

    @property
    def base(self) -> str:
        return self.wording.say(self.field.name, self.field.base)

    @property
    def now(self) -> str:
        return self.wording.say(self.field.name, self.field.now)

    @property
    def result(self) -> list[Piece]:
        """What is suggested, with what it would bring."""
        return self.wording.difference(self.field.name, self.field.now, self.field.result).after

    @property
    def is_stale(self) -> bool:
        return self.field.standing == Standing.STALE

    @property
    def is_open(self) -> bool:
        """Whether there is anything to decide."""
        return self.field.standing != Standing.SAME


def review_page(request: HttpRequest, model_admin: admin.ModelAdmin, object_id: str) -> HttpResponse:
    """A suggestion against the company of today; POST decides on it."""
    suggestion: Suggestion | None = model_admin.get_object(request, object_id)
    if not model_admin.has_view_permission(request, suggestion):
        raise PermissionDenied
    if suggestion is None:
        raise Http404
    company = target(suggestion)
    may = may_decide(request.user, company)
    refused: list[str] = []
    if request.method == "POST":
        if not may:
            raise PermissionDenied
        refused = refusals(lambda: take(request, suggestion))
        if not refused:
            model_admin.log_change(request, suggestion, "Decided.")
            messages.success(request, f"Decided: {suggestion}.")
            return HttpResponseRedirect(next_after(suggestion))
    found = fields(suggestion, facts(company) if company else {})
    context = {
        **admin.site.each_context(request),
        "title": f"Suggestion: {suggestion}",
        "opts": Suggestion._meta,
        "suggestion": suggestion,
        "company": company,
        "is_merged": company != suggestion.company,
        "alike": alike(suggestion) if company is None else [],
        "rows": rows(request, suggestion, found),
        "seen": fingerprint(found),
        "statuses": statuses(request.user) if suggestion.is_new else [],
        "status": request.POST.get("status", Status.DRAFT),
        "note": request.POST.get("note", ""),
        "may_decide": may and suggestion.is_open,
        "refusals": refused,
    }
    return TemplateResponse(request, "admin/companies/suggestion/review.html", context)


def next_after(suggestion: Suggestion) -> str:
    """The page of the suggestion that came after this one, else of the oldest; the list where none waits."""
    waiting = Suggestion.objects.open().order_by("pk")
    following = waiting.filter(pk__gt=suggestion.pk).first() or waiting.first()
    if following is None:
        return reverse("admin:companies_suggestion_changelist")
    return reverse("admin:companies_suggestion_change", args=[following.pk])


def take(request: HttpRequest, suggestion: Suggestion) -> None:
    """Decide as the form says; raises what decide() does."""
    user: Any = request.user
    status = request.POST.get("status", Status.DRAFT)
    if suggestion.is_new and status not in reachable(user, NEW):
        raise PermissionDenied
    decisions = {
        name: Decision(said == ACCEPT, request.POST.get(f"reason-{name}", "").strip()[:300])
        for name in suggestion.proposed
        if (said := request.POST.get(f"decision-{name}")) in (ACCEPT, REJECT)
    }
    note = request.POST.get("note", "").strip()[:300]
    decide(suggestion, decisions, seen=request.POST.get("seen", ""), by=user, status=status, note=note)


def rows(request: HttpRequest, suggestion: Suggestion, found: list[Field]) -> list[Row]:
    """The fields with what was decided, or with what the form that came back says."""
    wording = Wording(Company)
    if suggestion.is_open:
        post = request.POST
        return [Row(f, wording, post.get(f"decision-{f.name}", ""), post.get(f"reason-{f.name}", "")) for f in found]
    said = {
        name: (ACCEPT if one["accepted"] else REJECT, one["reason"]) for name, one in suggestion.decisions.items()
    }
    return [Row(one, wording, *said[one.name]) for one in found]


def statuses(user: Any) -> list[tuple[str, str]]:
    offered = reachable(user, NEW)
    return [choice for choice in Status.choices if choice[0] in offered]


def alike(suggestion: Suggestion) -> QuerySet[Company]:
    """The companies that have the name or the domain of a new one: it may not be new."""
    wanted = Q(name_key=Fold(Value(suggestion.proposed.get("name", ""))))
    if domain := bare_domain(suggestion.proposed.get("website") or ""):
        wanted |= Q(domain=domain)
    return Company.objects.filter(wanted).defer("document", "search", "description")[:ALIKE]
