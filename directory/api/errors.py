"""Errors: one shape (RFC 9457) for every status of every URL under /api/, each code with a page of its own."""

from __future__ import annotations

import difflib
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views import defaults
from rest_framework import exceptions
from rest_framework.settings import api_settings

from directory.events import request_id

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Code:
    """A kind of error: its status, its title, and what to do about it, in words for /problems/."""

    status: int
    title: str
    explanation: str
    # Seconds after which it may be otherwise, where it may.
    retry_after: int = 5


CODES = {
    "invalid_query": Code(
        400,
        "The query has mistakes",
        "One or more parameters are wrong; “errors” lists all of them. Nothing is ignored and nothing is cut to"
        " fit, because a list that silently answers another question is worse than none.",
    ),
    "bad_request": Code(400, "The request cannot be read", "The request itself is malformed."),
    "key_in_address": Code(
        400,
        "A key does not belong in an address",
        "Addresses are kept by logs, histories and other sites. Send a key as “Authorization: Bearer …”. Whatever was"
        " in an address is no secret any more: make another key and revoke this one.",
    ),
    "invalid_input": Code(400, "The input has mistakes", "“errors” names each field and what would be right."),
    "not_authenticated": Code(401, "Sign in first", "This needs credentials that were not given."),
    "invalid_key": Code(
        401,
        "The key is not taken",
        "It is mistyped, unknown, expired or revoked, or its partner is not active; the detail says which, but never"
        " whether a part of it is right. Without a key, the same is answered, within a smaller limit.",
    ),
    "wrong_scope": Code(403, "The key is for something else", "The key’s scopes do not include what this needs."),
    "wrong_origin": Code(
        403,
        "The key is for other sites",
        "The key may be used by pages of the sites that it names, and this request comes from none of them.",
    ),
    "forbidden": Code(403, "Not allowed", "Who asks may not do this."),
    "https_required": Code(
        403,
        "Use https",
        "The API answers over https only. It does not redirect, because the request has already travelled in clear"
        " text: change the address.",
    ),
    "not_found": Code(404, "There is nothing here", "No object or endpoint has this address."),
    "no_such_page": Code(
        404,
        "There are fewer pages",
        "The list ends before this page. Follow “next” links instead of counting.",
    ),
    "method_not_allowed": Code(405, "Method not allowed", "The Allow header lists the methods that work here."),
    "not_acceptable": Code(
        406, "No such format", "None of the formats in the Accept header is served here; JSON always is."
    ),
    "gone": Code(410, "It was withdrawn", "This was published once and no longer is. The address is not reused."),
    "content_too_large": Code(
        413, "Too much at once", "What was sent is longer than is read here. The detail says how much is."
    ),
    "start_over": Code(
        410,
        "The log does not go on from there",
        "That place in the log is older than what is kept of it, or is in another log: a restored one begins anew."
        " Take the snapshot, whose address is in “snapshot”, and follow from there.",
    ),
    "uri_too_long": Code(
        414,
        "The address is too long",
        "Everything that is asked for is in the address, and no more of it is read. Ask in several requests.",
    ),
    "unsupported_media_type": Code(415, "Unsupported content type", "Send JSON, as application/json."),
    "throttled": Code(429, "Too many requests", "Wait as long as the Retry-After header says."),
    "server_error": Code(
        500, "Our mistake", "An error of ours; it is logged under the “instance” given. Please report it."
    ),
    "too_expensive": Code(
        503, "The query took too long", "Answering would have taken longer than is allowed. Narrow the query."
    ),
    "busy": Code(
        503,
        "Too many downloads at once",
        "As many whole results are being sent as is possible without keeping everybody else waiting. Try again in a"
        " moment.",
    ),
    "broken_view": Code(
        503,
        "The view is broken",
        "Its query names what is no longer published, such as a hub that was withdrawn; “errors” says what. A curator"
        " has to mend it: until then show what you have of it.",
        retry_after=3600,
    ),
    "unavailable": Code(503, "Out of service", "The database cannot be reached. Try again in a moment."),
}

# Codes of single parameters and fields, which appear inside “errors”.
DETAIL_CODES = {
    "unknown_parameter": "There is no such parameter.",
    "unknown_value": "The value is not in the vocabulary.",
    "empty_value": "The parameter has no value. Leave it out, or use __isnull=true for missing values.",
    "invalid_value": "The value has the wrong form.",
    "too_many_values": "The parameter has more values than allowed.",
    "too_many_conditions": "The query asks more about related objects than is planned in time.",
    "too_long": "The value is longer than allowed.",
    "repeated_parameter": "The parameter was given more than once, and may be given once only.",
    "missing_parameter": "The parameter means nothing without another one, which was not given.",
    "conflicting_parameters": "Parameters that exclude each other were given together.",
    "invalid_cursor": "The cursor is not one of ours, or belongs to another query.",
}

STATUS_CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    410: "gone",
    413: "content_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    429: "throttled",
    500: "server_error",
    503: "unavailable",
}


@dataclass
class Mistake(Exception):
    """One mistake in one parameter or field."""

    code: str
    detail: str
    parameter: str = ""
    did_you_mean: tuple[str, ...] = ()
    allowed: str = ""

    def of(self, parameter: str) -> Mistake:
        self.parameter = parameter
        return self

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"parameter": self.parameter, "code": self.code, "detail": self.detail}
        if self.did_you_mean:
            shown["did_you_mean"] = list(self.did_you_mean)
        if self.allowed:
            shown["allowed"] = self.allowed
        return shown


class Problem(exceptions.APIException):
    """An error answered as a problem document."""

    def __init__(self, code: str, detail: str = "", *, errors: Iterable[Any] = (), **extra: Any) -> None:
        self.code, self.status_code = code, CODES[code].status
        self.errors, self.extra = list(errors), extra
        super().__init__(detail or CODES[code].explanation)


class InvalidQuery(Problem):
    def __init__(self, mistakes: list[Mistake]) -> None:
        detail = " ".join(mistake.detail for mistake in mistakes[:3])
        super().__init__("invalid_query", detail, errors=[mistake.as_json() for mistake in mistakes])


# What other APIs call it → what it is called here, where a collection has that.
ELSEWHERE = {
    **dict.fromkeys(("search", "query", "keyword", "keywords", "text", "term"), "q"),
    **dict.fromkeys(("limit", "per_page", "pagesize", "size", "first"), "page_size"),
    **dict.fromkeys(("offset", "start", "skip"), "page"),
    **dict.fromkeys(("sort", "sort_by", "order", "order_by", "orderby"), "ordering"),
    **dict.fromkeys(("city", "cities", "location", "town"), "hub"),
    **dict.fromkeys(("country", "countries", "market"), "export_market"),
    **dict.fromkeys(("skill", "skills", "tag", "tags", "technology"), "specialty"),
    **dict.fromkeys(("select", "only"), "fields"),
    **dict.fromkeys(("exclude",), "omit"),
    **dict.fromkeys(("expand", "embed"), "include"),
    **dict.fromkeys(("price", "rate", "cost"), "hourly_rate"),
    **dict.fromkeys(("exports_to", "exports"), "export_market"),
    **dict.fromkeys(("staff", "headcount", "team_size"), "employees__gte"),
    **dict.fromkeys(("founded", "year"), "founded_year"),
    "radius": "radius_km",
    "since": "after",
}
# What ISO 3166 calls otherwise.
COUNTRIES_ELSEWHERE = {"uk": "GB", "usa": "US", "uae": "AE", "ksa": "SA"}


def similar(word: str, words: Iterable[str]) -> tuple[str, ...]:
    """Up to three of ``words`` that may have been meant, the one that means the same elsewhere first."""
    words = list(words)
    known = [meant for meant in (ELSEWHERE.get(word), COUNTRIES_ELSEWHERE.get(word)) if meant in words]
    return tuple(dict.fromkeys([*known, *difflib.get_close_matches(word, words, n=3, cutoff=0.6)]))[:3]


def unknown_value(detail: str, word: str, known: Iterable[str], *, listed_at: str = "") -> Mistake:
    """A mistake for a value that is not among those ``known``, and these, unless an address lists them."""
    known = list(known)
    allowed = f"{settings.SITE_URL}/api/v1/{listed_at}" if listed_at else ", ".join(known)
    return Mistake("unknown_value", detail, did_you_mean=similar(word, known), allowed=allowed)


def problem_document(code: str, instance: str, detail: str = "", errors: list[Any] | None = None) -> dict[str, Any]:
    """What is told of an error."""
    kind = CODES[code]
    return {
        "type": f"{settings.SITE_URL}/problems/{code}/",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.explanation,
        "instance": instance,
        "code": code,
        "errors": errors or [],
    }


def problem_response(
    code: str,
    detail: str = "",
    *,
    errors: list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> HttpResponse:
    """The response of an error; its ``instance`` is the request's id, under which our log has the cause."""
    kind = CODES[code]
    instance = uuid.UUID(request_id()).urn
    body = problem_document(code, instance, detail, errors) | extra
    log.log(logging.ERROR if kind.status >= 500 else logging.INFO, "%s %s %s", kind.status, code, instance)
    response = HttpResponse(
        orjson.dumps(body), status=kind.status, content_type="application/problem+json; charset=utf-8"
    )
    response["Content-Length"] = str(len(response.content))
    response["Cache-Control"] = "no-store"
    response["Access-Control-Allow-Origin"] = "*"
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def told(problem: Problem) -> HttpResponse:
    """The response of a problem that was raised."""
    headers = {"Retry-After": str(CODES[problem.code].retry_after)} if problem.status_code == 503 else {}
    detail = str(problem.detail)
    return problem_response(problem.code, detail, errors=problem.errors, headers=headers, **problem.extra)


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook: any exception of a view as a problem; None leaves a 500 to handler500."""
    if isinstance(exception, Problem):
        return told(exception)
    if isinstance(exception, Mistake):
        return exception_handler(InvalidQuery([exception]), context)
    if isinstance(exception, Http404):
        return problem_response("not_found")
    if isinstance(exception, PermissionDenied):
        return problem_response("forbidden")
    if isinstance(exception, DataError):
        # A filter should have refused the value; the database did it instead.
        log.exception("a value that no filter refused")
        return problem_response("invalid_query", "A value is beyond what can be compared with.")
    if isinstance(exception, OperationalError):
        log.exception("the database failed")
        timed_out = getattr(exception.__cause__, "sqlstate", None) == "57014"
        return problem_response("too_expensive" if timed_out else "unavailable", headers={"Retry-After": "5"})
    if isinstance(exception, exceptions.ValidationError):
        return problem_response("invalid_input", errors=pointers(exception.detail))
    if isinstance(exception, exceptions.APIException):
        return api_exception_response(exception, context)
    return None


def api_exception_response(exception: exceptions.APIException, context: Mapping[str, Any]) -> HttpResponse:
    headers, detail = {}, str(exception.detail)
    if isinstance(exception, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
        detail = f"{exception.detail} Allowed are {headers['Allow']}."
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exception, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    code = STATUS_CODES.get(exception.status_code, "bad_request")
    return problem_response(code, detail, headers=headers)


def pointers(detail: Any, path: str = "") -> list[dict[str, str]]:
    """A serializer's nested errors as a flat list with JSON pointers (RFC 6901)."""
    if isinstance(detail, Mapping):
        pairs = [(key, value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, Mapping) for item in detail):
        pairs = [(str(position), item) for position, item in enumerate(detail)]
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return [{"pointer": path, "code": getattr(m, "code", "invalid"), "detail": str(m)} for m in messages]
    return [
        error
        for key, value in pairs
        for error in pointers(value, path if key == api_settings.NON_FIELD_ERRORS_KEY else f"{path}/{escaped(key)}")
    ]


def escaped(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response("bad_request")
    return defaults.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response("forbidden")
    response = defaults.permission_denied(request, exception)
    add_never_cache_headers(response)  # it says who is signed in
    return response


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response("not_found")
    return defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response("server_error")
    return defaults.server_error(request)
