"""A database of one size and the server on it, both of processes of their own."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import orjson

from directory.postgres.server import Server
from tests.bench.machine import take_first_core

ROOT = Path(__file__).resolve().parent.parent.parent
# A database is in a directory of its own, and stays there for the next run.
PLACE = ROOT / ".data" / "bench"
SITE_URL = "https://directory.example"  # part of every document, so the same whatever the port


class Subject:
    """The directory with ``companies`` companies; used as a context manager, it is being served inside."""

    def __init__(self, companies: int) -> None:
        self.companies = companies
        self.data = PLACE / str(companies)
        self.postgres = Server.at(self.data / "postgres")
        self.port = free_port()
        self.exits = ExitStack()

    def environment(self) -> dict[str, str]:
        """The whole environment of a child: nothing of the caller's may change what is measured."""
        return {
            "PATH": os.defpath,
            "DATA_DIR": str(self.data),
            "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
            "SITE_URL": SITE_URL,
            "SECRET_KEY": "one for all sizes, so that cursors fit them all",
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            "REQUESTS_A_MINUTE": "100000000",  # counted as everywhere, and all of them answered
        }

    def run(self, module: str, *arguments: str) -> bytes:
        """What a module of ours prints for this database; its progress goes to our standard error."""
        command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
        return subprocess.run(command, env=self.environment(), cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout

    def prepare(self) -> None:
        """Have the database made, unless it is there as today's sources would make it."""
        made_by = self.data / "made_by"
        if not made_by.exists() or made_by.read_text() != fingerprint():
            shutil.rmtree(self.data, ignore_errors=True)
            self.run("generate", str(self.companies))
            made_by.write_text(fingerprint())

    def __enter__(self) -> Self:
        self.postgres.join()  # by this process first, so that PostgreSQL does not inherit the server's core
        self.exits.callback(self.postgres.leave)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server"],
            env=self.environment(),
            cwd=ROOT,
            preexec_fn=take_first_core(),
        )
        self.exits.callback(server.wait)
        self.exits.callback(server.terminate)
        self.wait_for_answer(server)
        return self

    def __exit__(self, *error: object) -> None:
        self.exits.close()

    def wait_for_answer(self, server: subprocess.Popen[bytes], patience: float = 60) -> None:
        give_up = time.monotonic() + patience
        while server.poll() is None and time.monotonic() < give_up:
            try:
                self.get("/bench/query/")
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"The server on {self.companies:,} companies does not answer.")

    @property
    def connection(self) -> http.client.HTTPConnection:
        """A connection that is kept, so that connecting is no part of what is measured."""
        if not hasattr(self, "_connection"):
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        return self._connection

    def get(self, path: str, accept_encoding: str = "identity") -> bytes:
        """The body; RuntimeError unless its status is 200."""
        response, body = self.answer(path, {"Accept-Encoding": accept_encoding})
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {body[:300].decode(errors='replace')}")
        return body

    def etag(self, path: str, accept_encoding: str) -> str:
        """The ETag of an answer; RuntimeError unless whoever names it is told that nothing has changed."""
        headers = {"Accept-Encoding": accept_encoding}
        etag = self.answer(path, headers)[0].headers["ETag"]
        status = self.answer(path, headers | {"If-None-Match": etag})[0].status
        if status != 304:
            raise RuntimeError(f"{path} answered {status} to who knows it")
        return str(etag)

    def answer(self, path: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            self.connection.request("GET", path, headers=headers)
            response = self.connection.getresponse()
            return response, response.read()
        except http.client.HTTPException:  # the server closed a connection that was idle
            del self._connection
            return self.answer(path, headers)

    def queries(self, kind: str, *counts: int) -> list[Any]:
        """What is asked of this subject, as queries.py says."""
        found: list[Any] = orjson.loads(self.run("queries", kind, *map(str, counts)))
        return found


def fingerprint() -> str:
    """A digest of all sources that decide what a database looks like."""
    patterns = (
        "starter/*.csv",
        "*/migrations/*.py",
        "*/serializers.py",
        "directory/api/serializers.py",
        "directory/api/fields.py",
        "tests/bench/[gi]*.py",
    )
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
