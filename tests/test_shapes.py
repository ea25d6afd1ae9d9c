"""Shapes: an answer has the fields that were asked for, and nothing that was asked for is ignored."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from directory.api import related
from directory.api.caching import Superseded
from directory.api.shapes import Field, document_field
from directory.models import Published, Revision, Source, kinds
from directory.publishing import edit
from hubs.models import Hub
from tests.factories import (
    make_company,
    make_credential,
    make_hub,
    make_indicator,
    make_industry,
    make_office,
    make_program,
    make_source,
    make_specialty,
)
from tests.lists import VIEWSETS, mistakes, slugs, walk
from tests.log import document

pytestmark = pytest.mark.django_db

LIST, DETAIL = "/api/v1/companies/", "/api/v1/companies/systems/"


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    """A company with something in every list."""
    data = make_specialty("Data")
    karachi = make_hub("Karachi", province="PK-SD", latitude=24.86, longitude=67.0)
    company = make_company(
        "Systems",
        specialties=[data, make_specialty("Machine learning", parent=data)],
        industries=[make_industry()],
        programs=[make_program()],
        employees_min=500,
        export_markets=["US"],
    )
    make_office(company, hub=karachi)
    make_credential(company)
    make_source(company)
    make_indicator()
    make_company("Homeless", hub=None)
    return company


def shaped(api: Client, query: str, url: str = DETAIL) -> dict[str, Any]:
    response = api.get(f"{url}?{query}")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields=name", {"name": "Systems"}),
        ("fields=name,hub(name)", {"name": "Systems", "hub": {"name": "Lahore"}}),
        ("fields=hub( name ), name", {"name": "Systems", "hub": {"name": "Lahore"}}),
        ("fields=hub", {"hub": {"slug": "lahore", "name": "Lahore"}}),
        ("fields=specialties(slug)", {"specialties": [{"slug": "data"}, {"slug": "machine-learning"}]}),
        ("fields=offices(hub(slug))", {"offices": [{"hub": {"slug": "karachi"}}]}),
        ("fields=employees(min),hourly_rate(currency)", {"employees": {"min": 500}, "hourly_rate": None}),
        ("fields=aliases,export_markets", {"aliases": [], "export_markets": ["US"]}),
        ("fields=hub(province,name)&include=hub", {"hub": {"name": "Lahore", "province": "PK-PB"}}),
        (
            "fields=specialties(slug,parent(slug))&include=specialties",
            {
                "specialties": [
                    {"slug": "data", "parent": None},
                    {"slug": "machine-learning", "parent": {"slug": "data"}},
                ]
            },
        ),
    ],
)
def test_only_the_fields_asked_for_are_shown(
    api: Client, company: Company, query: str, expected: dict[str, Any]
) -> None:
    assert shaped(api, query) == expected
    [row] = shaped(api, f"{query}&id={company.public_id}", LIST)["results"]
    assert row == expected


def test_what_is_omitted_is_all_that_is_missing(api: Client, company: Company) -> None:
    whole = document(company)
    assert shaped(api, "omit=description,sources") == {
        name: value for name, value in whole.items() if name not in ("description", "sources")
    }
    assert shaped(api, "omit=hub(slug)") == whole | {"hub": {"name": "Lahore"}}
    # Nothing is left of a hub without its slug and name.
    assert shaped(api, "omit=hub(slug,name)") == {name: value for name, value in whole.items() if name != "hub"}


@pytest.mark.complaint(12)
def test_references_are_shown_as_their_documents(api: Client, company: Company) -> None:
    """For those who want to know more of the hub than its name."""
    whole, hub = document(company), document(Hub.objects.get(slug="lahore"))
    assert shaped(api, "include=hub") == whole | {"hub": hub}
    everything = shaped(api, "include=hub,offices,specialties,industries,programs")
    assert [office["hub"]["province"] for office in everything["offices"]] == ["PK-SD"]
    assert everything["offices"] == shaped(api, "include=offices(hub)")["offices"]
    assert [row["emerging"] for row in everything["specialties"]] == [False, False]
    assert everything["programs"][0]["hub"] == {"slug": "lahore", "name": "Lahore"}
    by_slug = {row["slug"]: row["hub"] for row in shaped(api, "include=hub", LIST)["results"]}
    assert by_slug == {"systems": hub, "homeless": None}


def test_a_reference_to_what_is_not_published_stays_one(api: Client, company: Company) -> None:
    """Its document is gone, or it has been renamed by a script and waits for the sweep."""
    Hub.objects.filter(slug="lahore").update(slug="lahore-city")
    assert shaped(api, "include=hub")["hub"]["slug"] == "lahore"
    assert shaped(api, "fields=hub(province,name)&include=hub")["hub"] == {"name": "Lahore", "province": "PK-PB"}


def leaves(field: Field) -> list[str]:
    return [f"{name}({inner})" for name, part in field.parts.items() for inner in leaves(part) or [""]]


@pytest.mark.parametrize("model", kinds().values(), ids=lambda model: model.__name__)
def test_every_field_of_every_document_can_be_named(api: Client, company: Company, model: type[Published]) -> None:
    """The serializer is the only list of fields: what it renders and what may be asked for are the same."""
    for row in model._default_manager.published():
        whole = document(row)
        url = f"/api/v1/{model.collection}/{row.slug}/"
        for path in leaves(document_field(model)):
            path = path.replace("()", "")
            assert set(shaped(api, f"fields={path}", url)) == {path.partition("(")[0]}
        assert shaped(api, f"fields={','.join(whole)}", url) == whole


MISTAKES = {
    "fields=nmae": [("fields", "unknown_value", "name")],
    "fields=nmae,hub(nam),sulg": [
        ("fields", "unknown_value", "name"),
        ("fields", "unknown_value", "name"),
        ("fields", "unknown_value", "slug"),
    ],
    "fields=nothing(in(here),or),name": [("fields", "unknown_value", "")],
    "fields=hub(province)": [("fields", "unknown_value", "")],
    "fields=name(first)": [("fields", "invalid_value", "")],
    "fields=name,name": [("fields", "invalid_value", "")],
    "fields=hub(name": [("fields", "invalid_value", "")],
    "fields=hub(name))": [("fields", "invalid_value", "")],
    "fields=hub()": [("fields", "invalid_value", "")],
    "fields=name,": [("fields", "invalid_value", "")],
    "fields=,name": [("fields", "invalid_value", "")],
    "fields=name;slug": [("fields", "invalid_value", "")],
    "fields=name%00": [("fields", "invalid_value", "")],
    "fields=": [("fields", "empty_value", "")],
    "fields=+": [("fields", "empty_value", "")],
    "fields=name&fields=slug": [("fields", "repeated_parameter", "")],
    f"fields={'name,' * 201}": [("fields", "too_long", "")],
    "fields=notes,contact_email": [("fields", "unknown_value", ""), ("fields", "unknown_value", "")],
    "omit=nmae": [("omit", "unknown_value", "name")],
    "omit=name&fields=slug": [("omit", "conflicting_parameters", "")],
    "include=sources": [("include", "unknown_value", "")],
    "include=hbu": [("include", "unknown_value", "hub")],
    "include=hub(parent)": [("include", "invalid_value", "")],
    "include=offices(address)": [("include", "unknown_value", "")],
    "feilds=name": [("feilds", "unknown_parameter", "fields")],
    "fields=nmae&include=hbu&omit=": [
        ("include", "unknown_value", "hub"),
        ("fields", "unknown_value", "name"),
        ("omit", "empty_value", ""),
    ],
}


@pytest.mark.complaint(1)
@pytest.mark.parametrize("url", [LIST, DETAIL])
@pytest.mark.parametrize("query", MISTAKES, ids=lambda query: query[:40])
def test_what_cannot_be_shown_is_refused(api: Client, company: Company, url: str, query: str) -> None:
    response = api.get(f"{url}?{query}")
    assert response.status_code == 400, response.content
    errors = response.json()["errors"]
    assert [(e["parameter"], e["code"], e.get("did_you_mean", [""])[0]) for e in errors] == MISTAKES[query]


def test_something_has_to_be_left(api: Client, company: Company) -> None:
    everything = ",".join(document_field(Company).parts)
    assert mistakes(api, f"companies/?omit={everything}") == [("omit", "invalid_value")]
    assert mistakes(api, "industries/?include=parent") == [("include", "unknown_value")]


@settings(max_examples=200, deadline=None)
@given(st.text("nameslughub(),) \0é", max_size=20), st.sampled_from(["fields", "omit", "include"]))
def test_any_text_is_understood_or_refused(api: Client, company: Company, text: str, parameter: str) -> None:
    response = api.get(f"{DETAIL}?{parameter}={quote(text)}")
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        [canonical] = [part for part in response["Link"].split(", ") if 'rel="canonical"' in part]
        again = api.get(canonical.partition(">")[0].removeprefix("<http://127.0.0.1:8000"))
        assert again.content == response.content


def test_equal_shapes_have_one_address(api: Client, company: Company) -> None:
    one = api.get(f"{LIST}?fields=hub(name,slug),name&include=programs,hub&page_size=1")
    other = api.get(f"{LIST}?page_size=1&include=hub,programs&fields=name,hub(slug,name)")
    assert one.content == other.content
    canonical = one.json()["meta"]["query"]["canonical"]
    assert canonical == f"http://127.0.0.1:8000{LIST}?page_size=1&fields=name,hub(slug,name)&include=hub,programs"
    assert api.get(f"{DETAIL}?fields=name")["Link"] == f'<http://127.0.0.1:8000{DETAIL}?fields=name>; rel="canonical"'


def test_pages_keep_their_shape_and_a_cursor_takes_another(api: Client, company: Company) -> None:
    pages = list(walk(api, f"{LIST}?fields=slug,hub(name)&page_size=1&ordering=-name"))
    assert slugs(pages) == ["systems", "homeless"]
    assert all(set(row) == {"slug", "hub"} for page in pages for row in page["results"])
    following = pages[0]["next"].replace("fields=slug,hub(name)", "omit=hub")
    [row] = api.get(following).json()["results"]
    assert row["slug"] == "homeless"
    assert "hub" not in row


# The newest revision, the page; and all documents of each kind that is included, once per revision and process.
COSTS = {
    "fields=name,hub(name)": 2,
    "include=hub": 3,
    "include=hub,offices": 3,
    "include=hub,specialties,industries,programs": 6,
}


@pytest.mark.complaint(13)
@pytest.mark.parametrize("url", [LIST, DETAIL])
@pytest.mark.parametrize("query", COSTS)
def test_the_cost_of_a_shape(
    api: Client, company: Company, url: str, query: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(COSTS[query]):
        etag = api.get(f"{url}?{query}")["ETag"]
    with django_assert_num_queries(1):
        assert api.get(f"{url}?{query}", headers={"if-none-match": etag}).status_code == 304
    with django_assert_num_queries(1 if url == LIST else 2):
        assert api.get(f"{url}?{query}&format=json").status_code == 200


@pytest.mark.complaint(9)
@pytest.mark.parametrize("url", [LIST, DETAIL])
def test_what_is_included_is_of_the_same_moment(
    api: Client, company: Company, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a hub is edited between two statements, everything is read anew."""
    original: Callable[..., Any] = related.documents_of
    superseded: list[int] = []

    def edited_before(kind: type[Published], revision: int) -> Any:
        if not superseded:
            edit(Hub.objects.get(slug="lahore"), {"summary": "Walled"}, source=Source.ADMIN)
        try:
            return original(kind, revision)
        except Superseded as newer:
            superseded.append(newer.revision)
            raise

    monkeypatch.setattr(related, "documents_of", edited_before)
    response = api.get(f"{url}?include=hub&page_size=1&ordering=-name" if url == LIST else f"{url}?include=hub")
    found = response.json()["results"][0] if url == LIST else response.json()
    assert superseded == [Revision.objects.current()]
    assert found["hub"]["summary"] == "Walled"
    assert response["Directory-Revision"] == str(found["hub"]["revision"])


@pytest.mark.parametrize("collection", VIEWSETS)
def test_every_collection_takes_shapes(api: Client, company: Company, collection: str) -> None:
    rows = api.get(f"/api/v1/{collection}/?fields=slug").json()["results"]
    assert rows
    assert all(set(row) == {"slug"} for row in rows)
