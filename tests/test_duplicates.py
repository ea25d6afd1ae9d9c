"""Duplicates: who may be in the directory twice is found every night, decided once, and merged from the list."""

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from companies import duplicates
from companies.duplicates import Found, find_duplicates
from companies.merging import merge_companies, undo_merge
from companies.models import Company, Duplicate
from companies.tasks import find_duplicates as nightly
from tests import factories as make
from tests.curators import make_member, signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/companies/duplicate/"


@pytest.fixture
def curator() -> User:
    return make.make_curator()


@pytest.fixture(scope="module")
def companies(shared_rows: None) -> None:
    """Two entries of one company, of which the second is a draft, and a neighbour."""
    make.make_company("Devsinc")
    make.make_company("Devsinc (Pvt.) Ltd.", status="draft", website="")
    make.make_company("Cubix")
    make.make_company("Cubix IT")


@pytest.fixture
def twins(companies: None) -> tuple[Company, Company]:
    first, second = Company.objects.filter(name__startswith="Devsinc").order_by("pk")
    return first, second


def pairs() -> list[tuple[str, str, str]]:
    rows = Duplicate.objects.order_by("first_id", "second_id").select_related("first", "second")
    return [(row.first.name, row.second.name, row.state) for row in rows]


# Finding


def test_a_pair_is_found_with_its_reasons(twins: tuple[Company, Company]) -> None:
    assert find_duplicates() == Found(new=1, gone=0)
    assert pairs() == [("Devsinc", "Devsinc (Pvt.) Ltd.", "open")]
    duplicate = Duplicate.objects.get()
    assert duplicate.score > 0.9
    assert duplicate.reasons == ["the same name: “Devsinc (Pvt.) Ltd.” and “Devsinc”", "the same hub, lahore"]


def test_another_night_changes_nothing(twins: tuple[Company, Company]) -> None:
    find_duplicates()
    before = Duplicate.objects.values_list("pk", "score", "reasons", "state").get()
    assert find_duplicates() == Found(new=0, gone=0)
    assert Duplicate.objects.values_list("pk", "score", "reasons", "state").get() == before


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_every_pair_is_found_however_little_is_in_memory(
    chunk: int, twins: tuple[Company, Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "PAGE", 2)
    make.make_company("Devsinc Private Limited", website="")
    make.make_company("Cubix (Pvt.) Ltd.", website="")
    find_duplicates(chunk=chunk)
    assert pairs() == [
        ("Devsinc", "Devsinc (Pvt.) Ltd.", "open"),
        ("Devsinc", "Devsinc Private Limited", "open"),
        ("Devsinc (Pvt.) Ltd.", "Devsinc Private Limited", "open"),
        ("Cubix", "Cubix (Pvt.) Ltd.", "open"),
    ]


def test_what_changed_since_is_told_and_what_is_over_is_gone(twins: tuple[Company, Company]) -> None:
    find_duplicates()
    make.publish(make_renamed(twins[1], "Devsink"))
    assert find_duplicates() == Found(new=0, gone=0)
    assert "but for a letter" in Duplicate.objects.get().reasons[0]
    make.publish(make_renamed(twins[1], "Zamtech"))
    assert find_duplicates() == Found(new=0, gone=1)
    assert pairs() == []


def make_renamed(company: Company, name: str) -> Company:
    company.name = name
    return company


def test_what_was_decided_stays_so(twins: tuple[Company, Company], curator: User) -> None:
    find_duplicates()
    Duplicate.objects.decide("not_duplicate", by=curator, why="A franchise")
    make.publish(make_renamed(twins[1], "Devsink"))
    assert find_duplicates() == Found(new=0, gone=0)
    duplicate = Duplicate.objects.get()
    assert (duplicate.state, duplicate.by, duplicate.why) == ("not_duplicate", curator, "A franchise")
    assert "but for a letter" not in duplicate.reasons[0]


def test_a_company_that_was_merged_or_deleted_since_it_was_read_is_in_no_pair(
    twins: tuple[Company, Company],
) -> None:
    first, second = twins
    found = list(duplicates.find_pairs(100))
    third = make.make_company("Devsinc Private Limited", website="")
    found += list(duplicates.find_pairs(100))
    second.delete()
    merge_companies(keep=first, drop=third, choices={}, by=None)
    assert duplicates.keep_pairs(found, timezone.now()) == 0
    assert pairs() == []


def test_the_command_and_the_task(twins: tuple[Company, Company], capsys: pytest.CaptureFixture) -> None:
    call_command("find_duplicates")
    assert capsys.readouterr().out == "Pairs: 1 new, 0 gone, 1 waiting for a decision.\n"
    Duplicate.objects.all().delete()
    nightly(0)
    assert Duplicate.objects.count() == 1
    periodic = app.periodic_registry.periodic_tasks
    assert ("companies.tasks.find_duplicates", "") in periodic


# What must hold


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": "b", "second": "a"}, "duplicate_in_order"),
        ({"first": "a", "second": "a"}, "duplicate_in_order"),
        ({"score": 1.5}, "duplicate_score_of_one"),
        ({"state": "not_duplicate"}, "duplicate_decided"),
        ({"state": "else", "at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)}, "duplicate_decided"),
        ({"why": "Because"}, "duplicate_decided"),
    ],
)
def test_the_database_keeps_the_rules(changes: dict[str, Any], message: str) -> None:
    ends: dict[Any, Company] = {"a": make.make_company("Cubix"), "b": make.make_company("Cubix IT")}
    fields: dict[str, Any] = {"first": "a", "second": "b", "score": 0.5, "seen_at": timezone.now()} | changes
    with pytest.raises(IntegrityError, match=message), transaction.atomic():
        Duplicate.objects.create(**fields | {end: ends[fields[end]] for end in ("first", "second")})


def test_two_are_a_pair_once(twins: tuple[Company, Company]) -> None:
    make.make_duplicate(*twins)
    with pytest.raises(IntegrityError, match="duplicate_once"), transaction.atomic():
        make.make_duplicate(*twins)


# Merging


def test_a_merge_decides_the_pair_and_an_undo_reopens_it(twins: tuple[Company, Company], curator: User) -> None:
    first, second = twins
    third = make.make_company("Devsinc Private Limited", website="")
    find_duplicates()
    merge = merge_companies(keep=second, drop=first, choices={}, by=curator, reason="One firm")
    merged = Duplicate.objects.get(state="merged")
    assert (merged.first, merged.second, merged.by, merged.why) == (first, second, curator, "One firm")
    assert merged.at is not None
    assert pairs()[1:] == [("Devsinc (Pvt.) Ltd.", "Devsinc Private Limited", "open")], "the third with who was kept"
    assert find_duplicates() == Found(new=0, gone=0)
    undo_merge(merge, by=curator)
    assert set(Duplicate.objects.values_list("state", flat=True)) == {"open"}
    assert find_duplicates() == Found(new=1, gone=0)
    assert Duplicate.objects.filter(first=first, second=third).exists()


def test_a_merge_of_what_was_called_two_says_merged(twins: tuple[Company, Company], curator: User) -> None:
    make.make_duplicate(*twins)
    Duplicate.objects.decide("not_duplicate", by=curator)
    merge_companies(keep=twins[0], drop=twins[1], choices={}, by=curator)
    assert Duplicate.objects.get().state == "merged"


# The list


def names(client: Client, query: str = "") -> list[str]:
    """The pairs that the list shows."""
    response = client.get(f"{LIST}{query}")
    return [str(duplicate) for duplicate in response.context["cl"].result_list]


@pytest.fixture
def queue(twins: tuple[Company, Company], curator: User) -> Duplicate:
    """An open pair, another that is less like one, and one that was decided."""
    cubix, cubix_it = Company.objects.filter(name__startswith="Cubix").order_by("pk")
    make.make_duplicate(twins[0], cubix, score=0.55)
    decided = make.make_duplicate(cubix, cubix_it, score=0.7)
    Duplicate.objects.filter(pk=decided.pk).decide("not_duplicate", by=curator, why="Two firms")
    return make.make_duplicate(*twins)


def test_the_list_shows_what_waits_the_likeliest_first(queue: Duplicate, curator: User) -> None:
    client = signed_in(curator)
    twins, unlike, decided = "Devsinc and Devsinc (Pvt.) Ltd.", "Devsinc and Cubix", "Cubix and Cubix IT"
    assert names(client) == [twins, unlike]
    assert names(client, "?state=not_duplicate") == [decided]
    assert names(client, "?state=merged") == []
    assert names(client, "?state=all") == [twins, decided, unlike]
    assert names(client, "?score=0.8") == [twins]
    assert names(client, "?score=0") == [unlike]
    assert names(client, "?q=pvt") == [twins]
    assert names(client, "?q=cubix") == [unlike]
    assert names(client, f"?state=all&by__id__exact={curator.pk}") == [decided]


def test_a_row_leads_to_the_merge_page(queue: Duplicate, curator: User) -> None:
    client = signed_in(curator)
    address = f"{reverse('admin:companies_company_merge')}?keep={queue.first_id}&drop={queue.second_id}"
    assert address.replace("&", "&amp;") in client.get(LIST).content.decode()
    response = client.post(address, {"merge": "1", "reason": "One firm"})
    assert response.status_code == 302
    queue.refresh_from_db()
    assert (queue.state, queue.by, queue.why) == ("merged", curator, "One firm")


@pytest.mark.parametrize("why", ["", "A franchise"])
def test_an_editor_says_that_two_are_two(queue: Duplicate, why: str) -> None:
    editor = make_member("editor")
    chosen = {"action": "not_duplicate", "_selected_action": [queue.pk], "reason": why}
    response = signed_in(editor).post(LIST, chosen, follow=True)
    assert "Not a duplicate: 1." in response.content.decode()
    queue.refresh_from_db()
    assert (queue.state, queue.by, queue.why) == ("not_duplicate", editor, why)


def test_a_contributor_only_looks(queue: Duplicate) -> None:
    client = signed_in(make_member("contributor"))
    page = client.get(LIST).content.decode()
    assert "Devsinc (Pvt.) Ltd." in page
    assert "Compare" not in page
    client.post(LIST, {"action": "not_duplicate", "_selected_action": [queue.pk]})
    queue.refresh_from_db()
    assert queue.state == "open"


def test_a_company_is_deleted_with_its_pairs(queue: Duplicate, curator: User) -> None:
    address = reverse("admin:companies_company_delete", args=[queue.second_id])
    assert signed_in(make_member("editor")).post(address, {"post": "yes"}).status_code == 302
    assert not Duplicate.objects.filter(pk=queue.pk).exists()


def test_the_list_says_when_it_was_last_looked_for_and_who_decides_has_it_done_now(
    twins: tuple[Company, Company],
) -> None:
    client = signed_in(make_member("editor"))
    assert "not looked through yet" in client.get(LIST).content.decode()
    assert client.post(f"{LIST}look/").status_code == client.post(f"{LIST}look/").status_code == 302
    task = {"task_name": "companies.tasks.find_duplicates", "status": "todo"}
    assert ProcrastinateJob.objects.filter(**task).count() == 1
    nightly(timestamp=0)
    assert ": 1 new, 0 gone." in client.get(LIST).content.decode()
    contributor = signed_in(make_member("contributor", "chand"))
    assert "Look now" not in contributor.get(LIST).content.decode()
    assert contributor.post(f"{LIST}look/").status_code == 403
