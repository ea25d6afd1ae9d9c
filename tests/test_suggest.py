"""Completions: what somebody who is still typing may mean, with what it leads to."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from companies.completions import KINDS
from directory.models import Source
from directory.publishing import edit
from tests.factories import make_company, make_hub, make_industry, make_program, make_specialty
from tests.lists import mistakes

pytestmark = pytest.mark.django_db


def suggest(api: Client, text: str, rest: str = "") -> dict[str, list[dict[str, Any]]]:
    """Kind → its suggestions."""
    response = api.get(f"/api/v1/suggest/?q={quote(text, safe='')}{rest}")
    assert response.status_code == 200, response.content
    return {group["kind"]: group["suggestions"] for group in response.json()["results"]}


def fits(api: Client, text: str, rest: str = "") -> dict[str, list[tuple[str, str]]]:
    """Kind → (slug, how it fits) of each of its suggestions, of those kinds that have any."""
    groups = suggest(api, text, rest).items()
    return {kind: [(s["slug"], s["match"]) for s in suggestions] for kind, suggestions in groups if suggestions}


@pytest.fixture(scope="module")
def some(shared_rows: None) -> None:
    """Lahore and what there is."""
    lahore = make_hub("Lahore", aliases=["LHE", "لاہور", "Gulberg"])
    data = make_specialty("Data", aliases=["big data"])
    science = make_specialty("Data science", parent=data)
    health = make_industry("Healthcare", aliases=["healthtech"])
    make_program("NIC Lahore", hub=lahore)
    make_company("Data Labs", hub=lahore, specialties=[data], industries=[health])
    make_company("Zeta Data", hub=lahore, specialties=[science])
    make_company("Arbisoft", aliases=["Lahori Labs"], hub=None, specialties=[data, science])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "lah",
            {
                "company": [("arbisoft", "word")],
                "hub": [("lahore", "prefix")],
                "program": [("nic-lahore", "word")],
            },
        ),
        ("LHE", {"hub": [("lahore", "exact")]}),
        ("لاہور", {"hub": [("lahore", "exact")]}),
        ("gulb", {"hub": [("lahore", "prefix")]}),
        ("lahroe", {"hub": [("lahore", "typo")]}),
        ("arbisfot", {"company": [("arbisoft", "typo")]}),
        ("arbsio", {"company": [("arbisoft", "typo")]}),
        ("Arbisoft (Pvt.) Ltd", {"company": [("arbisoft", "exact")]}),
        ("healthtec", {"industry": [("healthcare", "prefix")]}),
        (
            "data",
            {
                "company": [("data-labs", "prefix"), ("zeta-data", "word")],
                "specialty": [("data", "exact"), ("data-science", "prefix")],
            },
        ),
        ("data sci", {"specialty": [("data-science", "prefix")]}),
        ("zeta da", {"company": [("zeta-data", "prefix")]}),
        ("xyzzy", {}),
        ("d & g", {}),
    ],
)
def test_what_is_typed_is_completed(api: Client, some: None, text: str, expected: dict[str, Any]) -> None:
    assert fits(api, text) == expected


def test_a_term_says_how_many_companies_it_leads_to(api: Client, some: None) -> None:
    """And the address leads to just as many."""
    terms = [s for kind, found in suggest(api, "data").items() for s in found if kind != "company"]
    terms += suggest(api, "lahore")["hub"] + suggest(api, "health")["industry"]
    assert [term["companies"]["count"] for term in terms] == [3, 2, 2, 1]
    for term in terms:
        assert api.get(f"{term['companies']['url']}&count=exact").json()["count"] == term["companies"]["count"]
    assert all("companies" not in suggestion for suggestion in suggest(api, "lah")["program"])


def test_every_suggestion_has_its_address(api: Client, some: None) -> None:
    for text in ("lah", "data", "health"):
        for suggestions in suggest(api, text).values():
            for suggestion in suggestions:
                assert api.get(suggestion["url"]).json()["name"] == suggestion["name"]


def test_kinds_and_limit(api: Client, some: None) -> None:
    assert list(suggest(api, "data")) == list(KINDS)
    assert list(suggest(api, "data", "&kind=hub,company")) == ["hub", "company"]
    assert fits(api, "data", "&limit=1") == {"company": [("data-labs", "prefix")], "specialty": [("data", "exact")]}
    meta = api.get("/api/v1/suggest/?kind=hub&q=lah").json()["meta"]
    assert meta["query"]["applied"] == {"kind": ["hub"], "q": ["lah"]}
    assert meta["query"]["canonical"].endswith("/api/v1/suggest/?kind=hub&q=lah")


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", [("q", "missing_parameter")]),
        ("?q=", [("q", "empty_value")]),
        ("?q=%26", [("q", "invalid_value")]),
        ("?q=a&q=b", [("q", "repeated_parameter")]),
        (f"?q={'a' * 201}", [("q", "too_long")]),
        ("?q=a&kind=city", [("kind", "unknown_value")]),
        ("?q=a&kind=", [("kind", "empty_value")]),
        ("?q=a&limit=21", [("limit", "invalid_value")]),
        ("?q=a&limit=0&kind=x", [("kind", "unknown_value"), ("limit", "invalid_value")]),
        ("?q=a&page=2", [("page", "unknown_parameter")]),
        ("?q=a&format=xml", [("format", "unknown_value")]),
    ],
)
def test_what_is_not_understood_is_refused(api: Client, query: str, errors: list[tuple[str, str]]) -> None:
    assert mistakes(api, f"suggest/{query}") == errors


def test_answers_are_kept_until_something_is_published(
    api: Client, some: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    url = "/api/v1/suggest/?q=lah"
    first = api.get(url)
    with django_assert_num_queries(1):
        assert api.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304
    edit(make_hub("Lalian"), {"name": "Lahian"}, source=Source.ADMIN)
    assert [hub["slug"] for hub in api.get(url).json()["results"][2]["suggestions"]] == ["lalian", "lahore"]


def test_the_price_is_written_down(
    api: Client, some: None, forget: Callable[[], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The revision, names by their beginning and their words, perhaps corrected; and counts, checked by a query."""
    forget()
    suggest(api, "lahor")
    for text, queries in (("data", 3), ("arbisfot", 4), ("lahroe", 5), ("zzzzzz", 3)):
        with django_assert_num_queries(queries):
            suggest(api, text)


@pytest.mark.complaint(20)
@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab1 -\"'&|!():*<>\\%_,;+#.@/کé🏏"), max_size=200))
@example("'a':*B & !b")
@example("%")
@example("zeta " * 40)
def test_nothing_that_is_typed_breaks_anything(api: Client, shared_rows: None, text: str) -> None:
    response = api.get(f"/api/v1/suggest/?q={quote(text, safe='')}")
    assert response.status_code in (200, 400), response.content
