"""A partner's server that takes webhooks: it believes nothing that `standardwebhooks` does not verify."""

import datetime
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import standardwebhooks

from tests.hosts import Answer, Host, host, reply

Payload = dict[str, Any]
OK = reply(204)


class Clock:
    """Time that passes when somebody says so, for the library that verifies as well: see conftest's ``clock``."""

    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 11, 2, 9, 0, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now

    def forward(self, **passed: float) -> None:
        self.now += datetime.timedelta(**passed)


@dataclass
class Receiver:
    """What it was sent, in order, and how it answers."""

    secret: str = ""
    # How it answers what it has verified, instead of taking it; a challenge too.
    mood: Answer | None = None
    # Whether it takes what comes while it has such a mood, so that only its answer gets lost.
    takes_all_the_same: bool = False
    # Whether it passes over ids that it has taken.
    remembers: bool = True
    # (webhook-id, signatures, payload) of all that came, whatever was answered.
    came: list[tuple[str, str, Payload]] = field(default_factory=list)
    taken: dict[str, Payload] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    # Public id → document: what the records make of nothing.
    held: dict[str, Any] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    there: Host = field(default_factory=lambda: Host("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://shop.example:{self.there.port}/hooks"

    def messages(self, kind: str | None = None) -> list[str]:
        return [message for message, _, payload in self.came if kind in (None, payload["type"])]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.handle(request)
        finally:
            with self.lock:
                self.at_once -= 1

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        headers = dict(request.headers)
        try:
            payload = standardwebhooks.Webhook(self.secret).verify(body, headers)
        except standardwebhooks.WebhookVerificationError:
            reply(401)(request)
            return
        message = request.headers["webhook-id"]
        self.came.append((message, request.headers["webhook-signature"], payload))
        if self.mood is None or self.takes_all_the_same:
            self.take(message, payload)
        (self.mood or self.usual(payload))(request)

    @staticmethod
    def usual(payload: Payload) -> Answer:
        if payload["type"] == "challenge":
            return reply(200, json.dumps({"challenge": payload["challenge"]}).encode())
        return OK

    def take(self, message: str, payload: Payload) -> None:
        if payload["type"] not in ("changes", "view") or (self.remembers and message in self.taken):
            return
        self.taken[message] = payload
        data = payload["data"]
        self.records += data["results"]
        if data.get("begins"):
            self.held.clear()
        for record in data["results"]:
            if record["document"] is None:
                self.held.pop(record["id"], None)
            else:
                self.held[record["id"]] = record["document"]


@contextmanager
def receiving(**fields: Any) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(**fields)
    with host(receiver.answer) as receiver.there:
        yield receiver


def holding(until: threading.Event, then: Answer = OK) -> Answer:
    """Answers once something has happened."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        until.wait(30)
        then(request)

    return answer
