"""Sends couriers to the webhooks that are due, each in a thread: one that waits for its partner holds up no other."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.db import connections

from directory.outbound import Sender
from directory.waiting import Listener
from partners.couriers import Courier
from partners.webhooks import Webhook

log = logging.getLogger(__name__)

THREADS = 16


class Dispatcher:
    """The couriers of a process."""

    def __init__(self, courier: Courier, threads: int = THREADS) -> None:
        self.courier = courier
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="courier")
        self.lock = threading.Lock()
        # Webhooks that are attended, or about to be; and those of them that were due once more meanwhile.
        self.attended: set[int] = set()
        self.again: set[int] = set()
        self.listener: Listener | None = None

    def look(self) -> None:
        """Send a courier to each webhook that is due and has none; returns at once."""
        for pk in Webhook.objects.due(self.courier.clock()).values_list("pk", flat=True):
            with self.lock:
                if pk in self.attended:
                    self.again.add(pk)
                    continue
                self.attended.add(pk)
            self.pool.submit(self.attend, pk)

    def attend(self, pk: int) -> None:
        has_more = False
        try:
            has_more = self.courier.attend(pk)
        except Exception:
            log.exception("delivering to webhook %s failed", pk)
        finally:
            with self.lock:
                self.attended.discard(pk)
                has_more |= pk in self.again
                self.again.discard(pk)
            if has_more:
                self.look()  # others that came in between have their turn first
            connections.close_all()

    def listen(self) -> None:
        """Look whenever something is published, from now on; once is enough."""
        if self.listener is None:
            # In another thread: the listener's connection is busy with listening.
            self.listener = Listener(lambda: self.pool.submit(self.hear))
            self.listener.start()

    def hear(self) -> None:
        try:
            self.look()
        finally:
            connections.close_all()

    def close(self) -> None:
        """Wait until nobody is attended."""
        self.pool.shutdown()


@cache
def dispatcher() -> Dispatcher:
    """The one of this process."""
    return Dispatcher(Courier(Sender()))
