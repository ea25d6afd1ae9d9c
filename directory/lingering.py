"""Connections that are over: closed when the client has read the answer, without anybody waiting for that.

What a client has not read is lost if its connection is closed while it still sends. So a server says that it has no
more to say and waits for the client's end, two seconds at most. Gunicorn does so one connection after another, in the
thread that does everything else: sixteen clients that are slow to close stop a process so long that it is killed.
"""

import selectors
import socket
import time
from functools import partial
from typing import Any

from directory import unreadable

PATIENCE = 2.0  # seconds, as gunicorn's


class Worker(unreadable.Worker):
    def init_process(self) -> None:
        # Connections that are over → until when their clients may read, the oldest first.
        self.lingering: dict[Any, float] = {}
        super().init_process()

    def finish_request(self, conn: Any, fs: Any) -> None:
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_lingering_socket_readable, conn))
        except (OSError, ValueError):  # the client is gone already, or the socket was closed
            self.nr_conns -= 1
            conn.close()
        else:
            self.lingering[conn] = time.monotonic() + PATIENCE

    def on_lingering_socket_readable(self, conn: Any, sock: socket.socket) -> None:
        try:
            is_over = not sock.recv(2**16)
        except BlockingIOError:
            return
        except OSError:
            is_over = True
        if is_over:
            self.end(conn)

    def end(self, conn: Any) -> None:
        del self.lingering[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """What gunicorn calls about every second: also for those whose time is over."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, deadline in self.lingering.items() if deadline <= now]:
            self.end(conn)
