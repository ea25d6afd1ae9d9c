"""Who asks: the key of an Authorization header, and what is wrong with it."""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from partners.keys import PATTERN, Malformed, digest_of, name_of
from partners.limits import table
from partners.models import ApiKey

BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
WELL_FORMED = re.compile(rf"(?i:bearer) +({PATTERN.pattern}) *")
# A key in an address, or a parameter that other APIs have for one: both are kept by logs and histories on the way.
IN_ADDRESS = re.compile(r"dir(?:_|%5[fF])[0-9a-z]{8}(?:_|%5[fF])|&(?:api_?key|access_token)=")
# Seconds for which what was read of a key is taken for true, where another machine changed it.
FRESH = 5.0
MOST = 2048  # keys that a process has in mind
NOBODY = "0" * 64
UNKNOWN = "There is no such key. Is all of it there?"


@dataclass
class Refused(Exception):
    """Why a key is not taken: the code of a problem, and what to say."""

    code: str
    detail: str


@dataclass(frozen=True)
class Known:
    """What is to be known of a key for taking it."""

    pk: int
    name: str
    digest: str
    scopes: frozenset[str]
    origins: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    is_active: bool
    quota: int | None

    def check(self) -> None:
        """Raise Refused where it is not taken any more."""
        if self.revoked_at:
            raise Refused("invalid_key", f"This key was revoked on {self.revoked_at:%-d %B %Y}.")
        if self.expires_at and self.expires_at <= timezone.now():
            raise Refused("invalid_key", f"This key expired on {self.expires_at:%-d %B %Y}.")
        if not self.is_active:
            raise Refused("invalid_key", "This key's partner is not active.")

    def is_for(self, origin: str | None) -> bool:
        """Whether pages of ``origin`` may use it, or programs where that is None."""
        return not self.origins or origin in self.origins


@dataclass(frozen=True)
class Entry:
    """What was read of a name, None where no key has it, and until when it counts (of ``time.monotonic()``)."""

    known: Known | None
    until: float


class Keys:
    """What was read of keys lately, and of names that no key has."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.generation = -1
        self.entries: OrderedDict[str, Entry] = OrderedDict()

    def remembered(self, name: str) -> Entry | None:
        """What was read lately of the key called ``name``; None where it has to be read."""
        generation = table().generation
        with self.lock:
            if self.generation != generation:
                self.entries.clear()
                self.generation = generation
            entry = self.entries.get(name)
        return entry if entry and entry.until > time.monotonic() else None

    def read(self, name: str) -> Entry:
        generation = table().generation  # what changes while it is read will be read again
        entry = Entry(read(name), time.monotonic() + FRESH)
        with self.lock:
            if generation == self.generation:
                self.entries[name] = entry
                self.entries.move_to_end(name)
                while len(self.entries) > MOST:
                    self.entries.popitem(last=False)
        return entry


keys = Keys()


def read(name: str) -> Known | None:
    key = ApiKey.objects.select_related("partner").filter(name=name).first()
    if key is None:
        return None
    return Known(
        pk=key.pk,
        name=key.name,
        digest=key.digest,
        scopes=frozenset(key.scopes),
        origins=frozenset(key.origins),
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        is_active=key.partner.is_active,
        quota=key.partner.quota,
    )


def recognised(authorization: str) -> Known | None:
    """What was read lately of the very key that is sent; None where a closer look is needed."""
    match = WELL_FORMED.fullmatch(authorization)
    entry = keys.remembered(match[2]) if match else None
    known = entry.known if entry else None
    is_right = match and known and hmac.compare_digest(digest_of(match[1]), known.digest)
    return known if is_right else None


def key_of(authorization: str) -> tuple[str, str]:
    """(name, key) of the header's value; raises Refused for what cannot be a key."""
    match = BEARER.fullmatch(authorization)
    if match is None:
        raise Refused("invalid_key", "A key is sent as “Authorization: Bearer …”.")
    try:
        return name_of(match[1]), match[1]
    except Malformed as error:
        raise Refused("invalid_key", "This is no key, or it is mistyped: its check digits do not fit.") from error


def check(key: str, known: Known | None) -> Known:
    """``known``, if it is what ``key`` is and may be used; otherwise raises Refused.

    It says the same, and takes as long, where nothing is known and where the secret is wrong.
    """
    is_right = hmac.compare_digest(digest_of(key), known.digest if known else NOBODY)
    if known is None or not is_right:
        raise Refused("invalid_key", UNKNOWN)
    known.check()
    return known


def scope_of(view: Any) -> str | None:
    """What a key is for that may ask ``view``; None where that is an address with nothing behind it."""
    return getattr(getattr(view, "cls", None), "scope", None)
