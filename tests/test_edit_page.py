"""The edit page: what might exist already, where each fact comes from, and what the public would see of a save."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.serializers import ValidationError

from companies.models import Company
from companies.serializers import CompanySerializer
from companies.vouching import FACTS
from companies.workflow import Step
from directory.models import Revision, Source
from directory.publishing import edit
from tests import factories as make
from tests.curators import signed_in
from tests.log import document, marked
from tests.test_admin import Form, errors, messages, submit, url_of

pytestmark = pytest.mark.django_db

ADD = "admin:companies_company_add"


@pytest.fixture
def client() -> Client:
    return signed_in(make.make_curator())


# What might exist already


def alike(client: Client, **typed: Any) -> list[dict[str, Any]]:
    response = client.get(reverse("admin:companies_company_alike"), typed)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    found: list[dict[str, Any]] = response.json()["matches"]
    return found


def test_what_might_exist_already(client: Client) -> None:
    company = make.make_company("Systems Limited", website="https://systemsltd.com/", status="draft")
    make.make_company("Devsinc")
    [match] = alike(client, name="SYSTEMS LTD.", hub=company.hub_id)
    assert (match["name"], match["url"], match["status"]) == ("Systems Limited", url_of(company), "Draft")
    assert match["reasons"]
    assert [one["name"] for one in alike(client, website="https://www.systemsltd.com/about")] == ["Systems Limited"]
    assert [one["name"] for one in alike(client, website="systemsltd.com")] == ["Systems Limited"]
    assert alike(client, name="Systems Limited", exclude=company.pk) == []


@pytest.mark.parametrize(
    "typed", [{}, {"name": "S"}, {"name": "\0" * 9}, {"name": "x" * 9000, "hub": "abc", "exclude": "9" * 40}], ids=str
)
def test_nonsense_is_like_nothing(client: Client, typed: dict[str, str]) -> None:
    make.make_company()
    assert alike(client, **typed) == []


def test_what_might_exist_costs_a_few_queries(
    client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    hub = make.make_hub()
    for number in range(30):
        make.make_company(f"Systems {number}", hub=hub)
    # Session, user, second factor; hub; the matcher's own handful; names.
    with django_assert_max_num_queries(11):
        alike(client, name="Systems 7", website="https://systems.example/", hub=hub.pk)


def test_nothing_beside_a_lookup_changes_or_deletes_what_is_looked_up(client: Client) -> None:
    company = make.make_company()
    make.make_office(company)
    assert "related-widget-wrapper-link" not in client.get(url_of(company)).content.decode()


# Sources


def test_sources_are_shown_beside_the_fields_that_they_vouch_for(client: Client) -> None:
    company = make.make_company()
    make.make_source(company, reference="https://secp.gov.pk/?a=1&b=<2>", facts=["legal_name"], seen_on="2026-01-31")
    make.make_source(company, reference="Annual report <2025>", facts=["legal_name", "employees", "nonsense"])
    form = client.get(url_of(company)).context["adminform"].form
    said = form["legal_name"].help_text
    link = '<a href="https://secp.gov.pk/?a=1&amp;b=&lt;2&gt;" target="_blank" rel="noopener noreferrer">'
    assert link in said
    assert "seen on 2026-01-31" in said
    assert "Annual report &lt;2025&gt;" in said
    assert "Annual report" in form["employees_min"].help_text
    assert "sources" not in form["website"].help_text


def source_typed(client: Client, facts: str) -> Any:
    """Type a new source of a company into its page, and save; a company of its own each time."""
    company = make.make_company(f"Systems {Company.objects.count()}")
    row = {"sources-TOTAL_FORMS": "1", "sources-0-reference": "https://psx.com.pk/", "sources-0-facts": facts}
    return company, submit(client, url_of(company), **row)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Founded year, hub, website", ["founded_year", "hub", "website"]),
        ("website founded_year HUB", ["website", "founded_year", "hub"]),
        ("Employees min; Employees max", ["employees"]),
        ("", []),
    ],
)
def test_the_facts_of_a_source_are_fields_by_name_or_label(client: Client, typed: str, kept: list[str]) -> None:
    company, response = source_typed(client, typed)
    assert response.status_code == 302
    assert company.sources.get().facts == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("nonsense, hub", "“nonsense” is no field of a company. These are: name,"),
        ("Founded yaer", "“Founded yaer” is no field of a company. Did you mean founded_year?"),
        ("sources", "“sources” is no field"),
    ],
)
def test_what_is_no_fact_is_named(client: Client, typed: str, says: str) -> None:
    company, response = source_typed(client, typed)
    assert says in errors(response)
    assert not company.sources.exists()


def test_no_import_and_no_suggestion_brings_facts_that_are_none() -> None:
    """Whatever writes a document is refused alike; what may be written, but for sources, is what they vouch for."""
    fields = CompanySerializer().fields
    assert {name for name, field in fields.items() if not field.read_only} == {*FACTS, "sources"}
    sources = [{"reference": "https://psx.com.pk/", "facts": ["name", "founded"]}]
    with pytest.raises(ValidationError) as refused:
        edit(Company(), {"name": "Arbisoft", "sources": sources}, source=Source.IMPORT)
    assert "“founded” is no field of a company. Did you mean founded_year?" in str(refused.value)


def test_the_source_of_an_edit_vouches_for_what_it_changes(client: Client) -> None:
    company = make.make_company()
    office = {"offices-TOTAL_FORMS": "1", "offices-0-hub": str(company.hub_id), "offices-0-address": "Arfa Tower"}
    submit(client, url_of(company), employees_max="500", slug="systems", notes="Private.", source="PSX", **office)
    source = company.sources.get()
    assert (source.reference, source.facts) == ("PSX", ["employees", "offices"])
    assert source.seen_on == timezone.localdate()
    submit(client, url_of(company), founded_year="1977", source="PSX")
    assert company.sources.get().facts == ["employees", "offices", "founded_year"]
    assert document(company)["sources"][0]["facts"] == ["employees", "offices", "founded_year"]


SOURCED: list[dict[str, str]] = [
    {"source": "https://psx.com.pk/"},
    {"sources-TOTAL_FORMS": "1", "sources-0-reference": "https://psx.com.pk/", "sources-0-facts": ""},
    {"unsourced": "on"},
]


@pytest.mark.parametrize("given", SOURCED, ids=lambda given: next(iter(given)))
def test_who_publishes_without_a_source_is_asked(client: Client, given: dict[str, str]) -> None:
    company = make.make_company(status="draft")
    asked = submit(client, url_of(company), status="published", summary="Typed for an hour.")
    assert "nothing would say where its facts are from" in asked.content.decode()
    company.refresh_from_db()
    assert (company.status, company.summary) == ("draft", "")
    form = {name: value for name, value in Form(asked).data.items() if "__prefix__" not in name}
    assert client.post(url_of(company), form | given).status_code == 302
    company.refresh_from_db()
    assert (company.status, company.summary) == ("published", "Typed for an hour.")
    assert submit(client, url_of(company), status="published", notes="Later.").status_code == 302


# The preview


def preview(client: Client, url: str, **changes: Any) -> Any:
    return submit(client, url, _preview="Preview", **changes)


def everything() -> list[Any]:
    return [list(model._default_manager.order_by("pk").values()) for model in (Company, Step, Revision, LogEntry)]


def test_a_preview_shows_what_would_change_and_saves_nothing(client: Client) -> None:
    company = make.make_company(founded_year=2004)
    before = everything()
    office = {"offices-TOTAL_FORMS": "1", "offices-0-hub": str(company.hub_id), "offices-0-address": "Arfa Tower"}
    response = preview(client, url_of(company), founded_year="1977", notes="Private.", reason="Asked them.", **office)
    shown = response.context["preview"]
    assert [(one.field, one.old, one.new) for one in shown.differences] == [
        ("founded year", ("2004",), ("1977",)),
        ("offices", ("—",), ("Lahore, Arfa Tower",)),
    ]
    document = orjson.loads(shown.document)
    assert (document["founded_year"], document["name"], document["slug"]) == (1977, "Systems Limited", company.slug)
    assert "Private." not in shown.document
    assert everything() == before
    assert not marked()
    assert messages(response) == []
    assert "errornote" not in response.content.decode()
    form = {name: value for name, value in Form(response).data.items() if "__prefix__" not in name}
    assert client.post(url_of(company), form).status_code == 302
    company.refresh_from_db()
    assert (company.founded_year, company.notes, company.offices.get().address) == (1977, "Private.", "Arfa Tower")
    assert Revision.objects.latest("pk").reason == "Asked them."


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("draft", "draft", "not be public"),
        ("draft", "published", "new to partners"),
        ("published", "withdrawn", "be withdrawn"),
        ("published", "published", "nothing would change"),
    ],
)
def test_a_preview_says_what_becomes_of_the_document(client: Client, before: str, after: str, says: str) -> None:
    company = make.make_company(status=before)
    response = preview(client, url_of(company), status=after, reason="Because.", notes="New.")
    assert says in response.content.decode()
    company.refresh_from_db()
    assert (company.status, company.notes) == (before, "")


def test_a_preview_of_what_is_being_added(client: Client) -> None:
    response = preview(client, reverse(ADD), name="Arbisoft", website="https://arbisoft.com/", status="published")
    assert orjson.loads(response.context["preview"].document)["domain"] == "arbisoft.com"
    assert Form(response).data["name"] == "Arbisoft"
    assert not Company.objects.exists()


def test_a_preview_counts_those_whose_documents_follow(client: Client) -> None:
    company = make.make_company()
    response = preview(client, url_of(company.hub), name="Lahore (Punjab)")
    assert response.context["preview"].followers == 1
    assert "1 other document follows" in response.content.decode()


def test_a_preview_of_what_is_refused_says_why(client: Client) -> None:
    company = make.make_company()
    response = preview(client, url_of(company), founded_year="1492")
    assert "founding year" in errors(response)
    assert "preview" not in response.context


def test_a_preview_of_nothing_is_nothing(client: Client) -> None:
    url = reverse("admin:companies_company_change", args=[999])
    assert client.post(url, {"_preview": "Preview"}).status_code == 302


def test_sources_beside_the_fields_cost_no_query(
    client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    """test_admin.py pins the whole page."""
    company = make.make_company()
    ContentType.objects.get_for_models(Company)
    # Session, user, second factor; the company; specialties, industries, programs; offices, credentials,
    # identifiers, sources; the hub's label; steps; the link check.
    for number in range(3):
        with django_assert_num_queries(14):
            client.get(url_of(company))
        make.make_source(company, reference=f"Report {number}", facts=["website"])
