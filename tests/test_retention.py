"""Retention: what is kept is told as before, and of what is not everybody is told that it is gone."""

import datetime
import random
from collections.abc import Callable
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from companies.merging import merge_companies
from companies.models import Company
from companies.suggestions import Suggestion
from directory import retention
from directory.models import Log, Revision, Source, Version
from directory.publishing import check, edit, publication
from directory.undoing import CannotUndo, undo
from partners.models import Usage
from partners.steering import press
from partners.webhooks import KEPT_FOR, Delivery, Webhook
from tests import factories as make
from tests.curators import signed_in
from tests.test_admin import url_of

pytestmark = [pytest.mark.django_db, pytest.mark.security(43)]

LIST = "/api/v1/companies/"
LONG_AGO = timezone.now() - datetime.timedelta(days=settings.HISTORY_DAYS + 10)


def age(revision: int) -> None:
    """Let all up to a revision be older than it is kept, each a second younger than the one before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE directory_revision SET created_at = %s::timestamptz + id * interval '1 second' WHERE id <= %s",
            [LONG_AGO, revision],
        )


def change_at_random(seed: int) -> list[Company]:
    """Companies with a past: edited, renamed, withdrawn and back, merged, deleted."""
    chance = random.Random(seed)
    hub = make.make_hub()
    companies = [make.make_company(f"Company {n}", hub=hub) for n in range(4)]
    for step in range(14):
        company = chance.choice(companies)
        if Company.objects.get(pk=company.pk).status == "withdrawn" or chance.random() < 0.2:
            with publication(source=Source.ADMIN):
                status = "withdrawn" if company.is_public else "published"
                Company.objects.filter(pk=company.pk).update(status=status)
            company.refresh_from_db()
        else:
            patch = (
                {"founded_year": 1990 + step} if chance.random() < 0.7 else {"slug": f"company-{company.pk}-{step}"}
            )
            edit(company, patch, source=Source.ADMIN)
        if step == 8:
            edit(hub, {"name": "Lahore city"}, source=Source.ADMIN)
    live = list(Company.objects.filter(status="published")[:3])
    if len(live) == 3:
        merge_companies(keep=live[0], drop=live[1], choices={}, by=None)
        with publication(source=Source.ADMIN):
            live[2].delete()
    return companies


def pasts(api: Client, companies: list[Company], revisions: list[int]) -> dict[tuple[str, int], tuple[int, Any]]:
    """(id, revision) → what is answered of the object at that revision."""
    found = {}
    for company in companies:
        for revision in revisions:
            answer = api.get(f"{LIST}{company.public_id}/?as_of={revision}&include=hub", follow=True)
            found[company.public_id, revision] = answer.status_code, answer.status_code == 200 and answer.content
    return found


def told(api: Client, revisions: list[int]) -> list[bytes]:
    """What mirrors are told that have all up to one of ``revisions``."""
    urls = [f"/api/v1/changes/?after={revision}&limit=1000" for revision in revisions]
    urls += [f"/api/v1/digest/?revision={revision}" for revision in revisions]
    return [api.get(url).content for url in urls] + [b"".join(api.get("/api/v1/snapshot/"))]


@pytest.mark.parametrize("seed", range(3))
def test_from_the_oldest_that_is_kept_on_all_is_as_before(
    api: Client, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None], seed: int
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 4)
    companies = change_at_random(seed)
    numbers = list(Revision.objects.order_by("pk").values_list("pk", flat=True))
    gone, kept = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    before, versions = (pasts(api, companies, kept), told(api, kept)), Version.objects.count()
    age(kept[0])
    call_command("prune")
    forget()
    assert (pasts(api, companies, kept), told(api, kept)) == before
    assert Version.objects.count() < versions
    assert Log.objects.forgotten() == kept[0]
    assert {status for status, _ in pasts(api, companies, gone).values()} == {410}
    for path in ("changes/?after", "digest/?revision"):
        answer = api.get(f"/api/v1/{path}={gone[-1]}")
        assert (answer.status_code, answer.json()["code"]) == (410, "start_over")
    call_command("prune")
    assert (pasts(api, companies, kept), told(api, kept), list(check())) == (*before, [])


def a_company_with_a_past() -> tuple[Company, list[int]]:
    """(a company, its revisions), of which the last but one and what came before is older than it is kept."""
    company = make.make_company("Systems", founded_year=1976)
    for year in (1977, 1978, 1979):
        edit(company, {"founded_year": year}, source=Source.ADMIN)
    revisions = list(Version.objects.filter(kind="company").order_by("pk").values_list("revision_id", flat=True))
    age(revisions[-2])
    call_command("prune")
    return company, revisions


def test_history_says_where_it_does_not_know_what_changed(api: Client) -> None:
    company, revisions = a_company_with_a_past()
    entries = api.get(f"{LIST}systems/history/").json()["results"]
    assert [(entry["revision"], entry["changes"]) for entry in entries] == [
        (revisions[3], [{"field": "founded_year", "old": 1978, "new": 1979}]),
        (revisions[2], None),
    ]
    page = signed_in(make.make_curator()).get(url_of(company, "history")).content.decode()
    assert page.count("What it was before is no longer kept.") == 1


def test_as_of_a_time_that_is_no_longer_kept(api: Client) -> None:
    _, revisions = a_company_with_a_past()
    first = Revision.objects.get(pk=revisions[2]).created_at
    at = f"{LIST}systems/?as_of={{:%Y-%m-%dT%H:%M:%S.%fZ}}"
    assert api.get(at.format(first)).json()["founded_year"] == 1978
    earlier = api.get(at.format(first - datetime.timedelta(seconds=1)))
    assert earlier.status_code == 410
    assert "is no longer kept" in earlier.json()["detail"]


def test_nothing_is_undone_of_which_it_is_not_known_what_it_was_before() -> None:
    company, revisions = a_company_with_a_past()
    with pytest.raises(CannotUndo, match="no longer kept"):
        undo(Revision.objects.get(pk=revisions[2]), by=None)
    undo(Revision.objects.get(pk=revisions[3]), by=None)
    company.refresh_from_db()
    assert (company.status, company.founded_year) == ("published", 1978)


def test_a_suggestion_and_a_webhook_begin_at_what_is_kept(api: Client) -> None:
    company, revisions = a_company_with_a_past()
    body = {"company": company.public_id, "revision": revisions[1], "patch": {"founded_year": 1980}}
    refused = api.post("/api/v1/suggestions/", body, content_type="application/json")
    assert (refused.status_code, "no longer kept" in refused.json()["errors"][0]["detail"]) == (400, True)
    webhook = make.make_webhook()
    with pytest.raises(ValidationError, match=f"{revisions[2]} to {revisions[3]}"):
        press(webhook.pk, "replay", {"revision": str(revisions[1])}, by=None)
    press(webhook.pk, "replay", {"revision": str(revisions[2])}, by=None)


def test_a_young_log_is_kept_as_it_is() -> None:
    make.make_company()
    before = Version.objects.count(), Revision.objects.count()
    call_command("prune")
    assert (Version.objects.count(), Revision.objects.count(), Log.objects.forgotten()) == (*before, 0)


def test_what_is_noted_is_dropped_after_its_time() -> None:
    now = timezone.now()
    old, new = now - datetime.timedelta(days=settings.LOG_DAYS + 1), now
    key, _ = make.make_key()
    user, company = make.make_curator(), make.make_company()
    for at in (old, new):
        Usage.objects.create(key=key, day=at.date())
        LogEntry.objects.create(user=user, action_time=at, action_flag=2)
        AccessAttempt.objects.create(username=f"at {at}", failures_since_start=1)
        AccessAttempt.objects.filter(username=f"at {at}").update(attempt_time=at)
        Session.objects.create(session_key=f"{at:%Y}", session_data="", expire_date=at + datetime.timedelta(hours=1))
        suggestion = make.make_suggestion(company, founded_year=1999)
        decided = {"state": "rejected", "decisions": {"founded_year": {}}, "decided_at": at}
        Suggestion.objects.filter(pk=suggestion.pk).update(email="a@sender.example", **decided)
    for at in (now - KEPT_FOR - datetime.timedelta(days=1), new):
        make.make_delivery(at=at, webhook=Webhook.objects.first())
    call_command("prune")
    for found in (Usage, LogEntry, AccessAttempt, Session, Delivery):
        assert found._default_manager.count() == 1, found
    senders = Suggestion.objects.order_by("decided_at").values_list("email", "sender")
    assert [bool(email or sender) for email, sender in senders] == [False, True]
