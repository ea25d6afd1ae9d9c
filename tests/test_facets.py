"""Facets: beside the page, how many there would be of each value; never stale, and the address gives what it says.

Complaint 15: choosing a value leaves the counts of its facet's other values as they were.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.facets import COMPANY_FACETS
from companies.filters import CompanyFilters
from companies.models import Company, CompanySpecialty, Credential, Specialty
from directory.api.bitmaps import BitmapIndex, Bitmaps
from directory.api.facets import FacetSet
from directory.models import Mark, Revision, Source, Version
from directory.publishing import edit, publication, sweep
from hubs.models import Hub
from tests.factories import make_company, make_credential, make_hub, make_industry, make_program, make_specialty
from tests.lists import VIEWSETS, mistakes

pytestmark = pytest.mark.django_db

COMPANIES = "/api/v1/companies/"


def facet(api: Client, query: str, name: str = "hub") -> dict[str, dict[str, Any]]:
    response = api.get(f"{COMPANIES}?{query}&facets={name}")
    assert response.status_code == 200, response.content
    return {row["value"]: row for row in response.json()["facets"][name]}


@pytest.fixture(scope="module")
def directory(shared_rows: None) -> None:
    """Three companies, two of them in Karachi."""
    karachi = make_hub("Karachi")
    data = make_specialty("Data")
    learning = make_specialty("Learning", parent=data, emerging=True)
    make_company("Systems", specialties=[data, learning], employees_min=30, employees_max=80, founded_year=1977)
    make_company("Arbisoft", hub=karachi, specialties=[learning], export_markets=["US"], founded_year=2007)
    make_credential(make_company("Zameen", hub=karachi, kind="startup", hourly_rate_min=20, hourly_rate_max=30))


def test_a_value_is_called_counted_and_toggled(api: Client, directory: None) -> None:
    assert facet(api, "kind=established&hub=lahore&page_size=1") == {
        "karachi": {
            "value": "karachi",
            "label": "Karachi",
            "count": 1,
            "selected": False,
            "url": f"http://127.0.0.1:8000{COMPANIES}?hub=karachi&kind=established&page_size=1&facets=hub",
        },
        "lahore": {
            "value": "lahore",
            "label": "Lahore",
            "count": 1,
            "selected": True,
            "url": f"http://127.0.0.1:8000{COMPANIES}?kind=established&page_size=1&facets=hub",
        },
    }


def test_of_several_chosen_values_one_is_taken_away(api: Client, directory: None) -> None:
    assert "?hub=karachi&" in facet(api, "hub=lahore,karachi")["lahore"]["url"]
    bands = facet(api, "employees__gte=10&employees__lte=49", "size")
    assert [(name, row["selected"], row["count"]) for name, row in bands.items()] == [
        ("10-49", True, 1),
        ("50-249", False, 1),
    ]
    assert "employees" not in bands["10-49"]["url"]
    assert "employees__gte=50&employees__lte=249" in bands["50-249"]["url"]


def test_a_parent_counts_a_company_once(api: Client, directory: None) -> None:
    counts = {value: row["count"] for value, row in facet(api, "", "specialty").items()}
    assert counts == {"data": 2, "learning": 2}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("near=31.55,74.34&radius_km=30", {"lahore": 1}),
        ("bbox=70,20,80,40", {"karachi": 2, "lahore": 1}),
        ("employees__gte=81", {}),
        ("employees=35,1", {"lahore": 1}),
        ("hourly_rate__isnull=false", {"karachi": 1}),
        ("program__isnull=true&research_and_development__isnull=true", {"karachi": 2, "lahore": 1}),
        ("verified_on__lt=2024-01-01", {"karachi": 1}),
        ("verified_on=2024-01-01,2023-05-05", {"karachi": 1, "lahore": 1}),
    ],
)
def test_facets_go_with_filters_that_are_none(
    api: Client, directory: None, asked: str, expected: dict[str, int]
) -> None:
    edit(Hub.objects.get(slug="karachi"), {"latitude": 24.86, "longitude": 74.1}, source=Source.ADMIN)
    edit(Company.objects.get(slug="zameen"), {"verified_on": "2023-05-05"}, source=Source.ADMIN)
    edit(Company.objects.get(slug="systems"), {"verified_on": "2024-01-01"}, source=Source.ADMIN)
    assert {value: row["count"] for value, row in facet(api, asked).items()} == expected
    assert api.get(f"{COMPANIES}?{asked}&count=exact").json()["count"] == sum(expected.values())


def test_values_that_nothing_has_are_shown_on_request(api: Client, directory: None) -> None:
    assert list(facet(api, "", "kind")) == ["established", "startup"]
    assert list(facet(api, "hub=lahore", "kind")) == ["established"]
    assert list(facet(api, "hub=lahore&facets_zero=true", "kind")) == ["established", "startup"]
    assert facet(api, "hub=lahore&kind=startup", "kind")["startup"]["count"] == 0


def test_what_is_most_frequent_comes_first_but_bands_in_their_order(api: Client, directory: None) -> None:
    assert list(facet(api, "")) == ["karachi", "lahore"]
    assert list(facet(api, "", "founded_decade")) == ["before-1980", "2000s"]
    assert list(facet(api, "", "rate")) == ["0-24", "25-49"]


@pytest.mark.parametrize("collection", [name for name, viewset in VIEWSETS.items() if viewset.facets.facets])
def test_every_facet_of_every_collection_answers(api: Client, directory: None, collection: str) -> None:
    make_program()
    make_industry()
    names = ",".join(VIEWSETS[collection].facets.facets)
    answer = api.get(f"/api/v1/{collection}/?facets={names}&facets_zero=true&count=exact").json()
    for name, rows in answer["facets"].items():
        for row in rows[:30]:
            followed = api.get(f"{row['url']}&page_size=200").json()
            assert (followed["count"], row["count"]) == (len(followed["results"]),) * 2, (name, row)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("facets=hbu", [("facets", "unknown_value")]),
        ("facets=", [("facets", "empty_value")]),
        ("facets=hub,kind,size,hubs,sise", [("facets", "unknown_value"), ("facets", "unknown_value")]),
        ("facets_zero=true", [("facets_zero", "missing_parameter")]),
        ("facets=hub&facets_zero=1", [("facets_zero", "invalid_value")]),
        ("facets=hub&facets_zero=true&facets_zero=true", [("facets_zero", "repeated_parameter")]),
        ("facets=hub&format=csv", [("facets", "conflicting_parameters")]),
    ],
)
def test_an_unknown_facet_is_refused(api: Client, query: str, told: list[tuple[str, str]]) -> None:
    assert mistakes(api, f"companies/?{query}") == told


def test_a_mistyped_facet_is_guessed(api: Client) -> None:
    (error,) = api.get(f"{COMPANIES}?facets=specialyt").json()["errors"]
    assert error["did_you_mean"] == ["specialty"]


# Complaint 13: what a first answer costs.
#   the newest revision; the page; the bitmaps' state is still the present one, with what no bitmap knows
#   the first in a process, and after an edit   … and what changed since
#   values of a vocabulary                      … and that vocabulary, once a revision
def test_the_cost_of_facets(api: Client, directory: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    five = "facets=kind,size,women_led,founded_decade,export_market"
    for cost, query in (
        (4, five),
        (2, f"{five}&count=exact&kind=startup"),
        (2, f"{five}&name__contains=sys&employees__gte=7&verified_on__isnull=true&count=exact&page=1"),
        (4, f"{five},hub,specialty"),
        (2, f"{five},hub,specialty&hub=karachi"),
    ):
        with django_assert_num_queries(cost):
            assert api.get(f"{COMPANIES}?{query}").status_code == 200
    edit(Company.objects.get(slug="systems"), {"kind": "startup"}, source=Source.ADMIN)
    with django_assert_num_queries(4):
        assert facet(api, "", "kind")["startup"]["count"] == 2


def contents(state: Bitmaps) -> tuple[int, list[int], dict[Any, list[int]]]:
    return state.revision, list(state.everything), {key: list(ids) for key, ids in state.found.items() if ids}


def rebuilt(facets: FacetSet = COMPANY_FACETS) -> Bitmaps:
    index = facets.index
    return BitmapIndex(index.model, index.filterset, index.sources.values()).read(None)


def advanced() -> Bitmaps:
    revision = Revision.objects.current()
    return COMPANY_FACETS.index.match(CompanyFilters.select([], (), revision), (), revision)[0]


def raw(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


CHANGES: list[Callable[[Company, random.Random], object]] = [
    lambda company, rng: edit(company, {"founded_year": rng.randint(1970, 2025)}, source=Source.ADMIN),
    lambda company, rng: edit(
        company,
        {"hub": rng.choice(["lahore", "karachi", None]), "export_markets": rng.sample(["US", "GB", "AE"], 2)},
        source=Source.ADMIN,
    ),
    lambda company, rng: edit(
        company, {"employees": {"min": rng.randint(1, 2000), "max": None}}, source=Source.ADMIN
    ),
    lambda company, rng: edit(company, {"specialties": rng.sample(["data", "learning"], 1)}, source=Source.ADMIN),
    lambda company, rng: edit(company, {}, source=Source.ADMIN, status=rng.choice(["withdrawn", "published"])),
    lambda company, rng: make_company(f"New {rng.random()}", women_led=True),
    lambda company, rng: raw("DELETE FROM companies_credential WHERE company_id = %s", company.pk),
    lambda company, rng: raw(
        "UPDATE companies_company SET kind = %s WHERE id = %s", rng.choice(["startup", ""]), company.pk
    ),
    lambda company, rng: raw("UPDATE companies_company SET status = 'withdrawn' WHERE id = %s", company.pk),
    lambda company, rng: CompanySpecialty.objects.filter(company=company).delete(),
    lambda company, rng: Credential.objects.create(company=company, kind="membership", name="P@SHA"),
    lambda company, rng: Company.objects.filter(pk=company.pk).delete(),
    lambda company, rng: Specialty.objects.filter(slug="learning").update(parent=None),
    lambda company, rng: Hub.objects.filter(slug="karachi").update(name=f"Karachi {rng.random()}"),
    lambda company, rng: sweep(),
]


@pytest.mark.parametrize("seed", range(6))
def test_bitmaps_advance_to_what_building_them_anew_gives(api: Client, directory: None, seed: int) -> None:
    """After edits, withdrawals and deletions, and after SQL by hand, before it is swept and after."""
    rng = random.Random(seed)
    with publication(source=Source.SYSTEM):
        for number in range(5):
            make_company(f"Other {number}", hub=Hub.objects.get(slug="karachi"))
    for _ in range(60):
        with transaction.atomic():
            rng.choice(CHANGES)(rng.choice(list(Company.objects.all())), rng)
        if rng.random() < 0.7:
            assert contents(advanced()) == contents(rebuilt())
    sweep()
    assert contents(advanced()) == contents(rebuilt())
    assert COMPANY_FACETS.index.state
    assert not COMPANY_FACETS.index.state.marks


def test_what_was_undone_by_hand_before_the_sweep_leaves_no_trace(api: Client, directory: None) -> None:
    """It makes no revision and no version, which alone would not tell that it was read half-way."""
    before = contents(advanced())
    for kind in ("startup", "established"):
        raw("UPDATE companies_company SET kind = %s WHERE slug = 'systems'", kind)
        if kind == "startup":
            assert contents(advanced()) != before
    sweep()
    assert not Mark.objects.exists()
    assert contents(advanced()) == before


def test_a_withdrawn_company_is_counted_no_more(api: Client, directory: None) -> None:
    assert facet(api, "")["karachi"]["count"] == 2
    with publication(source=Source.ADMIN):
        Company.objects.filter(slug="zameen").update(status="withdrawn")
    assert Version.objects.filter(slug="zameen").latest("pk").action == "withdrawn"
    assert facet(api, "")["karachi"]["count"] == 1
    assert facet(api, "", "credential_kind") == {}


def test_a_specialty_that_moves_takes_its_companies_along(api: Client, directory: None) -> None:
    assert facet(api, "", "specialty")["data"]["count"] == 2
    edit(Specialty.objects.get(slug="learning"), {"parent": None}, source=Source.ADMIN)
    assert {value: row["count"] for value, row in facet(api, "", "specialty").items()} == {"data": 1, "learning": 2}


def test_a_restored_database_is_read_anew(api: Client, directory: None) -> None:
    state = advanced()
    COMPANY_FACETS.index.state = Bitmaps(10**9, 0, {}, state.everything, {})
    assert contents(COMPANY_FACETS.index.advance(COMPANY_FACETS.index.state)) == contents(state)


def test_bitmaps_that_are_there_count_pages_too(
    api: Client, directory: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Complaint 4: whether the bitmaps are of today, the page."""
    facet(api, "")
    with django_assert_num_queries(2) as captured:
        assert api.get(f"{COMPANIES}?hub=karachi&page=1").json()["count"] == 2
    assert not any("count(*)" in query["sql"] for query in captured.captured_queries)
    with django_assert_num_queries(1):
        assert api.get(f"{COMPANIES}?hub=karachi&page_size=1&page=2").json()["count"] == 2
    with django_assert_num_queries(1):
        assert api.get(f"{COMPANIES}?name__contains=a&count=exact").json()["count"] == 2
