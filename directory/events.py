"""What the log tells: each line with the id of its request, and on one line whatever a stranger made of it.

Beside what modules tell by themselves: who was refused, what was asked of the pages for curators, and whole copies.
Of a request it has the method, the path and the account's number; no query, body, cookie, name or address of anybody.
"""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]

REFUSALS = (401, 403, 429)
READING = ("GET", "HEAD", "OPTIONS")
CURATORS = ("/admin/", "/account/", "/partner/")
COPIES = ("/api/", "/files/")
LONGEST = 200  # characters of a path
# What starts a new line somewhere, or hides some of one.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What PostgreSQL tells of a row that it refuses, values and all.
ROW = re.compile(r"DETAIL:.*?(?=\n(?:CONTEXT|HINT):|\n\n|\Z)", re.DOTALL)

_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request that is being answered here, or a new one outside of any."""
    return _current.get() or str(uuid.uuid4())


def identify(get_response: Handler) -> Handler:
    """Middleware, the outermost: the request's id, and a line for what is to be found again.

    The id is answered where no shared cache stores it, which would give it to others. It is not taken from the
    client, who could make it another's. It is left behind when a response is: that may still be streamed.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        _current.set(str(uuid.uuid4()))
        response = get_response(request)
        caching = response.get("Cache-Control", "")
        if "no-store" in caching or "private" in caching:
            response["X-Request-Id"] = request_id()
        if is_event(request, response):
            who = getattr(getattr(request, "user", None), "pk", None)
            by = f"account {who}" if who else "nobody signed in"
            path = request.path_info[:LONGEST]
            log.info("%s %s %s by %s", response.status_code, request.method, path, by)
        return response

    return handle


def is_event(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether it was refused, was sent to a page for curators, or is a copy of a whole list."""
    if response.status_code in REFUSALS:
        return True
    if request.path_info.startswith(CURATORS):
        return request.method not in READING
    return response.streaming and request.path_info.startswith(COPIES)


class IdFilter(logging.Filter):
    """Gives each record the id of its request, a dash outside of any."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current.get() or "-"
        return True


class LineFormatter(logging.Formatter):
    """A record is one line; those of a traceback are indented, so that none of them looks like another record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = CONTROL.sub(escaped, record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        text = super().formatException(ei)  # type: ignore[arg-type]
        return indented(ROW.sub("DETAIL: left out, as it has values", text))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return indented(super().formatStack(stack_info))


def escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def indented(text: str) -> str:
    return "\n".join(f"    {CONTROL.sub(escaped, line)}" for line in text.split("\n"))
