"""The outbox: whoever changes an object, and however, the right objects are marked and the sweep publishes them."""

from collections.abc import Callable

import pytest
from django.db import connection

from companies.models import Company, Credential, Identifier, Office
from directory.models import Published, Revision, Source
from directory.publishing import check, edit, sweep
from hubs.models import Hub, Indicator, Program
from tests import factories as make
from tests.log import actions, document, marked, replay, tables

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make.make_company("Afiniti", specialties=[make.make_specialty("Data")])


def execute(sql: str, *params: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


# Each way around the application → the field of the company's document that it changes.
WAYS: dict[str, tuple[Callable[[Company], object], str]] = {
    "save": (lambda c: Company(pk=c.pk, name="Afiniti AI", slug=c.slug, status="published").save(), "name"),
    "update": (lambda c: Company.objects.update(founded_year=2006), "founded_year"),
    "bulk_update": (
        lambda c: Company.objects.bulk_update([Company(pk=c.pk, summary="Pairing")], ["summary"]),
        "summary",
    ),
    "upsert": (
        lambda c: Company.objects.bulk_create(
            [Company(name="Afiniti", slug="afiniti", status="published", summary="Upserted")],
            update_conflicts=True,
            unique_fields=["slug"],
            update_fields=["summary"],
        ),
        "summary",
    ),
    "raw update": (lambda c: execute("UPDATE companies_company SET women_led = true"), "women_led"),
    "set": (lambda c: c.specialties.set([make.make_specialty("Robotics")]), "specialties"),
    "clear": (lambda c: c.specialties.clear(), "specialties"),
    "through": (
        lambda c: Company.industries.through.objects.create(company=c, industry=make.make_industry()),
        "industries",
    ),
    "through bulk_create": (
        lambda c: Company.programs.through.objects.bulk_create(
            [Company.programs.through(company=c, program=make.make_program())]
        ),
        "programs",
    ),
    "child": (lambda c: Office(company=c, hub=make.make_hub("Quetta")).save(), "offices"),
    "children": (
        lambda c: Credential.objects.bulk_create([Credential(company=c, kind="membership", name="P@SHA")]),
        "credentials",
    ),
    "raw insert of a child": (
        lambda c: execute(
            "INSERT INTO companies_identifier (company_id, scheme, value) VALUES (%s, 'wikidata', 'Q42')", c.pk
        ),
        "identifiers",
    ),
    "raw delete": (lambda c: execute("DELETE FROM companies_company_specialties"), "specialties"),
    "hub renamed": (lambda c: Hub.objects.update(name="Lahore City"), "hub"),
    "specialty renamed": (
        lambda c: execute("UPDATE companies_specialty SET name = 'Data and analytics'"),
        "specialties",
    ),
    "slug of a specialty": (
        lambda c: execute("UPDATE companies_specialty SET slug = 'data-and-analytics'"),
        "specialties",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_around_is_published_by_the_sweep(way: str, company: Company) -> None:
    change, field = WAYS[way]
    before = document(company)
    newest = Revision.objects.current()

    change(company)
    assert document(company) == before, "nothing is published before the sweep"
    sweep()

    assert document(company)[field] != before[field]
    assert Revision.objects.filter(pk__gt=newest, source="system").exists()
    assert list(check()) == []
    assert replay() == tables()
    assert not marked()


@pytest.mark.parametrize(
    "delete",
    [
        lambda c: c.delete(),
        lambda c: Company.objects.all().delete(),
        lambda c: Company.objects.filter(pk=c.pk)._raw_delete("default"),
        lambda c: execute("DELETE FROM companies_company WHERE id = %s", c.pk),
    ],
    ids=["instance", "queryset", "raw delete of the ORM", "raw SQL"],
)
def test_a_deletion_leaves_a_tombstone(delete: Callable[[Company], object]) -> None:
    company = make.make_company("Airlift")
    newest, pk = Revision.objects.current(), company.pk
    delete(company)
    assert marked() == {("company", pk)}
    sweep()
    assert actions(newest) == [("company", "airlift", "withdrawn")]
    assert ("company", pk) not in replay()


def test_a_cascade_marks_the_owner_too(company: Company) -> None:
    make.make_credential(company)
    make.make_office(company)
    pk = company.pk
    company.delete()
    assert marked() == {("company", pk)}
    sweep()
    assert actions()[-1] == ("company", "afiniti", "withdrawn")


def test_a_child_that_moves_marks_both_owners(company: Company) -> None:
    other = make.make_company("NetSol")
    identifier = make.make_identifier(company)
    Identifier.objects.filter(pk=identifier.pk).update(company=other)
    assert marked() == {("company", company.pk), ("company", other.pk)}
    sweep()
    assert document(company)["identifiers"] == []
    assert document(other)["identifiers"] == [{"scheme": "secp", "value": "0012345"}]


def test_a_bulk_update_is_one_statement_and_marks_every_row() -> None:
    companies = [make.make_company(name) for name in ("Arbisoft", "Tkxel", "Devsinc")]
    with connection.execute_wrapper(refuse_marks_from_python):
        Company.objects.update(research_and_development=True)
    assert marked() == {("company", company.pk) for company in companies}


def refuse_marks_from_python(execute, sql, params, many, context):
    assert "directory_mark" not in sql
    return execute(sql, params, many, context)


def test_every_kind_is_marked() -> None:
    rows = [
        make.make_hub("Karachi"),
        make.make_program(),
        make.make_indicator(),
        make.make_industry(),
        make.make_specialty(),
        make.make_company(),
    ]
    for row in rows:
        type(row).objects.filter(pk=row.pk).update(name=f"{row.name} renamed")
    assert marked() == {(row._meta.model_name, row.pk) for row in rows}
    sweep()
    assert all(document(row)["name"].endswith(" renamed") for row in rows)


def test_what_nobody_sees_is_marked_and_changes_nothing(company: Company) -> None:
    newest = Revision.objects.current()
    Company.objects.update(notes="Called on Monday")
    assert sweep() == 1
    assert Revision.objects.current() == newest


@pytest.mark.django_db(transaction=True)
def test_the_sweep_goes_in_chunks_and_takes_everything() -> None:
    for name in ("A1", "B2", "C3", "D4", "E5"):
        make.make_company(name)
    newest = Revision.objects.current()
    Company.objects.update(founded_year=2015)
    assert sweep(chunk=2) == 5
    assert Revision.objects.filter(pk__gt=newest).count() == 3
    assert not marked()


def test_an_edit_takes_its_own_marks_and_leaves_those_of_others(company: Company) -> None:
    """Nobody's edit gets another's name and reason."""
    other = make.make_company("Confiz")
    execute(
        "INSERT INTO directory_mark (kind, object_id, xid) VALUES ('company', %s, '7'::xid8)", other.pk
    )  # as an earlier transaction left it
    newest = Revision.objects.current()
    edit(company, {"summary": "Pairing by behaviour"}, source=Source.ADMIN)
    assert [slug for _, slug, _ in actions(newest)] == ["afiniti"]
    assert marked() == {("company", other.pk)}


@pytest.mark.parametrize("model", [Hub, Program, Indicator])
def test_an_empty_update_marks_nothing(model: type[Published]) -> None:
    model._default_manager.update(name="Nobody")
    assert not marked()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_cannot_be_rendered_keeps_nobody_else_from_being_published(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = make.make_company("Bad"), make.make_company("Good")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE companies_company SET verified_on = 'infinity' WHERE id = %s", [bad.pk])
        cursor.execute("UPDATE companies_company SET founded_year = 1999 WHERE id = %s", [good.pk])
    sweep()
    assert document(good)["founded_year"] == 1999
    assert marked() == {("company", bad.pk)}
    assert f"company {bad.pk} cannot be published" in caplog.text
    Company.objects.filter(pk=bad.pk).update(verified_on=None)
    sweep()
    assert not marked()
