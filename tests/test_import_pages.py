"""The admin's pages of imports, as a curator goes through them."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from playwright.sync_api import Page, expect
from procrastinate.contrib.django.models import ProcrastinateJob

from companies.background import carry_on_all
from companies.models import Company, Import
from companies.staged import Decision, State
from directory.uploads import LARGEST
from tests import factories as make
from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.curators import make_member, signed_in

pytestmark = pytest.mark.django_db

ADD = "admin:companies_import_add"


@pytest.fixture
def editor() -> User:
    return make_member("editor")


@pytest.fixture
def client(editor: User) -> Client:
    return signed_in(editor)


def upload(client: Client, content: bytes, name: str = "list.csv") -> str:
    """The address of the import, or what is wrong with the file."""
    file = SimpleUploadedFile(name, content)
    response = client.post(reverse(ADD), {"file": file, "reason": "A list"})
    return response.get("Location") or response.context["form"].errors["file"][0]


def page_of(batch: Import) -> str:
    return reverse("admin:companies_import_change", args=[batch.pk])


def test_a_file_is_uploaded_looked_at_decided_applied_and_undone(client: Client, editor: User) -> None:
    make.make_hub("Karachi")
    known = make.make_company("Nimbus Labs", hub=None, website="")
    url = upload(client, b"name,Ort,note\nNimbus Labs,Karachi,x\nKalix,Karachi,x\nBest Software House,,x\n")
    batch = Import.objects.get()
    assert (batch.by, batch.state, batch.reason) == (editor, State.UPLOADED, "A list")
    columns = {"column-0": "name", "column-1": "hub", "column-2": ""}
    client.post(url, {"do": "stage", "status": "published", **columns})
    assert ProcrastinateJob.objects.filter(task_name="directory.tasks.carry_on_imports", status="todo").count() == 1
    assert client.get(url).context["batch"].is_busy
    carry_on_all(60)
    response = client.get(url)
    assert {value: number for value, _, number, _ in response.context["decisions"]} == {
        "create": 1,
        "update": 0,
        "undecided": 1,
        "skip": 0,
        "refused": 1,
    }
    [entry] = response.context["entries"]
    assert [one.field for one in entry["options"][0]["differences"]] == ["hub", "sources"]
    client.post(url, {"do": "decide", "row-2": str(known.pk), "row-4": "new"})
    client.post(url, {"do": "apply"})
    carry_on_all(60)
    batch.refresh_from_db()
    assert (batch.state, batch.counts["done"]) == (State.APPLIED, 2)
    known.refresh_from_db()
    assert known.hub
    assert Company.objects.get(name="Kalix").status == "published"
    outcome = {"created": 1, "changed": 1, "unchanged": 0, "refused": 1, "waiting": 0}
    assert client.get(url).context["outcome"] == outcome
    listed = client.get(reverse("admin:companies_company_changelist"), {"import": batch.pk})
    assert {company.name for company in listed.context["cl"].result_list} == {"Kalix", "Nimbus Labs"}
    client.post(url, {"do": "undo", "why": ""})
    batch.refresh_from_db()
    assert batch.state == State.APPLIED
    client.post(url, {"do": "undo", "why": "The wrong list"})
    carry_on_all(60)
    known.refresh_from_db()
    batch.refresh_from_db()
    assert (batch.state, known.hub, batch.undone_by) == (State.UNDONE, None, editor)


@pytest.mark.parametrize("do", ["apply", "skip"])
def test_what_was_ticked_counts_whichever_button_is_pressed(client: Client, do: str) -> None:
    make.make_hub("Karachi")
    make.make_company("Nimbus Labs", hub=None, website="")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\nKalix,Karachi\n")
    client.post(page_of(batch), {"do": do, "row-2": "new"})
    assert batch.rows.get(number=2).decision == Decision.CREATE


def test_nothing_is_written_while_nothing_is_decided(client: Client) -> None:
    make.make_hub("Karachi")
    make.make_company("Nimbus Labs", hub=None, website="")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\n")
    assert "Nothing is decided yet" in client.post(page_of(batch), {"do": "apply"}, follow=True).content.decode()
    batch.refresh_from_db()
    assert batch.state == State.STAGED


def test_an_import_that_was_undone_offers_no_decisions(client: Client) -> None:
    make.make_hub("Karachi")
    make.make_company("Nimbus Labs", hub=None, website="")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\nKalix,Karachi\n")
    assert "Leave out all" in client.get(page_of(batch)).content.decode()
    batch.move(State.UNDONE)
    body = client.get(page_of(batch)).content.decode()
    assert 'name="do"' not in body
    assert '<fieldset class="options" disabled>' in body


def test_a_column_must_hold_the_names(client: Client) -> None:
    url = upload(client, b"a,b\nZorvex,Lahore\n")
    response = client.post(url, {"do": "stage", "column-0": "hub", "column-1": "nonsense"}, follow=True)
    assert "which column holds" in response.content.decode()
    assert Import.objects.get().state == State.UPLOADED


def test_two_columns_are_not_read_as_the_field_of_one_value(client: Client) -> None:
    url = upload(client, b"name,Firma,Ort,Stadt\nZorvex,Kalix,Lahore,Karachi\n")
    columns = {"column-2": "hub", "column-3": "hub"}
    both = {"do": "stage", "column-0": "name", "column-1": "name", **columns}
    said = client.post(url, both, follow=True).content.decode()
    assert "“name” and “Firma” are both read as name" in said
    assert Import.objects.get().state == State.UPLOADED
    client.post(url, {"do": "stage", "column-0": "name", "column-1": "", **columns})  # several places: one is home
    assert Import.objects.get().state == State.STAGING


@pytest.mark.security(23)
def test_a_bad_file_is_refused_on_the_form_and_not_kept(client: Client) -> None:
    assert "a picture" in upload(client, b"\x89PNG\r\n\x1a\n", "list.csv")
    assert "larger than 20 MB" in upload(client, b"name\n" + b"x" * LARGEST)
    assert "no row below" in upload(client, b"name,city\n")
    assert not Import.objects.exists()


def test_rows_that_were_written_are_not_read_anew(client: Client) -> None:
    batch = make.make_import("name\nZorvex\n")
    batch.move(State.APPLYING)
    carry_on_all(60)
    batch.refresh_from_db()
    assert bytes(batch.content) == b""
    batch.move(State.FAILED, "Something went wrong.")
    client.post(page_of(batch), {"do": "stage", "column-0": "name"})
    batch.refresh_from_db()
    assert (batch.state, batch.rows.done().count()) == (State.FAILED, 1)


def test_buttons_of_another_state_do_nothing(client: Client) -> None:
    batch = make.make_import()
    for do in ("undo", "nonsense"):
        assert "moved on" in client.post(page_of(batch), {"do": do, "why": "x"}, follow=True).content.decode()
    batch.refresh_from_db()
    assert batch.state == State.STAGED


@pytest.mark.security(22, 23)
def test_refused_rows_are_downloaded_with_reasons_and_run_nothing(client: Client) -> None:
    batch = make.make_import('name,note\n"=HYPERLINK(""x"")",y\n-,=1+1\n-,+1\n-,@x\n-,"\tx"\nBest Software House,z\n')
    response = client.get(reverse("admin:companies_import_refused", args=[batch.pk]))
    assert response["Content-Disposition"] == f'attachment; filename="import-{batch.pk}-refused.csv"'
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    table = list(csv.reader(io.StringIO(text)))
    assert table[0] == ["row", "why", "name", "note"]
    assert [row[3] for row in table[1:]] == ["'=1+1", "'+1", "'@x", "'\tx", "z"]
    assert [row[0] for row in table[1:]] == ["3", "4", "5", "6", "7"]
    assert table[1][2] == "'-"
    assert "a row without a name" in table[1][1]


@pytest.mark.security(22)
def test_what_is_left_out_of_rows_that_go_in_is_counted_guessed_at_and_downloaded(client: Client) -> None:
    make.lahore()
    rows = "Zorvex,Lahor,=1+1,\nKalix,Lahor,2004,foo bar\nNimbus,Lahore,2010,kalix.com\n-,Lahor,,\n"
    batch = make.make_import(f"name,city,founded,web\n{rows}")
    page = client.get(page_of(batch), {"show": "left-out"}).context
    assert (page["left_out"], [entry["name"] for entry in page["entries"]]) == (2, ["Zorvex", "Kalix"])
    assert page["frequent"] == [
        ("city", "Lahor", 2, "Lahore"),
        ("founded", "=1+1", 1, ""),
        ("web", "foo bar", 1, ""),
    ]
    response = client.get(reverse("admin:companies_import_left_out", args=[batch.pk]))
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert list(csv.reader(io.StringIO(text))) == [
        ["row", "company", "column", "value", "perhaps"],
        ["2", "Zorvex", "founded", "'=1+1", ""],
        ["2", "Zorvex", "city", "Lahor", "Lahore"],
        ["3", "Kalix", "web", "foo bar", ""],
        ["3", "Kalix", "city", "Lahor", "Lahore"],
    ]


def test_columns_stand_beside_their_first_values(client: Client) -> None:
    url = upload(client, b"name,No. of Employees\nZorvex,10-49\nKalix,\n")
    assert client.get(url).context["columns"] == [
        ("name", "name", ["Zorvex", "Kalix"]),
        ("No. of Employees", "employees", ["10-49"]),
    ]


def test_an_import_is_cancelled_while_nothing_was_written(client: Client) -> None:
    url = upload(client, b"name\nZorvex\n")
    assert "was cancelled" in client.post(url, {"do": "cancel"}, follow=True).content.decode()
    assert not Import.objects.exists()
    batch = make.make_import("name\nZorvex\n")
    batch.move(State.APPLYING)
    carry_on_all(60)
    batch.refresh_from_db()
    batch.move(State.FAILED, "Something went wrong.")
    assert "written already" in client.post(page_of(batch), {"do": "cancel"}, follow=True).content.decode()
    assert Import.objects.exists()


def test_what_somebody_else_cancelled_has_moved_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make.make_import("name\nZorvex\n")

    def found_once_more(*args: Any, **rest: Any) -> Import:
        Import.objects.all().delete()
        return batch

    monkeypatch.setattr("companies.import_page.get_object_or_404", found_once_more)
    response = client.post(page_of(batch), {"do": "cancel"}, follow=True)
    assert "has moved on meanwhile" in response.content.decode()


def test_an_import_of_which_rows_wait_says_so(client: Client) -> None:
    make.make_hub("Karachi")
    make.make_company("Nimbus Labs", hub=None, website="")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\nKalix,Karachi\n")
    client.post(page_of(batch), {"do": "apply"})
    carry_on_all(60)
    said = "Applied, except 1 row to be decided"
    assert said in client.get(page_of(batch)).content.decode()
    assert said in client.get(reverse("admin:companies_import_changelist")).content.decode()
    client.post(page_of(batch), {"do": "skip"})
    assert said not in client.get(page_of(batch)).content.decode()


@pytest.mark.security(20)
def test_texts_of_a_file_are_texts_on_the_page(client: Client) -> None:
    batch = make.make_import('name,<b>\n"<script>alert(1)</script> Zorvex",<i>\n')
    body = client.get(page_of(batch), {"show": "create"}).content.decode()
    assert "<script>alert" not in body
    assert "<i>" not in body


def test_progress_is_told(client: Client) -> None:
    batch = make.make_import("name\nZorvex\nKalix\n")
    batch.move(State.APPLYING)
    url = reverse("admin:companies_import_progress", args=[batch.pk])
    assert client.get(url).json() == {"busy": True, "done": 0, "all": 2}
    carry_on_all(60)
    assert client.get(url).json() == {"busy": False, "done": 2, "all": 2}


@pytest.mark.security(15)
@pytest.mark.parametrize("do", ["stage", "decide", "skip", "apply", "undo"])
def test_a_contributor_does_none_of_it(do: str) -> None:
    batch = make.make_import()
    client = signed_in(make_member("contributor", "chand"))
    assert client.get(reverse(ADD)).status_code == 403
    assert client.get(page_of(batch)).status_code == 403
    assert client.post(page_of(batch), {"do": do, "why": "x"}).status_code == 403


def test_only_who_publishes_publishes(client: Client, editor: User) -> None:
    editor.groups.get().permissions.remove(
        *editor.groups.get().permissions.filter(codename="publish_company").values_list("pk", flat=True)
    )
    url = upload(client, b"name\nZorvex\n")
    client.post(url, {"do": "stage", "column-0": "name", "status": "published"})
    assert Import.objects.get().status == "draft"


def test_a_page_costs_the_same_however_many_rows_there_are(client: Client) -> None:
    make.make_hub("Karachi")

    def queries(rows: int) -> int:
        batch = make.make_import("name,city\n" + "".join(f"Nimbus Labs{n},Karachi\n" for n in range(rows)))
        with CaptureQueriesContext(connection) as captured:
            client.get(page_of(batch), {"show": "create"})
        return len(captured)

    queries(1)
    assert queries(30) == queries(3)


def test_a_curator_imports_a_file_and_undoes_it(page: Page, site: Site, tmp_path: Path) -> None:
    """The whole way in a browser, with the worker of `manage.py serve` behind it."""
    path = tmp_path / "list.csv"
    path.write_bytes(
        "Company;City;Web\r\nZorvex Kalix;Lahore;zorvexkalix.com\r\nSoftware House;;\r\n".encode("cp1252")
    )
    sign_in(page, site)
    page.goto("/admin/companies/import/add/")
    page.get_by_label("File").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Web", exact=True)).to_have_value("website")
    assert_accessible(page)
    page.get_by_label("New companies are").select_option("published")
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_role("link", name="New 1").click()
    expect(page.get_by_role("heading", name="Zorvex Kalix")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
    page.get_by_role("button", name="Write the 1 decided row").click()
    expect(page.get_by_text("Applied.", exact=True)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Done 1 of 2")).to_be_visible()
    assert page.request.get("/api/v1/companies/zorvex-kalix/").status == 200
    page.get_by_label("Why").fill("Only tried out")
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("Undone.", exact=True)).to_be_visible(timeout=30_000)
    assert page.request.get("/api/v1/companies/zorvex-kalix/").status == 410
