"""wrk: paths asked of one port over several connections, as fast as the answers come."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.subjects import ROOT

CONNECTIONS = 4  # as many as the worker has threads by default
SECONDS = 3  # of a view in a round, where it repeats its answers


@dataclass
class Rounds:
    """What wrk said of one view: requests a second, milliseconds, bytes of an answer; one value per round."""

    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)

    def add(self, found: dict[str, Any]) -> None:
        self.rates.append(found["requests"] / found["seconds"])
        self.medians.append(found["median"])
        self.p99s.append(found["p99"])
        self.sizes.append(found["bytes"] / found["requests"])


def ask(
    port: int, paths: Sequence[str], *, once: bool, accept_encoding: str = "identity", known: Sequence[str] = ()
) -> dict[str, Any]:
    """What wrk says of ``paths``, each asked ``once`` or all of them for some SECONDS again and again.

    ``known`` are the ETags that the client says it has, one for each path. RuntimeError for any error, for any answer
    above 399, and unless ``once`` was once.
    """
    lines = [f"{path}\t{etag}" for path, etag in zip(paths, known or [""] * len(paths), strict=True)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        command = [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", str(600 if once else SECONDS)),
            *("--timeout", "60", "--header", f"Accept-Encoding: {accept_encoding}"),
            *("--script", str(Path(__file__).with_name("wrk.lua")), f"http://127.0.0.1:{port}"),
            *("--", file.name, "once" if once else "again"),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line == "finished\n":
                    process.send_signal(signal.SIGINT)
    found: dict[str, Any] = json.loads(line)
    if found["errors"]:
        raise RuntimeError(f"{paths[0]} and others: {found['errors']} requests failed")
    if once and not len(paths) - CONNECTIONS <= found["requests"] <= len(paths):
        raise RuntimeError(f"{paths[0]} and others: {found['requests']} answers to {len(paths)} queries")
    return found
