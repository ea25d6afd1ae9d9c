"""Statistics: counts and medians of what a query finds, in all and by group."""

import statistics
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from directory.models import Source
from directory.publishing import edit
from tests.factories import make_company, make_credential, make_hub, make_industry, make_specialty
from tests.lists import mistakes

pytestmark = pytest.mark.django_db

STATS = "/api/v1/stats/"


@pytest.fixture(scope="module")
def companies(shared_rows: None) -> list[Company]:
    """Four companies in Lahore and Karachi and one that nothing is known of."""
    karachi, health = make_hub("Karachi", latitude=24.86, longitude=67), make_industry()
    data = make_specialty("Data")
    learning = make_specialty("Learning", parent=data, emerging=True)
    return [
        make_company("Systems", specialties=[data, learning], employees_min=100, founded_year=1977),
        make_company("Arbisoft", specialties=[learning], employees_min=30, employees_max=300, founded_year=2007),
        make_company("Zameen", hub=karachi, kind="startup", industries=[health], founded_year=2010, women_led=True),
        make_company("Careem", hub=karachi, kind="startup", founded_year=2010, hourly_rate_min=20),
        make_company("Dunya", hub=None, kind=""),
    ]


def stats(api: Client, query: str) -> dict[str, Any]:
    response = api.get(f"{STATS}?{query}")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def counts(api: Client, query: str, *names: str) -> list[tuple[Any, ...]]:
    """(value …, count) of each group, in the answer's order."""
    rows = stats(api, f"{query}&group={','.join(names)}")["results"]
    return [(*(row[name] and row[name]["value"] for name in names), row["count"]) for row in rows]


def test_the_whole_has_a_count_and_medians(api: Client, companies: list[Company]) -> None:
    body = stats(api, "")
    assert body["count"] == 5
    assert body["median"] == {"founded_year": 2008.5, "employees_min": 65, "hourly_rate_min": 20}
    assert body["known"] == {"founded_year": 4, "employees_min": 2, "hourly_rate_min": 1}
    assert body["results"] == []
    assert body["meta"]["query"] == {"canonical": f"http://127.0.0.1:8000{STATS}", "applied": {}}


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("", "hub", [("karachi", 2), ("lahore", 2), (None, 1)]),
        ("", "kind", [("established", 2), ("startup", 2), (None, 1)]),
        # A parent counts each company below it once.
        ("", "specialty", [("data", 2), ("learning", 2), (None, 3)]),
        ("", "industry", [("healthcare", 1), (None, 4)]),
        ("", "founded_year", [("1977", 1), ("2007", 1), ("2010", 2), (None, 1)]),
        ("", "founded_decade", [("before-1980", 1), ("2000s", 1), ("2010s", 2), (None, 1)]),
        # A range is in each band that it overlaps.
        ("", "size", [("10-49", 1), ("50-249", 2), ("250-999", 2), ("1000+", 1), (None, 3)]),
        ("hub=karachi", "kind", [("startup", 2)]),
        ("founded_year__gte=2007&name__contains=a", "women_led", [("true", 1), (None, 2)]),
        ("near=24.9,67.1&radius_km=30", "hub", [("karachi", 2)]),
        ("emerging=true", "specialty", [("data", 2), ("learning", 2)]),
        ("hub=lahore&kind=startup", "hub", []),
    ],
)
def test_groups_are_counted(
    api: Client, companies: list[Company], query: str, name: str, expected: list[tuple[str | None, int]]
) -> None:
    assert counts(api, query, name) == expected


def test_two_groups_are_crossed(api: Client, companies: list[Company]) -> None:
    make_credential(companies[0])
    assert counts(api, "", "hub", "founded_year") == [
        ("karachi", "2010", 2),
        ("lahore", "1977", 1),
        ("lahore", "2007", 1),
        (None, None, 1),
    ]
    assert counts(api, "hub=lahore", "credential_kind", "specialty") == [
        ("certification", "data", 1),
        ("certification", "learning", 1),
        (None, "data", 1),
        (None, "learning", 1),
    ]


def test_each_group_has_its_own_medians(api: Client, companies: list[Company]) -> None:
    rows = stats(api, "group=hub")["results"]
    assert rows[1] == {
        "hub": {"value": "lahore", "label": "Lahore"},
        "count": 2,
        "median": {"founded_year": statistics.median([1977, 2007]), "employees_min": 65, "hourly_rate_min": None},
        "known": {"founded_year": 2, "employees_min": 2, "hourly_rate_min": 0},
    }


@pytest.mark.complaint(1)
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("group=hbu", [("group", "unknown_value")]),
        ("group=", [("group", "empty_value")]),
        ("group=hub,kind,size", [("group", "too_many_values")]),
        ("group=hub&page_size=2", [("page_size", "unknown_parameter")]),
        ("hub=nowhere&format=csv", [("hub", "unknown_value"), ("format", "unknown_value")]),
        ("radius_km=10", [("radius_km", "missing_parameter")]),
    ],
)
def test_mistakes_are_refused(api: Client, query: str, told: list[tuple[str, str]]) -> None:
    assert mistakes(api, f"stats/?{query}") == told


def test_a_mistyped_group_is_guessed(api: Client) -> None:
    (error,) = api.get(f"{STATS}?group=founded_yaer").json()["errors"]
    assert error["did_you_mean"][0] == "founded_year"


def test_statistics_are_kept_until_something_is_published(
    api: Client,
    companies: list[Company],
    forget: Callable[[], None],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """The newest revision, the group's vocabulary, the bitmaps' state, and whether it is still the present one."""
    forget()
    url = f"{STATS}?group=hub"
    with django_assert_num_queries(4):
        first = api.get(url)
    with django_assert_num_queries(1):
        assert api.get(url, headers={"if-none-match": first["ETag"]}).status_code == 304
    edit(companies[0], {"hub": "karachi"}, source=Source.ADMIN)
    changed = api.get(url, headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200
    assert [row["count"] for row in changed.json()["results"]] == [3, 1, 1]
