"""Sends couriers to the webhooks that are due, each in a thread: one that waits for its partner holds up no other."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
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
        self.is_closed = False

    def look(self) -> None:
        """Send a courier to each webhook that is due and has none; returns at once."""
        if self.is_closed:
            return
        for pk in Webhook.objects.due(self.courier.clock()).values_list("pk", flat=True):
            with self.lock:
                if pk in self.attended:
                    self.again.add(pk)
                    continue
                self.attended.add(pk)
            self.pool.submit(self.attend, pk)

    def attend(self, pk: int) -> None:
        try:
            if self.has_more(pk):
                self.look()  # others that came in between have their turn first
        except Exception:
            log.exception("delivering to webhook %s failed", pk)
        finally:
            connections.close_all()

    def has_more(self, pk: int) -> bool:
        """Attend a webhook; whether more was due when its turn was over, or has become so."""
        is_due = False
        try:
            is_due = self.courier.attend(pk)
        finally:
            with self.lock:
                self.attended.discard(pk)
                is_due |= pk in self.again
                self.again.discard(pk)
        return is_due

    def listen(self) -> None:
        """Look whenever something is published, from now on; once is enough."""
        if self.listener is None:
            self.listener = Listener(self.hear)
            self.listener.start()

    def hear(self) -> None:
        """Look, but in another thread: the listener's connection is busy with listening."""
        self.pool.submit(self.look_apart)

    def look_apart(self) -> None:
        try:
            self.look()
        finally:
            connections.close_all()

    def close(self) -> None:
        """Look no more, and wait until nobody is attended."""
        self.is_closed = True
        self.pool.shutdown()


@cache
def dispatcher() -> Dispatcher:
    """The one of this process."""
    return Dispatcher(Courier(Sender(loopback=settings.WEBHOOKS_HTTP)))
