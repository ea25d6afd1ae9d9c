"""Partners in the admin: who they are, their keys, and how much these are used."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html

from directory.curating import GuardedAdmin, LookedAtAdmin
from partners.forms import KeyForm
from partners.issuing import issue, revoke, tell
from partners.models import ApiKey, Partner, PublicView, Usage
from partners.public_view_admin import PublicViewAdmin
from partners.webhook_admin import DeliveryAdmin as DeliveryAdmin  # Django looks for admins here
from partners.webhook_admin import WebhookAdmin as WebhookAdmin


class KeptAdmin(GuardedAdmin):
    """What is closed or revoked, but not deleted: it was there."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Partner)
class PartnerAdmin(KeptAdmin):
    list_display = ["name", "is_active", "quota", "created_at"]
    search_fields = ["name"]
    fields = ["name", "contact", "users", "quota", "is_active", "webhooks"]
    readonly_fields = ["webhooks"]
    autocomplete_fields = ["users"]

    def save_model(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        tell()

    @admin.display(description="webhooks")
    def webhooks(self, obj: Partner) -> str:
        if obj.pk is None:
            return "Once it is saved."
        url = reverse("admin:partners_webhook_of_partner", args=[obj.pk])
        return format_html('<a href="{}">{} of them</a>', url, obj.webhooks.count())


class ChangedKeyForm(forms.ModelForm):
    """Of a key that was made, nothing changes but that it may be revoked."""

    revoke = forms.BooleanField(
        label="revoke it now", required=False, help_text="It is refused at once, and for good."
    )


@admin.register(ApiKey)
class ApiKeyAdmin(KeptAdmin):
    """Keys. The text of one is in the answer that makes it, and nowhere else."""

    list_display = ["name", "partner", "state", "scopes", "expires_at", "last_used_on"]
    list_select_related = ["partner"]
    search_fields = ["name", "partner__name"]
    autocomplete_fields = ["partner"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["partner", "scopes", "origins", "expires_at"]
        return [*self.get_readonly_fields(request, obj), *(["revoke"] if self.may_revoke(request, obj) else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return []
        known = ["partner", "name", "state", "scopes", "origins", "created_at", "created_by", "expires_at"]
        return [*known, "revoked_at", "last_used_on", "mirrored_revision", "mirrored_at"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        options["form"] = KeyForm if obj is None else ChangedKeyForm
        return super().get_form(request, obj, change, **options)

    def may_revoke(self, request: HttpRequest, obj: ApiKey) -> bool:
        return obj.revoked_at is None and self.has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            request.made = issue(obj, by=request.user)  # type: ignore[attr-defined]
        elif form.cleaned_data.get("revoke"):
            revoke(obj)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"The key {obj.name}",
            "text": request.made,  # type: ignore[attr-defined]
            "key": obj,
        }
        return render(request, "admin/partners/apikey/made.html", context)


@admin.register(Usage)
class UsageAdmin(LookedAtAdmin):
    list_display = ["key", "day", "requests", "refused"]
    list_select_related = ["key"]
    search_fields = ["key__name", "key__partner__name"]


admin.site.register(PublicView, PublicViewAdmin)
