"""Webhooks in the admin: whose fail, and what was sent to them; each leads to the page where it is looked after."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.html import format_html

from directory.curating import LookedAtAdmin
from partners.webhook_pages import look_after, partner_list
from partners.webhooks import Delivery, Webhook


@admin.register(Webhook)
class WebhookAdmin(LookedAtAdmin):
    list_display = ["url", "partner", "state", "problem", "failing_since", "revision"]
    list_filter = ["state"]
    list_select_related = ["partner"]
    search_fields = ["url", "partner__name"]
    fields = [
        *("partner", "url", "kinds", "view", "query", "state", "problem", "failing_since", "next_attempt"),
        "looked_after",
    ]
    readonly_fields = ["looked_after"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("of/<int:partner_id>/", view(partner_list), name="partners_webhook_of_partner"),
            path("<int:pk>/look-after/", view(look_after), name="partners_webhook_look_after"),
            *super().get_urls(),
        ]

    @admin.display(description="look after it")
    def looked_after(self, obj: Webhook) -> str:
        url = reverse("admin:partners_webhook_look_after", args=[obj.pk])
        return format_html('<a href="{}">Change it, its secret and its place in the log</a>', url)


@admin.register(Delivery)
class DeliveryAdmin(LookedAtAdmin):
    list_display = ["at", "webhook", "kind", "message", "attempt", "status_code", "problem", "milliseconds"]
    list_filter = ["kind", "succeeded"]
    search_fields = ["message", "webhook__url"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("webhook__partner")
