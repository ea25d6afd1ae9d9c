"""Documents: what the world is told of each object, all that API.md names and nothing that is private."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.test import Client

from companies.models import Company
from directory.models import Published, Source, Version, kinds
from directory.publishing import edit, publication, serializer_class
from tests.factories import (
    make_company,
    make_curator,
    make_hub,
    make_indicator,
    make_industry,
    make_program,
    make_specialty,
)
from tests.log import document

pytestmark = pytest.mark.django_db

FIELDS = {
    "hub": "id slug url revision name province province_name latitude longitude geonames_id notable aliases summary"
    " technology_parks source created_at updated_at",
    "industry": "id slug url revision name aliases created_at updated_at",
    "specialty": "id slug url revision name parent emerging aliases created_at updated_at",
    "program": "id slug url revision name kind hub organiser started_year for_women summary website source"
    " created_at updated_at",
    "indicator": "id slug url revision name measure period period_start period_end value unit hub note source"
    " created_at updated_at",
    "company": "id slug url revision name legal_name aliases kind operating_status summary description website domain"
    " founded_year employees hourly_rate hub offices specialties industries export_markets women_led"
    " research_and_development credentials identifiers programs sources verified_on created_at updated_at",
    "publicview": "id slug url revision name description query created_at updated_at",
}
# Columns that no document shows: curators' own, and what the database keeps for itself.
PRIVATE = {
    "company": {"status", "notes", "contact_email", "shares_domain", "search", "verify_by"},
    "publicview": {"is_published", "made_by", "partner"},
    "every kind": {"name_key", "document"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DATE = re.compile(r"\d{4}-\d\d-\d\d")


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    """A company that has something to say in every field, public and private."""
    make_hub("Lahore")
    make_hub("Karachi")
    data = make_specialty("Data")
    make_specialty("Machine learning", parent=data, emerging=True)
    make_industry("Healthcare")
    make_industry("Banking")
    make_program("National Incubation Center")
    patch = {
        "name": "Systems Limited",
        "legal_name": "Systems Limited (Public)",
        "aliases": ["SYS"],
        "kind": "established",
        "operating_status": "active",
        "summary": "Software since 1977",
        "description": "The oldest software house.",
        "website": "https://www.systemsltd.com/about",
        "founded_year": 1977,
        "employees": {"min": 5000, "max": None},
        "hourly_rate": {"min": 30, "max": 60},
        "hub": "lahore",
        "offices": [{"hub": "karachi", "address": "Shahrah-e-Faisal"}],
        "specialties": ["machine-learning", "data"],
        "industries": ["healthcare", "banking"],
        "export_markets": ["US", "AE"],
        "women_led": False,
        "research_and_development": True,
        "credentials": [{"kind": "certification", "name": "ISO 27001", "valid_until": "2027-12-31"}],
        "identifiers": [{"scheme": "secp", "value": "0006943"}],
        "programs": ["national-incubation-center"],
        "sources": [{"reference": "https://www.psx.com.pk/", "facts": ["founded_year"], "seen_on": "2026-01-31"}],
        "verified_on": "2026-02-28",
    }
    private = {"status": "published", "notes": "Confidential", "contact_email": "ceo@private.example"}
    made = edit(
        Company(), patch, source=Source.IMPORT, by=make_curator("hidden-curator"), reason="Whisper", **private
    )
    assert isinstance(made, Company)
    return made


@pytest.mark.complaint(12)
def test_a_company_s_document(company: Company) -> None:
    """What is related is there by slug and name, in the order of names; what is missing is null."""
    stamps = {name: document(company)[name] for name in ("revision", "created_at", "updated_at")}
    assert document(company) == {
        "id": company.public_id,
        "slug": "systems-limited",
        "url": "http://127.0.0.1:8000/api/v1/companies/systems-limited/",
        "name": "Systems Limited",
        "legal_name": "Systems Limited (Public)",
        "aliases": ["SYS"],
        "kind": "established",
        "operating_status": "active",
        "summary": "Software since 1977",
        "description": "The oldest software house.",
        "website": "https://www.systemsltd.com/about",
        "domain": "systemsltd.com",
        "founded_year": 1977,
        "employees": {"min": 5000, "max": None},
        "hourly_rate": {"min": 30, "max": 60, "currency": "USD"},
        "hub": {"slug": "lahore", "name": "Lahore"},
        "offices": [{"hub": {"slug": "karachi", "name": "Karachi"}, "address": "Shahrah-e-Faisal"}],
        "specialties": [
            {"slug": "data", "name": "Data"},
            {"slug": "machine-learning", "name": "Machine learning"},
        ],
        "industries": [{"slug": "banking", "name": "Banking"}, {"slug": "healthcare", "name": "Healthcare"}],
        "export_markets": ["US", "AE"],
        "women_led": False,
        "research_and_development": True,
        "credentials": [
            {"kind": "certification", "name": "ISO 27001", "issuer": None}
            | {"valid_from": None, "valid_until": "2027-12-31"}
        ],
        "identifiers": [{"scheme": "secp", "value": "0006943"}],
        "programs": [{"slug": "national-incubation-center", "name": "National Incubation Center"}],
        "sources": [{"reference": "https://www.psx.com.pk/", "facts": ["founded_year"], "seen_on": "2026-01-31"}],
        "verified_on": "2026-02-28",
        **stamps,
    }


def test_what_a_company_does_not_tell_is_null_or_an_empty_list() -> None:
    told = document(make_company("Quiet", hub=None, website="", kind="", operating_status=""))
    told = {name: value for name, value in told.items() if name not in ("id", "slug", "url", "name")}
    lists = ["aliases", "offices", "specialties", "industries", "export_markets", "credentials", "identifiers"]
    lists += ["programs", "sources"]
    assert {name for name, value in told.items() if value == []} == set(lists)
    assert all(told[name] is None for name in set(told) - set(lists) - {"revision", "created_at", "updated_at"})


@pytest.mark.complaint(12)
def test_documents_of_the_other_kinds() -> None:
    multan = make_hub("Multan", technology_parks=["Arfa"], geonames_id=1172451)
    design = make_specialty("Design")
    expected: list[tuple[Published, dict[str, Any]]] = [
        (multan, {"province": "PK-PB", "province_name": "Punjab", "latitude": 31.5497, "geonames_id": 1172451}),
        (design, {"parent": None, "emerging": False, "aliases": []}),
        (make_specialty("AI", parent=design), {"parent": {"slug": "design", "name": "Design"}}),
        (make_industry("Retail", aliases=["Shops"]), {"aliases": ["Shops"]}),
        (make_program("NIC"), {"hub": {"slug": "lahore", "name": "Lahore"}, "started_year": 2018, "organiser": None}),
        (make_program("DigiSkills", hub=None, kind="training"), {"hub": None, "kind": "training"}),
        (make_indicator(), {"value": 3223, "period_start": "2023-07-01", "unit": "USD million", "hub": None}),
        (make_indicator(period="2025", value="36.4", hub=multan), {"value": 36.4, "hub": document_reference(multan)}),
    ]
    for row, said in expected:
        assert document(row).items() >= said.items()


def document_reference(row: Published) -> dict[str, str]:
    return {"slug": row.slug, "name": row.name}


@pytest.mark.parametrize("kind", kinds())
def test_each_kind_has_the_fields_that_the_conventions_name(kind: str) -> None:
    assert serializer_class(kinds()[kind]).Meta.fields == FIELDS[kind].split()


@pytest.mark.parametrize("kind", kinds())
def test_every_column_is_either_shown_or_known_to_be_private(kind: str) -> None:
    """A column added to a model is public only once somebody says so."""
    model = kinds()[kind]
    shown = {re.sub("^id$", "public_id", name) for name in FIELDS[kind].split()}
    columns = {re.sub("_(min|max)$", "", field.name) for field in model._meta.concrete_fields} - {"id"}
    assert columns - shown == PRIVATE["every kind"] | PRIVATE.get(kind, set())


def children(kind: str) -> Iterator[tuple[type[models.Model], Any]]:
    """(model, serializer) of the rows that belong to an object."""
    for name, field in serializer_class(kinds()[kind])().fields.items():
        try:
            related = kinds()[kind]._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        if isinstance(related, models.ManyToOneRel):
            yield related.related_model, field.child


def test_every_column_of_what_belongs_to_a_company_is_shown() -> None:
    found = dict(children("company"))
    assert {model.__name__ for model in found} == {"Office", "Credential", "Identifier", "Source"}
    for model, serializer in found.items():
        assert {field.name for field in model._meta.concrete_fields} - {"id", "company"} == set(serializer.fields)


def test_private_facts_are_nowhere(api: Client, company: Company) -> None:
    """Neither in a document nor in the log nor in any answer; nor who edited it, and why."""
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(notes="Confidential again", summary="Something public")
    texts = [str(version.document) for version in Version.objects.all()]
    texts += [str(row.document) for row in Company.objects.all()]
    urls = ("", "?count=exact&page=1", "?name__contains=systems", "systems-limited/", f"{company.public_id}/")
    texts += [api.get(f"/api/v1/companies/{url}").content.decode() for url in urls]
    assert all("Something public" in text for text in texts[-len(urls) :])
    for text in texts:
        for private in ("Confidential", "private.example", "hidden-curator", "Whisper", '"status"', '"notes"'):
            assert private not in text


@pytest.mark.security(24)
@pytest.mark.parametrize("parameter", ["notes", "contact_email__startswith", "status", "shares_domain", "document"])
def test_private_facts_cannot_be_asked_for(api: Client, company: Company, parameter: str) -> None:
    """A filter on a private column would give it away letter by letter."""
    for query in (f"{parameter}=x", f"ordering={parameter}"):
        assert api.get(f"/api/v1/companies/?{query}").status_code == 400


@pytest.mark.security(16, 43)
@pytest.mark.complaint(10)
def test_a_tombstone_holds_nothing_of_what_was_withdrawn(api: Client, company: Company) -> None:
    """An id, a time and a successor; a name may have been the reason."""
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="withdrawn")
    tombstone = Version.objects.latest("pk")
    assert (tombstone.public_id, tombstone.action, tombstone.document) == (company.public_id, "withdrawn", None)
    gone = api.get(f"/api/v1/companies/{company.public_id}/").json()
    assert set(gone) == {"type", "title", "status", "detail", "instance", "code", "errors", "successor"}
    assert "ystems" not in str(gone)


def values(told: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(told, dict):
        for name, value in told.items():
            yield from values(value, name)
    elif isinstance(told, list):
        for value in told:
            yield from values(value, path)
    else:
        yield path, told


def test_times_are_rfc_3339_in_utc_and_dates_iso_8601(company: Company) -> None:
    make_indicator()
    for model in kinds().values():
        for (text,) in model._default_manager.published().values_list("document"):
            for name, value in values(orjson.loads(text)):
                if name.endswith("_at"):
                    assert TIME.fullmatch(value), name
                elif value is not None and name.endswith(("_on", "_from", "_until", "_start", "_end")):
                    assert DATE.fullmatch(value), name


def test_a_document_is_stamped_with_its_last_public_change(company: Company) -> None:
    before = document(company)
    edit(company, {}, source=Source.ADMIN, notes="Only for us")
    assert document(company) == before
    edit(company, {"founded_year": 1976}, source=Source.ADMIN)
    after = document(company)
    version = Version.objects.latest("pk")
    assert (after["revision"], after["created_at"]) == (version.revision_id, before["created_at"])
    assert after["updated_at"] > before["updated_at"]
    assert version.document == Company.objects.values_list("document", flat=True).get(pk=company.pk)


@pytest.mark.complaint(12)
def test_a_list_holds_the_very_documents_and_says_how_it_was_asked(api: Client, company: Company) -> None:
    """Nothing is fetched a second time."""
    page = api.get("/api/v1/companies/?hub=lahore,karachi&specialty=data&page=1").json()
    assert page == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [api.get("/api/v1/companies/systems-limited/").json()],
        "meta": {
            "count": "exact",
            "query": {
                "canonical": "http://127.0.0.1:8000/api/v1/companies/?hub=lahore,karachi&specialty=data&page=1",
                "applied": {"hub": ["lahore", "karachi"], "specialty": ["data"]},
            },
            "license": {
                "id": "CC-BY-4.0",
                "url": "https://creativecommons.org/licenses/by/4.0/",
                "attribution": "Pakistan technology directory",
            },
        },
    }
