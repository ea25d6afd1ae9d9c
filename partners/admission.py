"""Who is let in: everybody within their limit, and with a key those whose key is right.

A key buys a larger limit and nothing else: whoever asks gets the same bytes. Replies to a key are for nobody else to
store, as they tell how much of its limit is left.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from directory.api.caching import LIMITS
from directory.api.errors import problem_response
from directory.lockout import client_address, network_of
from directory.log import Place, read_place
from directory.waiting import answered_anew
from partners.authentication import IN_ADDRESS, Known, Refused, check, key_of, keys, recognised, scope_of
from partners.counting import usage
from partners.limits import NAME, WINDOW, Standing, table

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

    def headers(self) -> dict[str, str]:
        """As the IETF's draft has them: what the policy is, and what is left of it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={self.standing.left};t={self.standing.reset}',
        }


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
            known.check()
            return known
        name, key = key_of(authorization)
        entry = keys.remembered(name)
        if entry is None:
            count_address(request)
            is_counted, entry = True, keys.read(name)
        return check(key, entry.known)
    except Refused:
        if not is_counted:
            count_address(request)
        raise


def refuse_key_in_address(request: HttpRequest) -> None:
    if has_key(request.path_info, request.META["QUERY_STRING"]):
        detail = (
            "A key is sent as “Authorization: Bearer …” and never in an address: make another one and revoke this."
        )
        raise Refused("key_in_address", detail)


def has_key(path: str, query: str) -> bool:
    """Whether a key is in an address. What has none of the marks of one has none, which is sooner found out."""
    address = f"{path}&{query}"
    return ("dir" in address or "key=" in address or "token=" in address) and bool(IN_ADDRESS.search(address))


def answer_key(request: HttpRequest, known: Known, get_response: Handler) -> HttpResponse:
    request.key = known  # type: ignore[attr-defined]
    is_first = answered_anew.get() is None  # what was waited for was counted when it came
    limit = known.quota or settings.REQUESTS_A_MINUTE_WITH_KEY
    counted = Counted(KEY, limit, table().take(name_of_caller(known.name), limit, cost=int(is_first)))
    if not counted.standing.is_allowed:
        response = over_limit(counted, known)
    elif not known.is_for(request.META.get("HTTP_ORIGIN")):
        detail = "This key is for pages of other sites than this request comes from."
        response = refusal(Refused("wrong_origin", detail), known)
    else:
        response = get_response(request)
    if is_first:
        usage.count(known.pk, is_refused=not counted.standing.is_allowed)
    if request.path_info == CHANGES and response.status_code in (200, 304):
        usage.mirror(known.pk, revision_behind(request.GET.get("after", "0")))
    for_key(response, counted)
    return response


def for_key(response: HttpResponse, counted: Counted) -> None:
    """Add what only a key's owner is told, and keep shared caches from storing it."""
    headers = response.headers
    is_told = "RateLimit" in headers  # of a limit of the address's own
    for name, value in counted.headers().items():
        told = headers.get(name, "") if is_told else ""
        is_other = told and not told.startswith(f'"{counted.policy}"')
        headers[name] = f"{told}, {value}" if is_other else value
    said = headers.get("Cache-Control", "")
    if (private := kept_private(said)) != said:
        headers["Cache-Control"] = private
    exposed = headers.get("Access-Control-Expose-Headers", "")
    if LIMITS not in exposed:
        headers["Access-Control-Expose-Headers"] = f"{exposed}, {LIMITS}" if exposed else LIMITS


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


@lru_cache(maxsize=4096)
def name_of_caller(caller: str) -> bytes:
    """What the table knows a network or a key by: nobody can choose an address that takes another's place."""
    return hashlib.blake2b(caller.encode(), digest_size=NAME, key=settings.SECRET_KEY.encode()[:64]).digest()


def over_limit(counted: Counted, known: Known | None = None) -> HttpResponse:
    wait = max(1, counted.standing.reset)
    if known:
        log.info("key %s is over its limit", known.name)
    headers = {**counted.headers(), "Retry-After": str(wait), "Access-Control-Expose-Headers": LIMITS}
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
