"""Accounts in the admin: who is a curator, of which role, locked out or without their device."""

import logging
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from directory.curating import LookedAtAdmin
from directory.sessions import end_sessions

log = logging.getLogger(__name__)

admin.site.unregister([EmailAddress, Authenticator, User])


def may_change(request: HttpRequest, user: User | None) -> bool:
    """Only a superuser changes a superuser: an administrator would otherwise become one."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)


@admin.register(User)
class AccountAdmin(UserAdmin):
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    # What makes somebody more than their groups do.
    only_by_superusers = ("is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_change(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = [] if request.user.is_superuser else self.only_by_superusers
        return [*super().get_readonly_fields(request, obj), *fixed]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not (obj.is_active and obj.is_staff):
            end_sessions(obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not may_change(request, self.get_object(request, id)):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)


class RemovableAdmin(LookedAtAdmin):
    """What the machinery writes, and an administrator may take away."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(AccessAttempt)
class LockAdmin(RemovableAdmin):
    """Failed tries to sign in; deleting them unlocks."""

    fields = ["username", "ip_address", "failures_since_start", "attempt_time", "path_info"]
    list_display = ["username", "ip_address", "failures_since_start", "attempt_time"]
    search_fields = ["username", "=ip_address"]


@admin.register(Authenticator)
class SecondFactorAdmin(RemovableAdmin):
    """Second factors, without their secrets; deleting one makes its owner set up another."""

    deferred = ("data",)
    fields = ["user", "type", "created_at", "last_used_at"]
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_change(request, obj and obj.user)

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        self.delete_queryset(request, Authenticator.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """All of somebody's, recovery codes too, and their sessions with them."""
        for user in User.objects.filter(authenticator__in=queryset).distinct():
            reset_second_factor(user)


def reset_second_factor(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()
    end_sessions(user)
