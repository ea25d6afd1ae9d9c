"""Requests that gunicorn refuses before Django sees them: they are told so as the API tells of errors."""

from typing import Any

from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, LimitRequestLine, ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        ours = (InvalidResponseHeader, InvalidResponseHeaderName)
        if isinstance(exc, ours) or not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        # Not before Django is set up, which it never is in the process that starts the workers.
        from directory.api.errors import problem_response

        self.log.warning("Unreadable request from %s: %r", addr[0] if addr else "a socket", str(exc)[:200])
        headers = {"Connection": "close", "X-Content-Type-Options": "nosniff"}
        code = "uri_too_long" if isinstance(exc, LimitRequestLine) else "bad_request"
        response = problem_response(code, headers=headers)
        status = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n"
        write_nonblock(client, status.encode() + response.serialize())
