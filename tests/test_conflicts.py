"""Nobody's work is lost: what two changed is merged or asked for, and what was typed comes back from every error."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from companies.models import Company
from directory.models import Revision, Source
from directory.publishing import edit, sweep
from directory.undoing import undo
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.log import document
from tests.test_admin import Form, errors, url_of

pytestmark = pytest.mark.django_db

Change = Callable[[Company], object]
Opened = dict[str, tuple[Company, dict[str, Any]]]


@pytest.fixture
def client() -> Client:
    return signed_in(make.make_curator())


def opened(client: Client, url: str) -> dict[str, Any]:
    """What the form at ``url`` sends if nothing is typed into it."""
    return {name: value for name, value in Form(client.get(url)).data.items() if "__prefix__" not in name}


def asked(response: Any) -> dict[str, tuple[str, str, str, str]]:
    """Key → (label, was, theirs, yours) of what a conflict page asks."""
    assert response.status_code == 200
    assert response.templates[0].name == "admin/directory/conflict.html", errors(response)
    return {q.key: (q.label, q.was, q.theirs, q.yours) for q in response.context["questions"]}


def answer(client: Client, response: Any, **sides: str) -> Any:
    """Choose a side for each key and press Save."""
    form = Form(response).data
    for question in response.context["questions"]:
        value = next(value for value, side in question.answers if side == sides[question.key.replace("-", "_")])
        form[f"take-{question.key}"] = value
    return client.post(response.wsgi_request.path, form)


def same(company: Company) -> Company:
    return Company.objects.get(pk=company.pk)


@pytest.fixture(scope="module")
def companies(shared_rows: None) -> Opened:
    """Status → a company, and what its form sends that was opened before anybody changed it."""
    client = signed_in(make.make_curator("chand"))
    made = {status: make.make_company(founded_year=2004, status=status) for status in ("published", "draft")}
    return {status: (company, opened(client, url_of(company))) for status, company in made.items()}


# Fields


def by_script(company: Company) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE companies_company SET founded_year = 1999 WHERE id = %s", [company.pk])
    sweep()


def by_import(company: Company) -> None:
    edit(company, {"founded_year": 1999}, source=Source.IMPORT)


def by_undo(company: Company) -> None:
    edit(company, {"founded_year": 1999}, source=Source.ADMIN)
    edit(company, {"founded_year": 2010}, source=Source.ADMIN)
    undo(Revision.objects.latest("pk"), by=None)


def by_curator(company: Company) -> None:
    client = signed_in(make.make_curator("bilal"))
    assert client.post(url_of(company), opened(client, url_of(company)) | {"founded_year": "1999"}).status_code == 302


WAYS: list[Change] = [by_script, by_import, by_undo, by_curator]


@pytest.mark.complaint(24)
@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("status", ["published", "draft"])
def test_what_does_not_overlap_is_merged(client: Client, companies: Opened, change: Change, status: str) -> None:
    if status == "draft" and change is by_undo:
        pytest.skip("What was never public has no revision to undo.")
    company, form = companies[status]
    change(company)
    response = client.post(url_of(company), form | {"summary": "Banking software."})
    assert response.status_code == 302
    assert (same(company).founded_year, same(company).summary) == (1999, "Banking software.")


@pytest.mark.complaint(24)
@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("side", "year"), [("theirs", 1999), ("yours", 1977)])
def test_the_same_field_is_asked_for(client: Client, companies: Opened, change: Change, side: str, year: int) -> None:
    company, form = companies["published"]
    change(company)
    before = Revision.objects.latest("pk")
    response = client.post(url_of(company), form | {"founded_year": "1977", "summary": "Banking software."})
    assert asked(response) == {"founded_year": ("Founded year", "2004", "1999", "1977")}
    assert Revision.objects.latest("pk") == before
    assert same(company).founded_year == 1999
    assert answer(client, response, founded_year=side).status_code == 302
    assert (same(company).founded_year, same(company).summary) == (year, "Banking software.")
    assert Revision.objects.filter(pk__gt=before.pk).count() == 1
    assert document(company)["founded_year"] == year


def test_the_page_says_who_it_was_and_when(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    by_curator(company)
    edit(company, {"founded_year": 2001}, source=Source.IMPORT, reason="companies.csv")
    page = client.post(url_of(company), form | {"founded_year": "1977"})
    assert [(change.by, change.why) for change in page.context["changes"]] == [
        ("bilal", "Changed Founded year."),
        ("Import", "companies.csv"),
    ]
    draft, form = companies["draft"]
    by_script(draft)
    page = client.post(url_of(draft), form | {"founded_year": "1977"})
    assert "Nothing tells who it was" in page.content.decode()


def test_an_answer_holds_for_what_was_shown_only(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    by_script(company)
    page = client.post(url_of(company), form | {"founded_year": "1977"})
    edit(company, {"founded_year": 2001}, source=Source.ADMIN)
    again = answer(client, page, founded_year="yours")
    assert asked(again) == {"founded_year": ("Founded year", "2004", "2001", "1977")}
    assert answer(client, again, founded_year="yours").status_code == 302
    assert same(company).founded_year == 1977


def test_who_typed_the_same_is_not_asked(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    by_script(company)
    assert client.post(url_of(company), form | {"founded_year": "1999"}).status_code == 302


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("hub", ("Lahore", "Karachi", "Peshawar")),
        ("women_led", ("Unknown", "Yes", "No")),
        ("status", ("Draft", "Published", "In review")),
        ("shares_domain", None),
        ("notes", ("—", "Theirs,\nin two lines.", "Mine.")),
        ("verify_by", ("—", "2026-01-01", "2027-01-01")),
    ],
)
def test_every_kind_of_field_is_compared_and_put_into_words(
    client: Client, companies: Opened, field: str, words: Any
) -> None:
    company, form = companies["draft"]
    karachi, peshawar = make.make_hub("Karachi"), make.make_hub("Peshawar")
    theirs: dict[str, Any] = {"hub": karachi, "women_led": True, "status": "published", "shares_domain": True}
    theirs |= {"notes": "Theirs,\nin two lines.", "verify_by": "2026-01-01"}
    yours = {"hub": str(peshawar.pk), "women_led": "false", "status": "in_review", "shares_domain": "on"}
    yours |= {"notes": "Mine.", "verify_by": "2027-01-01"}
    Company.objects.filter(pk=company.pk).update(**{field: theirs[field]})
    untouched = client.post(url_of(company), form)
    assert untouched.status_code == 302
    assert str(getattr(same(company), field)) == str(theirs[field])
    response = client.post(url_of(company), form | {field: yours[field]})
    if words is None:
        assert response.status_code == 302
    else:
        assert list(asked(response).values()) == [(field.replace("_", " ").capitalize(), *words)]


def test_lists_to_which_both_added_are_of_both(client: Client) -> None:
    one, two, three = (make.make_specialty(name) for name in ("Cloud", "Gaming", "IoT"))
    company = make.make_company(specialties=[one], aliases=["SYSL", "Old name"], export_markets=["US"])
    form = opened(client, url_of(company))
    patch = {"specialties": ["gaming"], "aliases": ["SYSL", "Theirs"], "export_markets": ["US", "GB"]}
    edit(company, patch, source=Source.IMPORT)
    typed = {"specialties": [one.pk, three.pk], "aliases": "SYSL\r\nOld name\r\nMine", "export_markets": "us ae"}
    assert client.post(url_of(company), form | typed).status_code == 302
    now = same(company)
    assert set(now.specialties.all()) == {two, three}
    assert (now.aliases, now.export_markets) == (["SYSL", "Theirs", "Mine"], ["US", "GB", "AE"])


def test_other_kinds_are_merged_too(client: Client) -> None:
    hub = make.make_hub()
    form = opened(client, url_of(hub)) | {"summary": "Mine.", "notable": "on"}
    edit(hub, {"summary": "Theirs.", "province": "PK-SD"}, source=Source.ADMIN)
    response = client.post(url_of(hub), form)
    assert asked(response) == {"summary": ("Summary", "—", "Theirs.", "Mine.")}
    assert answer(client, response, summary="yours").status_code == 302
    hub.refresh_from_db()
    assert (hub.summary, hub.province, hub.notable) == ("Mine.", "PK-SD", True)


def test_a_form_that_does_not_say_what_it_was_opened_with_is_asked_for_each_difference(
    client: Client, companies: Opened
) -> None:
    (company, form), (_, other) = companies["published"], companies["draft"]
    form = form | {"founded_year": "1977", "opened": "forged"}
    assert asked(client.post(url_of(company), form)) == {
        "founded_year": ("Founded year", "Not known.", "2004", "1977")
    }
    assert list(asked(client.post(url_of(company), form | {"opened": other["opened"]}))) == ["founded_year"]


# Rows of inlines


def test_rows_that_both_added_are_all_there_and_the_same_row_once(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    for address in ("Theirs", "Of both"):
        make.make_office(company, address=address)
    typed = {"offices-TOTAL_FORMS": "2"}
    for number, address in enumerate(("Mine", "Of both")):
        typed |= {f"offices-{number}-hub": str(company.hub_id), f"offices-{number}-address": address}
    assert client.post(url_of(company), form | typed).status_code == 302
    assert sorted(office.address for office in same(company).offices.all()) == ["Mine", "Of both", "Theirs"]


def test_cells_of_one_row_are_merged_and_asked_for(client: Client) -> None:
    company = make.make_company()
    credential = make.make_credential(company)
    form = opened(client, url_of(company))
    type(credential).objects.update(issuer="TÜV", valid_until="2027-01-01")
    typed = {"credentials-0-issuer": "SGS", "credentials-0-valid_from": "2024-01-01"}
    response = client.post(url_of(company), form | typed)
    [(key, said)] = asked(response).items()
    assert key == f"credentials-{credential.pk}-issuer"
    assert said == ("Credential “Certification, ISO 27001, Bureau Veritas”: Issuer", "Bureau Veritas", "TÜV", "SGS")
    assert answer(client, response, **{key.replace("-", "_"): "yours"}).status_code == 302
    credential.refresh_from_db()
    found = (credential.issuer, str(credential.valid_from), str(credential.valid_until))
    assert found == ("SGS", "2024-01-01", "2027-01-01")


@pytest.mark.parametrize(("side", "values"), [("theirs", []), ("yours", ["0099999"])])
def test_a_row_that_they_deleted_and_you_changed(client: Client, side: str, values: list[str]) -> None:
    company = make.make_company()
    identifier = make.make_identifier(company)
    form = opened(client, url_of(company)) | {"identifiers-0-value": "0099999"}
    identifier.delete()
    response = client.post(url_of(company), form)
    [(key, said)] = asked(response).items()
    assert said[2] == "Deleted."
    assert "0099999" in said[3]
    assert answer(client, response, **{key.replace("-", "_"): side}).status_code == 302
    assert [row.value for row in same(company).identifiers.all()] == values


@pytest.mark.parametrize(("side", "references"), [("theirs", ["https://theirs.example/"]), ("yours", [])])
def test_a_row_that_you_deleted_and_they_changed(client: Client, side: str, references: list[str]) -> None:
    company = make.make_company()
    source = make.make_source(company)
    form = opened(client, url_of(company)) | {"sources-0-DELETE": "on"}
    type(source).objects.update(reference="https://theirs.example/")
    response = client.post(url_of(company), form)
    [(key, said)] = asked(response).items()
    assert said[3] == "Deleted."
    assert answer(client, response, **{key.replace("-", "_"): side}).status_code == 302
    assert [row.reference for row in same(company).sources.all()] == references


def test_rows_that_nobody_else_touched_are_deleted_and_changed_as_you_say(client: Client) -> None:
    company = make.make_company()
    for address in ("A", "B", "C"):
        make.make_office(company, address=address)
    form = opened(client, url_of(company)) | {"offices-0-DELETE": "on", "offices-1-address": "Mine"}
    same(company).offices.filter(address="C").update(address="Theirs")
    assert client.post(url_of(company), form).status_code == 302
    assert sorted(office.address for office in same(company).offices.all()) == ["Mine", "Theirs"]


def test_rows_made_anew_as_they_were_are_the_same_rows(client: Client) -> None:
    """An import or an undo writes the whole list, under new primary keys."""
    company = make.make_company()
    for address in ("A", "B"):
        make.make_office(company, address=address)
    form = opened(client, url_of(company)) | {"offices-0-address": "Mine"}
    offices = [{"hub": "lahore", "address": address} for address in ("A", "B", "Theirs")]
    edit(company, {"offices": offices}, source=Source.IMPORT)
    assert client.post(url_of(company), form).status_code == 302
    assert sorted(office.address for office in same(company).offices.all()) == ["B", "Mine", "Theirs"]


# Nothing typed is lost


TYPED = {"summary": "Typed for an hour."}


def test_a_refused_form_shows_what_both_changed(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    by_script(company)
    response = client.post(url_of(company), form | TYPED | {"website": "javascript:alert(1)"})
    assert "http" in errors(response)
    again = opened_again(response)
    assert (again["summary"], again["founded_year"]) == ("Typed for an hour.", "1999")
    assert "System changed: Founded year" in response.content.decode()
    edit(company, {"founded_year": 2001}, source=Source.ADMIN)
    assert client.post(url_of(company), again | {"website": "https://good.example/"}).status_code == 302
    assert (same(company).founded_year, same(company).summary) == (2001, "Typed for an hour.")


def opened_again(response: Any) -> dict[str, Any]:
    return {name: value for name, value in Form(response).data.items() if "__prefix__" not in name}


def test_an_answered_conflict_that_is_refused_keeps_the_answer(client: Client, companies: Opened) -> None:
    company, form = companies["published"]
    by_script(company)
    refused = answer(client, client.post(url_of(company), form | {"founded_year": "1492"}), founded_year="yours")
    assert "founding year" in errors(refused)
    assert client.post(url_of(company), opened_again(refused) | {"founded_year": "1977"}).status_code == 302
    assert same(company).founded_year == 1977


def assert_kept(response: Any, why: str) -> dict[str, Any]:
    """The page has what was typed, to read and to send again."""
    page = response.content.decode()
    assert response.status_code == 403
    assert why in page
    assert re.search(r"<dt>Summary</dt><dd>Typed for an hour\.</dd>", page)
    return Form(response).data


@pytest.mark.parametrize("view", ["add", "change"])
def test_a_session_that_ended_gives_the_form_back(client: Client, view: str) -> None:
    company = make.make_company()
    url = url_of(company) if view == "change" else reverse("admin:companies_company_add")
    form = opened(client, url) | {"name": "Typed Limited"} | TYPED
    client.logout()
    kept = assert_kept(client.post(url, form), "You are not signed in any more.")
    again = signed_in(make.make_curator("bilal"))
    assert again.post(url, kept).status_code == 302
    assert Company.objects.get(name="Typed Limited").summary == "Typed for an hour."


def test_a_form_that_is_older_than_the_sign_in_comes_back() -> None:
    client = signed_in(make.make_curator())
    client.handler.enforce_csrf_checks = True
    company = make.make_company()
    form = opened(client, url_of(company)) | TYPED
    del client.cookies["csrftoken"]
    client.get(url_of(company))  # signing in elsewhere gives the browser another token
    kept = assert_kept(client.post(url_of(company), form, headers={"origin": "http://testserver"}), "once more")
    for origin in ({}, {"origin": "https://evil.example"}):
        assert b"Typed for an hour" not in client.post(url_of(company), form, headers=origin).content
    assert client.post(url_of(company), kept, headers={"origin": "http://testserver"}).status_code == 302
    assert same(company).summary == "Typed for an hour."


def test_a_right_that_was_taken_away_gives_the_form_back() -> None:
    member = make_member("contributor")
    client, company = signed_in(member), make.make_company(status="draft")
    form = opened(client, url_of(company)) | TYPED
    Company.objects.update(status="published")
    assert_kept(client.post(url_of(company), form), "You may not change this any more.")
    assert same(company).summary == ""
    form = opened(client, reverse("admin:companies_company_add")) | {"name": "Arbisoft"} | TYPED
    member.groups.clear()
    member.user_permissions.add(Permission.objects.get(codename="view_company"))
    assert_kept(client.post(reverse("admin:companies_company_add"), form), "You may not add this any more.")
    assert not Company.objects.filter(name="Arbisoft").exists()


def test_what_was_deleted_meanwhile_gives_the_form_back(client: Client) -> None:
    company = make.make_company(status="draft")
    form = opened(client, url_of(company)) | TYPED
    company.delete()
    assert_kept(client.post(url_of(company), form), "It was deleted while you were editing it.")


# An old copy overwrites nothing


def test_an_old_copy_overwrites_nothing() -> None:
    company = make.make_company(founded_year=2004)
    old = same(company)
    edit(company, {"founded_year": 1999}, source=Source.ADMIN)
    saved = edit(old, {"summary": "Banking software."}, source=Source.ADMIN)
    assert (saved.pk, same(company).founded_year) == (company.pk, 1999)
    assert document(company)["founded_year"] == 1999
