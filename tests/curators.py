"""Curators who are signed in, with the second factor that the admin asks for."""

import time
from typing import Any

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client

from companies.roles import give_roles
from tests import factories as make

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def make_member(role: str, username: str = "bilal") -> User:
    """Somebody with one of the roles, and nothing else."""
    if not Group.objects.filter(name=role).exists():
        give_roles(apps)  # which a test with transactions of its own has taken away
    user = make.make_curator(username, is_superuser=False)
    user.groups.add(Group.objects.get(name=role))
    return user


def make_second_factor(user: User) -> Authenticator:
    return TOTP.activate(user, SECRET).instance


def code(steps: int = 0) -> str:
    """What a device with SECRET shows now, or some time steps later."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def signed_in(user: User, **options: Any) -> Client:
    """A browser in which ``user`` has just shown password and code; ``options`` are the client's."""
    client = Client(**options)
    client.force_login(user)
    factor = Authenticator.objects.filter(user=user).first() or make_second_factor(user)
    session = client.session
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "id": factor.pk, "at": time.time()}]
    session.save()
    return client


def make_somebody(role: str, username: str = "bilal") -> User:
    """Anybody who may sign in: one of staff has no role, and a superuser needs none."""
    if role in ("staff", "superuser"):
        return make.make_curator(username, is_superuser=role == "superuser")
    return make_member(role, username)


def browser(role: str) -> Client:
    return signed_in(make_somebody(role))
