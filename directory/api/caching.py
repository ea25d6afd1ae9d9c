"""Answers kept until the directory's revision changes: the one question that validates them costs one query."""

from __future__ import annotations

import functools
import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import brotli
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

CACHE_CONTROL = "public, max-age=0, s-maxage=60, stale-while-revalidate=300, stale-if-error=86400"
NOT_KEPT = "no-store"
# The same, of what is answered to a key.
PRIVATE = "private, max-age=0, stale-while-revalidate=300, stale-if-error=86400"
# Below this, a coding's own bytes outweigh what it saves.
CODED_FROM = 512
# What tells of a limit, and what scripts of other sites may read: answers to keys are made of cached ones.
LIMITS = "Retry-After, RateLimit, RateLimit-Policy"
EXPOSED = f"ETag, Directory-Revision, Link, {LIMITS}"

T = TypeVar("T")


def current_revision() -> int:
    """The newest revision's number: the one query of an answer that is already known."""
    for attempt in (1, 2):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT max(id) FROM directory_revision")
                return cursor.fetchone()[0] or 0
        except (OperationalError, InterfaceError):
            # A connection that was kept while the database restarted: the first statement finds out.
            if attempt == 2 or connection.in_atomic_block:
                raise
            connection.close()
    raise AssertionError("unreachable")


class Superseded(Exception):
    """What was just read is of a newer revision than the rest of the answer, which has to be read anew."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        super().__init__(revision)


def at_one_revision(revision: int, answer: Callable[[int], T]) -> T:
    """``answer(revision)``, called again with a newer one until all that it reads is of one revision."""
    while True:
        try:
            return answer(revision)
        except Superseded as newer:
            revision = newer.revision


class RevisionCache:
    """What is true at one revision, within ``limit`` units of weight; a newer revision empties it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lock = threading.Lock()
        self.revision = -1
        self.weight = 0
        self.entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, revision: int, key: Hashable) -> Any:
        """What was kept under ``key`` at this very revision, or None."""
        with self.lock:
            if revision != self.revision or key not in self.entries:
                return None
            self.entries.move_to_end(key)
            return self.entries[key][0]

    def last_without(self, key: Hashable) -> int:
        """The newest revision of which anything was kept, if nothing is under ``key``; otherwise -1."""
        with self.lock:
            return -1 if key in self.entries else self.revision

    def put(self, revision: int, key: Hashable, value: Any, weight: int = 1) -> None:
        with self.lock:
            if revision < self.revision:
                return
            if revision > self.revision:
                self.entries.clear()
                self.revision, self.weight = revision, 0
            self.weight += weight - self.entries.pop(key, (None, 0))[1]
            self.entries[key] = (value, weight)
            while self.weight > self.limit:
                self.weight -= self.entries.popitem(last=False)[1][1]


@dataclass(frozen=True)
class Answer:
    """A body with its headers, coded and digested once."""

    body: bytes
    content_type: str
    etag: str
    headers: tuple[tuple[str, str], ...]

    @property
    def weight(self) -> int:
        """About how many bytes keeping it takes."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers) + 1000

    def response(self, request: HttpRequest) -> HttpResponse:
        if is_known(self.etag, request):
            response = HttpResponse(status=304)
            del response.headers["Content-Type"]
        else:
            response = HttpResponse(self.body, content_type=self.content_type)
            response.headers["Content-Length"] = str(len(self.body))
        for name, value in self.headers:
            response.headers[name] = value
        response.headers["Cache-Control"] = PRIVATE if hasattr(request, "key") else CACHE_CONTROL
        return response


def is_known(etag: str, request: HttpRequest) -> bool:
    """Whether the client says that it has what ``etag`` stands for."""
    if_none_match = request.META.get("HTTP_IF_NONE_MATCH")
    if not if_none_match:
        return False
    if if_none_match == etag:  # what nearly all send takes no parsing
        return True
    etags = parse_etags(if_none_match)
    return "*" in etags or etag in (known.removeprefix("W/") for known in etags)


# Bytes of answers that a process keeps.
answers = RevisionCache(limit=64 * 2**20)


def remember(view: Callable[..., HttpResponse], *, confirms: bool = False) -> Callable[..., HttpResponse]:
    """Answer a GET that was answered at this revision before DRF's machinery starts.

    The view is called with ``request.revision`` set and, for what may be kept, returns a response whose
    ``revision`` attribute says at which one its content was read. One that ``confirms`` it, in the statement that
    reads the content, need not be told the newest: what nobody has asked for yet then costs one query less.
    """

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return view(request, *args, **kwargs)

        meta = request.META
        coding = choose_coding(meta.get("HTTP_ACCEPT_ENCODING", ""))
        key = (request.path, meta["QUERY_STRING"], meta.get("HTTP_ACCEPT", ""), coding)

        def ask(revision: int) -> HttpResponse:
            request.revision = revision  # type: ignore[attr-defined]
            response = view(request, *args, **kwargs)
            at = getattr(response, "revision", None)
            if at is None:
                return response
            answer = make_answer(response, coding, at)
            answers.put(at, key, answer, answer.weight + sum(map(len, key)))
            return answer.response(request)

        assumed = answers.last_without(key) if confirms else -1
        early = ask(assumed) if assumed >= 0 else None
        if early is not None and early.status_code < 400:
            return early
        try:
            revision = current_revision()
        except (OperationalError, InterfaceError):
            revision = -1  # the view meets the same error, where it is answered as a problem
        # An older revision may be the reason for a refusal, and a connection that was lost that of a failure.
        if early is not None and revision == assumed and early.status_code < 500:
            return early
        answer = answers.get(revision, key)
        return answer.response(request) if answer else ask(revision)

    return answered


def make_answer(response: HttpResponse, coding: str, revision: int) -> Answer:
    """Code the body, digest what is sent, and put together the headers of what a shared cache may store."""
    body = response.content
    if len(body) < CODED_FROM:
        coding = ""
    if coding == "br":
        body = brotli.compress(body, quality=5)
    elif coding == "gzip":
        body = gzip.compress(body, compresslevel=6, mtime=0)
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = public_headers(etag, revision)
    del headers["Cache-Control"]  # which is up to who asks
    if coding:
        headers["Content-Encoding"] = coding
    if "Link" in response:
        headers["Link"] = response["Link"]
    return Answer(body, response["Content-Type"], etag, tuple(headers.items()))


def unkept(response: HttpResponse, revision: int, request: HttpRequest) -> HttpResponse:
    """``response``, coded and validated like others, but not kept in this process."""
    coding = choose_coding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    return make_answer(response, coding, revision).response(request)


def public_headers(etag: str, revision: int) -> dict[str, str]:
    """The headers of whatever a shared cache may store."""
    return {
        "ETag": etag,
        "Cache-Control": CACHE_CONTROL,
        "Vary": "Accept, Accept-Encoding",
        "Directory-Revision": str(revision),
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": EXPOSED,
    }


@functools.lru_cache(maxsize=256)
def choose_coding(accept_encoding: str) -> str:
    """``br``, ``gzip`` or nothing, as the client prefers; brotli where it does not care (RFC 9110, 12.5.3)."""
    qualities: dict[str, float] = {}
    for part in accept_encoding.split(","):
        name, _, parameter = part.strip().lower().partition(";")
        try:
            qualities[name.strip()] = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
    offered = [(qualities.get(name, qualities.get("*", 0.0)), name) for name in ("br", "gzip")]
    quality, name = max(offered, key=lambda offer: offer[0])
    return name if quality > 0 and quality >= qualities.get("identity", 0.0) else ""
