"""Cursors: where a page starts, opaque and signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from directory.api.errors import Mistake


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: behind (or, backwards, before) the row with these values."""

    values: list[Any]
    backwards: bool = False

    def encode(self, ordering: str, scope: str) -> str:
        """The cursor as an opaque text, signed, that fits this ordering and this collection's filters only."""
        payload = orjson.dumps([ordering, digest(scope), self.backwards, self.values])
        return encoded(signature(payload) + payload)

    @classmethod
    def decode(
        cls, text: str, orderings: Collection[str], scope: str, instead: str = "take it from a “next” link"
    ) -> tuple[str, Cursor]:
        """(its ordering, the cursor); a Mistake, which says what to give ``instead``, where it is another query's."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        signed = hmac.compare_digest(raw[:12], signature(raw[12:]))
        # The decoder overlooks foreign characters and spare bits; a cursor has one spelling.
        if not signed or encoded(raw) != text:
            raise Mistake("invalid_cursor", f"This is no cursor of ours: {instead}.", "cursor")
        of_ordering, of_scope, backwards, values = orjson.loads(raw[12:])
        if of_scope != digest(scope) or of_ordering not in orderings:
            raise Mistake(
                "invalid_cursor",
                "This cursor belongs to another list, or to other filters or another ordering.",
                "cursor",
            )
        return of_ordering, cls(values, backwards)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signature(payload: bytes) -> bytes:
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"cursor").digest()
    return hashlib.blake2b(payload, key=key, digest_size=12).digest()


def digest(scope: str) -> str:
    return hashlib.blake2b(scope.encode(), digest_size=8).hexdigest()
