"""What the database refuses, the curator can read, and nothing typed is lost."""

from typing import Any

import pytest
from django.test import Client

from companies.admin import CompanyForm
from companies.models import Company
from directory.models import Revision
from tests import factories as make
from tests.curators import signed_in
from tests.test_admin import Form, errors, url_of
from tests.test_conflicts import opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return signed_in(make.make_curator())


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    """A company that is not NetSol, which is there as well."""
    make.make_company("NetSol", slug="netsol", website="https://netsoltech.com/")
    return make.make_company(employees_min=1, employees_max=500)


@pytest.fixture(scope="module")
def form(company: Company) -> dict[str, Any]:
    """What its form sends if nothing is typed into it."""
    return opened(signed_in(make.make_curator("chand")), url_of(company))


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"website": "javascript:alert(1)"}, "http"),
    ({"website": "https://www.netsoltech.com/about"}, "domain: NetSol ."),
    ({"employees_min": "50", "employees_max": "10"}, "employees"),
    ({"hourly_rate_min": "80", "hourly_rate_max": "25"}, "hourly rate"),
    ({"founded_year": "1492"}, "founding year"),
    ({"founded_year": "2099"}, "future"),
    ({"verified_on": "2099-01-01"}, "future"),
    ({"slug": "netsol"}, "slug"),
    ({"slug": "Net_Sol!"}, "lower-case letters, digits and single hyphens"),
    ({"name": ""}, "required"),
    ({"name": "x" * 201}, "at most 200 characters (it has 201)"),
    ({"name": "Sys\u202emet"}, "invisible character in it (U+202E)"),
    ({"name": "\u3164\u3164"}, "invisible character in it (U+3164)"),
    ({"name": "\u200bSystems"}, "invisible character in it (U+200B)"),
    ({"name": "\U0001f680 \u2014"}, "has a letter or a digit"),
    ({"legal_name": "Systems\x85Limited"}, "invisible character in it (U+0085)"),
    ({"aliases": "SysLtd\n\U0001f680"}, "has a letter or a digit"),
    ({"export_markets": "US, ZZ"}, "ZZ"),
    ({"hub": "999999"}, "Select a valid choice"),
]


@pytest.mark.parametrize(("changes", "says"), REFUSED, ids=lambda value: str(value))
def test_refused_changes_keep_what_was_typed(
    client: Client, company: Company, form: dict[str, Any], changes: dict[str, str], says: str
) -> None:
    before = Revision.objects.latest("pk")
    response = client.post(url_of(company), form | {"summary": "Typed for an hour."} | changes)
    assert says.casefold() in errors(response).casefold()
    assert Form(response).data["summary"] == "Typed for an hour."
    assert Company.objects.filter(pk=company.pk, summary="").exists()
    assert Revision.objects.latest("pk") == before


def test_the_owner_of_a_domain_is_linked_and_what_is_not_saved_is_not(
    client: Client, company: Company, form: dict[str, Any]
) -> None:
    owner = make.make_company("Net<Sol>", website="https://netsolpk.com/")
    text = client.post(url_of(company), form | {"website": "https://netsolpk.com/about"}).content.decode()
    assert f'<a href="{url_of(owner)}" target="_blank" rel="noopener">Net&lt;Sol&gt;</a>' in text
    assert 'href="https://netsolpk.com' not in text
    assert f'href="{company.website}"' in client.get(url_of(company)).content.decode()


def test_what_only_the_database_notices_is_said_in_the_form(
    client: Client, company: Company, form: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another curator's row may arrive between the form's check and the write."""
    monkeypatch.setattr(Company, "validate_constraints", lambda *_, **__: None)
    monkeypatch.setattr(Company, "_perform_unique_checks", lambda *_, **__: {})
    monkeypatch.setattr(CompanyForm, "name_owner_of", lambda *_: None)
    typed = {"website": "https://netsoltech.com/", "summary": "Typed for an hour."}
    response = client.post(url_of(company), form | typed)
    assert "Nothing was saved. " in errors(response)
    assert "nother company has this website" in errors(response)
    assert Form(response).data["summary"] == "Typed for an hour."
