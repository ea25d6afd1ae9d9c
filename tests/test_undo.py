"""Undo: a revision is taken back whole, without losing anything that came later."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.serializers import ValidationError

from companies.models import Company
from directory.models import Published, Revision, Source, Version
from directory.publishing import edit, publication
from directory.reverting import SHOWN
from directory.undoing import CannotUndo, undo
from hubs.models import Hub
from tests.curators import signed_in
from tests.factories import make_company, make_curator, make_hub, make_office, make_source, make_specialty
from tests.log import actions, document

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator() -> User:
    return make_curator()


def newest() -> Revision:
    return Revision.objects.order_by("-pk")[0]


def change(obj: Published, **patch: Any) -> Revision:
    edit(obj, patch, source=Source.ADMIN)
    return newest()


def facts(obj: Published) -> dict[str, Any]:
    """The document without what says when it was published."""
    obj.refresh_from_db()
    return {name: value for name, value in document(obj).items() if name not in ("revision", "updated_at")}


def steps(company: Company) -> list[tuple[Any, ...]]:
    return [(step.before, step.after, step.by, step.reason) for step in company.steps.order_by("pk")]


def test_an_edit_is_taken_back_and_the_log_says_by_whom(curator: User) -> None:
    company = make_company("Systems Limited", specialties=[make_specialty()])
    make_source(company)
    make_office(company, hub=make_hub("Karachi"))
    was = facts(company)
    done = change(
        company,
        founded_year=1977,
        specialties=[],
        offices=[],
        sources=[{"reference": "https://other.example/"}],
        employees={"min": 1, "max": 5},
        hub=None,
        website=None,
    )

    undone = undo(done, by=curator)

    assert facts(company) == was
    assert (undone.revision, undone.by, undone.reason) == (newest(), curator, f"Undo of revision {done.pk}")


def test_an_undo_can_be_undone(curator: User) -> None:
    company = make_company()
    change(company, summary="Software")
    after = facts(company)
    undo(newest(), by=curator)
    undo(newest(), by=curator)
    assert facts(company) == after


def test_what_others_changed_later_stays(curator: User) -> None:
    company = make_company()
    done = change(company, summary="Software", founded_year=1977)
    change(company, legal_name="Systems (Pvt.) Ltd.")
    undo(done, by=curator)
    company.refresh_from_db()
    assert (company.summary, company.founded_year, company.legal_name) == ("", None, "Systems (Pvt.) Ltd.")


def test_what_was_changed_again_is_refused_and_nothing_is_done(curator: User) -> None:
    first, second = make_company("Folio3"), make_company("Tkxel")
    with publication(source=Source.ADMIN):
        edit(first, {"summary": "A"}, source=Source.ADMIN)
        edit(second, {"summary": "B"}, source=Source.ADMIN)
    done = newest()
    again = change(first, summary="C")
    before = Version.objects.count()
    with pytest.raises(CannotUndo) as refused:
        undo(done, by=curator)
    [obstacle] = refused.value.obstacles
    assert (obstacle.name, obstacle.public_id) == ("Folio3", first.public_id)
    assert str(obstacle) == f"Folio3: its summary changed again since then, in revision {again.pk}"
    assert Version.objects.count() == before
    second.refresh_from_db()
    assert second.summary == "B"


def test_a_created_company_is_withdrawn(curator: User) -> None:
    company = make_company("Airlift", hub=make_hub("Karachi"))
    undo(Revision.objects.get(versions__object_id=company.pk, versions__kind="company"), by=curator, reason="A hoax")
    company.refresh_from_db()
    assert company.status == Company.Status.WITHDRAWN
    assert actions()[-1] == ("company", "airlift", "withdrawn")
    assert steps(company) == [("published", "withdrawn", curator, "A hoax")]


def test_a_created_hub_is_deleted_unless_it_is_used(curator: User) -> None:
    hub = make_hub("Sialkot")
    done = newest()
    company = make_company("Airlift", hub=hub)
    with pytest.raises(CannotUndo, match="Sialkot: others use it by now: Airlift"):
        undo(done, by=curator)
    change(company, hub=None)
    undo(done, by=curator)
    assert not Hub.objects.filter(pk=hub.pk).exists()


def test_a_withdrawn_company_is_published_again(curator: User) -> None:
    company = make_company("Airlift")
    was = facts(company)
    with publication(source=Source.ADMIN):
        company.hide()
    undo(newest(), by=curator, reason="It is there after all")
    assert facts(company) == was
    assert steps(company)[-1] == ("withdrawn", "published", curator, "It is there after all")


def test_a_deleted_company_comes_back_under_its_id_and_address(curator: User) -> None:
    company = make_company("Airlift")
    make_source(company)
    was, pk = facts(company), company.pk
    with publication(source=Source.ADMIN):
        Company.objects.get(pk=pk).delete()
    undo(newest(), by=curator)
    restored = Company.objects.get(pk=pk)
    assert [step[:2] for step in steps(restored)] == [("", "published")]
    assert {**facts(restored), "created_at": None} == {**was, "created_at": None}


def test_what_is_gone_by_now_cannot_be_put_back(curator: User) -> None:
    company = make_company("Airlift")
    done = change(company, summary="Buses")
    with publication(source=Source.ADMIN):
        company.hide()
    with pytest.raises(CannotUndo, match="Airlift: it was withdrawn since then"):
        undo(done, by=curator)


def test_a_name_that_was_renamed_since_is_found_by_its_old_address(curator: User) -> None:
    hub = make_hub("Lyallpur")
    company = make_company("Airlift", hub=hub)
    done = change(company, hub=None)
    change(hub, name="Faisalabad", slug="faisalabad")
    undo(done, by=curator)
    company.refresh_from_db()
    assert company.hub == hub


def test_what_is_taken_by_another_meanwhile_is_told(curator: User) -> None:
    company = make_company("Airlift", website="https://airlift.example/")
    done = change(company, website="https://airlift.pk/")
    make_company("Another", website="https://airlift.example/")
    with pytest.raises(ValidationError, match="Another company has this website"):
        undo(done, by=curator)
    company.refresh_from_db()
    assert company.website == "https://airlift.pk/"


def test_an_object_merged_into_another_says_so() -> None:
    keep, drop = make_company("Cubix"), make_company("Cubix IT")
    with publication(source=Source.ADMIN) as current:
        current.successors["company", drop.pk] = keep.public_id
        drop.hide()
    version = Version.objects.latest("pk")
    assert (version.action, version.successor, version.document) == ("merged", keep.public_id, None)


@pytest.fixture
def client(curator: User) -> Client:
    return signed_in(curator)


def test_the_history_says_who_when_why_and_what(client: Client, curator: User) -> None:
    company = make_company("Airlift")
    edit(company, {"summary": "Buses", "hub": None}, source=Source.ADMIN, by=curator, reason="They told us")
    page = client.get(reverse("admin:companies_company_history", args=[company.pk])).content.decode()
    assert "Airlift" in page
    for said in ("They told us", "ayesha", "<del>—</del>", "<ins>Buses</ins>", "<del>Lahore</del>"):
        assert said in page, said
    assert reverse("admin:directory_revision_undo", args=[newest().pk]) in page


def test_what_was_never_published_has_a_history_without_versions(client: Client) -> None:
    draft = make_company("Airlift", status="draft")
    assert client.get(reverse("admin:companies_company_history", args=[draft.pk])).status_code == 200


def test_the_history_costs_the_same_however_long_it_is(client: Client) -> None:
    company = make_company("Airlift")
    url = reverse("admin:companies_company_history", args=[company.pk])
    for number in range(30):
        change(company, summary=f"Buses {number}")
        if number == 3:
            with CaptureQueriesContext(connection) as few:
                client.get(url)
    with CaptureQueriesContext(connection) as many:
        page = client.get(f"{url}?p=2")
    # session, user, second factor, the company, its versions counted, a page of them, the version before the page,
    # the sizes of their revisions
    assert len(few) == len(many) == 8
    assert "Created" in page.content.decode()


def test_an_undo_is_shown_before_it_is_done_and_wants_a_reason(client: Client, curator: User) -> None:
    company = make_company("Airlift")
    done = change(company, summary="Buses")
    url = reverse("admin:directory_revision_undo", args=[done.pk])
    page = client.get(url).content.decode()
    assert "<del>Buses</del>" in page
    assert "<ins>—</ins>" in page
    assert "errorlist" in client.post(url).content.decode()
    assert newest() == done
    assert client.post(url, {"reason": "They sell boats"}).status_code == 302
    company.refresh_from_db()
    assert company.summary == ""
    assert (newest().by, newest().reason) == (curator, f"Undo of revision {done.pk}: They sell boats")


def test_the_list_of_revisions_names_what_each_changed(client: Client) -> None:
    make_company("Zameen")  # whose hub the others share
    with publication(source=Source.ADMIN):
        for name in ("Airlift", "Bazaar", "Careem", "Daraz"):
            make_company(name)
    client.post(reverse("admin:directory_revision_undo", args=[newest().pk]), {"reason": "Too early"})
    said = client.get(reverse("admin:directory_revision_changelist")).content.decode()
    assert ">Airlift, Bazaar, Careem and 1 more</a>" in said
    assert ">airlift, bazaar, careem and 1 more</a>" in said  # of what is withdrawn nothing but the address is left


def test_an_undo_of_much_says_so_and_is_not_offered_beside_one_of_it(client: Client) -> None:
    with publication(source=Source.ADMIN):
        companies = [make_company(f"Company {number}") for number in range(SHOWN + 1)]
    number = newest().versions.count()
    undo_page = client.get(reverse("admin:directory_revision_undo", args=[newest().pk])).content.decode()
    assert f"The revision changed {number} objects" in undo_page
    history = client.get(reverse("admin:companies_company_history", args=[companies[0].pk])).content.decode()
    assert f"changed {number - 1} others as well" in history
    assert "Undo revision" not in history


def test_an_undo_that_would_lose_something_says_what(client: Client) -> None:
    company = make_company("Airlift")
    done = change(company, summary="Buses")
    change(company, summary="Boats")
    url = reverse("admin:directory_revision_undo", args=[done.pk])
    for page in (client.get(url), client.post(url, {"reason": "All the same"})):
        assert "Airlift: its summary changed again since then" in page.content.decode()
        assert 'value="Undo"' not in page.content.decode()
    company.refresh_from_db()
    assert company.summary == "Boats"


def test_an_undo_that_the_rules_forbid_says_why(client: Client) -> None:
    company = make_company("Airlift", website="https://airlift.example/")
    done = change(company, website="https://airlift.pk/")
    make_company("Another", website="https://airlift.example/")
    page = client.post(reverse("admin:directory_revision_undo", args=[done.pk]), {"reason": "Back"})
    assert "Another company has this website" in page.content.decode()


def test_only_who_may_undo_does() -> None:
    company = make_company("Airlift")
    done = change(company, summary="Buses")
    client = signed_in(make_curator("bilal", is_superuser=False))
    url = reverse("admin:directory_revision_undo", args=[done.pk])
    assert client.get(url).status_code == client.post(url, {"reason": "No"}).status_code == 403
    company.refresh_from_db()
    assert company.summary == "Buses"
