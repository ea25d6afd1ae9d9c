"""Publishing: what the world sees is what was edited, once, in order, with its author and reason."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings
from rest_framework.serializers import ValidationError

from companies.models import Company, Specialty
from directory import publishing
from directory.models import Mark, Revision, Source, Version
from directory.publishing import check, described, edit, is_behind, publication, publish_all, rendering, sweep
from hubs.models import Hub
from tests.factories import make_company, make_curator, make_hub, make_office, make_program, make_specialty
from tests.log import actions, document, marked, replay, revisions, tables

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator() -> User:
    return make_curator()


def newest() -> int:
    return Revision.objects.current()


def test_an_edit_is_one_revision_with_author_reason_and_source(curator: User) -> None:
    company = make_company("Systems Limited")
    before = newest()

    edit(company, {"founded_year": 1977}, by=curator, reason="Annual report", source=Source.ADMIN)

    (revision,) = Revision.objects.filter(pk__gt=before)
    assert (revision.by, revision.reason, revision.source) == (curator, "Annual report", "admin")
    assert actions(before) == [("company", "systems-limited", "updated")]
    published = document(company)
    assert published["founded_year"] == 1977
    assert published["revision"] == revision.pk


def test_a_new_object_is_created_from_its_document() -> None:
    make_hub("Lahore")
    company = edit(
        Company(),
        {
            "name": "Arbisoft",
            "hub": "lahore",
            "employees": {"min": 500, "max": None},
            "sources": [{"reference": "arbisoft.com/about", "facts": ["employees"]}],
        },
        source=Source.IMPORT,
        status="published",
    )
    assert company.slug == "arbisoft"
    published = document(company)
    assert published["employees"] == {"min": 500, "max": None}
    assert published["hub"] == {"slug": "lahore", "name": "Lahore"}
    assert published["sources"] == [{"reference": "arbisoft.com/about", "facts": ["employees"], "seen_on": None}]
    assert actions()[-1] == ("company", "arbisoft", "created")


def test_all_edits_of_one_publication_are_one_revision() -> None:
    before = newest()
    with publication(source=Source.IMPORT, reason="Two at once") as outer:
        make_company("Folio3")
        with publication(source=Source.SYSTEM, reason="joins the outer one") as inner:
            make_company("Tkxel")
        assert inner is outer
    assert Revision.objects.filter(pk__gt=before).count() == 1
    # Hubs come before the companies that name them, whatever was written first.
    assert [slug for _, slug, _ in actions(before)] == ["lahore", "folio3", "tkxel"]
    assert outer.revision == revisions()[-1]


@pytest.mark.parametrize(
    "change",
    [
        {"notes": "Called them on Monday."},
        {"contact_email": "info@systems.example"},
        {"shares_domain": True},
        {},
    ],
)
def test_an_edit_without_a_public_difference_writes_nothing(change: dict[str, object]) -> None:
    company = make_company()
    before, was = newest(), document(company)
    with publication(source=Source.ADMIN) as current:
        for name, value in change.items():
            setattr(company, name, value)
        company.save()
    assert newest() == before
    assert current.revision is None
    assert document(company) == was
    assert not marked()


def test_there_and_back_within_a_publication_is_no_difference() -> None:
    company = make_company()
    before = newest()
    with publication(source=Source.ADMIN):
        edit(company, {"summary": "Software"}, source=Source.ADMIN)
        edit(company, {"summary": None}, source=Source.ADMIN)
    assert newest() == before


@pytest.mark.parametrize(
    ("status", "expected"),
    [("draft", "withdrawn"), ("in_review", "withdrawn"), ("withdrawn", "withdrawn")],
)
def test_leaving_published_leaves_a_tombstone(status: str, expected: str) -> None:
    company = make_company("Airlift")
    before = newest()
    with publication(source=Source.ADMIN):
        company.status = status
        company.save()
    assert actions(before) == [("company", "airlift", expected)]
    version = Version.objects.latest("pk")
    assert (version.document, version.successor) == (None, "")
    company.refresh_from_db()
    assert (company.document, company.updated_at) == (None, None)


def test_a_draft_is_not_published_until_it_is() -> None:
    company = make_company("Markaz", status="draft")
    assert ("company", "markaz", "created") not in actions()
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="published")
    assert actions()[-1] == ("company", "markaz", "created")


def test_a_row_that_was_replaced_by_a_draft_is_withdrawn() -> None:
    company = make_company("Markaz")
    with publication(source=Source.SYSTEM):
        pk = company.pk
        company.delete()
        Company.objects.bulk_create([Company(pk=pk, name="Markaz", slug="markaz", status="draft")])
    assert actions()[-1] == ("company", "markaz", "withdrawn")


def test_what_was_withdrawn_comes_back_under_its_id() -> None:
    company = make_company("Bykea")
    for status in ("withdrawn", "published"):
        with publication(source=Source.ADMIN):
            Company.objects.filter(pk=company.pk).update(status=status)
    assert [action for _, slug, action in actions() if slug == "bykea"] == ["created", "withdrawn", "created"]
    assert document(company)["id"] == company.public_id


def test_a_new_slug_is_a_renaming() -> None:
    company = make_company("Gaditek")
    edit(company, {"slug": "disrupt", "name": "Disrupt.com"}, source=Source.ADMIN)
    assert actions()[-1] == ("company", "disrupt", "renamed")


def test_a_renamed_hub_takes_everything_along_that_names_it() -> None:
    hub = make_hub("Lyallpur")
    company = make_company("Sofizar", hub=hub)
    branch = make_office(make_company("Devsinc")).company
    branch.offices.update(hub=hub)
    sweep()
    program = make_program("NIC Faisalabad", hub=hub)
    before = newest()

    edit(hub, {"name": "Faisalabad"}, source=Source.ADMIN)

    assert [(kind, slug) for kind, slug, _ in actions(before)] == [
        ("hub", "lyallpur"),
        ("program", "nic-faisalabad"),
        ("company", "sofizar"),
        ("company", "devsinc"),
    ]
    assert Revision.objects.filter(pk__gt=before).count() == 1
    assert document(company)["hub"]["name"] == document(program)["hub"]["name"] == "Faisalabad"
    assert document(branch)["offices"][0]["hub"]["name"] == "Faisalabad"


def test_a_renamed_specialty_takes_its_children_and_companies_along() -> None:
    data = make_specialty("Data")
    science = make_specialty("Data science", parent=data)
    company = make_company(specialties=[data])
    edit(data, {"name": "Data and analytics"}, source=Source.ADMIN)
    assert document(science)["parent"]["name"] == document(company)["specialties"][0]["name"]
    assert document(science)["parent"]["name"] == "Data and analytics"


def test_the_followers_of_a_large_renaming_are_left_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.publishing.CHUNK", 2)
    hub = make_hub("Karachi")
    companies = [make_company(name, hub=hub) for name in ("10Pearls", "Folio3", "Cubix")]
    edit(hub, {"name": "Karachi City"}, source=Source.ADMIN)
    assert marked() == {("company", company.pk) for company in companies}
    assert sweep() == 3
    assert {document(company)["hub"]["name"] for company in companies} == {"Karachi City"}


def test_a_reparented_specialty_is_a_revision() -> None:
    """The tree decides what a filter finds, so that a cache keyed by revision must hear of it."""
    parent, child = make_specialty("Artificial intelligence"), make_specialty("Robotics")
    before = newest()
    Specialty.objects.filter(pk=child.pk).update(parent=parent)
    sweep()
    assert actions(before) == [("specialty", "robotics", "updated")]


def test_an_old_instance_saved_later_keeps_the_new_document() -> None:
    company = make_company("VentureDive")
    old = Company.objects.get(pk=company.pk)
    edit(company, {"summary": "Product engineering"}, source=Source.ADMIN)
    published = document(company)

    old.notes = "Saved from a page opened before"
    old.save()

    assert document(company) == published
    # Its other columns were written, as Django does, and that is published.
    sweep()
    assert document(company)["summary"] is None


def test_nobody_but_publish_writes_a_document() -> None:
    company = make_company()
    was = document(company)
    Company.objects.filter(pk=company.pk).update(document="{}", revision=0, updated_at=None)
    assert document(company) == was
    sneaked = Company(name="Sneaked in", document="{}", revision=5, status="draft")
    sneaked.save()
    sneaked.refresh_from_db()
    assert (sneaked.document, sneaked.revision) == (None, None)


def test_versions_are_append_only() -> None:
    make_company()
    for attempt in (Version.objects.all().delete, lambda: Version.objects.update(slug="other")):
        with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
            attempt()


def test_a_primary_key_never_changes() -> None:
    company = make_company()
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Company.objects.filter(pk=company.pk).update(id=company.pk + 1000)


def test_an_exception_leaves_neither_edit_nor_revision() -> None:
    company = make_company()
    before, was = newest(), document(company)

    class Interrupted(Exception):
        pass

    with pytest.raises(Interrupted), publication(source=Source.ADMIN):
        edit(company, {"summary": "Half done"}, source=Source.ADMIN)
        raise Interrupted
    company.refresh_from_db()
    assert (company.summary, newest(), document(company)) == ("", before, was)
    assert not marked()


def test_a_refused_edit_leaves_nothing() -> None:
    company = make_company()
    before = newest()
    with pytest.raises(ValidationError, match="Give an http"):
        edit(company, {"summary": "Fine", "website": "javascript:alert(1)"}, source=Source.ADMIN)
    company.refresh_from_db()
    assert (company.summary, newest()) == ("", before)


def test_a_refused_edit_does_not_spoil_the_others_of_its_publication() -> None:
    with publication(source=Source.IMPORT):
        make_company("Good one", website="https://good.example/")
        with pytest.raises(ValidationError, match="domain"):
            edit(Company(), {"name": "Bad one", "website": "https://good.example/x"}, source=Source.IMPORT)
        make_company("Another good one")
    assert [slug for kind, slug, _ in actions() if kind == "company"] == ["good-one", "another-good-one"]


def test_rendering_anew_publishes_what_differs_and_nothing_else() -> None:
    make_company()
    before = newest()
    list(publish_all())
    assert newest() == before
    assert not is_behind()


def test_another_site_address_puts_documents_behind_until_all_is_published(settings: Settings) -> None:
    company = make_company("Tintash")
    list(publish_all())
    settings.SITE_URL = "https://directory.example"
    assert is_behind()
    list(publish_all())
    assert not is_behind()
    assert document(company)["url"] == "https://directory.example/api/v1/companies/tintash/"


def test_the_rendering_digest_follows_the_serializers(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rendering()
    monkeypatch.setattr("hubs.serializers.ProgramSerializer.Meta.fields", ["id", "slug", "url", "hub"])
    monkeypatch.setattr(publishing, "described", described.__wrapped__)  # as in a process that starts now
    assert rendering() != before


def test_what_is_called_otherwise_does_not_put_documents_behind() -> None:
    """The digest is of how objects are rendered, whatever objects there are to be referred to."""
    hub = make_hub("Lyallpur")
    list(publish_all())
    edit(hub, {"name": "Faisalabad"}, source=Source.ADMIN)
    make_hub("Sialkot")
    assert not is_behind()


def test_check_names_what_differs_and_overlooks_what_waits_for_the_sweep() -> None:
    waiting, wrong = make_company("Waiting"), make_company("Wrong")
    assert list(check()) == []
    Company.objects.filter(pk__in=[waiting.pk, wrong.pk]).update(founded_year=2001)
    Mark.objects.filter(object_id=wrong.pk).delete()
    assert list(check()) == [("company", wrong.public_id)]
    sweep()
    list(publish_all())
    assert list(check()) == []


@pytest.mark.django_db(transaction=True)
def test_truncated_tables_are_repaired_by_publishing_all() -> None:
    company = make_company("Lost")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE companies_company CASCADE")
    assert not marked()
    list(publish_all())
    assert actions()[-1] == ("company", "lost", "withdrawn")
    assert ("company", company.pk) not in replay()


def test_replaying_the_log_gives_the_tables() -> None:
    company = make_company("Educative")
    make_company("Foodpanda").delete()
    Hub.objects.update(summary="A hub")
    sweep()
    edit(company, {"women_led": False}, source=Source.ADMIN)
    assert replay() == tables()
