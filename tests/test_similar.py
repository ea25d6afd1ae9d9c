"""Similar companies: those that share most with a company, and what."""

from typing import Any

import pytest
from django.test import Client

from companies.models import Company
from directory.models import Source
from directory.publishing import edit
from tests.factories import make_company, make_hub, make_industry, make_specialty
from tests.log import document

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def neighbours(shared_rows: None) -> dict[str, Company]:
    """Systems does data and mobile for finance, in Lahore."""
    data, mobile, games = (make_specialty(name) for name in ("Data", "Mobile", "Games"))
    finance, retail = make_industry("Finance"), make_industry("Retail")
    karachi = make_hub("Karachi", province="PK-SD", latitude=24.86, longitude=67.0)
    return {
        "systems": make_company("Systems", specialties=[data, mobile], industries=[finance]),
        "twin": make_company("Twin", specialties=[data, mobile], industries=[finance], hub=karachi),
        "broad": make_company("Broad", specialties=[data, mobile, games], industries=[finance, retail], hub=karachi),
        "banker": make_company("Banker", industries=[finance]),
        "gamer": make_company("Gamer", specialties=[games], industries=[retail]),
        "draft": make_company("Draft", specialties=[data, mobile], industries=[finance], status="draft"),
        "neighbour": make_company("Neighbour"),
    }


def similar(api: Client, slug: str, query: str = "") -> list[dict[str, Any]]:
    response = api.get(f"/api/v1/companies/{slug}/similar/{query}")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def test_similar_companies_are_those_that_share_most_and_why(api: Client, neighbours: dict[str, Company]) -> None:
    results = similar(api, "systems")
    assert [(row["company"]["slug"], row["score"]) for row in results] == [
        ("twin", 0.8),
        ("banker", 0.5),
        ("broad", round(0.5 * 2 / 3 + 0.3 / 2, 3)),
    ]
    twin, banker, _ = results
    assert twin["company"] == document(neighbours["twin"])
    assert twin["why"] == {
        "specialties": [{"slug": "data", "name": "Data"}, {"slug": "mobile", "name": "Mobile"}],
        "industries": [{"slug": "finance", "name": "Finance"}],
        "hub": None,
    }
    assert (banker["why"]["specialties"], banker["why"]["hub"]) == ([], {"slug": "lahore", "name": "Lahore"})


def test_nobody_is_similar_to_what_says_nothing(api: Client, neighbours: dict[str, Company]) -> None:
    assert similar(api, "neighbour") == []


def test_similar_companies_take_shapes(api: Client, neighbours: dict[str, Company]) -> None:
    [first] = similar(api, "systems", "?page_size=1&fields=slug,hub(province)&include=hub")
    assert first["company"] == {"slug": "twin", "hub": {"province": "PK-SD"}}
    assert first["score"] == 0.8


def test_similar_companies_are_kept_until_something_changes(api: Client, neighbours: dict[str, Company]) -> None:
    etag = api.get("/api/v1/companies/systems/similar/")["ETag"]
    edit(neighbours["twin"], {"specialties": ["games"], "industries": []}, source=Source.ADMIN)
    response = api.get("/api/v1/companies/systems/similar/", headers={"if-none-match": etag})
    assert [row["company"]["slug"] for row in response.json()["results"]] == ["banker", "broad"]
