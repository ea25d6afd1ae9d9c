"""Webhooks: everything arrives, in order, signed, whatever becomes of the receiver, and nobody waits for another's.

The receivers are real servers that verify with `standardwebhooks`; only time is ours.
"""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks.webhooks
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from companies.models import Company
from directory.models import Log, Revision, Source
from directory.outbound import Sender
from directory.publishing import edit, publication
from partners import couriers, parcels
from partners.couriers import GIVE_UP_AFTER, Courier, Outcome, pause
from partners.dispatching import Dispatcher
from partners.parcels import end_of_log
from partners.webhooks import KEPT, Delivery, State, Webhook
from tests import factories as make
from tests.hosts import Answer, reply, sender_to
from tests.receiving import Clock, Receiver, holding, receiving
from tests.served import free_port, wait_for
from tests.test_writers import database_url, own_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of couriers and of the library by which receivers verify."""
    now = Clock()

    class Time(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return now()

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Time)
    return now


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "LIMIT", 3)


def make_webhook(receiver: Receiver | None = None, *, proven: bool = True, **fields: Any) -> Webhook:
    """A webhook whose events ``receiver`` takes."""
    known = {"url": receiver.url} if receiver else {}
    webhook = make.make_webhook(**{**known, "state": State.ACTIVE if proven else State.UNPROVEN, **fields})
    if receiver:
        [receiver.secret] = webhook.secrets(datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC))
    return webhook


def courier_to(*receivers: Receiver, clock: Clock, **options: Any) -> Courier:
    sender = sender_to(*(receiver.there for receiver in receivers), **options)
    return Courier(sender, http=True, clock=clock, chance=lambda: 0.5)


def attend(courier: Courier, webhook: Webhook) -> Webhook:
    courier.attend(webhook.pk)
    webhook.refresh_from_db()
    return webhook


def feed(api: Client, after: int = 0, **query: str) -> list[dict[str, Any]]:
    asked = {"after": str(after), "limit": "1000", **query}
    found: list[dict[str, Any]] = api.get("/api/v1/changes/", asked).json()["results"]
    return found


def change_much() -> None:
    """More than some batches of changes, of several kinds: created, updated, renamed, withdrawn."""
    hub = make.make_hub()
    with publication(source=Source.SYSTEM):
        companies = [make.make_company(f"Company {n}", hub=hub) for n in range(4)]
    for n, company in enumerate(companies[:3]):
        edit(company, {"founded_year": 2000 + n}, source=Source.SYSTEM)
    edit(hub, {"name": "Lahore city"}, source=Source.SYSTEM)  # which all companies follow
    with publication(source=Source.SYSTEM):
        companies[0].delete()


# Everything arrives


@pytest.mark.security(36)
@pytest.mark.complaint(21)
def test_all_changes_arrive_in_order_as_the_feed_has_them(api: Client, clock: Clock) -> None:
    with receiving() as shop:
        webhook = make_webhook(shop)
        courier = courier_to(shop, clock=clock)
        change_much()
        attend(courier, webhook)
        assert shop.records == feed(api)
        positions = [payload["data"]["position"] for payload in shop.taken.values()]
        assert positions == sorted(set(positions))
        assert len(positions) > 3
        before = len(shop.came)
        assert attend(courier, webhook).pending is None
        assert len(shop.came) == before  # nothing is sent twice, nor anything empty


def test_who_loses_a_delivery_can_go_on_with_the_feed(api: Client, clock: Clock) -> None:
    """`next` of a delivery is the feed's address of what comes behind it."""
    with receiving() as shop:
        webhook = make_webhook(shop, kinds=["company"])
        change_much()
        attend(courier_to(shop, clock=clock), webhook)
    first, *others = shop.taken.values()
    rest = api.get(first["data"]["next"].removeprefix(settings.SITE_URL)).json()["results"]
    assert rest == [record for payload in others for record in payload["data"]["results"]]


def down(request: BaseHTTPRequestHandler) -> None:
    """No answer at all."""


TROUBLES: dict[str, Answer] = {
    "down": down,
    "error": reply(500),
    "busy": reply(503, retry_after="60"),
    "redirect": reply(307, location="http://shop.example/elsewhere"),
}


@pytest.mark.security(36)
@pytest.mark.complaint(21)
@pytest.mark.parametrize(
    ("trouble", "is_taken"), [*((trouble, False) for trouble in TROUBLES), ("down", True), ("error", True)]
)
def test_nothing_is_lost_by_a_receiver_in_trouble_for_an_hour(
    api: Client, clock: Clock, trouble: str, is_taken: bool
) -> None:
    with receiving(takes_all_the_same=is_taken) as shop:
        webhook = make_webhook(shop)
        courier = courier_to(shop, clock=clock)
        change_much()
        shop.mood, began = TROUBLES[trouble], clock.now
        while clock.now - began < datetime.timedelta(hours=1):
            assert attend(courier, webhook).state == State.FAILING
            assert webhook.problem
            assert not Webhook.objects.due(clock.now).exists()
            assert webhook.next_attempt
            clock.now = webhook.next_attempt
            make.make_company()  # life goes on
        assert len(set(shop.messages())) == 1  # the same one is tried again
        shop.mood = None
        assert attend(courier, webhook).state == State.ACTIVE
    assert shop.records == feed(api)
    assert webhook.problem == ""
    assert webhook.failing_since is None
    assert {path for _, path, _ in shop.there.seen} == {"/hooks"}


@pytest.mark.security(33)
def test_nothing_is_lost_by_a_receiver_that_is_too_slow(api: Client, clock: Clock) -> None:
    answered = threading.Event()
    with receiving(mood=holding(answered)) as shop:
        webhook = make_webhook(shop)
        courier = courier_to(shop, clock=clock, total_seconds=0.2)
        change_much()
        assert attend(courier, webhook).problem == "It did not answer in time."
        answered.set()
        shop.mood = None
        clock.forward(minutes=1)
        attend(courier_to(shop, clock=clock), webhook)
    assert shop.records == feed(api)


def test_what_was_withdrawn_since_is_not_shown_when_it_is_tried_again(clock: Clock) -> None:
    with receiving(mood=reply(500)) as shop:
        webhook = make_webhook(shop, kinds=["company"])
        courier = courier_to(shop, clock=clock)
        company = make.make_company()
        attend(courier, webhook)
        with publication(source=Source.SYSTEM):
            Company.objects.filter(pk=company.pk).update(status="withdrawn")
        shop.mood = None
        clock.forward(minutes=1)
        attend(courier, webhook)
    assert [(record["action"], record["document"]) for record in shop.records] == [
        ("created", None),
        ("withdrawn", None),
    ]


@pytest.mark.security(36)
@pytest.mark.complaint(21)
def test_what_is_rolled_back_is_never_sent(api: Client, clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        company = make.make_company()
        attend(courier, webhook)
        before = len(shop.came)
        with transaction.atomic():
            edit(company, {"summary": "Never seen"}, source=Source.SYSTEM)
            transaction.set_rollback(True)
        with pytest.raises(IntegrityError), publication(source=Source.SYSTEM):
            Company.objects.filter(pk=company.pk).update(summary="Never seen either")
            Company.objects.filter(pk=company.pk).update(founded_year=1)
        attend(courier, webhook)
        assert len(shop.came) == before
        edit(company, {"summary": "Seen"}, source=Source.SYSTEM)
        attend(courier, webhook)
    assert shop.records == feed(api)
    assert shop.records[-1]["document"]["summary"] == "Seen"


def test_only_the_kinds_that_were_asked_for(api: Client, clock: Clock) -> None:
    with receiving() as shop:
        webhook = make_webhook(shop, kinds=["hub", "industry"])
        change_much()
        attend(courier_to(shop, clock=clock), webhook)
    assert shop.records == feed(api, kind="hub")
    assert not Webhook.objects.due(clock.now).exists()  # it is behind what does not concern it, too


# The receiver's side of the contract


@pytest.mark.security(34)
def test_a_challenge_comes_before_anything_else(api: Client, clock: Clock) -> None:
    change_much()
    with receiving(mood=reply(200, b'{"challenge": "guessed"}')) as shop:
        webhook, courier = make_webhook(shop, proven=False), courier_to(shop, clock=clock)
        webhook.ask_for_proof(clock.now)
        webhook.save()
        for mood, seconds in zip(
            (shop.mood, reply(200, b"hello"), reply(200, b"[1]"), reply(500)), (5, 15, 45, 135), strict=True
        ):
            shop.mood = mood
            assert attend(courier, webhook).state == State.UNPROVEN
            assert webhook.problem
            assert not Webhook.objects.due(clock.now).exists()
            clock.forward(seconds=seconds)
            assert webhook.next_attempt == clock.now
        shop.mood = None
        assert attend(courier, webhook).state == State.ACTIVE
        assert (webhook.failing_since, webhook.problem, webhook.attempts) == (None, "", 0)
    tries = webhook.deliveries.filter(kind="challenge").order_by("pk").values_list("attempt", flat=True)
    assert list(tries) == [1, 2, 3, 4, 5]
    assert set(shop.messages("challenge")) | set(shop.taken) == set(shop.messages())
    challenges = [payload["challenge"] for _, _, payload in shop.came if payload["type"] == "challenge"]
    assert len(set(challenges)) == 5
    assert shop.records == feed(api)


@pytest.mark.security(34)
def test_who_never_proves_itself_is_disabled_after_three_days(clock: Clock) -> None:
    with receiving(mood=reply(500)) as shop:
        webhook, courier = make_webhook(shop, proven=False), courier_to(shop, clock=clock)
        webhook.ask_for_proof(clock.now)
        webhook.save()
        began = clock.now
        while attend(courier, webhook).state == State.UNPROVEN:
            assert webhook.next_attempt
            clock.now = webhook.next_attempt
    assert GIVE_UP_AFTER <= clock.now - began < GIVE_UP_AFTER + datetime.timedelta(hours=8)
    assert (webhook.state, shop.messages("challenge")) == (State.DISABLED, shop.messages())
    assert "three days" in webhook.problem


@pytest.mark.security(34)
def test_gone_disables_at_once(clock: Clock) -> None:
    with receiving(mood=reply(410)) as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        change_much()
        assert attend(courier, webhook).state == State.DISABLED
        assert "410" in webhook.problem
        clock.forward(days=1)
        attend(courier, webhook)
    assert len(shop.came) == 1


@pytest.mark.security(34)
def test_after_three_days_it_is_disabled_and_goes_on_where_it_was_once_enabled(api: Client, clock: Clock) -> None:
    with receiving(mood=reply(500)) as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        change_much()
        began = clock.now
        while attend(courier, webhook).state == State.FAILING:
            assert webhook.next_attempt
            clock.now = webhook.next_attempt
        assert GIVE_UP_AFTER <= clock.now - began < GIVE_UP_AFTER + datetime.timedelta(hours=8)
        assert 15 < len(shop.came) < 40
        assert webhook.state == State.DISABLED
        assert "three days" in webhook.problem
        shop.mood = None
        webhook.ask_for_proof(clock.now)
        webhook.save()
        assert attend(courier, webhook).state == State.ACTIVE
    assert shop.records == feed(api)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("0", 5),
        ("99999999999", 86_400),
        ("Mon, 02 Nov 2026 09:10:00 GMT", 600),
        ("Mon, 02 Nov 2026 08:00:00 GMT", 5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("soon", 5),
        ("-3", 5),
        ("٣", 5),
    ],
)
def test_how_long_a_receiver_may_ask_us_to_wait(clock: Clock, asked: str, seconds: int) -> None:
    with receiving(mood=reply(503, retry_after=asked.encode().decode("latin-1"))) as shop:
        webhook = make_webhook(shop)
        make.make_hub()
        attend(courier_to(shop, clock=clock), webhook)
    assert webhook.next_attempt == clock.now + datetime.timedelta(seconds=seconds)


def test_pauses_grow_and_are_not_the_same_for_all() -> None:
    pauses = [pause(attempts, 0.5).total_seconds() for attempts in range(1, 60)]
    assert pauses[:4] == [5, 15, 45, 135]
    assert pauses[-1] == 6 * 60 * 60
    assert pauses == sorted(pauses)
    assert pause(2, 0.0).total_seconds() == pytest.approx(12)
    assert pause(2, 1.0).total_seconds() == pytest.approx(18)


@pytest.mark.security(35)
def test_two_secrets_sign_while_one_takes_the_others_place(clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        old = shop.secret
        new = webhook.renew_secret(clock.now)
        webhook.save()
        assert new != old
        for secret in (old, new, old):
            shop.secret = secret
            make.make_hub(f"Hub of {len(shop.came)}")
            attend(courier, webhook)
        assert [len(signatures.split()) for _, signatures, _ in shop.came] == [2, 2, 2]
        clock.forward(days=1)
        make.make_hub("The next day")
        assert attend(courier, webhook).problem == "It answered with status 401."
        shop.secret = new
        clock.forward(minutes=1)
        assert attend(courier, webhook).state == State.ACTIVE
        assert len(shop.came[-1][1].split()) == 1


@pytest.mark.security(35)
def test_a_signature_is_by_the_specification_whatever_the_time_zone(clock: Clock) -> None:
    """The library takes any time for one of UTC."""
    clock.now = clock.now.astimezone(datetime.timezone(datetime.timedelta(hours=5)))
    with receiving() as shop:
        webhook = make_webhook(shop)
        make.make_hub()
        assert attend(courier_to(shop, clock=clock), webhook).state == State.ACTIVE
    [(_, _, headers)] = shop.there.seen
    assert headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert headers["Content-Type"] == "application/json"


@pytest.mark.security(35)
def test_a_test_is_signed_and_proves_nothing(clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop, proven=False, test_asked=True), courier_to(shop, clock=clock)
        attend(courier, webhook)
        assert shop.came == []  # not before it has proved itself
        Webhook.objects.update(state=State.ACTIVE)
        attend(courier, webhook)
        assert [payload["type"] for _, _, payload in shop.came] == ["test"]
        assert not webhook.test_asked
        shop.mood = reply(500)
        Webhook.objects.update(test_asked=True)
        assert attend(courier, webhook).state == State.ACTIVE
    assert [delivery.succeeded for delivery in webhook.deliveries.order_by("pk")] == [True, False]


@pytest.mark.complaint(21)
def test_what_came_is_sent_again_from_any_revision(api: Client, clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        change_much()
        attend(courier, webhook)
        middle = Revision.objects.order_by("pk")[2].pk
        for revision in (middle, 0):
            before = len(shop.records)
            webhook.replay(revision)
            webhook.save()
            attend(courier, webhook)
            assert shop.records[before:] == feed(api, after=revision)


def test_a_replay_while_something_is_on_its_way_is_not_forgotten(api: Client, clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        change_much()
        attend(courier, webhook)
        make.make_industry()

        def replay(request: BaseHTTPRequestHandler) -> None:
            shop.mood = None
            asked.set()
            replayed.wait(30)
            reply(204)(request)

        asked, replayed = threading.Event(), threading.Event()
        outcomes: list[Outcome] = []
        shop.mood = replay
        parcel = courier.pack(couriers.locked(webhook.pk, due_at=clock.now))  # type: ignore[arg-type]
        assert parcel
        sending = own_connection(lambda: outcomes.append(courier.send(parcel)), [])
        sending.start()
        asked.wait(30)
        webhook.refresh_from_db()
        webhook.replay(0)
        webhook.save()
        replayed.set()
        sending.join()
        [outcome] = outcomes
        assert courier.note(parcel, outcome)
        before = len(shop.records)
        attend(courier, webhook)
    assert shop.records[before:] == feed(api)


def test_a_new_one_begins_with_what_comes_next(clock: Clock) -> None:
    change_much()
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        webhook.here = end_of_log()
        webhook.save()
        attend(courier, webhook)
        assert shop.came == []
        make.make_industry()
        attend(courier, webhook)
    assert [record["kind"] for record in shop.records] == ["industry"]


def test_a_log_that_is_another_one_is_told_and_not_skipped(api: Client, clock: Clock) -> None:
    with receiving() as shop, receiving() as other:
        webhook, listed = make_webhook(shop), make_webhook(other, query="hub=lahore")
        courier = courier_to(shop, other, clock=clock)
        change_much()
        attend(courier, webhook)
        attend(courier, listed)
        Log.objects.update(epoch="6f1c2b0e-54c1-4a1d-9d6e-3f1f7f0b8a52")
        make.make_company()
        assert attend(courier, webhook).state == State.DISABLED
        assert "not this one any more" in webhook.problem
        assert attend(courier, listed).state == State.ACTIVE
    assert other.held == listed_by(api, "hub=lahore")
    assert [payload["data"]["begins"] for payload in other.taken.values()].count(True) == 2


# Where it is sent


def test_nobody_is_sent_to_a_private_address(clock: Clock) -> None:
    with receiving() as trap:
        webhook = make_webhook(trap)
        make.make_hub()
        courier = Courier(Sender(resolver=lambda *_: ["127.0.0.1"]), http=True, clock=clock)
        assert attend(courier, webhook).state == State.FAILING
        Webhook.objects.update(url="https://shop.example/", next_attempt=clock.now)
        assert attend(courier, webhook).problem.endswith("not on the public internet.")
    assert trap.there.seen == []


def test_plain_http_is_not_spoken_unless_that_is_set(clock: Clock) -> None:
    with receiving() as shop:
        webhook = make_webhook(shop)
        make.make_hub()
        attend(Courier(sender_to(shop.there), clock=clock), webhook)
    assert webhook.problem == "The address has to begin with https://."
    assert shop.there.seen == []


@pytest.mark.security(32)
def test_of_an_answer_one_kilobyte_is_kept_and_no_secret_anywhere(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(mood=reply(500, b"\0<b>" + b"\xff" * 3000)) as shop:
        webhook = make_webhook(shop)
        make.make_hub()
        attend(courier_to(shop, clock=clock), webhook)
    [delivery] = webhook.deliveries.all()
    assert len(delivery.reply) == 1023
    assert delivery.reply.startswith("<b>")
    assert (delivery.status_code, delivery.records, delivery.attempt) == (500, 1, 1)
    stored = json.dumps(list(Webhook.objects.values()) + list(Delivery.objects.values()), default=str)
    assert shop.secret not in stored + caplog.text
    assert shop.secret.removeprefix("whsec_") not in stored + caplog.text


def test_a_secret_of_another_key_is_told(clock: Clock, settings: Any) -> None:
    with receiving() as shop:
        webhook = make_webhook(shop)
        make.make_hub()
        settings.SECRET_KEY = "another" * 10
        assert attend(courier_to(shop, clock=clock), webhook).state == State.DISABLED
    assert "SECRET_KEY" in webhook.problem


def test_the_log_of_attempts_does_not_grow_for_ever(clock: Clock) -> None:
    with receiving() as shop:
        webhook, courier = make_webhook(shop), courier_to(shop, clock=clock)
        old = make.make_delivery(webhook, at=clock.now)
        fields = {field.attname: getattr(old, field.attname) for field in Delivery._meta.concrete_fields[1:]}
        Delivery.objects.bulk_create([Delivery(**fields) for _ in range(KEPT + 5)])
        make.make_hub()
        attend(courier, webhook)
        assert webhook.deliveries.count() == KEPT
        assert webhook.deliveries.order_by("-pk")[0].kind == "changes"
        clock.forward(days=31)
        make.make_hub("Multan")
        attend(courier, webhook)
    assert webhook.deliveries.count() == 1


# What may be asked for


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://shop.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://shop.example:22/"}, "url"),
        ({"url": "https://me@shop.example/"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://internal/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://shop.local/"}, "url"),
        ({"url": "https://shop.localhost./"}, "url"),
        ({"url": "https://metadata.Internal:8443/"}, "url"),
        ({"kinds": ["firm"]}, "kinds"),
        ({"query": "hub=lahor"}, "query"),
        ({"query": "siez=3"}, "query"),
        ({"query": "page=2"}, "query"),
        ({"query": "ordering=name"}, "query"),
        ({"query": "hub=lahore", "kinds": ["company"]}, "__all__"),
    ],
)
def test_what_is_refused_when_it_is_entered(fields: dict[str, Any], field: str) -> None:
    make.make_hub()
    webhook = make_webhook()
    for name, value in fields.items():
        setattr(webhook, name, value)
    with pytest.raises(ValidationError) as refused:
        webhook.full_clean()
    assert list(refused.value.message_dict) == [field]


def test_a_scheme_is_kept_in_its_one_spelling() -> None:
    webhook = make_webhook()
    webhook.url = "HTTPS://Shop.example/Hooks"
    webhook.full_clean()
    assert webhook.url == "https://Shop.example/Hooks"


@pytest.mark.security(28)
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://localhost:1/hooks", "http://[::1]:8080/"])
def test_this_machine_is_taken_where_plain_http_is(settings: Any, url: str) -> None:
    webhook = make_webhook(url=url)
    with pytest.raises(ValidationError):
        webhook.full_clean()
    settings.WEBHOOKS_HTTP = True
    webhook.full_clean()
    for other in ("http://shop.local/", "http://internal:80/", "http://10.0.0.1/", "http://shop.example:8080/"):
        webhook.url = other
        with pytest.raises(ValidationError):
            webhook.full_clean()


def test_a_query_is_kept_in_its_one_spelling() -> None:
    make.make_hub()
    webhook = make_webhook(query="?women_led=true&hub=lahore&hub=lahore")
    webhook.full_clean()
    assert webhook.query == "hub=lahore&women_led=true"


# Lists


def listed_by(api: Client, query: str) -> dict[str, Any]:
    """Public id → document of all that a list shows."""
    results = api.get(f"/api/v1/companies/?{query}&page_size=200").json()["results"]
    return {document["id"]: document for document in results}


def told(receiver: Receiver, after: int = 0) -> list[tuple[str, str]]:
    """(action, slug of what was held or is now) of each record behind the first ``after``."""
    return [(record["action"], record["id"]) for record in receiver.records[after:]]


def test_a_list_tells_what_enters_it_is_updated_in_it_and_leaves_it(api: Client, clock: Clock) -> None:
    lahore, multan = make.make_hub(), make.make_hub("Multan")
    one, other = make.make_company("One", hub=lahore), make.make_company("Other", hub=multan)
    with receiving() as shop:
        webhook, courier = make_webhook(shop, query="hub=lahore"), courier_to(shop, clock=clock)
        attend(courier, webhook)
        assert told(shop) == [("entered", one.public_id)]
        edit(one, {"founded_year": 2001}, source=Source.SYSTEM)
        edit(other, {"founded_year": 2002}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert told(shop, 1) == [("updated", one.public_id)]
        edit(other, {"hub": "lahore"}, source=Source.SYSTEM)
        edit(one, {"hub": "multan"}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert told(shop, 2) == [("entered", other.public_id), ("left", one.public_id)]
        assert shop.records[-1]["document"] is None
        with publication(source=Source.SYSTEM):
            Company.objects.filter(pk=other.pk).delete()
        attend(courier, webhook)
        assert told(shop, 4) == [("left", other.public_id)]
        webhook.replay(0)
        webhook.save()
        attend(courier, webhook)
    assert list(shop.taken.values())[-1]["data"] | {"revision": 0, "position": 0, "meta": {}} == {
        **{"revision": 0, "position": 0, "query": "hub=lahore", "begins": True, "results": [], "meta": {}}
    }
    assert shop.held == listed_by(api, "hub=lahore") == {}


def test_a_list_follows_what_its_words_mean(api: Client, clock: Clock) -> None:
    """A company may match without a change of its own: where a specialty hangs in the tree decides it, too."""
    parent = make.make_specialty("Software")
    child = make.make_specialty("Games")
    companies = [make.make_company(f"Studio {n}", specialties=[child]) for n in range(8)]
    with receiving() as shop:
        query = "specialty=software"
        webhook, courier = make_webhook(shop, query=query), courier_to(shop, clock=clock)
        attend(courier, webhook)
        assert shop.held == {}
        edit(child, {"parent": "software"}, source=Source.SYSTEM)
        edit(companies[3], {"founded_year": 2001}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert shop.held == listed_by(api, query)
        assert len(shop.held) == 8
        edit(child, {"parent": None}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert shop.held == listed_by(api, query) == {}
    assert parent.pk


def test_a_query_whose_words_are_gone_is_told(clock: Clock) -> None:
    hub = make.make_hub("Multan")
    with receiving() as shop:
        webhook, courier = make_webhook(shop, query="hub=multan"), courier_to(shop, clock=clock)
        attend(courier, webhook)
        with publication(source=Source.SYSTEM):
            hub.delete()
        assert attend(courier, webhook).state == State.DISABLED
    assert "multan" in webhook.problem


# Several at once, on connections of their own


@pytest.fixture
def attended(clock: Clock) -> Iterator[list[Dispatcher]]:
    """Dispatchers to be waited for."""
    started: list[Dispatcher] = []
    yield started
    for dispatcher in started:
        dispatcher.close()


@pytest.mark.security(33)
@pytest.mark.django_db(transaction=True)
def test_a_dead_receiver_holds_up_no_other(api: Client, clock: Clock, attended: list[Dispatcher]) -> None:
    released, alive = threading.Event(), threading.Event()
    with receiving(mood=holding(released)) as dead, receiving() as live:
        webhooks = [make_webhook(dead), make_webhook(live)]
        sender = sender_to(dead.there, live.there, total_seconds=60)
        dispatcher = Dispatcher(Courier(sender, http=True, clock=clock))
        attended.append(dispatcher)
        make.make_hub()
        take = live.take

        def tell(message: str, payload: Any) -> None:
            take(message, payload)
            if len(live.records) == 2:
                alive.set()

        live.take = tell  # type: ignore[method-assign]
        try:
            dispatcher.look()
            make.make_industry()
            dispatcher.look()
            assert alive.wait(30)
            assert dead.records == []
            assert webhooks[0].pk in dispatcher.attended
        finally:
            released.set()
        dispatcher.close()
    assert live.records == feed(api)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_send_to_the_same_receiver(api: Client, clock: Clock, attended: list[Dispatcher]) -> None:
    with receiving(remembers=False) as shop:
        webhook = make_webhook(shop)
        change_much()
        for _ in range(2):
            attended.append(Dispatcher(courier_to(shop, clock=clock)))
        for _ in range(5):
            for dispatcher in attended:
                dispatcher.look()
        for dispatcher in attended:
            dispatcher.close()
        courier_to(shop, clock=clock).attend(webhook.pk)
    assert shop.most_at_once == 1
    assert shop.records == feed(api)


# A worker of its own process; whom it may reach is in its argument.
WORKER = """
import os, signal, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "directory.settings"
django.setup()
from directory.outbound import Sender
from partners.couriers import Courier
from partners.dispatching import Dispatcher

sender = Sender(local_servers={("127.0.0.1", int(sys.argv[1]))}, resolver=lambda *_: ["127.0.0.1"])
Dispatcher(Courier(sender, http=True)).listen()
signal.pause()
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_hears_what_is_published_and_killed_before_its_commit_only_repeats(api: Client) -> None:
    with receiving(remembers=False) as shop:
        webhook = make_webhook(shop)
        change_much()
        variables = {**os.environ, "DATABASE_URL": database_url()}
        command = [sys.executable, "-c", WORKER, str(shop.there.port)]
        running = subprocess.Popen(command, cwd=settings.BASE_DIR, env=variables)
        try:
            wait_for(lambda: len(shop.records) == len(feed(api)) or running.poll() is not None)

            def kill(request: BaseHTTPRequestHandler) -> None:
                running.send_signal(signal.SIGKILL)
                running.wait()

            shop.mood, shop.takes_all_the_same = kill, True
            make.make_industry()
            assert running.wait(60) == -signal.SIGKILL
        finally:
            running.kill()
            running.wait()
        before = list(shop.came)
        shop.mood = None
        attend(Courier(sender_to(shop.there), http=True), webhook)
    [repeated] = shop.came[len(before) :]
    assert repeated[0] == before[-1][0]
    assert repeated[2] == before[-1][2]
    assert len(set(shop.messages())) == len(before)
    assert [record for payload in shop.taken.values() for record in payload["data"]["results"]] == feed(api)


def test_the_receiver_of_the_documentation_works(clock: Clock, tmp_path: Path) -> None:
    """As it is written there, on this machine, started after the webhook was added, as it needs the secret."""
    clock.now = datetime.datetime.now(datetime.UTC)
    [program] = re.findall(
        r"```python\n(.*?)```", (settings.BASE_DIR / "docs" / "partners.md").read_text(), re.DOTALL
    )
    (tmp_path / "receiver.py").write_text(program)
    port = free_port()
    webhook = make_webhook(url=f"http://127.0.0.1:{port}/", proven=False)
    webhook.ask_for_proof(clock.now)
    webhook.save()
    [secret] = webhook.secrets(clock.now)
    hub = make.make_hub()
    courier = Courier(Sender(loopback=True), http=True, clock=clock, chance=lambda: 0.5)
    assert attend(courier, webhook).problem == "It takes no connection."
    clock.forward(seconds=5)
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, str(tmp_path / "receiver.py"), str(port), secret]
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(port))
        assert attend(courier, webhook).problem == ""
        assert webhook.state == State.ACTIVE
        webhook.test_asked = True
        webhook.renew_secret(clock.now)
        webhook.save()
        assert attend(courier, webhook).deliveries.first().succeeded  # type: ignore[union-attr]
    finally:
        running.kill()
        running.wait()
    assert (tmp_path / "log").read_text() == f"{hub.revision} created hub {hub.public_id}\n"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
