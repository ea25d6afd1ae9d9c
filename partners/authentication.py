"""Who asks: the key of an Authorization header, and what is wrong with it."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from partners.keys import Malformed, digest_of, name_of
from partners.limits import GENERATION, name_of_caller, table
from partners.models import ApiKey

BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
# A key in an address, or a parameter that other APIs have for one: both are kept by logs and histories on the way.
IN_ADDRESS = re.compile(r"dir(?:_|%5[fF])[0-9a-z]{8}(?:_|%5[fF])|&(?:api_?key|access_token)=")
# Seconds for which what was read of a key is taken for true, where another machine changed it.
FRESH = 5.0
MOST = 4096  # names and headers that a process has in mind
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
    origins: frozenset[str]  # whose pages may use it; where there are none, any program
    expires_at: datetime | None
    revoked_at: datetime | None
    is_active: bool
    limit: int  # requests a minute
    caller: bytes  # what its requests are counted by

    def check(self) -> None:
        """Raise Refused where it is not taken any more."""
        if self.revoked_at:
            raise Refused("invalid_key", f"This key was revoked on {self.revoked_at:%-d %B %Y}.")
        if self.expires_at and self.expires_at <= timezone.now():
            raise Refused("invalid_key", f"This key expired on {self.expires_at:%-d %B %Y}.")
        if not self.is_active:
            raise Refused("invalid_key", "This key's partner is not active.")


@dataclass(frozen=True)
class Entry:
    """What was read of a name, None where no key has it: for as long as no key is changed on this machine, and no
    longer than ``until`` (of ``time.monotonic()``).
    """

    known: Known | None
    generation: int
    until: float


class Keys:
    """What was read of keys lately, and of names that no key has: by their names, and by the digests of headers that
    were right, so that most requests are looked up and nothing else. No header itself is kept.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: OrderedDict[str | bytes, Entry] = OrderedDict()

    def remembered(self, name: str | bytes) -> Entry | None:
        """What was read lately; None where it has to be read."""
        entry = self.entries.get(name)
        if entry and entry.generation == table().words[GENERATION] and entry.until > time.monotonic():
            return entry
        return None

    def read(self, name: str) -> Entry:
        generation = table().words[GENERATION]  # what changes while it is read will be read again
        entry = Entry(read(name), generation, time.monotonic() + FRESH)
        self.remember(name, entry)
        return entry

    def remember(self, name: str | bytes, entry: Entry) -> None:
        with self.lock:
            self.entries[name] = entry
            self.entries.move_to_end(name)
            while len(self.entries) > MOST:
                self.entries.popitem(last=False)


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
        limit=key.partner.quota or settings.REQUESTS_A_MINUTE_WITH_KEY,
        caller=name_of_caller(key.name),
    )


def digest_of_header(authorization: str) -> bytes:
    """What a header is remembered by in this process: another digest than a key's own, as that takes longer."""
    return hashlib.blake2s(authorization.encode()).digest()


def recognised(authorization: str) -> Known | None:
    """What is known of the key of a header that was right lately; None where a closer look is needed."""
    entry = keys.remembered(digest_of_header(authorization))
    return entry.known if entry else None


def recognise(key: str, entry: Entry) -> None:
    """Take a header with ``key``, which is right, without a closer look until it has to be read again, or expires.

    Only as clients write it: whoever varies blanks and letters fills no memory.
    """
    expires_at = entry.known.expires_at if entry.known else None
    left = (expires_at - timezone.now()).total_seconds() if expires_at else FRESH
    until = min(entry.until, time.monotonic() + left)
    keys.remember(digest_of_header(f"Bearer {key}"), replace(entry, until=until))


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
