"""Merging: nothing of either company is lost, the other's addresses lead on, and an undo restores both."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.serializers import ValidationError

from companies.merging import facts, merge_companies, undo_merge
from companies.models import Company, Merge
from companies.serializers import CompanySerializer
from directory.models import Revision, Source
from directory.publishing import edit
from directory.undoing import CannotUndo, undo
from tests import factories as make
from tests.curators import signed_in
from tests.log import actions

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator() -> User:
    return make.make_curator()


@pytest.fixture(scope="module")
def companies(shared_rows: None) -> None:
    """Two entries of one company, each with facts of its own."""
    company = make.make_company("Cubix", specialties=[make.make_specialty("Games")], summary="Games", notes="Called.")
    make.make_source(company, reference="https://cubix.example/about")
    make.make_identifier(company, value="0012345")
    karachi = make.make_hub("Karachi")
    company = make.make_company(
        "Cubix IT", hub=karachi, founded_year=2008, specialties=[make.make_specialty("Mobile apps")],
        summary="Apps", notes="Wrote.", contact_email="hello@cubix.example", export_markets=["US"],
    )  # fmt: skip
    make.make_source(company, reference="https://other.example/")
    make.make_identifier(company, scheme="linkedin", value="cubix-it")
    make.make_office(company, hub=karachi, address="Shahrah-e-Faisal")
    make.make_credential(company)


@pytest.fixture
def keep(companies: None) -> Company:
    return Company.objects.get(slug="cubix")


@pytest.fixture
def drop(companies: None) -> Company:
    return Company.objects.get(slug="cubix-it")


def merge(keep: Company, drop: Company, curator: User, **choices: str) -> Merge:
    return merge_companies(keep=keep, drop=drop, choices=choices, by=curator, reason="One firm")


def test_the_kept_company_has_what_both_had(keep: Company, drop: Company, curator: User) -> None:
    merge(keep, drop, curator)
    after = facts(keep)
    assert after["specialties"] == ["games", "mobile-apps"]
    assert (after["name"], after["aliases"], after["summary"]) == ("Cubix", ["Cubix IT"], "Games")
    assert (after["founded_year"], after["export_markets"], after["hub"]) == (2008, ["US"], "lahore")
    assert [source["reference"] for source in after["sources"]] == [
        "https://cubix.example/about",
        "https://other.example/",
    ]
    assert [identifier["value"] for identifier in after["identifiers"]] == ["0012345", "cubix-it"]
    assert len(after["offices"]) == len(after["credentials"]) == 1
    keep.refresh_from_db()
    assert (keep.notes, keep.contact_email) == ("Called.\n\nWrote.", "hello@cubix.example")


def test_a_curator_chooses_field_by_field(keep: Company, drop: Company, curator: User) -> None:
    website = drop.website
    merge(keep, drop, curator, summary="drop", specialties="keep", website="drop", name="drop", hub="drop")
    after = facts(keep)
    assert (after["name"], after["aliases"], after["summary"]) == ("Cubix IT", ["Cubix"], "Apps")
    assert (after["specialties"], after["website"], after["hub"]) == (["games"], website, "karachi")
    assert after["slug"] == "cubix"


def test_addresses_of_the_other_lead_to_the_kept_one(
    api: Client, keep: Company, drop: Company, curator: User
) -> None:
    edit(drop, {"slug": "cubix-it-lahore"}, source=Source.ADMIN)
    merge(keep, drop, curator)
    for key in (drop.public_id, "cubix-it-lahore", "cubix-it"):
        moved = api.get(f"/api/v1/companies/{key}/")
        assert (moved.status_code, moved["Location"]) == (308, f"/api/v1/companies/{keep.public_id}/")
    assert actions()[-2:] == [("company", "cubix", "updated"), ("company", "cubix-it-lahore", "merged")]
    assert {row["slug"] for row in api.get("/api/v1/companies/").json()["results"]} == {"cubix"}


def test_who_was_merged_before_leads_on(api: Client, keep: Company, drop: Company, curator: User) -> None:
    third = make.make_company("Cubix Labs")
    merge(drop, third, curator)
    merge(keep, drop, curator)
    assert api.get(f"/api/v1/companies/{third.slug}/", follow=True).json()["slug"] == "cubix"


def test_an_undo_restores_both(keep: Company, drop: Company, curator: User) -> None:
    before = facts(keep), facts(drop)
    done = merge(keep, drop, curator, website="drop", name="drop")
    undo_merge(done, by=curator)
    assert (facts(keep), facts(drop)) == before
    keep.refresh_from_db()
    drop.refresh_from_db()
    assert (keep.notes, keep.contact_email, drop.status) == ("Called.", "", "published")


@pytest.mark.parametrize("status", ["draft", "in_review", "withdrawn"])
def test_an_entry_that_nobody_published_is_restored_too(keep: Company, status: str, curator: User) -> None:
    drop = make.make_company("Cubix Labs", status=status)
    make.make_identifier(drop, scheme="linkedin", value="cubix-labs")
    before = facts(keep), facts(drop)
    undo_merge(merge(keep, drop, curator, website="drop"), by=curator)
    assert (facts(keep), facts(drop)) == before
    drop.refresh_from_db()
    assert drop.status == status


@pytest.mark.parametrize("status", ["published", "draft", "in_review", "withdrawn"])
def test_a_merge_and_its_undo_are_steps_of_the_entry_that_goes(keep: Company, status: str, curator: User) -> None:
    drop = make.make_company("Cubix Labs", status=status)
    done = merge(keep, drop, curator)
    undo_merge(done, by=curator, reason="Two firms")
    taken = [(step.before, step.after, step.by, step.reason) for step in drop.steps.order_by("pk")]
    there_and_back = [
        (status, "withdrawn", curator, "One firm"),
        ("withdrawn", status, curator, "Two firms"),
    ]
    assert taken == ([] if status == "withdrawn" else there_and_back)
    assert not keep.steps.exists()


def test_the_revision_of_a_merge_can_be_undone_as_any_other(keep: Company, drop: Company, curator: User) -> None:
    before = facts(keep), facts(drop)
    merge(keep, drop, curator, website="drop", name="drop")
    undo(Revision.objects.order_by("-pk")[0], by=curator)
    assert (facts(keep), facts(drop)) == before


def test_an_undo_that_would_lose_an_edit_is_refused(keep: Company, drop: Company, curator: User) -> None:
    done = merge(keep, drop, curator)
    keep.refresh_from_db()
    edit(keep, {"founded_year": 2009}, source=Source.ADMIN)
    with pytest.raises(CannotUndo, match="Cubix: its founded_year changed since"):
        undo_merge(done, by=curator)
    drop.refresh_from_db()
    assert drop.status == "withdrawn"


def test_an_undo_happens_once(keep: Company, drop: Company, curator: User) -> None:
    done = merge(keep, drop, curator)
    undo_merge(done, by=curator)
    with pytest.raises(CannotUndo, match="Cubix IT: it was restored since"):
        undo_merge(done, by=curator)
    merge(keep, drop, curator)


def test_one_company_is_not_merged_with_itself(keep: Company, drop: Company, curator: User) -> None:
    merge(keep, drop, curator)
    for one, other in ((keep, keep), (keep, drop), (drop, keep)):
        with pytest.raises(ValidationError, match="They are one company already"):
            merge(one, other, curator)


def test_a_result_that_is_not_allowed_changes_nothing(keep: Company, drop: Company, curator: User) -> None:
    third = make.make_company("Third")
    before: list[Any] = [facts(keep), facts(drop)]
    Company.objects.filter(pk=drop.pk).update(website=third.website, domain=third.domain, shares_domain=True)
    with pytest.raises(ValidationError):
        merge(keep, drop, curator, website="drop")
    Company.objects.filter(pk=drop.pk).update(website=drop.website, domain=drop.domain, shares_domain=False)
    assert [facts(keep), facts(drop)] == before
    assert not Merge.objects.exists()


def test_no_relation_of_a_company_is_forgotten() -> None:
    """Whatever points at a company is a fact that is merged, or named here."""
    history = {"merged_from", "merged_into", "steps", "duplicates_before", "duplicates_after"}
    # A suggestion follows its company (companies.reviewing.target), a check is of a website, a row of what was
    # imported; what found no place stays with whom it was said of.
    history |= {"suggestions", "link_check", "import_rows", "unplaced_values"}
    merged = set(CompanySerializer().fields)
    found = {relation.get_accessor_name() for relation in Company._meta.related_objects}
    assert found - merged == history


@pytest.fixture
def client(curator: User) -> Client:
    return signed_in(curator)


def test_the_page_lays_both_side_by_side_and_merges(client: Client, keep: Company, drop: Company) -> None:
    chosen = {"action": "merge", "_selected_action": [keep.pk, drop.pk]}
    url = client.post(reverse("admin:companies_company_changelist"), chosen)["Location"]
    page = client.get(url).content.decode()
    assert "Merge Cubix IT into Cubix" in page
    assert ">Games; Mobile apps</td>" in page
    assert "found by “Cubix IT” as well" in page
    before = facts(keep)

    shown = client.post(url, {"show": "1", "summary": "drop"}).content.decode()
    assert shown.count(">Apps</td>") == 2
    assert "errorlist" in client.post(url, {"merge": "1"}).content.decode()
    assert facts(keep) == before

    done = client.post(url, {"merge": "1", "summary": "drop", "reason": "One firm"})
    assert done["Location"] == reverse("admin:companies_company_change", args=[keep.pk])
    assert facts(keep)["summary"] == "Apps"
    undo_url = reverse("admin:companies_merge_undo", args=[Merge.objects.get().pk])
    assert f'<a href="{undo_url}">Undo</a>' in client.get(done["Location"]).content.decode()
    undone = client.post(undo_url, {"reason": "Two firms"})
    assert undone.status_code == 302
    assert facts(keep) == before
    again = client.post(undo_url, {"reason": "Two firms"})
    assert "it was restored since" in again.content.decode()


@pytest.mark.parametrize("query", ["", "?keep=1", "?keep=x&drop=-1", "?keep=999999999999999999999&drop=1"])
def test_nonsense_in_the_address_is_no_page(client: Client, query: str) -> None:
    assert client.get(reverse("admin:companies_company_merge") + query).status_code == 404


def test_two_are_merged_at_a_time(client: Client, keep: Company) -> None:
    chosen = {"action": "merge", "_selected_action": [keep.pk]}
    companies = reverse("admin:companies_company_changelist")
    assert client.post(companies, chosen)["Location"] == companies


def test_only_who_may_merge_does(keep: Company, drop: Company) -> None:
    client = signed_in(make.make_curator("bilal", is_superuser=False))
    url = f"{reverse('admin:companies_company_merge')}?keep={keep.pk}&drop={drop.pk}"
    assert client.get(url).status_code == client.post(url, {"merge": "1", "reason": "No"}).status_code == 403
    assert not Merge.objects.exists()
