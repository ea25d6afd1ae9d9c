"""The pages of a partner's own people: keys, how much they are used, and how far the mirror is.

Whoever is signed in as curators are, and linked to a partner, sees its pages; to others there is no such partner.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from directory.api.caching import current_revision
from directory.signin import missing_step
from partners.charts import DAYS, Chart, draw
from partners.elements import snippet
from partners.forms import KeyForm
from partners.issuing import issue, revoke
from partners.models import SLOTS, ApiKey, Partner, Usage

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """A page for those who have shown password and second factor; others are led there first, and back."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, **options: Any) -> HttpResponse:
        if step := missing_step(request):
            target = urlencode({REDIRECT_FIELD_NAME: request.path if request.method == "GET" else reverse("partner")})
            return HttpResponseRedirect(f"{reverse(step)}?{target}")
        return view(request, **options)

    return guarded


def for_partner(view: View) -> View:
    """A page that is called with the partner of its address, if that is the user's: otherwise there is none."""

    @signed_in
    @wraps(view)
    def opened(request: HttpRequest, partner_id: int, **options: Any) -> HttpResponse:
        partner = get_object_or_404(Partner.objects.of_user(request.user), pk=partner_id)
        return view(request, partner, **options)

    return opened


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The user's partner, or a choice where there are several."""
    partners = list(Partner.objects.of_user(request.user))
    if not partners:
        raise PermissionDenied("These pages are for partners. An administrator says to which one an account belongs.")
    if len(partners) == 1:
        return redirect("partner_overview", partners[0].pk)
    return render(request, "partner/choice.html", {"partners": partners})


@require_http_methods(["GET", "HEAD"])
@for_partner
def overview(request: HttpRequest, partner: Partner) -> HttpResponse:
    return page(request, partner, KeyForm())


@require_POST
@for_partner
@transaction.atomic
def make_key(request: HttpRequest, partner: Partner) -> HttpResponse:
    """Make a key and show it, in this answer alone."""
    form = KeyForm(request.POST, instance=ApiKey(partner=partner))
    if not form.is_valid():
        return page(request, partner, form, status=400)
    key = form.save(commit=False)
    context = {"text": issue(key, by=request.user), "key": key, "partner": partner}
    return render(request, "partner/key.html", context)


@require_POST
@for_partner
def revoke_key(request: HttpRequest, partner: Partner, name: str) -> HttpResponse:
    key = get_object_or_404(partner.keys, name=name)
    revoke(key)
    messages.success(request, f"The key {key.name} is refused from now on.")
    return redirect("partner_overview", partner.pk)


def page(request: HttpRequest, partner: Partner, form: KeyForm, *, status: int = 200) -> HttpResponse:
    keys = list(partner.keys.all())
    live = [key for key in keys if key.is_live]
    current = current_revision()
    context = {
        "partner": partner,
        "keys": keys,
        "form": form if len(live) < len(SLOTS) or form.errors else None,
        "chart": chart_of(partner),
        "days": DAYS,
        "snippet": snippet(QueryDict("hub=lahore"), {"limit": "10"}),
        "current": current,
        "mirrors": [(key, current - key.mirrored_revision) for key in keys if key.mirrored_revision is not None],
    }
    return render(request, "partner/overview.html", context, status=status)


def chart_of(partner: Partner) -> Chart:
    today = timezone.now().date()
    usage = Usage.objects.filter(key__partner=partner, day__gt=today - datetime.timedelta(days=DAYS))
    sums = usage.order_by().values("day").annotate(every=Sum("requests"), over=Sum("refused"))
    return draw({row["day"]: (row["every"], row["over"]) for row in sums}, today)
