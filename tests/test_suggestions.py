"""Suggestions from outside: what is taken, what is refused and why, and that nobody else sees any of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from companies.merging import merge_companies
from companies.models import Company
from companies.proposing import FROM_ONE_SENDER, ON_ONE_COMPANY, digest
from companies.suggestions import Suggestion, merge_patch
from directory.models import Revision, Source
from directory.publishing import edit
from tests import factories as make
from tests.log import document
from tests.test_errors import problem

pytestmark = pytest.mark.django_db

URL = "/api/v1/suggestions/"


def send(api: Client, content: Any, **headers: str) -> Any:
    body = content if isinstance(content, (str, bytes)) else json.dumps(content)
    return api.post(URL, body, content_type="application/json", headers=headers)


def pointers(response: Any) -> list[str]:
    assert response.status_code == 400, response.content
    told = problem(response)
    assert told["code"] == "invalid_input"
    return [error["pointer"] for error in told["errors"]]


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    """A company, beside a draft and one that was withdrawn."""
    make.make_company("Secret draft", status="draft")
    edit(make.make_company("Airlift"), {}, source=Source.ADMIN, status="withdrawn")
    return make.make_company("Systems Limited", founded_year=1977, employees_min=100, employees_max=400)


# What is taken


@pytest.mark.security(37)
def test_a_suggestion_is_taken_and_changes_nothing(api: Client, company: Company) -> None:
    before = document(company)
    sent = {
        "company": "systems-limited",
        "patch": {"founded_year": 1976, "employees": {"max": 500}, "kind": "established"},
        "evidence": ["https://systems.example/about"],
        "email": "bilal@example.com",
    }
    response = send(api, sent)
    assert response.status_code == 201
    answer = response.json()
    assert answer == {"id": answer["id"], "status": "open", "url": response["Location"]}
    assert (response["Cache-Control"], response["Access-Control-Allow-Origin"]) == ("no-store", "*")
    kept = Suggestion.objects.get(token=answer["id"])
    assert (kept.company, kept.revision, kept.email) == (company, company.revision, "bilal@example.com")
    range_ = {"min": 100, "max": 500, "currency": "USD"}
    assert kept.proposed == {"founded_year": 1976, "employees": {k: range_[k] for k in ("min", "max")}}
    assert kept.base == {"founded_year": 1977, "employees": {"min": 100, "max": 400}}
    assert document(company) == before
    company.refresh_from_db()
    assert company.founded_year == 1977


def test_a_new_company_is_understood_as_an_edit_would_be(api: Client) -> None:
    before = Company.objects.count()
    make.lahore()
    make.make_specialty("Machine learning")
    patch = {
        "name": "Sehat Software",
        "website": "HTTPS://Sehat.example",
        "hub": {"slug": "lahore"},
        "specialties": ["machine-learning"],
        "offices": [{"hub": "lahore"}],
        "hourly_rate": {"min": 20},
    }
    assert send(api, {"patch": patch}).status_code == 201
    assert Suggestion.objects.get().proposed == {
        "name": "Sehat Software",
        "website": "https://sehat.example/",
        "hub": "lahore",
        "specialties": ["machine-learning"],
        "offices": [{"hub": "lahore", "address": None}],
        "hourly_rate": {"min": 20, "max": None, "currency": "USD"},
    }
    assert Company.objects.count() == before


def test_its_address_tells_what_became_of_it_and_nothing_of_anybody(api: Client, company: Company) -> None:
    sent = {"company": company.public_id, "patch": {"summary": "Secret words"}, "email": "bilal@example.com"}
    url = send(api, sent).json()["url"]
    response = api.get(url)
    assert response["Cache-Control"] == "no-store"
    told = response.json()
    assert (told["status"], told["decided_at"], told["company"]["slug"]) == ("open", None, "systems-limited")
    assert told["fields"] == [{"field": "summary", "status": "open", "reason": None}]
    assert not [word for word in ("Secret", "bilal", "example.com", "sender") if word in json.dumps(told["fields"])]
    assert "bilal" not in response.content.decode()
    assert api.get(f"{URL}{'x' * 24}/").status_code == 404


def test_addresses_cannot_be_guessed() -> None:
    tokens = {Suggestion().token for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {24}  # of 64 letters: 144 bits


def test_it_names_a_company_by_whatever_leads_to_it(api: Client, company: Company) -> None:
    edit(company, {"slug": "systems"}, source=Source.ADMIN)
    other = make.make_company("Systems Pvt")
    merge_companies(keep=company, drop=other, choices={}, by=None)
    for key in ("systems", "systems-limited", company.public_id, other.public_id, "systems-pvt"):
        assert send(api, {"company": key, "patch": {"founded_year": 1980}}).status_code == 201, key
    assert set(Suggestion.objects.values_list("company", flat=True)) == {company.pk}


def test_it_may_be_based_on_an_earlier_document(api: Client, company: Company) -> None:
    old = company.revision or 0
    edit(company, {"founded_year": 1978}, source=Source.ADMIN)
    newest = Revision.objects.current()
    assert (
        send(api, {"company": "systems-limited", "patch": {"founded_year": 1980}, "revision": old}).status_code == 201
    )
    assert Suggestion.objects.get().base == {"founded_year": 1977}
    for revision in (old - 1, newest + 1):
        sent = {"company": "systems-limited", "patch": {"founded_year": 1980}, "revision": revision}
        assert pointers(send(api, sent)) == ["/revision"]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)  # fmt: skip
def test_patches_are_merged_as_in_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    """The standard's own table."""
    assert merge_patch(target, patch) == result


# What is refused

REFUSED: dict[str, tuple[Any, list[str]]] = {
    "no object": ([], [""]),
    "nothing": ({}, ["/patch"]),
    "an empty patch": ({"patch": {}}, ["/patch"]),
    "unknown fields": ({"patch": {"name": "X"}, "status": "published", "owner": 1}, ["/owner", "/status"]),
    "everything at once": (
        {"patch": 1, "company": 2, "evidence": ["https://a.example", "javascript:alert(1)", 3], "email": "x",
         "revision": True, "homepage": 1},
        ["/company", "/email", "/evidence/1", "/evidence/2", "/homepage", "/patch", "/revision"],
    ),
    "too much evidence": ({"patch": {"name": "X"}, "evidence": ["https://a.example/"] * 11}, ["/evidence"]),
    "an unknown company": ({"company": "nobody", "patch": {"name": "X"}}, ["/company"]),
    "a company's own id as text": ({"company": "0zzzzzz00", "patch": {"name": "X"}}, ["/company"]),
    "a draft": ({"company": "secret-draft", "patch": {"name": "X"}}, ["/company"]),
    "a withdrawn one": ({"company": "airlift", "patch": {"name": "X"}}, ["/company"]),
    "a revision of a new one": ({"patch": {"name": "X"}, "revision": 1}, ["/revision"]),
    "no name": ({"patch": {"summary": "X"}}, ["/patch/name"]),
    "unknown facts": ({"patch": {"name": "X", "ceo": "X", "a/b~c": 1}}, ["/patch/a~1b~0c", "/patch/ceo"]),
    "what is not theirs": (
        {"company": "systems-limited", "patch": {"id": "X", "revision": 3, "created_at": None, "domain": "x"}},
        ["/patch/created_at", "/patch/domain", "/patch/id", "/patch/revision"],
    ),
    "an address": ({"company": "systems-limited", "patch": {"slug": "secret-draft"}}, ["/patch/slug"]),
    "private facts": ({"patch": {"name": "X", "status": "draft", "notes": "x"}}, ["/patch/notes", "/patch/status"]),
    "wrong facts": (
        {"company": "systems-limited",
         "patch": {"name": None, "founded_year": "old", "hub": "atlantis", "employees": {"min": "few"},
                   "offices": [{"hub": "lahore"}, {"hub": "atlantis"}]}},
        ["/patch/employees", "/patch/founded_year", "/patch/hub", "/patch/name", "/patch/offices/1/hub"],
    ),
    "what the database would refuse": (
        {"company": "systems-limited", "patch": {"founded_year": 1492, "employees": {"min": 500}}},
        ["/patch", "/patch"],
    ),
    "an end of a range": ({"patch": {"name": "X", "hourly_rate": {"max": -5}}}, ["/patch/hourly_rate/max"]),
    "a wrong identifier": (
        {"company": "systems-limited", "patch": {"identifiers": [{"scheme": "lei", "value": "x"}]}},
        ["/patch/identifiers/0/value"],
    ),
    "names that none may have": (
        {"patch": {"name": "Sys\u202etems", "aliases": ["\u2014"]}}, ["/patch/aliases", "/patch/name"]
    ),
    "facts that are none": (
        {"company": "systems-limited", "patch": {"sources": [{"reference": "x", "facts": ["nonsense"]}]}},
        ["/patch/sources/0/facts"],
    ),
    "a script": ({"company": "systems-limited", "patch": {"website": "javascript:alert(1)"}}, ["/patch/website"]),
    "nothing new": ({"company": "systems-limited", "patch": {"founded_year": 1977}}, ["/patch"]),
}  # fmt: skip


@pytest.mark.security(17)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_pointed_at(api: Client, company: Company, case: str) -> None:
    sent, expected = REFUSED[case]
    assert sorted(pointers(send(api, sent))) == expected
    assert not Suggestion.objects.exists()


def test_whether_a_draft_exists_is_not_told(api: Client) -> None:
    """Neither by its domain nor by its address."""
    make.make_company("Secret draft", status="draft", website="https://draft.example/")
    patch = {"name": "Secret draft", "website": "https://draft.example/"}
    assert send(api, {"patch": patch}).status_code == 201


@pytest.mark.security(18)
@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", "bad_request"),
        (b'{"patch": {"name": "\xff"}}', "application/json", "bad_request"),
        (b'{"patch": {"name": "a\\u0000b"}}', "application/json", "bad_request"),
        (b'{"patch": {"hub": {"slug": "lahore", "x": "\\ud800"}}}', "application/json", "bad_request"),
        (b'{"patch": {"employees": {"min": 1e999}}}', "application/json", "bad_request"),
        (b'{"patch": ' + b"[" * 400 + b"]" * 400 + b"}", "application/json", "bad_request"),
        (b'{"patch": ' + b"[" * 9000 + b"]" * 9000 + b"}", "application/json", "bad_request"),
        (b'{"patch": {"name": "X"}' + b" " * 32768 + b"}", "application/json", "content_too_large"),
        (b"patch=1", "application/x-www-form-urlencoded", "unsupported_media_type"),
        (b'{"patch": {"name": "X"}}', "text/plain", "unsupported_media_type"),
        (b'{"patch": {"name": "X"}}', "", "unsupported_media_type"),
    ],
)
def test_what_cannot_be_read_is_refused(api: Client, body: bytes, content_type: str, code: str) -> None:
    assert problem(api.generic("POST", URL, body, content_type=content_type))["code"] == code


def test_numbers_beyond_all_bounds_are_refused(api: Client) -> None:
    for number in (10**30, -(10**400)):
        body = f'{{"patch": {{"name": "X", "founded_year": {number}, "employees": {{"min": {number}}}}}}}'
        assert send(api, body).status_code == 400


def test_other_methods_and_parameters_are_refused(api: Client) -> None:
    assert problem(api.get(URL))["detail"].endswith("Allowed are POST, OPTIONS.")
    assert api.post(f"{URL}?company=x", "{}", content_type="application/json").status_code == 400
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert problem(api.generic(method, f"{URL}{'x' * 24}/"))["code"] == "method_not_allowed"


def test_pages_of_any_site_may_send_one(api: Client) -> None:
    answer = api.options(URL, headers={"origin": "https://partner.example", "access-control-request-method": "POST"})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "Content-Type" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


# Who sends too many, or is no person


@pytest.mark.security(37)
def test_a_program_that_fills_in_everything_is_dropped_unnoticed(api: Client, company: Company) -> None:
    sent = {"company": "systems-limited", "patch": {"founded_year": 1980}}
    kept, dropped = send(api, sent), send(api, sent | {"homepage": "https://spam.example/"})
    assert (dropped.status_code, dropped.json().keys()) == (201, kept.json().keys())
    assert {*dropped.headers} == {*kept.headers}
    assert len(dropped.json()["id"]) == len(kept.json()["id"])
    assert Suggestion.objects.count() == 1


def fill(number: int, **fields: Any) -> None:
    """So many others have just come."""
    some = {"patch": {"name": "X"}, "proposed": {"name": "X"}, "base": {}, "sender": digest("127.0.0.1")} | fields
    Suggestion.objects.bulk_create(Suggestion(**some) for _ in range(number))


def name(number: int) -> dict[str, Any]:
    return {"patch": {"name": f"Company {number}"}}


@pytest.mark.security(37)
def test_one_address_sends_so_many_an_hour(api: Client, company: Company) -> None:
    fill(FROM_ONE_SENDER - 1)
    assert send(api, name(1)).status_code == 201
    response = send(api, name(99))
    assert problem(response)["code"] == "throttled"
    wait = int(response["Retry-After"])
    assert 3500 < wait <= 3600
    assert response["RateLimit"] == f'"suggestions";r=0;t={wait}'
    assert Suggestion.objects.count() == FROM_ONE_SENDER
    assert api.post(URL, json.dumps(name(99)), "application/json", REMOTE_ADDR="192.0.2.9").status_code == 201
    Suggestion.objects.update(received_at=F("received_at") - timedelta(hours=1))
    assert send(api, name(99)).status_code == 201


@pytest.mark.security(8)
def test_rotating_headers_evade_nothing(api: Client, settings: Settings) -> None:
    fill(FROM_ONE_SENDER - 2)
    for number in (1, 2):
        assert send(api, name(number), **{"x-forwarded-for": f"192.0.2.{number}"}).status_code == 201
    assert send(api, name(99), **{"x-forwarded-for": "192.0.2.99"}).status_code == 429
    settings.TRUSTED_PROXIES = 1
    assert send(api, name(99), **{"x-forwarded-for": "192.0.2.99"}).status_code == 201


@pytest.mark.security(37)
def test_of_one_company_so_many_are_taken_an_hour(api: Client, company: Company) -> None:
    def suggest(number: int, company: str = "systems-limited") -> Any:
        body = json.dumps({"company": company, "patch": {"founded_year": 1900 + number}})
        return api.post(URL, body, "application/json", REMOTE_ADDR=f"192.0.2.{number}")

    make.make_company("Arbisoft")
    fill(ON_ONE_COMPANY - 1, company=company, revision=company.revision, sender="many others")
    assert suggest(1).status_code == 201
    assert suggest(99).status_code == 429
    assert suggest(99, "arbisoft").status_code == 201


def test_a_household_is_one_sender() -> None:
    assert digest("2001:db8:1:2::1") == digest("2001:db8:1:2:ffff::9") != digest("2001:db8:1:3::1")
    assert digest("::ffff:192.0.2.1") == digest("192.0.2.1") != digest("192.0.2.2")
    assert digest(None) != digest("192.0.2.1")
    assert "192.0.2.1" not in digest("192.0.2.1")


@pytest.mark.security(39)
def test_nobody_is_named_in_the_log(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for email in ("bilal@example.com", "bilal@example.com\r\nforged"):
        send(api, {"patch": {"name": "X"}, "email": email})
    fill(FROM_ONE_SENDER)
    send(api, name(1) | {"email": "bilal@example.com"})
    assert "429 throttled" in caplog.text
    told = [record.getMessage() for record in caplog.records if record.name != "django.db.backends"]
    assert not [line for line in told if "bilal" in line or "forged" in line]
