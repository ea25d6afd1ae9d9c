"""A program that answers with first pages of companies, in a process of its own on the core that ours has."""

from __future__ import annotations

import http.client
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Self

from tests.bench.machine import take_first_core
from tests.bench.subjects import ROOT, Subject, free_port


class Peer(ABC):
    """A peer on the data of ``subject``, which has to be served meanwhile; used as a context manager.

    ``note`` says in a sentence how it was set up.
    """

    name: str
    note: str

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.port = free_port()
        self.exits = ExitStack()

    def prepare(self) -> None:  # noqa: B027 - most peers read the subject's own database
        """Have its data made, unless it is there as today's sources would make it."""

    @abstractmethod
    def command(self) -> list[str]:
        """What starts the server; it stays one process, or one worker, until it is terminated."""

    def environment(self) -> dict[str, str]:
        return self.subject.environment() | {"PORT": str(self.port)}

    @abstractmethod
    def path(self, query: dict[str, str]) -> str | None:
        """The address of the first 25 companies of ``query``, which is in our list's words; None if it has none."""

    @abstractmethod
    def slugs(self, body: bytes) -> list[str]:
        """The companies that an answer names, in its order."""

    def __enter__(self) -> Self:
        self.prepare()
        server = subprocess.Popen(
            self.command(),
            env=self.environment(),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            preexec_fn=take_first_core(),
        )
        self.exits.callback(server.wait)
        self.exits.callback(server.terminate)
        try:
            self.wait_for_answer(server)
        except BaseException:
            self.exits.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.exits.close()

    def wait_for_answer(self, server: subprocess.Popen[bytes], patience: float = 120) -> None:
        path = self.path({"ordering": "name"})
        assert path is not None
        give_up = time.monotonic() + patience
        while server.poll() is None and time.monotonic() < give_up:
            try:
                self.get(path)
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} on {self.subject.companies:,} companies does not answer.")

    def get(self, path: str) -> bytes:
        """The body; RuntimeError unless its status is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(
                f"{self.name}: {path} answered {response.status}: {body[:300].decode(errors='replace')}"
            )
        return body
