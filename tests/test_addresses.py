"""Addresses: an id and every slug lead to an object for good, and no link ever leads somewhere else."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from companies.models import Company
from directory import ids
from directory.models import SLUG_PATTERN, Action, Published, Revision, Source, Version
from directory.publishing import edit, publication
from directory.views import LINKS
from tests.factories import (
    make_company,
    make_hub,
    make_indicator,
    make_industry,
    make_program,
    make_specialty,
)
from tests.lists import VIEWSETS, mistakes
from tests.log import document

pytestmark = pytest.mark.django_db


def one_of_each() -> dict[str, Published]:
    """Collection → an object of it."""
    made = (make_hub(), make_industry(), make_specialty(), make_program(), make_indicator(), make_company())
    return {row.collection: row for row in made}


def rename(row: Any, slug: str) -> None:
    edit(row, {"slug": slug}, source=Source.ADMIN)


def withdraw(company: Company) -> None:
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="withdrawn")


def company_at(api: Client, key: str) -> Any:
    return api.get(f"/api/v1/companies/{key}/")


def moved_to(response: Any) -> str:
    """Where a 308 leads: for a minute only, for names may come back."""
    assert response.status_code == 308, response.content
    assert response["Cache-Control"] == "public, max-age=60"
    location: str = response["Location"]
    return location


def test_id_slug_and_the_document_s_own_address_lead_to_the_same(api: Client) -> None:
    objects = one_of_each()
    assert set(objects) == set(VIEWSETS)
    for collection, row in objects.items():
        answers = [
            api.get(address)
            for address in (
                f"/api/v1/{collection}/{row.public_id}/",
                f"/api/v1/{collection}/{row.slug}/",
                document(row)["url"],
            )
        ]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].json() == document(row)


def test_an_id_as_a_person_typed_it_leads_to_the_canonical_address(api: Client) -> None:
    company = make_company()
    zeros_as_letters = f"0{company.public_id[1:7].replace('0', 'o').upper()}{company.public_id[7:]}"
    # An id of digits other than 0 has no other spelling.
    for key in {zeros_as_letters, "Systems-LIMITED"} - {company.public_id}:
        assert moved_to(company_at(api, key)) == "/api/v1/companies/systems-limited/"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("/api/v1", "/api/v1/"),
        ("/api/v1/companies", "/api/v1/companies/"),
        ("/api/v1/companies?hub=lahore&page_size=2", "/api/v1/companies/?hub=lahore&page_size=2"),
        ("/api/v1/companies/systems-limited", "/api/v1/companies/systems-limited/"),
        # What is escaped in an address stays part of it.
        ("/api/v1/companies/a%3Fb%2541%0A", "/api/v1/companies/a%3Fb%2541%0A/"),
    ],
)
def test_without_its_last_slash_an_address_leads_to_the_one_with_it(
    api: Client, address: str, canonical: str
) -> None:
    for method in (api.get, api.head, api.post):
        assert moved_to(method(address)) == canonical


def test_a_missing_slash_is_not_added_to_nothing(api: Client) -> None:
    assert api.get("/api/v1/nothing").status_code == 404


@pytest.mark.complaint(22)
def test_every_old_slug_leads_to_the_new_one_at_once(api: Client) -> None:
    """Not from one old slug to the next."""
    company = make_company("Gaditek")
    rename(company, "disrupt")
    rename(company, "disrupt-com")
    for old in ("gaditek", "disrupt"):
        location = moved_to(company_at(api, old))
        assert location == "/api/v1/companies/disrupt-com/"
        assert api.get(location).status_code == 200
    assert company_at(api, company.public_id).status_code == 200


def test_a_slug_may_come_back(api: Client) -> None:
    company = make_company("Gaditek")
    rename(company, "disrupt")
    rename(company, "gaditek")
    assert company_at(api, "gaditek").status_code == 200
    assert moved_to(company_at(api, "disrupt")) == "/api/v1/companies/gaditek/"


def test_a_rename_behind_the_application_s_back_leads_in_no_circle(api: Client) -> None:
    """Until the sweep the row has its new slug already, and its versions the old one."""
    company = make_company("Gaditek")
    Company.objects.filter(pk=company.pk).update(slug="disrupt")
    location = moved_to(company_at(api, "gaditek"))
    assert api.get(location).json()["id"] == company.public_id
    Company.objects.filter(pk=company.pk).delete()
    assert company_at(api, "gaditek").status_code == 410


@pytest.mark.complaint(22)
def test_links_outlive_the_renaming_of_a_hub(api: Client) -> None:
    """What names the hub is published anew, and a stored filter is told what to ask for."""
    hub = make_hub("Lyallpur")
    company = make_company("Sofizar", hub=hub)
    edit(hub, {"slug": "faisalabad", "name": "Faisalabad"}, source=Source.ADMIN)
    assert document(company)["hub"] == {"slug": "faisalabad", "name": "Faisalabad"}
    assert moved_to(api.get("/api/v1/hubs/lyallpur/")) == "/api/v1/hubs/faisalabad/"
    assert mistakes(api, "companies/?hub=lyallpur") == [("hub", "unknown_value")]
    (error,) = api.get("/api/v1/companies/?hub=lyallpur").json()["errors"]
    assert error["did_you_mean"] == ["faisalabad"]


def test_a_withdrawn_object_is_gone_under_all_its_addresses(api: Client) -> None:
    company = make_company("Airlift")
    rename(company, "airlift-express")
    withdraw(company)
    for key in ("airlift", "airlift-express", company.public_id):
        response = company_at(api, key)
        assert (response.status_code, response.json()["code"], response.json()["successor"]) == (410, "gone", None)


def test_a_deleted_object_is_gone_and_one_that_was_never_published_is_not_there(api: Client) -> None:
    draft, company = make_company("Stealth", status="draft"), make_company("Airlift")
    key = company.public_id
    with publication(source=Source.ADMIN):
        company.delete()
    assert [company_at(api, address).status_code for address in ("airlift", key)] == [410, 410]
    assert [company_at(api, address).status_code for address in (draft.slug, draft.public_id)] == [404, 404]


def test_a_merged_object_leads_to_its_successor(api: Client) -> None:
    dropped, kept = make_company("Careem Pakistan"), make_company("Careem")
    withdraw(dropped)
    Version.objects.create(
        revision=Revision.objects.create(source=Source.ADMIN),
        kind="company",
        object_id=dropped.pk,
        slug=dropped.slug,
        action=Action.MERGED,
        successor=kept.public_id,
    )
    for key in (dropped.slug, dropped.public_id):
        location = moved_to(company_at(api, key))
        assert api.get(location).json()["slug"] == "careem"


@pytest.mark.complaint(20)
def test_an_unknown_address_says_what_may_be_wrong_with_it(api: Client) -> None:
    """A bad id is no error of ours."""
    company, hub = make_company(), make_hub("Karachi")
    mistyped = company.public_id[:-1] + str((int(company.public_id[-1]) + 1) % 10)
    for key, detail in {
        "nobody": "There is no company “nobody”; all of them are at http://127.0.0.1:8000/api/v1/companies/.",
        mistyped: f"“{mistyped}” is mistyped: the last two digits of an id check the rest, and they do not fit.",
        hub.public_id: f"“{hub.public_id}” is not the id of a company: it has the form of a hub's.",
    }.items():
        response = company_at(api, key)
        assert (response.status_code, response.json()["detail"]) == (404, detail)
    for key in (hub.public_id, mistyped):
        assert mistakes(api, f"companies/?id={key}") == [("id", "invalid_value")]


def test_a_slug_is_never_given_to_another(api: Client) -> None:
    """A link to the first “Zameen” must not lead to the second one."""
    first = make_company("Zameen")
    first_id = first.public_id
    with publication(source=Source.ADMIN):
        first.delete()
    second = make_company("Zameen")
    assert second.slug == "zameen-2"
    assert second.public_id != first_id
    rename(second, "zameen-com")
    assert make_company("Zameen").slug == "zameen-3"
    for taken in ("zameen", "zameen-2"):
        with pytest.raises(IntegrityError, match="has belonged to another company"), transaction.atomic():
            Company.objects.bulk_create([Company(name="Zameen", slug=taken)])


def test_other_kinds_have_slugs_of_their_own(api: Client) -> None:
    make_hub("Zameen", slug="zameen")
    assert make_company("Zameen").slug == "zameen"


# Ids

KEYS = st.tuples(st.integers(0, ids.KINDS - 1), st.integers(1, ids.SPACE // ids.KINDS - 1))


@given(KEYS, st.integers(0, 8), st.sampled_from(ids.ALPHABET))
def test_an_id_reads_back_and_a_slip_of_the_hand_is_noticed(key: tuple[int, int], at: int, typed: str) -> None:
    """A mistyped id is an error and not another company."""
    public_id = ids.encode(*key)
    assert ids.decode(public_id) == ids.decode(public_id.upper()) == key
    slips = {public_id[:at] + typed + public_id[at + 1 :]}
    slips.add(public_id[:at] + public_id[at : at + 2][::-1] + public_id[at + 2 :])
    for slip in slips - {public_id}:
        with pytest.raises(ValueError, match=r"is not a public id|is mistyped"):
            ids.decode(slip)


@given(KEYS)
def test_no_slug_has_the_form_of_an_id(key: tuple[int, int]) -> None:
    public_id = ids.encode(*key)
    with pytest.raises(IntegrityError, match="company_slug_form"), transaction.atomic():
        Company.objects.bulk_create([Company(name="An id", slug=public_id)])


@given(st.text(max_size=200))
@example("data_-_lab")
def test_a_slug_is_made_of_any_name(name: str) -> None:
    assert re.fullmatch(SLUG_PATTERN, Company(name=name).slug_stem())


def test_a_name_that_looks_like_an_id_gets_another_slug() -> None:
    public_id = ids.encode(6, 1)
    assert make_company(public_id).slug == f"{public_id}-2"


# Links


def test_links_come_from_the_setting_and_never_from_the_request(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    stranger = Client(headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    company = make_company()
    make_company("Arbisoft")
    rename(company, "systems")
    for address in (
        *("", "companies/?page_size=1", "companies/?page=1&page_size=1", "companies/systems/"),
        *("companies/systems-limited/", "companies", "companies/nobody/", "companies/?hub=atlantis", "nothing/"),
    ):
        response = stranger.get(f"/api/v1/{address}")
        assert b"evil" not in response.content
        assert "evil" not in str(response.headers)


@pytest.mark.complaint(5)
def test_every_link_of_a_list_is_absolute_and_works(api: Client) -> None:
    """A next link that fails."""
    for name in ("Systems", "Arbisoft", "Folio3"):
        make_company(name)
    second = api.get(api.get("/api/v1/companies/?page_size=1&hub=lahore").json()["next"]).json()
    links = [second["next"], second["previous"], second["meta"]["query"]["canonical"]]
    links += [row["url"] for row in second["results"]]
    root = api.get("/api/v1/").json()
    links += [entry["url"] for entry in root["collections"] + root["endpoints"]] + [root[name] for name in LINKS]
    for name in ("suggestions", "resolve"):  # which take what is sent
        links.remove(f"http://127.0.0.1:8000/api/v1/{name}/")
    for link in links:
        parts = urlsplit(link)
        assert f"{parts.scheme}://{parts.netloc}" == "http://127.0.0.1:8000"
        answer: Any = api.get(link)
        assert answer.status_code == 200
        if answer.streaming:
            assert b"".join(answer.streaming_content)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("companies/devsync/", ["devsinc"]),
        ("companies/Dev-Sinc/", ["devsinc"]),
        ("companies/devsync/history/", ["devsinc"]),
        ("companies/devsync/similar/", ["devsinc"]),
        ("companies/devsync/?as_of=1", ["devsinc"]),
        ("companies/systems-limted/", ["systems-limited"]),
        ("companies/systems-limit/", ["systems-limited"]),
        ("companies/airlft/", None),  # which was withdrawn
        ("companies/secretiv/", None),  # which is a draft
        ("companies/zzzz/", None),
        ("companies/---/", None),
        ("companies/%00/", None),
        ("hubs/lahor/", ["lahore"]),
        ("hubs/KHI/", ["karachi"]),
        ("hubs/lahor/history/", ["lahore"]),
        ("specialties/machine-lerning/", ["machine-learning"]),
        ("industries/helthcare/", ["healthcare"]),
        ("programs/national-incubation-centre/", ["national-incubation-center"]),
        ("indicators/it-exports-fy2023-42/", ["it-exports-fy2023-24"]),
    ],
)
def test_an_unknown_slug_is_guessed(api: Client, path: str, meant: list[str] | None) -> None:
    """As in queries, from what is published alone."""
    one_of_each()
    make_hub("Karachi", aliases=["KHI"])
    make_company("Devsinc")
    make_company("Secretive", status="draft")
    make_company("Devsinq", status="draft")
    withdraw(make_company("Airlift"))
    answer = api.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json().get("did_you_mean")) == (404, meant)


def test_a_mistyped_id_is_not_guessed(api: Client) -> None:
    """Another company's id may be a digit away."""
    company = make_company("Devsinc")
    mistyped = company.public_id[:-1] + str((int(company.public_id[-1]) + 1) % 10)
    assert "did_you_mean" not in company_at(api, mistyped).json()
