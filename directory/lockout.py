"""Who guesses passwords or codes is locked out: from one address soon, from many addresses a little later."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.http import HttpRequest

TRIES = 418_203  # a class of advisory locks: only has to differ from others'


def client_address(request: HttpRequest) -> str | None:
    """Where a request comes from, by the proxies that we trust alone; what a client adds before them is not read."""
    address = request.META.get("REMOTE_ADDR")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = hops[-min(settings.TRUSTED_PROXIES, len(hops))] or address
    return normal(address or "")


@lru_cache(maxsize=4096)
def normal(address: str) -> str | None:
    """An address in the one way to write it; None for what is none."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def network_of(address: str | None) -> str:
    """Whom an address is counted for: of IPv6 a whole network, which one household has; "" where it is not known."""
    known = ipaddress.ip_address(address) if address else ""
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or ipaddress.ip_network((int(known) >> 64 << 64, 64)).network_address
    return str(known)


class Handler(AxesDatabaseHandler):
    """Allows fewer failures from one address than from all together: strangers should not lock a curator out."""

    def get_failures(self, request: Any, credentials: Any = None) -> int:
        """How near a user is to the limit of one address, AXES_FAILURE_LIMIT."""
        from_here, from_anywhere = (
            attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        head_start: int = settings.FAILURES_FROM_ANYWHERE - settings.AXES_FAILURE_LIMIT
        return max(from_here, from_anywhere - head_start)


@contextmanager
def one_try_at_a_time(username: str) -> Iterator[None]:
    """A transaction in which nobody else tries to be ``username``: what is counted was counted before the next try.

    Raises OperationalError after the database's lock_timeout.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [TRIES, username])
        yield


def is_locked(request: HttpRequest, username: str) -> bool:
    return not AxesProxyHandler.is_allowed(request, {"username": username})


def count_failure(request: HttpRequest, username: str) -> None:
    """Count a failure that Django does not see: a wrong code after the right password."""
    AxesProxyHandler.user_login_failed(Handler, {"username": username}, request)


def unlock(username: str) -> int:
    """Forget the failures of ``username``, whatever their addresses; how many entries there were."""
    return int(AxesProxyHandler.reset_attempts(username=username))
