"""Requests that wait for the next revision, hundreds of them in a process, without holding any of its few threads.

A view answers at once and puts ``waits``, a Wait, on a response that says that there is nothing new. Under this
worker that response is dropped and its connection set aside; when a revision is published, or the time is over, the
request is answered anew. Nothing of it has been sent, and a GET may be answered twice. Under any other server, such
as tests' client, the first answer is the answer.

One connection to the database listens for all that wait in a process. Like directory.unreadable, this is imported
before Django is set up.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from directory import lingering

logger = logging.getLogger(__name__)

# Seconds after which a listener that lost the database tries again.
PAUSE = 1.0


@dataclass(frozen=True)
class Wait:
    """What a response waits for: a revision newer than ``revision``, but for ``seconds`` at most."""

    revision: int
    seconds: float


class SetAside(Exception):
    """In place of a response: nothing was sent, and the request is to be answered anew."""

    def __init__(self, wait: Wait) -> None:
        self.wait = wait
        super().__init__(wait)


@dataclass
class Visit:
    """A request that was set aside: what it waits for, and until when (of ``time.monotonic()``)."""

    request: Any
    revision: int
    deadline: float


# The visit that is being answered anew in this thread, if it is one.
answered_anew: ContextVar[Visit | None] = ContextVar("answered_anew", default=None)


class Again:
    """A connection's parser whose next request is one that it has parsed before."""

    def __init__(self, parser: Any, request: Any) -> None:
        self.parser, self.request = parser, request

    def __next__(self) -> Any:
        return self.request

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parser, name)


class Worker(lingering.Worker):
    def init_process(self) -> None:
        # Connections with their visits, from when their thread leaves them until another takes them up.
        self.visits: dict[Any, Visit] = {}
        # Those of them that wait, and those whose waiting is over: a few of these at a time, so that other requests
        # come in between.
        self.waiting: set[Any] = set()
        self.due: deque[Any] = deque()
        self.taken_up: set[Any] = set()
        # No more than half of the connections: the others have to find a place.
        self.most = self.cfg.worker_connections // 2
        self.listener: Listener | None = None
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Any = self.setting_aside(self.wsgi)

    def setting_aside(self, application: Callable[..., Any]) -> Callable[..., Any]:
        """``application``, with SetAside raised for the responses that wait and still may."""

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            response = application(environ, start_response)
            wait: Wait | None = getattr(response, "waits", None)
            if wait is None or not self.alive or len(self.visits) >= self.most:
                return response
            visit = answered_anew.get()
            left = visit.deadline - time.monotonic() if visit else wait.seconds
            if left <= 0:
                return response
            response.close()
            raise SetAside(Wait(wait.revision, left))

        return answer

    # In a thread of the pool.

    def handle(self, conn: Any) -> Any:
        visit = self.visits.pop(conn, None)
        if visit is None:
            return super().handle(conn)
        parser, token = conn.parser, answered_anew.set(visit)
        conn.parser = Again(parser, visit.request)
        try:
            return super().handle(conn)
        finally:
            conn.parser = parser
            answered_anew.reset(token)

    def handle_request(self, req: Any, conn: Any) -> Any:
        try:
            return super().handle_request(req, conn)
        except SetAside as aside:
            self.visits[conn] = Visit(req, aside.wait.revision, time.monotonic() + aside.wait.seconds)
            return True

    # In the main thread.

    def finish_request(self, conn: Any, fs: Any) -> None:
        if conn in self.taken_up:
            self.taken_up.remove(conn)
            self.take_up()
        if conn not in self.visits:
            super().finish_request(conn, fs)
        elif fs.exception() or not fs.result():
            del self.visits[conn]
            super().finish_request(conn, fs)
        else:
            self.wait(conn)

    def wait(self, conn: Any) -> None:
        if self.listener is None:
            self.listener = Listener(lambda: self.method_queue.defer(self.wake))
            self.listener.start()
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_waiting_socket_readable, conn))
        self.waiting.add(conn)
        if not self.alive or self.visits[conn].revision < self.listener.revision:
            self.resume(conn)  # it was published while the request was on its way here

    def on_waiting_socket_readable(self, conn: Any, sock: socket.socket) -> None:
        """The client has gone, or sent its next request without waiting: that one is read behind the answer."""
        if conn not in self.waiting:
            return  # it was resumed by an event of the same moment
        self.poller.unregister(sock)
        with suppress(BlockingIOError):
            try:
                is_gone = not sock.recv(1, socket.MSG_PEEK)
            except ConnectionError:
                is_gone = True
            if is_gone:
                self.waiting.discard(conn)
                del self.visits[conn]
                self.nr_conns -= 1
                conn.close()

    def resume(self, conn: Any) -> None:
        """Have the request answered anew."""
        self.waiting.discard(conn)
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.due.append(conn)
        self.take_up()

    def take_up(self) -> None:
        while self.due and len(self.taken_up) < self.cfg.threads:
            conn = self.due.popleft()
            self.taken_up.add(conn)
            self.enqueue_req(conn)

    def wake(self) -> None:
        """Resume all that wait for a revision that there is by now."""
        newest = self.listener.revision if self.listener else 0
        for conn in [c for c in self.waiting if self.visits[c].revision < newest]:
            self.resume(conn)

    def murder_pending(self) -> None:
        """What gunicorn calls about every second: for those whose time is over, too, or the worker's."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [c for c in self.waiting if not self.alive or self.visits[c].deadline <= now]:
            self.resume(conn)


class Listener(threading.Thread):
    """Follows the directory's revision by LISTEN and calls ``tell`` when ``revision`` has grown."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(name="listener", daemon=True)
        self.tell = tell
        self.revision = 0

    def run(self) -> None:
        from django.db import Error, connection

        while True:
            try:
                self.listen(connection)
            except Error as error:
                # Those who wait are told that nothing happened when their time is over, which costs them nothing.
                logger.warning("Listening to the database failed: %s", " ".join(str(error).split()))
            connection.close()
            time.sleep(PAUSE)

    def listen(self, connection: Any) -> None:
        """Never returns; raises where the connection breaks."""
        from directory.api.caching import current_revision
        from directory.publishing import CHANNEL

        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self.grow(current_revision())  # what was published before somebody listened
        with connection.wrap_database_errors:
            for notification in connection.connection.notifies():
                self.grow(int(notification.payload))

    def grow(self, revision: int) -> None:
        if revision > self.revision:
            self.revision = revision
            self.tell()
