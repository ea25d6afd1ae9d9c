from collections.abc import Callable

from allauth.account.middleware import AccountMiddleware
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.functional import cached_property

from directory.api.errors import problem_response

Handler = Callable[[HttpRequest], HttpResponse]

SIGNED_IN = ("/admin/", "/account/", "/partner/")


class ContentSecurityPolicy(CSPMiddleware):
    """Middleware: what a browser may load for an answer; the settings' policy, which most have, is written once."""

    @cached_property
    def policy(self) -> str:
        return str(build_policy())

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if hasattr(response, "_csp_replace") or hasattr(response, "_csp_update"):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self.policy)
        return response


def refuse_plain_http(get_response: Handler) -> Handler:
    """Middleware for production: 403 below /api/ over plain http, where pages redirect to https.

    A program that was redirected would go on sending its key in clear, unnoticed.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/") and not request.is_secure():
            return problem_response("https_required")
        return get_response(request)

    return handle


def refuse_large_bodies(get_response: Handler) -> Handler:
    """Middleware: 413 below /api/ for more than is read; what comes with a GET means nothing and is left alone."""

    def handle(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_large = length.isdecimal() and int(length) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        if is_large and request.method not in ("GET", "HEAD") and request.path_info.startswith("/api/"):
            detail = f"At most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes are read, and these are {int(length)}."
            return problem_response("content_too_large", detail)
        return get_response(request)

    return handle


def leave_cookies(get_response: Handler) -> Handler:
    """Middleware: only pages for who signs in know cookies: none is answered to what a shared cache stores."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(SIGNED_IN):
            request.META.pop("HTTP_COOKIE", None)
        return get_response(request)

    return handle


def serve_accounts(get_response: Handler) -> Handler:
    """Middleware: what allauth needs around its pages, and around no others; none of them is stored."""
    accounts = AccountMiddleware(get_response)

    def handle(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/account/"):
            return get_response(request)
        response: HttpResponse = accounts(request)
        add_never_cache_headers(response)
        return response

    handle.process_exception = accounts.process_exception  # type: ignore[attr-defined]
    return handle


def refuse_trace(get_response: Handler) -> Handler:
    """Middleware: no page answers TRACE (RFC 9110, 9.3.8); the API refuses it as it does other methods."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.method == "TRACE" and not request.path_info.startswith("/api/"):
            return HttpResponseNotAllowed(["GET", "HEAD", "OPTIONS"])
        return get_response(request)

    return handle


def drop_body_of_head(get_response: Handler) -> Handler:
    """Middleware: HEAD is GET without its body (RFC 9110, 9.3.2); gunicorn would drop it with a warning each time."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD":
            if response.streaming:
                response.streaming_content = []  # type: ignore[attr-defined]
            else:
                response.headers.setdefault("Content-Length", str(len(response.content)))
                response.content = b""
        return response

    return handle
