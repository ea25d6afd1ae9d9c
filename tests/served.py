"""`manage.py serve` as a process of its own, on a port of its own."""

import fcntl
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

SITE_URL = "http://127.0.0.1:8000"  # not that of each one's port: the documents would be rendered anew for it
DEADLINE = 300  # seconds; far more than it takes even on a busy machine, so that only a hang fails


class Serve:
    """A running `manage.py serve`, in a process group of its own as a terminal or a supervisor would start it."""

    def __init__(self, data_dir: Path, log: Path, **variables: str) -> None:
        self.port = free_port()
        self.variables = variables
        self.log = log
        self.data = data_dir / "postgres"
        self.start()

    def start(self) -> None:
        """Start it, or start it again after kill(), on the same port."""
        variables = {"DATA_DIR": str(self.data.parent), "PORT": str(self.port), "SITE_URL": SITE_URL}
        with self.log.open("w") as output:
            self.process = psutil.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=settings.BASE_DIR,
                env={"PATH": os.defpath, **variables, **self.variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, seconds: float = DEADLINE) -> None:
        wait_for(lambda: "Ready: " in self.output() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.output()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()

    def child(self, word: str) -> psutil.Process:
        [found] = [child for child in self.process.children() if word in child.cmdline()]
        return found

    def processes(self) -> list[psutil.Process]:
        postgres = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(self.data)]
        children = self.process.children(recursive=True) if self.process.is_running() else []
        return [self.process, *children, *postgres]

    def output(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """Kill whatever is left of it."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):  # it ended since, or its number is another's
                process.kill()
        self.process.wait()


@contextmanager
def serving(data_dir: Path, log: Path) -> Iterator[Serve]:
    """One that is ready; whatever is left of it is killed."""
    serve = Serve(data_dir, log)
    try:
        serve.wait_until_ready()
        yield serve
    finally:
        serve.kill()


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a newcomer's first start left, its log beside it. It takes long, so all processes that test share one."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "started.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "started").exists():
            data = tmp_path_factory.mktemp("first")
            with serving(data, data / "log") as serve:
                serve.process.terminate()
                assert serve.process.wait(DEADLINE) == 0
            data.rename(shared / "started")
    return shared / "started"


@pytest.fixture(scope="session")
def served(started: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The starter directory, served as a newcomer starts it; its tests share it, and leave it running."""
    data = copy(started, tmp_path_factory.mktemp("served"))
    with serving(data, data / "log") as serve:
        yield serve


def copy(started: Path, to: Path) -> Path:
    """A directory to be served again, by whoever its files belong to."""
    subprocess.run(["cp", "-Rp", f"{started}/.", to], check=True)
    return to


def first_password(started: Path) -> str:
    [password] = re.findall(r"The first account is curator with the password (\S+)", (started / "log").read_text())
    return str(password)


def wait_for(condition: Callable[[], Any], seconds: float = DEADLINE) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
