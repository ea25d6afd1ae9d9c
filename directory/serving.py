"""The processes of `manage.py serve`: gunicorn and the worker, which live and die together."""

import ctypes
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from django.conf import settings

log = logging.getLogger(__name__)

PATIENCE = 10  # seconds a process has for ending by itself
PAUSE = 5  # seconds between two starts of one that is started again
PR_SET_PDEATHSIG = 1  # from Linux' prctl.h


class CannotServe(Exception):
    """Why serving is not possible (any more), in one sentence for the person who started it."""


class Stopped(BaseException):
    """A signal asked to stop. Not an Exception, so that nothing on the way takes it for an error."""


class StopRequest:
    """SIGTERM or SIGINT, the first of which counts.

    While it `interrupts`, it raises Stopped wherever the program is. Python loses an exception that hits a
    destructor or a fork, and one between a fork and its bookkeeping would leave a child unknown: so it is also kept
    for check(), and must not interrupt once there are children.
    """

    def __init__(self) -> None:
        self.interrupts = True
        self._received = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def check(self) -> None:
        """Raise Stopped if the signal has come."""
        if self._received:
            raise Stopped

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        is_first, self._received = not self._received, True
        if is_first and self.interrupts:
            raise Stopped


def check_port(host: str, port: int) -> None:
    """Raise CannotServe unless gunicorn will be able to listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            raise CannotServe(
                f"Port {port} on {host} is not free ({error.strerror}): stop what uses it, "
                f"or choose another with `make serve PORT={port + 1 if port < 65535 else 8000}`."
            ) from error


def gunicorn_command() -> list[str]:
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    return [
        *(sys.executable, "-m", "gunicorn", "directory.wsgi"),
        *("--bind", f"{host}:{settings.PORT}"),
        *("--worker-class", "directory.waiting.Worker", "--limit-request-line", "8190"),  # the most that it reads
        *("--workers", str(settings.WEB_WORKERS), "--threads", str(settings.WEB_THREADS)),
        *("--preload", "--config", "python:directory.hooks"),  # read once: workers are forked from who read it
        *("--graceful-timeout", str(PATIENCE - 2)),
        *("--forwarded-allow-ips", ""),  # TRUSTED_PROXIES alone decides whose word counts
        *("--log-level", "warning"),
        "--no-control-socket",
    ]


def worker_command() -> list[str]:
    return [
        *(sys.executable, str(settings.BASE_DIR / "manage.py"), "procrastinate", "worker"),
        *("--delete-jobs", "always"),  # a row every ten seconds for ever otherwise; failures are in the log
        *("--shutdown-graceful-timeout", str(PATIENCE - 2)),
    ]


@dataclass
class Child:
    """A process: what it runs, since when (of ``time.monotonic()``), and whether it is started again."""

    process: subprocess.Popen[bytes]
    command: list[str]
    started_at: float
    again: bool


class Children:
    """The processes started by this one, which lives until one of them dies or it is asked to stop."""

    def __init__(self, stop_request: StopRequest) -> None:
        self._stop_request = stop_request
        self._running: dict[str, Child] = {}

    def start(self, name: str, command: list[str], *, again: bool = False) -> None:
        """Start a process in a group of its own: a terminal's Ctrl-C reaches it in our order, through stop().

        ``again``: it may end, as the worker does that loses the database, and is then started again.
        """
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=die_with_parent(),
        )
        self._running[name] = Child(process, command, time.monotonic(), again)

    def check(self) -> None:
        """Raise Stopped when asked to stop, CannotServe when one of them has died."""
        self._stop_request.check()
        for name, child in list(self._running.items()):
            code = child.process.poll()
            if code is None:
                continue
            if code < 0 or not child.again:
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
                raise CannotServe(f"{name} {how}, so everything was stopped.")
            if time.monotonic() - child.started_at >= PAUSE:
                log.warning("%s ended with code %s and is started again.", name, code)
                self.start(name, child.command, again=True)

    def wait_for_answer(self, host: str, port: int) -> None:
        """Return once an HTTP request is answered. Raises as check() does."""
        while True:
            self.check()
            connection = http.client.HTTPConnection(host, port, timeout=1)
            try:
                connection.request("GET", "/livez")
                connection.getresponse()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()

    def watch(self) -> None:
        """Never returns; raises as check() does."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask all to end, and kill those that have not after PATIENCE seconds."""
        running = [child.process for child in self._running.values()]
        for process in running:
            if process.poll() is None:
                process.terminate()
        give_up = time.monotonic() + PATIENCE
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, give_up - time.monotonic()))
            kill_group(process.pid)
            process.wait()


def kill_group(group: int) -> None:
    """Kill what is left of a process and what it started; return when it is gone.

    Usually nothing is, but the workers of a gunicorn that died would hold the port and the database for a while.
    """
    give_up = time.monotonic() + 2  # an init that collects no orphans shows them for ever
    with suppress(ProcessLookupError):
        while time.monotonic() < give_up:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.01)


def die_with_parent() -> Callable[[], None] | None:
    """What a child of ours runs first so that it is told to end when we are killed (Linux only)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask
