"""Imports: staged with what is to become of each row, applied without loss or repetition, and undone as a whole."""

import io
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from companies import applying, retracting
from companies.background import carry_on, carry_on_all
from companies.merging import merge_companies
from companies.models import Company, Import, ImportRow
from companies.staged import Decision, State
from companies.staging import decide
from companies.unplaced import UnplacedValue
from companies.workflow import Step
from directory.models import Mark, Revision, Source, Version
from directory.publishing import edit
from tests import factories as make
from tests.log import actions

pytestmark = pytest.mark.django_db


def finish(batch: Import, state: str = State.APPLYING) -> Import:
    """Let the background do what ``state`` says, to the end."""
    batch.move(state)
    while batch.is_busy:
        carry_on(batch)
    return batch


def rows(batch: Import) -> list[tuple[str, list[str]]]:
    return [(row.decision, row.reasons) for row in batch.rows.order_by("number")]


def decisions(batch: Import) -> list[str]:
    return [row.decision for row in batch.rows.order_by("number")]


def retract(batch: Import, why: str = "The wrong file") -> Import:
    batch.why_undone, batch.is_checked = why, False
    batch.save()
    return finish(batch, State.UNDOING)


# Staging


@pytest.mark.complaint(25)
def test_each_row_is_new_known_to_be_decided_or_refused() -> None:
    make.make_hub("Karachi")
    known = make.make_company("Zorvex", website="https://zorvex.com/")
    make.make_company("Nimbus Labs", hub=None, website="")
    batch = make.make_import(
        "CompanyName,City,WebsiteURL\n"
        "Zorvex (Pvt.) Ltd.,Lahore,www.zorvex.com\n"
        "Kalix Systems,Lahore,kalix.com\n"
        "Best Software House in Lahore,Lahore,\n"
        "Nimbus Labs,Karachi,\n"
        "Kalix Systems,Lahore,kalix.com\n"
    )
    assert decisions(batch) == ["update", "create", "refused", "undecided", "update"]
    assert batch.state == State.STAGED
    assert batch.counts["all"] == 5
    first, _, refused, undecided, repeat = batch.rows.order_by("number")
    assert (first.company, first.certainty) == (known, "certain")
    assert "says what a business does" in refused.reasons[0]
    assert undecided.candidates
    assert (repeat.company, repeat.same_as) == (None, 3)
    assert not Company.objects.filter(name__startswith="Kalix").exists()


def test_rows_of_a_file_without_names_are_refused_each_with_its_reason() -> None:
    batch = make.make_import('website,address\nhttp://zorvex.com,"Plot 1, Lahore"\nhttp://kalix.com,\n')
    assert rows(batch) == [("refused", ["name: missing; a row without a name is no company."])] * 2


def test_a_value_that_the_serializer_refuses_is_refused_before_anything_is_written() -> None:
    batch = make.make_import(f"name,legal_name\nZorvex,{'x' * 251}\n")
    assert rows(batch) == [("refused", ["legal_name: Ensure this field has no more than 250 characters."])]


def test_a_name_that_none_may_have_is_refused() -> None:
    batch = make.make_import("name,legal_name\nZor\u202evex,\nKalix,Kal\u2066ix Ltd\n")
    said = "It has an invisible character in it (U+{}), which a name has not: type it anew."
    expected = [f"name: {said.format('202E')}", f"legal_name: {said.format('2066')}"]
    assert rows(batch) == [("refused", [reason]) for reason in expected]


def test_a_file_that_turns_out_bad_in_the_middle_fails_and_stages_nothing() -> None:
    batch = make.make_import("name\nZorvex\nKalix,surplus\n")
    assert (batch.state, batch.rows.count()) == (State.FAILED, 0)
    assert "Row 3 has more cells" in batch.problem


def test_columns_can_be_mapped_otherwise() -> None:
    batch = make.make_import("Firma,Ort\nZorvex,Lahore\n", state=State.UPLOADED)
    assert batch.mapping == {}
    make.lahore()
    batch.mapping = {"Firma": "name", "Ort": "hub"}
    batch.save()
    finish(batch, State.STAGING)
    assert batch.rows.get().patch == {"name": "Zorvex", "hub": "lahore"}


def test_identifiers_are_read_and_what_is_none_found_no_place() -> None:
    batch = make.make_import("name,SECP,LinkedIn\nZorvex,0012345,Not A Name\n")
    row = batch.rows.get()
    assert row.patch["identifiers"] == [{"scheme": "secp", "value": "0012345"}]
    assert row.unplaced == [["LinkedIn", "Not A Name"]]


# Applying


def test_what_found_no_place_is_kept_with_the_company() -> None:
    finish(
        make.make_import("name,Skills,tags\nZorvex,python;zkyc,\n", mapping={"name": "name", "Skills": "specialties"})
    )
    kept = UnplacedValue.objects.values_list("company__name", "field", "value")
    assert list(kept) == [("Zorvex", "specialties", "python"), ("Zorvex", "specialties", "zkyc")]


def test_new_companies_are_drafts_unless_told_otherwise() -> None:
    finish(make.make_import("name\nZorvex\n"))
    finish(make.make_import("name\nKalix\n", status="published"))
    assert list(Company.objects.order_by("name").values_list("name", "status")) == [
        ("Kalix", "published"),
        ("Zorvex", "draft"),
    ]
    assert actions() == [("company", "kalix", "created")]
    assert not Mark.objects.exists()
    assert list(Step.objects.order_by("pk").values_list("before", "after")) == [("", "draft"), ("", "published")]


def test_a_known_company_gets_what_it_lacks_and_keeps_what_it_has() -> None:
    make.make_specialty("Python")
    company = make.make_company("Zorvex", website="https://zorvex.com/", founded_year=1999)
    make.make_source(company, reference="https://first.example/")
    batch = make.make_import(
        "name,website,founded_year,employees,tags,source\n"
        "Zorvex,zorvex.com,2004,10-49,Python,https://second.example/\n"
    )
    finish(batch)
    company.refresh_from_db()
    document = orjson.loads(company.document or "")
    assert company.founded_year == 1999
    assert document["employees"] == {"min": 10, "max": 49}
    assert [one["slug"] for one in document["specialties"]] == ["python"]
    assert [one["reference"] for one in document["sources"]] == ["https://first.example/", "https://second.example/"]
    # The second says another year, so it does not vouch for the one that is told.
    assert document["sources"][1]["facts"] == ["website", "employees", "specialties"]
    revision = Revision.objects.order_by("-pk")[0]
    assert (revision.source, revision.reason) == (Source.IMPORT, f"Import {batch.pk}, list.csv")
    assert batch.rows.get().revision == revision.pk == company.revision


def test_where_an_import_comes_from_vouches_for_what_it_brought() -> None:
    known = make.make_company("Zorvex", website="https://zorvex.com/", founded_year=1999)
    text = "name,website,founded_year,source\nZorvex,zorvex.com,2004,\nKalix,kalix.com,2010,\nNimbus,,,A letter\n"
    batch = make.make_import(text, state=State.UPLOADED, reason="The list of PASHA; 2026")
    finish(batch, State.STAGING)
    finish(batch)

    def sources(company: Company) -> list[tuple[str, list[str]]]:
        return [(one.reference, one.facts) for one in company.sources.all()]

    assert sources(known) == [("The list of PASHA; 2026", ["website"])]  # it says another year
    assert sources(Company.objects.get(name="Kalix")) == [("The list of PASHA; 2026", ["website", "founded_year"])]
    assert sources(Company.objects.get(name="Nimbus")) == [("A letter", [])]
    assert retract(batch).state == State.UNDONE
    assert sources(known) == []


def test_the_same_file_twice_changes_nothing() -> None:
    make.lahore()
    text = "name,city,website,source\nZorvex,Lahore,zorvex.com,https://list.example/\nKalix,Lahore,,\n"
    finish(make.make_import(text, status="published"))
    before = Revision.objects.current()
    again = finish(make.make_import(text))
    assert decisions(again) == ["update", "update"]
    assert Revision.objects.current() == before
    assert Company.objects.count() == 2


def test_rows_of_one_company_become_one_company() -> None:
    make.lahore()
    batch = finish(
        make.make_import(
            "name,city,website,founded_year\nZorvex,Lahore,zorvex.com,\nZorvex,Lahore,zorvex.com,2004\n"
            "Zorvex,Lahore,zorvex.com,2010\n"
        )
    )
    assert Company.objects.get().founded_year == 2004
    assert {row.company_id for row in batch.rows.all()} == {Company.objects.get().pk}


def test_a_website_of_somebody_else_is_left_out_and_said_so() -> None:
    make.make_company("Kalix", website="https://group.com/")
    batch = make.make_import("name,website\nZorvex Foods,https://group.com/foods\n")
    row = batch.rows.get()
    decide(row, "new")
    finish(batch)
    assert Company.objects.get(name="Zorvex Foods").website == ""
    assert batch.rows.get().reasons == ["website: https://group.com/foods (is the domain of Kalix)"]


def test_what_the_database_refuses_keeps_nobody_else_out() -> None:
    make.make_identifier(make.make_company("Kalix"), value="0012345")
    batch = make.make_import("name,secp\nAlpha Zorvex,0012346\nBeta Nimbus,0012347\nGamma Orbit,0012348\n")
    make.make_identifier(Company.objects.get(name="Kalix"), value="0012347")
    finish(batch)
    assert decisions(batch) == ["create", "refused", "create"]
    assert "Another company has this identifier" in batch.rows.get(number=3).reasons[0]
    assert Company.objects.count() == 3


def test_a_company_entered_while_the_curator_decided_is_recognised() -> None:
    make.lahore()
    batch = make.make_import("name,city,website\nZorvex,Lahore,zorvex.com\n")
    entered = make.make_company("Zorvex", website="https://zorvex.com/")
    finish(batch)
    assert Company.objects.get() == entered
    assert decisions(batch) == ["update"]


def test_a_company_merged_since_is_the_one_that_was_kept() -> None:
    kept, dropped = make.make_company("Kalix Group"), make.make_company("Zorvex", website="https://zorvex.com/")
    batch = make.make_import("name,website,founded_year\nZorvex,zorvex.com,2004\n")
    merge_companies(keep=kept, drop=dropped, choices={}, by=None)
    finish(batch)
    kept.refresh_from_db()
    assert (kept.founded_year, batch.rows.get().company_id) == (2004, kept.pk)


def test_a_company_deleted_since_is_no_company() -> None:
    company = make.make_company("Zorvex", website="https://zorvex.com/")
    batch = make.make_import("name,website\nZorvex,zorvex.com\n")
    company.delete()
    finish(batch)
    assert rows(batch) == [("refused", ["The company was deleted since."])]


@pytest.mark.parametrize(
    ("choice", "decision", "companies"), [("new", "create", 2), ("skip", "skip", 1), ("it", "update", 1)]
)
def test_a_curator_decides(choice: str, decision: str, companies: int) -> None:
    known = make.make_company("Nimbus Labs", hub=None, website="")
    make.make_hub("Karachi")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\n")
    row = batch.rows.get()
    with pytest.raises(ValueError, match="999"):
        decide(row, "999")
    decide(row, str(known.pk) if choice == "it" else choice)
    finish(batch)
    assert decisions(batch) == [decision]
    assert Company.objects.count() == companies


def test_a_row_waits_for_the_one_that_it_repeats() -> None:
    make.make_company("Nimbus Labs", hub=None, website="")
    make.make_hub("Karachi")
    batch = make.make_import("name,city\nNimbus Labs,Karachi\nNimbus Labs,Karachi\n")
    assert decisions(batch) == ["undecided", "update"]
    finish(batch)
    assert batch.counts["done"] == 0
    decide(batch.rows.get(number=2), "new")
    finish(batch)
    assert (batch.counts["done"], Company.objects.count()) == (2, 2)


def names(number: int) -> str:
    return "name,website\n" + "".join(f"Zorvex{n} Kalix{n},https://kalix{n}.com/\n" for n in range(number))


def test_whoever_is_killed_is_followed_by_somebody_who_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk is one transaction: it ends before the rows are marked, and nothing of it is left."""
    monkeypatch.setattr(applying, "CHUNK", 3)
    batch = make.make_import(names(8), status="published")
    batch.move(State.APPLYING)
    carry_on(batch)

    class Killed(BaseException):
        """As SIGKILL: nobody catches it."""

    def die(*args: Any) -> None:
        raise Killed

    for step in ("write_rows", "mark"):
        with monkeypatch.context() as patching:
            patching.setattr(applying, step, die)
            with pytest.raises(Killed):
                carry_on(batch)
        assert batch.rows.done().count() == Company.objects.count() == 3
    assert carry_on_all(seconds=60) is False
    batch.refresh_from_db()
    assert (batch.state, Company.objects.count()) == (State.APPLIED, 8)
    assert Version.objects.filter(kind="company").count() == 8
    assert batch.rows.values("revision").distinct().count() == 3


def test_chunks_that_keep_others_waiting_become_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SECONDS", 0), ("LEAST", 2), ("CHUNK", 3)):
        monkeypatch.setattr(applying, name, value)
    batch = make.make_import(names(8))
    batch.move(State.APPLYING)
    done = []
    while batch.is_busy:
        carry_on(batch)
        done.append(batch.rows.done().count())
    assert done == [3, 5, 7, 8, 8]


@pytest.mark.complaint(25)
def test_a_chunk_costs_the_same_however_many_rows_it_has() -> None:
    def queries(number: int) -> int:
        batch = make.make_import(names(number).replace("alix", f"alix{number}x"), status="published")
        batch.move(State.APPLYING)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            carry_on(batch)
        return len(captured)

    queries(1)
    assert queries(50) <= queries(5) + 2


# Undo


@pytest.mark.complaint(25)
def test_an_undo_takes_back_what_was_created_and_what_was_added() -> None:
    known = make.make_company("Zorvex", website="https://zorvex.com/", founded_year=None)
    draft = make.make_company("Nimbus Orbit", website="https://orbit.com/", status="draft")
    text = (
        "name,website,founded_year,source\n"
        "Zorvex,zorvex.com,2004,https://list.example/\n"
        "Nimbus Orbit,orbit.com,2005,\n"
        "Kalix,kalix.com,2006,https://list.example/\n"
        "Kalix,kalix.com,,https://other.example/\n"
    )
    drafts = finish(make.make_import(text))
    assert Company.objects.count() == 3
    retract(drafts)
    assert drafts.state == State.UNDONE
    known.refresh_from_db()
    draft.refresh_from_db()
    assert (known.founded_year, draft.founded_year, known.sources.count()) == (None, None, 0)
    assert not Company.objects.filter(name="Kalix").exists()
    published = retract(finish(make.make_import(text, status="published")))
    assert published.state == State.UNDONE
    assert Company.objects.get(name="Kalix").status == "withdrawn"
    assert actions()[-1] == ("company", "kalix-2", "withdrawn")  # the draft had the first address
    reasons = set(Revision.objects.order_by("-pk").values_list("reason", flat=True)[:1])
    assert reasons == {f"Undo of import {published.pk}, list.csv: The wrong file"}


@pytest.mark.parametrize("status", ["draft", "published"])
def test_an_undo_is_refused_whole_where_later_work_would_be_lost(status: str) -> None:
    known = make.make_company("Zorvex", website="https://zorvex.com/", founded_year=None)
    batch = finish(
        make.make_import(
            "name,website,founded_year\nZorvex,zorvex.com,2004\nKalix,kalix.com,2006\nNimbus,nimbus.com,\n",
            status=status,
        )
    )
    edit(known, {"founded_year": 2001}, source=Source.ADMIN)
    edit(Company.objects.get(name="Kalix"), {"summary": "Makes clocks."}, source=Source.ADMIN)
    edit(Company.objects.get(name="Nimbus"), {}, source=Source.ADMIN, status="in_review")
    before = Revision.objects.current()
    retract(batch)
    assert batch.state == State.APPLIED
    assert sorted(batch.problem.splitlines()) == [
        "Kalix: its summary changed since",
        "Nimbus: it became in review since",
        "Zorvex: its founded year changed since",
    ]
    assert (Revision.objects.current(), Company.objects.count()) == (before, 3)


def test_an_undo_that_is_killed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retracting, "CHUNK", 3)
    batch = finish(make.make_import(names(8)))
    batch.move(State.UNDOING)
    for _ in range(2):
        carry_on(batch)
    assert Company.objects.count() == 5
    carry_on_all(seconds=60)
    batch.refresh_from_db()
    assert (batch.state, Company.objects.count()) == (State.UNDONE, 0)


# The command


def run(path: Any, *options: str) -> str:
    out = io.StringIO()
    call_command("import_companies", str(path), *options, stdout=out)
    return out.getvalue()


def test_the_command_shows_and_writes_only_if_told_to(tmp_path: Any) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("CompanyName;Rating\r\nCafé Zorvex;4.5\r\nBest Software House;-3\r\n".encode("cp1252"))
    told = run(path)
    assert "CompanyName → name, Rating → left out" in told
    assert "2 rows: 1 new, 0 of known companies, 0 to be decided, 1 refused" in told
    assert "row 3, Refused: name:" in told
    assert not Company.objects.exists()
    assert not Import.objects.exists()
    assert "1 created, 0 matched, 1 refused" in run(path, "--apply")
    assert Company.objects.get().name == "Café Zorvex"
    assert ImportRow.objects.filter(decision=Decision.CREATE, done=True).exists()


def test_the_command_refuses_a_bad_file_and_keeps_nothing(tmp_path: Any) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"name\nZorvex\nKalix,surplus\n")
    with pytest.raises(CommandError, match="Row 3 has more cells"):
        run(path, "--apply")
    assert not Import.objects.exists()
