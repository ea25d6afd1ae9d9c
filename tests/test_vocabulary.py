"""The vocabulary: whatever people call a term is answered with the slug that it goes by."""

from urllib.parse import quote

import pytest
from django.test import Client

from tests.factories import make_company, make_hub, make_industry, make_program, make_specialty

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def terms(shared_rows: None) -> None:
    make_hub("Lahore", aliases=["LHE", "لاہور", "Allama Iqbal Town"])
    make_hub("Karachi", aliases=["KHI", "کراچی", "P.E.C.H.S.", "—"])
    make_specialty("Artificial intelligence", aliases=["ai", "مصنوعی ذہانت"])
    make_specialty("C and C++ development", aliases=["c++"])
    make_industry("Financial services", aliases=["fintech"])
    make_program("Plan9")
    make_company()


@pytest.mark.parametrize(
    ("parameter", "value", "meant"),
    [
        ("hub", "Lahor", ["lahore"]),
        ("hub", "LAHORE", ["lahore"]),
        ("hub", "KHI", ["karachi"]),
        ("hub", "لاہور", ["lahore"]),
        ("hub", "كراچي", ["karachi"]),
        ("hub", "Karāchi", ["karachi"]),
        ("hub", "pechs", ["karachi"]),
        ("hub", "allama-iqbal town", ["lahore"]),
        ("hub", "—", None),
        ("hub", "🏏", None),
        ("specialty", "A.I.", ["artificial-intelligence"]),
        ("specialty", "Artificial Inteligence", ["artificial-intelligence"]),
        ("specialty", "مصنوعي ذهانت", ["artificial-intelligence"]),
        ("specialty__all", "C++", ["c-and-c-development"]),
        ("industry", "Fin-Tech", ["financial-services"]),
        ("program", "Plan 9", ["plan9"]),
        ("program", "plan nine", ["plan9"]),
    ],
)
def test_other_names_and_slips_are_told_the_slug(
    api: Client, terms: None, parameter: str, value: str, meant: list[str] | None
) -> None:
    response = api.get(f"/api/v1/companies/?{parameter}={quote(value)}")
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert (error["parameter"], error["code"]) == (parameter, "unknown_value")
    assert error.get("did_you_mean") == meant
