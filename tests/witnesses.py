"""Who follows a served directory while it is written to and killed, and finds fault with what it is told."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.hosts import reply
from tests.receiving import Receiver

# A record of the log as it is told apart: revision, kind, id, action.
Key = tuple[int, str, str, str]
REFERENCES = {"hub": "hub", "specialties": "specialty", "industries": "industry", "programs": "program"}


def key_of(record: dict[str, Any]) -> Key:
    return record["revision"], record["kind"], record["id"], record["action"]


def references(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(kind, slug, name) of each object that a document names."""
    for name, kind in REFERENCES.items():
        found = document.get(name) or []
        for one in found if isinstance(found, list) else [found]:
            yield kind, one["slug"], one["name"]
    for office in document.get("offices", ()):
        if office["hub"]:
            yield "hub", office["hub"]["slug"], office["hub"]["name"]


class Holdings:
    """What somebody holds who replays records: whose documents, and which slugs they have or had."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], dict[str, Any]] = {}
        self.slugs: dict[str, set[str]] = defaultdict(set)

    def apply(self, record: dict[str, Any]) -> str:
        """What is wrong with a record that comes now; nothing, normally."""
        key, document = (record["kind"], record["id"]), record["document"]
        if document is None:
            self.documents.pop(key, None)
            return ""
        self.documents[key] = document
        self.slugs[record["kind"]].add(document["slug"])
        unknown = [found for found in references(document) if found[1] not in self.slugs[found[0]]]
        return f"{key} of revision {record['revision']} names {unknown} before that came" if unknown else ""

    def dangling(self) -> list[str]:
        """References to what is not held, or is called otherwise."""
        held = {(kind, doc["slug"], doc["name"]) for (kind, _), doc in self.documents.items()}
        return [
            f"{key} names {found}"
            for key, document in self.documents.items()
            for found in references(document)
            if found not in held
        ]


class Reader(threading.Thread):
    """Reads the changes feed from its beginning, page after page, as fast as it grows."""

    def __init__(self, root: str) -> None:
        super().__init__(name="reader", daemon=True)
        self.next = f"{root}changes/?limit=1000&wait=10"
        self.root = root
        self.keys: list[Key] = []
        self.holdings = Holdings()
        self.faults: list[str] = []
        self.revision = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            try:
                with urlopen(self.next, timeout=60) as answer:
                    self.take(json.load(answer))
            except HTTPError as error:
                if error.code < 500:
                    self.faults.append(f"the feed answered {error.code} to {self.next}: {error.read()[:300]!r}")
                    return
                time.sleep(0.2)
            except (OSError, HTTPException, ValueError):
                time.sleep(0.2)

    def take(self, page: dict[str, Any]) -> None:
        for record in page["results"]:
            if self.keys and record["revision"] < self.keys[-1][0]:
                self.faults.append(f"revision {record['revision']} came behind {self.keys[-1][0]}")
            if fault := self.holdings.apply(record):
                self.faults.append(fault)
            self.keys.append(key_of(record))
        self.revision = page["revision"]
        # The feed's links have the address that documents are published for.
        self.next = self.root + "changes/" + page["next"].partition("/changes/")[2]


class MoodyReceiver(Receiver):
    """Now and then it takes nothing, or its answer gets lost."""

    chance = random.Random(0)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        is_moody = bool(self.taken) and self.chance.random() < 0.02
        self.mood = reply(500) if is_moody else None
        self.takes_all_the_same = self.chance.random() < 0.5
        super().handle(request)

    @property
    def keys(self) -> list[Key]:
        return [key_of(record) for record in self.records]

    def faults(self) -> list[str]:
        """What is wrong with the numbers of the deliveries that it took, each once."""
        positions = [payload["data"]["position"] for payload in self.taken.values()]
        found = [f"position {b} came behind {a}" for a, b in pairwise(positions) if b <= a]
        again: dict[str, set[int]] = defaultdict(set)
        for message, _, payload in self.came:
            if payload["type"] == "changes":
                again[message].add(payload["data"]["position"])
        return found + [
            f"{message} came with positions {several}" for message, several in again.items() if len(several) > 1
        ]
