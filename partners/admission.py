"""Who is let in: everybody within their limit, and with a key those whose key is right.

A key buys a larger limit and nothing else: whoever asks gets the same bytes. Replies to a key are for nobody else to
store, as they tell how much of its limit is left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from directory.api.caching import LIMITS, PRIVATE
from directory.api.errors import problem_response
from directory.lockout import client_address, network_of
from directory.log import Place, read_place
from directory.waiting import answered_anew
from partners.authentication import (
    IN_ADDRESS,
    Known,
    Refused,
    check,
    key_of,
    keys,
    recognise,
    recognised,
    scope_of,
)
from partners.counting import usage
from partners.limits import WINDOW, Standing, name_of_caller, table

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]

API = "/api/"
# Where work is done for whoever asks.
LIMITED = (API, "/embed/", "/companies/", "/feed.atom", "/sitemap", "/files/")
CHANGES = "/api/v1/changes/"
CHALLENGE = 'Bearer realm="directory"'
ANONYMOUS, KEY = "anonymous", "key"


class Counted(NamedTuple):
    """A request that was counted: by which policy, its limit, and how it stands."""

    policy: str
    limit: int
    standing: Standing


class OverLimit(Exception):
    def __init__(self, counted: Counted) -> None:
        self.counted = counted
        super().__init__(counted.policy)


def admit(get_response: Handler) -> Handler:
    """Middleware: what asks too much, or shows a key that is not taken, goes no further."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(LIMITED):
            return get_response(request)
        try:
            authorization = request.META.get("HTTP_AUTHORIZATION")
            if authorization is None or not request.path_info.startswith(API):
                count_address(request)
                refuse_key_in_address(request)
                return get_response(request)
            known = authenticated(request, authorization)
        except OverLimit as over:
            return over_limit(over.counted)
        except Refused as refused:
            return refusal(refused)
        return answer_key(request, known, get_response)

    def process_view(request: HttpRequest, view: Any, args: Any, options: Any) -> HttpResponse | None:
        known: Known | None = getattr(request, "key", None)
        scope = scope_of(view) if known else None
        if known is None or scope is None or scope in known.scopes:
            return None
        return refusal(Refused("wrong_scope", f"This needs a key for “{scope}”."), known, scope=scope)

    handle.process_view = process_view  # type: ignore[attr-defined]
    return handle


def authenticated(request: HttpRequest, authorization: str) -> Known:
    """What is known of the key that ``authorization`` has; raises Refused.

    Whoever tries keys is counted by the address, and raises OverLimit before the database is asked too often.
    """
    is_counted = False
    try:
        refuse_key_in_address(request)
        if known := recognised(authorization):
            return known
        name, key = key_of(authorization)
        entry = keys.remembered(name)
        if entry is None:
            count_address(request)
            is_counted, entry = True, keys.read(name)
        known = check(key, entry.known)
        recognise(key, entry)
        return known
    except Refused:
        if not is_counted:
            count_address(request)
        raise


def refuse_key_in_address(request: HttpRequest) -> None:
    address = f"{request.path_info}&{request.META['QUERY_STRING']}"
    # What has none of the marks of a key has none, which is sooner found out.
    if ("dir" in address or "key=" in address or "token=" in address) and IN_ADDRESS.search(address):
        detail = (
            "A key is sent as “Authorization: Bearer …” and never in an address: make another one and revoke this."
        )
        raise Refused("key_in_address", detail)


def answer_key(request: HttpRequest, known: Known, get_response: Handler) -> HttpResponse:
    request.key = known  # type: ignore[attr-defined]
    is_first = answered_anew.get() is None  # what was waited for was counted when it came
    standing = table().take(known.caller, known.limit, int(is_first))
    if not standing.is_allowed:
        response = over_limit(Counted(KEY, known.limit, standing), known)
    elif known.origins and request.META.get("HTTP_ORIGIN") not in known.origins:
        detail = "This key is for pages of other sites than this request comes from."
        response = refusal(Refused("wrong_origin", detail), known)
    else:
        response = get_response(request)
    if is_first:
        usage.count(known.pk, is_refused=not standing.is_allowed)
    if request.path_info == CHANGES and response.status_code in (200, 304):
        usage.mirror(known.pk, revision_behind(request.GET.get("after", "0")))
    tell(response, known, standing)
    return response


def tell(response: HttpResponse, known: Known, standing: Standing) -> None:
    """Add what only a key's owner is told, and keep shared caches from storing it."""
    headers = response.headers
    policy, left = policy_in_words(KEY, known.limit), left_in_words(KEY, standing)
    if standing.is_allowed and response.status_code == 429:  # by a limit of the address's own
        policy, left = f"{headers['RateLimit-Policy']}, {policy}", f"{headers['RateLimit']}, {left}"
    headers["RateLimit-Policy"] = policy
    headers["RateLimit"] = left
    said = headers.get("Cache-Control", "")
    if said == PRIVATE:
        return  # a cached answer, which was made for a key
    if (private := kept_private(said)) != said:
        headers["Cache-Control"] = private
    exposed = headers.get("Access-Control-Expose-Headers", "")
    if LIMITS not in exposed:
        headers["Access-Control-Expose-Headers"] = f"{exposed}, {LIMITS}" if exposed else LIMITS


def policy_in_words(policy: str, limit: int) -> str:
    """RateLimit-Policy, as the IETF's draft has it."""
    return f'"{policy}";q={limit};w={WINDOW}'


def left_in_words(policy: str, standing: Standing) -> str:
    """RateLimit: what is left of it."""
    return f'"{policy}";r={standing.left};t={standing.reset}'


@lru_cache(maxsize=64)
def kept_private(cache_control: str) -> str:
    """The same for the one who asked, and for no shared cache."""
    said = [part.strip() for part in cache_control.split(",") if part.strip()]
    if "no-store" in said:
        return cache_control
    kept = [part for part in said if part not in ("public", "private") and not part.startswith("s-maxage")]
    return ", ".join(["private", *kept])


def count_address(request: HttpRequest) -> None:
    """Count a request without a key; raises OverLimit."""
    cost = int(answered_anew.get() is None)
    limit = settings.REQUESTS_A_MINUTE
    standing = table().take(name_of_network(client_address(request)), limit, cost)
    if not standing.is_allowed:
        raise OverLimit(Counted(ANONYMOUS, limit, standing))


@lru_cache(maxsize=4096)
def name_of_network(address: str | None) -> bytes:
    return name_of_caller(network_of(address))


def over_limit(counted: Counted, known: Known | None = None) -> HttpResponse:
    wait = max(1, counted.standing.reset)
    if known:
        log.info("key %s is over its limit", known.name)
    headers = {
        "RateLimit-Policy": policy_in_words(counted.policy, counted.limit),
        "RateLimit": left_in_words(counted.policy, counted.standing),
        "Retry-After": str(wait),
        "Access-Control-Expose-Headers": LIMITS,
    }
    detail = f"{counted.limit} requests a minute are answered. Wait {wait} seconds."
    return problem_response("throttled", detail, headers=headers)


def refusal(refused: Refused, known: Known | None = None, *, scope: str = "") -> HttpResponse:
    log.info("a key was refused: %s %s", known.name if known else "", refused.code)
    headers = {}
    if refused.code == "invalid_key":
        headers["WWW-Authenticate"] = f'{CHALLENGE}, error="invalid_token"'
    elif scope:
        headers["WWW-Authenticate"] = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
    return problem_response(refused.code, refused.detail, headers=headers)


def revision_behind(after: str) -> int:
    """The revision up to which somebody has everything who asks for what comes behind ``after``."""
    place = read_place(after)
    return place.revision if isinstance(place, Place) else place
