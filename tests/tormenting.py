"""The course of tests.torture: a served directory is written to, killed again and again, and judged."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection

from partners.models import Webhook
from tests import factories as make
from tests.hosts import host
from tests.served import Serve
from tests.verdict import MIRROR, PATIENCE, Verdict
from tests.witnesses import MoodyReceiver, Reader
from tests.writers import NOTES, Account, Browser, Writer

# What every process of the served directory begins with: receivers of this machine are hosts of the internet.
LOCAL_RECEIVERS = """
from directory.outbound import Sender
Sender.__init__.__kwdefaults__.update(local_servers={servers}, resolver=lambda host, port: ["127.0.0.1"])
"""


class Supervisor(threading.Thread):
    """Kills what is to be killed, and starts the server anew whenever it has ended."""

    def __init__(self, serve: Serve, account: Account, edits: int, kills: int, chance: random.Random) -> None:
        super().__init__(name="supervisor", daemon=True)
        self.serve, self.account, self.chance = serve, account, chance
        self.moments = sorted(chance.randrange(edits // 10, edits * 9 // 10) for _ in range(kills))
        self.killed: Counter[str] = Counter()
        self.starts = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.05) or self.moments:
            if self.serve.process.poll() is not None:
                self.starts += 1
                self.serve.log = self.serve.log.with_suffix(f".{self.starts}")
                self.serve.start()
            if self.moments and self.account.begun >= self.moments[0]:
                self.moments.pop(0)
                time.sleep(self.chance.random())
                self.kill()

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            name, victims = self.database() if len(self.moments) % 2 else self.server()
            self.killed[name] += 1
            print(f"edit {self.account.begun}: {name} killed", flush=True)
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()

    def server(self) -> tuple[str, list[psutil.Process]]:
        """All of it, or a part: it either ends without that, or starts that anew."""
        children = [child for child in self.serve.process.children(recursive=True) if child.name() != "postgres"]
        workers = [child for child in children if "procrastinate" in child.cmdline()]
        web = [child for child in children if child not in workers]
        choices = {
            "all of the server": [self.serve.process, *children],
            "serve's first process": [self.serve.process],
            "the worker": workers,
            "a web process": web[-1:],
        }
        return self.chance.choice(list(choices.items()))

    def database(self) -> tuple[str, list[psutil.Process]]:
        """All of PostgreSQL, its first process, or another, upon which it throws out everybody."""
        found = psutil.process_iter(["cwd", "ppid", "name"])
        found = [p for p in found if p.info["cwd"] == str(self.serve.data) and p.info["name"] == "postgres"]
        pids = {process.pid for process in found}
        first = [process for process in found if process.info["ppid"] not in pids]
        others = [process for process in found if process not in first]
        choices = {
            "all of PostgreSQL": found,
            "PostgreSQL's first process": first,
            "another of PostgreSQL's processes": self.chance.sample(others, 1) if others else found,
        }
        return self.chance.choice(list(choices.items()))


def prepare(receivers: list[MoodyReceiver], port: int, options: argparse.Namespace) -> list[Writer]:
    """Webhooks to the receivers, the first of all and the second of a list; the writers."""
    with connection.cursor() as cursor:
        cursor.execute(NOTES)
    for receiver, query in zip(receivers, ("", "hub=lahore"), strict=True):
        webhook: Webhook = make.make_webhook(url=receiver.url, query=query)
        [receiver.secret] = webhook.secrets(webhook.created_at)
    account, user = Account(), make.make_curator("tormentor")
    return [Writer(n, options.seed, account, Browser(user, port)) for n in range(options.writers)]


def torture(folder: Path, options: argparse.Namespace) -> list[str]:
    """Everything, in ``folder``; what is wrong in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        receivers = [MoodyReceiver(), MoodyReceiver()]
        for receiver in receivers:
            receiver.there = stack.enter_context(host(receiver.answer))
        servers = {receiver.there.server for receiver in receivers}
        (folder / "sitecustomize.py").write_text(LOCAL_RECEIVERS.format(servers=servers))
        path = f"{folder}{os.pathsep}{settings.BASE_DIR}"
        serve = Serve(folder, folder / "serve.log", PYTHONPATH=path, WEBHOOKS_HTTP="1")
        stack.callback(serve.kill)
        serve.wait_until_ready(PATIENCE)
        root = f"http://127.0.0.1:{serve.port}/api/v1/"
        writers = prepare(receivers, serve.port, options)
        reader = Reader(root)
        reader.start()
        copy = folder / "copy.sqlite"
        output = stack.enter_context((folder / "mirror.log").open("w"))
        mirror = subprocess.Popen([sys.executable, str(MIRROR), root, str(copy)], stdout=output)
        stack.callback(mirror.kill)
        account = writers[0].account
        supervisor = Supervisor(serve, account, options.edits, options.kills, random.Random(options.seed))
        supervisor.start()
        begun = time.monotonic()
        threads = [threading.Thread(target=writer.run, args=[options.edits]) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrote = time.monotonic() - begun
        verdict = Verdict(root, reader, receivers, account, copy, folder)
        verdict.settle()
        verdict.judge()
        supervisor.is_over.set()
        reader.is_over.set()
        supervisor.join()
        print(f"{supervisor.killed.total()} kills, {supervisor.starts} starts of the server anew")
        print(f"{wrote:.0f} seconds of writing, {time.monotonic() - begun:.0f} in all")
        return verdict.faults
