"""The pages on which webhooks are looked after: partners' own, and the same ones in the admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from directory.api.caching import current_revision
from partners.models import Partner
from partners.portal import for_partner
from partners.steering import BUTTONS, WebhookForm, add_webhook, change_webhook, press
from partners.webhooks import KEPT, KEPT_FOR, MOST_WEBHOOKS, Webhook

PAGE_SIZE = 25
METHODS = ["GET", "HEAD", "POST"]
SAVE, DELETE = "save", "delete"


@dataclass(frozen=True)
class Desk:
    """Where webhooks are looked after: how its pages look, and where they are."""

    frame: str
    list_url: Callable[[Partner], str]
    url: Callable[[Webhook], str]
    context: Callable[[HttpRequest], dict[str, Any]]

    def shown(self, request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
        known = {**self.context(request), "frame": self.frame, "may_use_http": settings.WEBHOOKS_HTTP}
        return render(request, template, known | context, status=status)


def list_page(request: HttpRequest, desk: Desk, partner: Partner) -> HttpResponse:
    """A partner's webhooks, and a form for one more, whose secret is in the answer that makes it and nowhere else."""
    form = WebhookForm(request.POST if request.method == "POST" else None, instance=Webhook(partner=partner))
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = add_webhook(form, partner=partner, by=request.user)
            return secret_page(request, desk, webhook, secret)
        except ValidationError as refusal:
            form.add_error(None, refusal)
    webhooks = [(webhook, desk.url(webhook)) for webhook in partner.webhooks.select_related("view")]
    return desk.shown(
        request,
        "webhooks/list.html",
        400 if form.errors else 200,
        title=f"Webhooks of {partner}",
        partner=partner,
        webhooks=webhooks,
        form=form if len(webhooks) < MOST_WEBHOOKS else None,
        most=MOST_WEBHOOKS,
    )


def secret_page(request: HttpRequest, desk: Desk, webhook: Webhook, secret: str, message: str = "") -> HttpResponse:
    title = "The secret of a webhook"
    back = desk.url(webhook)
    return desk.shown(
        request, "webhooks/secret.html", title=title, webhook=webhook, secret=secret, message=message, back=back
    )


def webhook_page(request: HttpRequest, desk: Desk, webhook: Webhook) -> HttpResponse:
    """One webhook: its state, what is sent to it, its log, and buttons."""
    button = request.POST.get("button", "") if request.method == "POST" else ""
    form = WebhookForm(request.POST if button == SAVE else None, instance=Webhook.objects.get(pk=webhook.pk))
    if button == DELETE and "sure" in request.POST:
        webhook.delete()
        messages.success(request, f"Nothing is sent to {webhook.url} any more.")
        return HttpResponseRedirect(desk.list_url(webhook.partner))
    if button == SAVE and form.is_valid():
        change_webhook(form)
        messages.success(request, "It was changed.")
        return HttpResponseRedirect(desk.url(webhook))
    if button in BUTTONS:
        try:
            done = press(webhook.pk, button, request.POST, by=request.user)
            if done.secret:
                return secret_page(request, desk, webhook, done.secret, done.message)
            messages.success(request, done.message)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return HttpResponseRedirect(desk.url(webhook))
    return desk.shown(
        request,
        "webhooks/webhook.html",
        400 if form.errors else 200,
        title=f"Webhook {webhook.url}",
        webhook=webhook,
        form=form,
        back=desk.list_url(webhook.partner),
        buttons=[name for name, (_, states) in BUTTONS.items() if webhook.state in states],
        is_rotating=bool(webhook.old_secret_until and webhook.old_secret_until > timezone.now()),
        newest=current_revision(),
        attempts=Paginator(webhook.deliveries.all(), PAGE_SIZE).get_page(request.GET.get("p")),
        kept=KEPT,
        kept_days=KEPT_FOR.days,
    )


# Partners' own pages

PORTAL = Desk(
    "partner/frame.html",
    lambda partner: reverse("partner_webhooks", args=[partner.pk]),
    lambda webhook: reverse("partner_webhook", args=[webhook.partner_id, webhook.pk]),
    lambda request: {},
)


@require_http_methods(METHODS)
@for_partner
def own_list(request: HttpRequest, partner: Partner) -> HttpResponse:
    return list_page(request, PORTAL, partner)


@require_http_methods(METHODS)
@for_partner
def own_webhook(request: HttpRequest, partner: Partner, pk: int) -> HttpResponse:
    return webhook_page(request, PORTAL, get_object_or_404(partner.webhooks.select_related("partner"), pk=pk))


# The admin's

ADMIN = Desk(
    "admin/base_site.html",
    lambda partner: reverse("admin:partners_webhook_of_partner", args=[partner.pk]),
    lambda webhook: reverse("admin:partners_webhook_look_after", args=[webhook.pk]),
    admin.site.each_context,
)


def require(request: HttpRequest, verb: str) -> None:
    user: Any = request.user
    if not user.has_perm(f"partners.{verb}_webhook"):
        raise PermissionDenied


@never_cache
@require_http_methods(METHODS)
def partner_list(request: HttpRequest, partner_id: int) -> HttpResponse:
    require(request, "add")
    return list_page(request, ADMIN, get_object_or_404(Partner, pk=partner_id))


@never_cache
@require_http_methods(METHODS)
def look_after(request: HttpRequest, pk: int) -> HttpResponse:
    require(request, "delete" if request.POST.get("button") == DELETE else "change")
    return webhook_page(request, ADMIN, get_object_or_404(Webhook.objects.select_related("partner"), pk=pk))
