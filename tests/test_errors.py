"""Errors: one shape, for programs, for every status from every URL under /api/.

HTTP/1.1 400 Bad Request
Content-Type: application/problem+json; charset=utf-8
Cache-Control: no-store

{"type": "http://127.0.0.1:8000/problems/invalid_query/",   a page that exists
 "title": "The query has mistakes",
 "status": 400,                                              the same as the response's
 "detail": "There is no parameter “siez”.",
 "instance": "urn:uuid:…",                                   finds the cause in our log
 "code": "invalid_query",                                    stable; one of directory.api.errors.CODES
 "errors": [{"parameter": "siez",                            all mistakes; "pointer" in what was sent
             "code": "unknown_parameter",                    stable; one of DETAIL_CODES
             "detail": "There is no parameter “siez”.",
             "did_you_mean": ["size"],                       where we have a guess
             "allowed": "http://…/hubs/"}]}                  where the values are listed
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework import exceptions
from rest_framework.authentication import BasicAuthentication
from rest_framework.views import APIView

from companies.countries import COUNTRIES
from companies.models import Company
from directory import changes, urls
from directory.api.errors import CODES, COUNTRIES_ELSEWHERE, DETAIL_CODES, ELSEWHERE
from directory.api.exports import running
from directory.api.listing import PARAMETERS
from directory.models import Log, Revision, Source
from directory.publishing import edit, publication
from directory.urls import handler400, handler403, handler404, handler500  # noqa: F401 - of this module's URL map
from tests.factories import make_company, make_hub, make_key, make_specialty, make_view
from tests.lists import VIEWSETS, mistakes

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

COMPANIES = "/api/v1/companies/"


class Raising(APIView):
    """An endpoint that meets what none of today's does."""

    authentication_classes = [BasicAuthentication]

    def get(self, request: Any, what: str) -> HttpResponse:
        causes: dict[str, Callable[[], Exception]] = {
            "not_authenticated": exceptions.NotAuthenticated,
            "forbidden": PermissionDenied,
            "not_found": Http404,
            "throttled": lambda: exceptions.Throttled(wait=3),
            "server_error": lambda: ZeroDivisionError("the secret inside"),
        }
        raise causes[what]()

    def post(self, request: Any, what: str) -> HttpResponse:
        edit(Company(), request.data, source=Source.SUGGESTION)
        return HttpResponse()


urlpatterns = [path("api/v1/raise/<slug:what>/", Raising.as_view()), *urls.urlpatterns]


@contextmanager
def page_query(sql: str) -> Iterator[None]:
    """In place of a page's statement the database is sent ``sql``, and what that broke is undone."""

    def replace(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        is_page = "page.*" in statement
        return execute(sql if is_page else statement, None if is_page else params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(replace):
            yield
        transaction.set_rollback(True)


def withdrawn(api: Client, settings: Settings) -> Any:
    company = make_company("Airlift")
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="withdrawn")
    return api.get("/api/v1/companies/airlift/")


def forgotten(api: Client, settings: Settings) -> Any:
    make_company("Airlift")
    Log.objects.update(forgotten=Revision.objects.current())
    return api.get("/api/v1/changes/?after=0")


def broken(api: Client, settings: Settings) -> Any:
    hub = make_hub("Lahore")
    view = make_view(query="hub=lahore")
    with publication(source=Source.ADMIN):
        hub.hide()
    return api.get(f"/api/v1/views/{view.slug}/")


def slow(api: Client, settings: Settings) -> Any:
    with page_query("SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(60)"):
        return api.get(COMPANIES)


def overrun(api: Client, settings: Settings) -> Any:
    with ExitStack() as downloads:
        while running.acquire(blocking=False):
            downloads.callback(running.release)
        return api.get(f"{COMPANIES}?format=csv")


def shut_down(api: Client, settings: Settings) -> Any:
    with page_query("DO $$ BEGIN RAISE EXCEPTION 'shutting down' USING ERRCODE = '57P01'; END $$"):
        return api.get(COMPANIES)


def unencrypted(api: Client, settings: Settings) -> Any:
    settings.MIDDLEWARE = ["directory.transport.refuse_plain_http", *settings.MIDDLEWARE]
    return Client(HTTP_HOST="127.0.0.1").get(COMPANIES)


def with_key(url: str = COMPANIES, **fields: Any) -> Callable[[Client, Settings], Any]:
    def ask(api: Client, settings: Settings) -> Any:
        _, text = make_key(**fields)
        return api.get(url.format(key=text), headers={} if "{key}" in url else {"authorization": f"Bearer {text}"})

    return ask


def getting(url: str, **headers: str) -> Callable[[Client, Settings], Any]:
    return lambda api, settings: api.get(url, headers=headers)


def posting(url: str, body: str, content_type: str = "application/json") -> Callable[[Client, Settings], Any]:
    return lambda api, settings: api.post(url, body, content_type=content_type)


PROVOKED: dict[str, Callable[[Client, Settings], Any]] = {
    "invalid_query": getting(f"{COMPANIES}?siez=3"),
    "bad_request": getting(f"{COMPANIES}?" + "&".join(f"p{n}=1" for n in range(1001))),
    "invalid_input": posting("/api/v1/raise/invalid_input/", "{}"),
    "key_in_address": with_key(f"{COMPANIES}?q={{key}}"),
    "invalid_key": getting(COMPANIES, authorization="Bearer nonsense"),
    "wrong_scope": with_key(scopes=["suggest"]),
    "wrong_origin": with_key(origins=["https://techlist.example"]),
    "not_authenticated": getting("/api/v1/raise/not_authenticated/"),
    "forbidden": getting("/api/v1/raise/forbidden/"),
    "https_required": unencrypted,
    "not_found": getting(f"{COMPANIES}nobody/"),
    "no_such_page": getting(f"{COMPANIES}?page=2"),
    "method_not_allowed": posting(COMPANIES, "{}"),
    "not_acceptable": getting(COMPANIES, accept="text/html"),
    "gone": withdrawn,
    "content_too_large": posting("/api/v1/suggestions/", " " * 33_000),
    "start_over": forgotten,
    "uri_too_long": getting(f"{COMPANIES}?slug=" + ",".join(f"{n:0200}" for n in range(30))),
    "unsupported_media_type": posting("/api/v1/raise/invalid_input/", "name=Airlift", "text/plain"),
    "throttled": getting("/api/v1/raise/throttled/"),
    "server_error": getting("/api/v1/raise/server_error/"),
    "too_expensive": slow,
    "busy": overrun,
    "broken_view": broken,
    "unavailable": shut_down,
}


def problem(response: Any) -> dict[str, Any]:
    """The body of an error, found to be as the contract has it."""
    assert response["Content-Type"] == "application/problem+json; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    assert response["Access-Control-Allow-Origin"] == "*"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "errors"} <= set(body)
    code = CODES[body["code"]]
    assert body["status"] == response.status_code == code.status
    assert (body["title"], body["type"]) == (code.title, f"http://127.0.0.1:8000/problems/{body['code']}/")
    assert body["detail"]
    assert uuid.UUID(body["instance"])
    for error in body["errors"]:
        assert error["detail"]
        assert ("parameter" in error) != ("pointer" in error)
        assert "pointer" in error or error["code"] in DETAIL_CODES
    return body


@pytest.mark.complaint(19)
@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_provoked_and_has_its_page(api: Client, settings: Settings, code: str) -> None:
    """A new code without a case above fails here."""
    body = problem(PROVOKED[code](api, settings))
    assert body["code"] == code
    page = api.get(urlsplit(body["type"]).path)
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert CODES[code].title in page.content.decode()


def test_the_problems_are_listed(api: Client) -> None:
    page = api.get("/problems/").content.decode()
    assert all(f"<code>{code}</code>" in page for code in {**CODES, **DETAIL_CODES})
    assert api.get("/problems/no_such_code/").status_code == 404


@pytest.mark.parametrize(
    ("code", "header", "value"),
    [
        ("method_not_allowed", "Allow", "GET, HEAD, OPTIONS"),
        ("throttled", "Retry-After", "4"),
        ("unavailable", "Retry-After", "5"),
        ("busy", "Retry-After", "5"),
        ("broken_view", "Retry-After", "3600"),
        ("too_expensive", "Retry-After", "5"),
        ("not_authenticated", "WWW-Authenticate", 'Basic realm="api"'),
    ],
)
def test_an_error_says_how_to_go_on(api: Client, settings: Settings, code: str, header: str, value: str) -> None:
    assert PROVOKED[code](api, settings)[header] == value


@pytest.mark.security(27)
def test_our_own_mistake_tells_strangers_nothing_and_the_log_everything(
    api: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    body = problem(PROVOKED["server_error"](api, settings))
    assert not [word for word in ("secret", "ZeroDivision", "Traceback", ".py") if word in str(body)]
    assert body["instance"] in caplog.text
    assert "the secret inside" in caplog.text


@pytest.mark.security(19)
@pytest.mark.complaint(19, 20)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_every_refusal_of_every_address_has_the_shape(api: Client, method: str) -> None:
    """Not even an address that is routed nowhere answers HTML, and nothing is refused with a 200."""
    lists = [f"/api/v1/{collection}/" for collection in VIEWSETS]
    nowhere = ["/api/", "/api/v2/companies/", "/api/v1/company/", "/api/v1/companies/a/b/", "/api/v1/companies/a.b/"]
    for url in ["/api/v1/", *lists]:
        response = api.generic(method, url)
        if method in ("GET", "HEAD"):
            assert response.status_code == 200
        else:
            assert problem(response)["code"] == "method_not_allowed", url
    for url in [*(f"{url}nobody/" for url in lists), *nowhere, "/api/v1/nowhere"]:
        response = api.generic(method, url)
        assert response.status_code in (404, 405), url
        if method != "HEAD":
            problem(response)
    assert "html" in api.generic(method, "/nowhere/")["Content-Type"]


# Eleven conditions, each of which looks into another table; what looks into none is not counted.
CROWDED = "identifier=1&office__isnull=true&verified_on__isnull=true&" + "&".join(
    f"{name}__{lookup}=x"
    for name in ("credential", "credential_issuer", "source")
    for lookup in ("contains", "not", "startswith")
)
# Query → (parameter, code, first guess at what was meant) of each mistake.
MISTAKES: dict[str, list[tuple[str, str, str]]] = {
    "founded_yaer=2001": [("founded_yaer", "unknown_parameter", "founded_year")],
    "search=x": [("search", "unknown_parameter", "q")],
    "limit=10": [("limit", "unknown_parameter", "page_size")],
    "offset=10": [("offset", "unknown_parameter", "page")],
    "sort=name": [("sort", "unknown_parameter", "ordering")],
    "city=lahore": [("city", "unknown_parameter", "hub")],
    "country=US": [("country", "unknown_parameter", "export_market")],
    "facets=city": [("facets", "unknown_value", "hub")],
    "ordering=relevance": [("ordering", "missing_parameter", "")],
    "founded_year__gtee=1": [("founded_year__gtee", "unknown_parameter", "founded_year__gte")],
    "name__regex=.": [("name__regex", "unknown_parameter", "name__not")],
    "kind__contains=x": [("kind__contains", "unknown_parameter", "kind__not")],
    "ordering=bogus": [("ordering", "unknown_value", "")],
    "ordering=fuonded_year": [("ordering", "unknown_value", "founded_year")],
    "kind=StartUp": [("kind", "unknown_value", "startup")],
    "hub=lahor": [("hub", "unknown_value", "lahore")],
    "hub=Lahore": [("hub", "unknown_value", "lahore")],
    "specialty=ML": [("specialty", "unknown_value", "machine-learning")],
    "export_market=UK": [("export_market", "unknown_value", "GB")],
    "export_market=United States": [("export_market", "unknown_value", "US")],
    "format=xml": [("format", "unknown_value", "")],
    "hub=": [("hub", "empty_value", "")],
    "hub=lahore,": [("hub", "empty_value", "")],
    "name=+": [("name", "empty_value", "")],
    "ordering=": [("ordering", "empty_value", "")],
    "founded_year=MMI": [("founded_year", "invalid_value", "")],
    "founded_year=2001.5": [("founded_year", "invalid_value", "")],
    "founded_year=99999999999": [("founded_year", "invalid_value", "")],
    "verified_on=31.12.2025": [("verified_on", "invalid_value", "")],
    "created_at__gte=yesterday": [("created_at__gte", "invalid_value", "")],
    "women_led=yes": [("women_led", "invalid_value", "")],
    "website__isnull=1": [("website__isnull", "invalid_value", "")],
    "id=0zzzzzz00": [("id", "invalid_value", "")],
    "name=a%00b": [("name", "invalid_value", "")],
    "founded_year=" + ",".join(map(str, range(1900, 1951))): [("founded_year", "too_many_values", "")],
    CROWDED: [("source__startswith", "too_many_conditions", "")],
    "name=" + 201 * "x": [("name", "too_long", "")],
    "women_led=true&women_led=false": [("women_led", "repeated_parameter", "")],
    "near=31.5,74.3": [("near", "missing_parameter", "")],
    "page_size=1&page_size=2": [("page_size", "repeated_parameter", "")],
    "cursor=AAAA": [("cursor", "invalid_cursor", "")],
    "siez=3&hub=lahor&page_size=0&count=some&ordering=size&women_led=&cursor=x": [
        ("hub", "unknown_value", "lahore"),
        ("siez", "unknown_parameter", ""),
        ("women_led", "empty_value", ""),
        ("ordering", "unknown_value", ""),
        ("page_size", "invalid_value", ""),
        ("cursor", "invalid_cursor", ""),
        ("count", "unknown_value", ""),
    ],
}


@pytest.mark.security(18)
@pytest.mark.complaint(1)
@pytest.mark.parametrize("query", MISTAKES, ids=lambda query: query[:40])
def test_all_mistakes_of_a_query_are_told_at_once(api: Client, query: str) -> None:
    """Nothing that is asked for is ignored."""
    make_company(specialties=[make_specialty("Machine learning", aliases=["ML"])])
    errors = problem(api.get(f"{COMPANIES}?{query}"))["errors"]
    assert [(e["parameter"], e["code"], e.get("did_you_mean", [""])[0]) for e in errors] == MISTAKES[query]


def test_what_other_apis_call_it_leads_to_a_parameter_of_companies() -> None:
    known = set(VIEWSETS["companies"].filterset_class.parameters) | set(PARAMETERS)
    assert set(ELSEWHERE.values()) <= known | set(changes.PARAMETERS)
    assert not set(ELSEWHERE) & known
    assert set(COUNTRIES_ELSEWHERE.values()) <= set(COUNTRIES)


def test_a_page_behind_the_end_says_which_is_the_last(api: Client) -> None:
    make_company("Systems")
    make_company("Arbisoft")
    told = problem(api.get(f"{COMPANIES}?page=9&page_size=1"))
    assert told["detail"].endswith("The last is page 2.")


def test_a_refused_method_says_which_are_allowed(api: Client) -> None:
    assert problem(api.post(COMPANIES))["detail"].endswith("Allowed are GET, HEAD, OPTIONS.")


@pytest.mark.security(18)
@pytest.mark.parametrize("url", [COMPANIES, f"{COMPANIES}systems/", "/api/v1/nowhere/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_no_address_reads_a_large_body(api: Client, url: str, method: str) -> None:
    answer = problem(api.generic(method, url, " " * 1_000_001))
    assert answer["code"] == "content_too_large"
    assert answer["detail"] == "At most 1000000 bytes are read, and these are 1000001."


def test_a_body_at_the_limit_is_read(api: Client, settings: Settings) -> None:
    padded = "{}".ljust(1_000_000)
    assert problem(posting("/api/v1/raise/invalid_input/", padded)(api, settings))["code"] == "invalid_input"


@pytest.mark.parametrize("size", [10, 1_000_001])
def test_the_body_of_a_get_means_nothing(api: Client, size: int) -> None:
    make_company("Systems")
    plain = api.get(COMPANIES)
    with_body = api.generic("GET", COMPANIES, "x" * size, content_type="application/json")
    assert (with_body.status_code, with_body.content) == (200, plain.content)
    assert with_body["ETag"] == plain["ETag"]


def test_page_and_cursor_exclude_each_other(api: Client) -> None:
    make_company("Systems")
    make_company("Arbisoft")
    following = api.get(f"{COMPANIES}?page_size=1").json()["next"]
    query = f"companies/?{urlsplit(following).query}&page=2"
    assert mistakes(api, query) == [("page", "conflicting_parameters")]


def test_every_code_of_a_mistake_can_be_provoked() -> None:
    told = {code for errors in MISTAKES.values() for _, code, _ in errors}
    assert told | {"conflicting_parameters"} == set(DETAIL_CODES)


def test_an_unknown_value_says_where_the_known_ones_are(api: Client) -> None:
    (error,) = problem(api.get(f"{COMPANIES}?hub=atlantis"))["errors"]
    assert error["allowed"] == "http://127.0.0.1:8000/api/v1/hubs/"


@pytest.mark.complaint(1)
def test_a_detail_takes_no_filters(api: Client) -> None:
    make_company("Systems")
    query = "companies/systems/?hub=lahore&format=csv&fromat=json"
    assert mistakes(api, query) == [
        ("hub", "unknown_parameter"),
        ("fromat", "unknown_parameter"),
        ("format", "unknown_value"),
    ]
    assert mistakes(api, "?verbose=1") == [("verbose", "unknown_parameter")]


def test_mistakes_in_a_document_are_pointed_at(api: Client, settings: Settings) -> None:
    wrong = '{"name": "", "employees": {"min": "few"}, "offices": [{"hub": "atlantis"}], "a/b~c": 1}'
    unknown, *_ = problem(posting("/api/v1/raise/invalid_input/", wrong)(api, settings))["errors"]
    assert unknown["pointer"] == "/a~1b~0c"
    wrong = wrong.replace(', "a/b~c": 1', "")
    errors = problem(posting("/api/v1/raise/invalid_input/", wrong)(api, settings))["errors"]
    assert [error["pointer"] for error in errors] == ["/name", "/employees", "/offices/0/hub"]


@pytest.mark.security(7)
@pytest.mark.parametrize("path", ["/problems/", "/livez", "/admin/login/"])
def test_no_page_answers_trace(api: Client, path: str) -> None:
    assert api.trace(path).status_code == 405


@pytest.mark.security(19)
@pytest.mark.parametrize(
    "query",
    [
        "created_at__gte=2026-01-01T00:00:00",
        "created_at__gte=0001-01-01T00:00:00%2B05:00",
        "founded_year__gte=-2147483648&ordering=-founded_year,name",
        f"specialty__all={','.join(f's{n}' for n in range(11))}",
    ],
)
def test_what_the_database_would_refuse_or_plan_for_seconds_is_refused_first(api: Client, query: str) -> None:
    assert api.get(f"/api/v1/companies/?{query}").json()["code"] == "invalid_query"


@pytest.mark.parametrize("offset", ["%2B23:59", "-23:59", "%2B05:30", "Z"])
def test_any_offset_is_understood(api: Client, offset: str) -> None:
    assert api.get(f"/api/v1/companies/?created_at__gte=2026-01-01T00:00:00{offset}").status_code == 200
