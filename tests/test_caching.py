"""Caching: an answer is kept, validated and invalidated by the directory's revision, at a price that is written down.

``Cache-Control`` and ``ETag`` are on lists and details, one ETag for each coding; nothing that differs from caller to
caller is on what a shared cache may store; an error is never stored.
"""

import gzip
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from directory.api import caching
from directory.models import Revision, Source
from directory.publishing import edit, publication
from tests.factories import (
    make_company,
    make_credential,
    make_hub,
    make_indicator,
    make_industry,
    make_office,
    make_program,
    make_specialty,
)
from tests.lists import VIEWSETS, slugs

pytestmark = pytest.mark.django_db

LIST, DETAIL = "/api/v1/companies/", "/api/v1/companies/systems-limited/"
DECODERS = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
CACHE_CONTROL = "public, max-age=0, s-maxage=60, stale-while-revalidate=300, stale-if-error=86400"


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    return make_company("Systems Limited", description="Software for banks, telecoms and retailers. " * 20)


@pytest.mark.complaint(17)
@pytest.mark.parametrize("url", [LIST, DETAIL])
def test_each_coding_has_the_same_content_and_an_etag_of_its_own(api: Client, company: Company, url: str) -> None:
    """Not weakened, and none of them taken for another's bytes."""
    answers = {coding: api.get(url, headers={"accept-encoding": coding}) for coding in DECODERS}
    assert {answer.get("Content-Encoding", "") for answer in answers.values()} == set(DECODERS)
    assert len({DECODERS[coding](answer.content) for coding, answer in answers.items()}) == 1
    etags = [answer["ETag"] for answer in answers.values()]
    assert len(set(etags)) == 3
    assert all(etag.startswith('"') for etag in etags)
    assert all(answer["Content-Length"] == str(len(answer.content)) for answer in answers.values())


@pytest.mark.complaint(17)
@pytest.mark.parametrize("url", [LIST, DETAIL])
@pytest.mark.parametrize("coding", DECODERS)
def test_a_known_answer_is_not_sent_again_until_it_changes(
    api: Client, company: Company, url: str, coding: str
) -> None:
    """Through gzip and brotli as well."""
    asking = {"accept-encoding": coding}
    etag = api.get(url, headers=asking)["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.get(url, headers={**asking, "if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == etag
        assert again["Cache-Control"] == CACHE_CONTROL
        assert again["Vary"] == "Accept, Accept-Encoding"
    assert api.get(url, headers={**asking, "if-none-match": '"other"'}).status_code == 200

    edit(company, {"founded_year": 1977}, source=Source.ADMIN)
    changed = api.get(url, headers={**asking, "if-none-match": etag})
    assert changed.status_code == 200
    assert changed["ETag"] != etag
    assert b"1977" in DECODERS[coding](changed.content)


def test_another_kind_s_edit_leaves_an_answer_s_etag(api: Client, company: Company) -> None:
    """No body tells the directory's revision: a mirror would load all lists anew after every edit."""
    etags = {url: api.get(url)["ETag"] for url in (LIST, DETAIL)}
    make_industry("Logistics")
    assert {url: api.get(url)["ETag"] for url in etags} == etags
    assert api.get(LIST)["Directory-Revision"] == str(Revision.objects.current())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("*", "br"),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("deflate", ""),
        ("GZIP;Q=1", "gzip"),
        ("gzip;q=often, br;q=", ""),
        (";,;q=1", ""),
    ],
)
def test_the_coding_is_what_the_client_prefers(api: Client, company: Company, accepted: str, coding: str) -> None:
    assert api.get(LIST, headers={"accept-encoding": accepted}).get("Content-Encoding", "") == coding


def test_a_short_body_is_sent_as_it_is(api: Client) -> None:
    answer = api.get("/api/v1/indicators/", headers={"accept-encoding": "br"})
    assert "Content-Encoding" not in answer
    assert answer.json()["results"] == []


@pytest.mark.security(25)
@pytest.mark.parametrize("url", [LIST, f"{LIST}?page=1&page_size=1", DETAIL, "/api/v1/hubs/lahore/", "/api/v1/"])
def test_what_a_shared_cache_may_store_is_the_same_for_everybody(api: Client, company: Company, url: str) -> None:
    response = api.get(url, headers={"origin": "https://partner.example", "accept-encoding": "gzip"})
    headers = response.headers
    assert headers["Cache-Control"] == CACHE_CONTROL
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Directory-Revision"] == str(Revision.objects.current())
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"] == caching.EXPOSED
    assert not {"Server-Timing", "X-Request-Id", "RateLimit", "Set-Cookie"} & set(headers)
    assert "Access-Control-Allow-Credentials" not in headers
    # The same bytes and headers a second time, from the process's own memory.
    again = api.get(url, headers={"accept-encoding": "gzip"})
    assert (again.content, again.headers) == (response.content, headers)


def test_a_detail_names_its_canonical_address(api: Client, company: Company) -> None:
    canonical = '<http://127.0.0.1:8000/api/v1/companies/systems-limited/>; rel="canonical"'
    assert api.get(DETAIL)["Link"] == api.get(f"/api/v1/companies/{company.public_id}/")["Link"] == canonical


@pytest.mark.parametrize("url", [f"{LIST}?hub=nowhere", "/api/v1/companies/nobody/", f"{LIST}?page=9", "/api/x/"])
def test_an_error_is_never_stored(api: Client, company: Company, url: str) -> None:
    for _ in range(2):
        response = api.get(url)
        assert response.status_code >= 400
        assert response["Cache-Control"] == "no-store"
        assert "ETag" not in response


@pytest.mark.parametrize("url", [LIST, DETAIL, "/api/v1/companies/nobody/"])
def test_head_is_get_without_a_body(api: Client, company: Company, url: str) -> None:
    get, head = api.get(url), api.head(url)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert head["Content-Length"] == str(len(get.content))
    assert head.get("ETag") == get.get("ETag")


def test_a_browser_may_send_if_none_match_from_another_site(api: Client) -> None:
    response = api.options(LIST, headers={"origin": "https://partner.example"})
    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in response["Access-Control-Allow-Headers"]


def test_the_order_of_parameters_makes_no_difference_to_the_bytes(api: Client, company: Company) -> None:
    one = api.get(f"{LIST}?hub=lahore&kind=established&page_size=1&ordering=-name")
    other = api.get(f"{LIST}?ordering=-name&page_size=1&kind=established&hub=lahore")
    assert one.content == other.content
    canonical = "http://127.0.0.1:8000/api/v1/companies/?hub=lahore&kind=established&ordering=-name&page_size=1"
    assert one.json()["meta"]["query"]["canonical"] == canonical


def test_an_answer_in_one_format_is_not_given_for_another(api: Client, company: Company) -> None:
    assert api.get(LIST, headers={"accept": "application/json"}).status_code == 200
    assert api.get(LIST, headers={"accept": "text/html"}).status_code == 406


# What nobody has asked for yet


def test_a_new_question_costs_one_query_in_a_process_that_knows_a_revision(
    api: Client, company: Company, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The page says in its own statement of which revision it is."""
    api.get(LIST)
    with django_assert_num_queries(1):
        assert slugs([api.get(f"{LIST}?founded_year__isnull=true").json()]) == ["systems-limited"]
    make_company("Zameen")
    told = api.get(f"{LIST}?ordering=-name")
    assert slugs([told.json()]) == ["zameen", "systems-limited"]
    assert told["Directory-Revision"] == str(caching.current_revision())


def test_nothing_is_refused_for_what_a_process_has_not_heard_of_yet(api: Client, company: Company) -> None:
    assert api.get(f"{LIST}?hub=multan").status_code == 400
    assert api.get(LIST).status_code == 200
    make_company("Q-Soft", hub=make_hub("Multan"))
    assert slugs([api.get(f"{LIST}?hub=multan").json()]) == ["q-soft"]


def test_a_file_that_a_client_has_is_sent_anew_when_something_was_published(api: Client, company: Company) -> None:
    url = f"{LIST}?format=ndjson"
    old = api.get(url)
    assert old.getvalue().count(b"\n") == 2
    assert api.get(LIST).status_code == 200
    known = {"if-none-match": old["ETag"]}
    assert api.get(url, headers=known).status_code == 304
    make_company("Zameen")
    assert api.get(url, headers=known).getvalue().count(b"\n") == 3


# Complaint 13: the number of queries is what it says here, however many rows and relations there are. Filters by
# slug add one query for each vocabulary (all hubs, all specialties), once per revision and process.
#   repeated or 304   the newest revision
#   list              … and the page with its revision and count, in one statement; that alone where the process
#                     knows a revision and this list was not asked for yet
#   list, estimated   … and the planner's guess
#   nothing matched   … and which filter to drop
#   detail            the newest revision; the document with its revision
#   moved or unknown  … and the slug's owner, its newest version, its present slug
COSTS = {
    LIST: 2,
    f"{LIST}?ordering=-founded_year,name&page_size=200&page=1": 2,
    f"{LIST}?count=exact&women_led__isnull=true&credential__isnull=true&verified_on__isnull=true": 2,
    f"{LIST}?count=estimate": 3,
    f"{LIST}?hub=lahore&office__not=lahore": 3,
    f"{LIST}?hub=lahore&specialty=data&specialty__all=data": 6,  # nothing: + bitmaps, to say why
    DETAIL: 2,
}


def make_many() -> None:
    """Forty companies with many relations each."""
    hubs = [make_hub(f"Hub {n}") for n in range(4)]
    many: dict[str, Any] = {
        "specialties": [make_specialty(f"Specialty {n}") for n in range(5)],
        "industries": [make_industry(f"Industry {n}") for n in range(5)],
        "programs": [make_program(f"Program {n}", hub=hubs[0]) for n in range(5)],
    }
    with publication(source=Source.SYSTEM):
        for number in range(40):
            company = make_company(f"Company {number}", hub=hubs[number % 4], founded_year=1990, **many)
            for hub in hubs:
                make_office(company, hub=hub)
            make_credential(company)


@pytest.mark.complaint(13)
@pytest.mark.parametrize("rows", ["few", "many"])
def test_the_cost_of_each_answer(
    api: Client,
    company: Company,
    rows: str,
    forget: Callable[[], None],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_specialty("Data")
    if rows == "many":
        make_many()
    for url, cost in COSTS.items():
        forget()
        with django_assert_num_queries(cost):
            etag = api.get(url)["ETag"]
        with django_assert_num_queries(1):
            assert api.get(url).status_code == 200
        with django_assert_num_queries(1):
            assert api.get(url, headers={"if-none-match": etag}).status_code == 304


@pytest.mark.complaint(13)
@pytest.mark.parametrize("collection", VIEWSETS)
def test_every_collection_costs_the_same(
    api: Client, company: Company, collection: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A program's hub and a specialty's parent are in their documents already."""
    parent = make_specialty("Data")
    for number in range(5):
        make_specialty(f"Data {number}", parent=parent)
        make_program(f"Program {number}")
        make_indicator(f"Indicator {number}", period=f"{number}")
    with django_assert_num_queries(2):
        assert api.get(f"/api/v1/{collection}/").status_code == 200


@pytest.mark.parametrize(("key", "cost"), [("systems", 5), ("nobody", 6)])
def test_the_cost_of_a_moved_and_of_an_unknown_address(
    api: Client, company: Company, key: str, cost: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_company("Systems", slug="systems")
    edit(Company.objects.get(slug="systems"), {"slug": "systems-pk"}, source=Source.ADMIN)
    with django_assert_num_queries(cost):
        assert api.get(f"/api/v1/companies/{key}/").status_code in (308, 404)


@pytest.mark.security(16)
@pytest.mark.parametrize("status", ["draft", "in_review", "withdrawn"])
def test_nothing_unpublished_is_ever_answered(api: Client, company: Company, status: str) -> None:
    """Not in a list, a count, a filter's answer or a detail; and not out of a cache once it is withdrawn."""
    secret = make_company("Stealth Mode", status=status)
    shown = make_company("Zameen")
    queries = ("", "?name__contains=stealth", f"?id={secret.public_id}", "?count=exact", "?hub=lahore&page=1")

    def met() -> set[str]:
        return {slug for query in queries for slug in slugs([api.get(f"{LIST}{query}").json()])}

    assert met() == {company.slug, "zameen"}
    assert api.get(f"{LIST}?count=exact").json()["count"] == 2
    for key in (secret.slug, secret.public_id):
        assert api.get(f"/api/v1/companies/{key}/").status_code == 404

    assert api.get("/api/v1/companies/zameen/").status_code == 200
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=shown.pk).update(status=status)
    assert met() == {company.slug}
    for key in (shown.slug, shown.public_id):
        assert api.get(f"/api/v1/companies/{key}/").status_code == 410


def test_a_failed_edit_leaves_what_is_kept(api: Client, company: Company) -> None:
    before = api.get(DETAIL)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        edit(company, {"founded_year": 1977}, source=Source.ADMIN)
        raise ZeroDivisionError
    assert api.get(DETAIL).headers == before.headers


@pytest.mark.security(25)
def test_no_cookie_is_answered_to_what_a_shared_cache_stores(company: Company) -> None:
    response = Client(HTTP_HOST="127.0.0.1", HTTP_COOKIE="csrftoken=%00; sessionid=nobody").get(LIST)
    assert response["Vary"] == "Accept, Accept-Encoding"
    assert not response.cookies
