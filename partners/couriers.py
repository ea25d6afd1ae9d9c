"""Delivers to webhooks: a challenge first, then the log in batches, each until it is confirmed; and tests.

Nothing is open in the database while a partner's server is waited for. That only one courier at a time attends a
webhook is an advisory lock, which ends with the connection of whoever holds it: one that was killed holds up nobody,
and an edit of the webhook does not wait for the partner.
"""

from __future__ import annotations

import datetime
import email.utils
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from directory.api.errors import Mistake, Problem
from directory.api.history import rfc3339
from directory.outbound import Reply, Sender, Unreachable
from directory.targets import Refused
from partners.parcels import Batch, body, confirm, next_batch
from partners.signing import new_message, signed
from partners.webhooks import LONGEST_REPLY, Delivery, State, Webhook

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = datetime.timedelta(seconds=5), datetime.timedelta(hours=6)
# What a server may ask for by Retry-After.
MOST_PATIENCE = datetime.timedelta(days=1)
GIVE_UP_AFTER = datetime.timedelta(days=3)
GONE = 410
# Seconds that a webhook is attended before others have their turn, and no single attempt ends later than 15 more.
TURN_SECONDS = 20.0
# A class of advisory locks: only has to differ from others'.
COURIERS = 418_204

Clock = Callable[[], datetime.datetime]


@dataclass(frozen=True)
class Parcel:
    """Something to send, and everything needed for that."""

    webhook: Webhook
    message: str
    kind: Delivery.Kind
    body: str
    secrets: list[str]
    batch: Batch | None = None
    challenge: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of sending: ``problem`` says in words what was wrong, and is empty where nothing was."""

    problem: str = ""
    status: int | None = None
    reply: str = ""
    milliseconds: int = 0
    # How long the server asked us to wait.
    patience: datetime.timedelta = field(default=datetime.timedelta())


class Courier:
    """Attends webhooks; ``clock`` and ``chance`` (0 to 1) are the system's but in tests."""

    def __init__(
        self,
        sender: Sender,
        *,
        http: bool | None = None,
        clock: Clock = timezone.now,
        chance: Callable[[], float] = random.random,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self.sender, self.clock, self.chance, self.turn_seconds = sender, clock, chance, turn_seconds
        self.http = settings.WEBHOOKS_HTTP if http is None else http

    def attend(self, webhook_id: int) -> bool:
        """Send a webhook what is due, nothing where somebody else does it; whether its turn was over before that."""
        ends_at = time.monotonic() + self.turn_seconds
        with attending_alone(webhook_id) as is_alone:
            while is_alone and self.deliver(webhook_id):
                if time.monotonic() >= ends_at:
                    return True
        return False

    def deliver(self, webhook_id: int) -> bool:
        """One attempt; whether another may follow at once."""
        with transaction.atomic():
            webhook = locked(webhook_id, due_at=self.clock())
            parcel = self.pack(webhook) if webhook else None
        if parcel is None:
            return False
        outcome = self.send(parcel)
        with transaction.atomic():
            return self.note(parcel, outcome)

    def pack(self, webhook: Webhook) -> Parcel | None:
        """What to send next, if there is anything; what is begun is saved."""
        now = self.clock()
        try:
            signing = webhook.secrets(now)
            if webhook.state == State.UNPROVEN:
                return self.challenge(webhook, signing)
            if webhook.test_asked:
                return Parcel(webhook, new_message(), Delivery.Kind.TEST, test_body(now), signing)
            batch = next_batch(webhook, now)
            kind = Delivery.Kind.VIEW if webhook.is_of_list else Delivery.Kind.CHANGES
            parcel = Parcel(webhook, batch.message, kind, body(webhook, batch), signing, batch) if batch else None
        except (Problem, Mistake) as error:
            parcel = None
            webhook.disable(f"Nothing more can be sent: {error.detail}")
        except InvalidToken:
            parcel = None
            webhook.disable("Its secret was stored under another SECRET_KEY: make a new one.")
        webhook.save()
        return parcel

    def challenge(self, webhook: Webhook, signing: list[str]) -> Parcel:
        challenge = secrets.token_urlsafe(24)
        sent = {"type": "challenge", "timestamp": rfc3339(self.clock()), "challenge": challenge}
        text = orjson.dumps(sent).decode()
        return Parcel(webhook, new_message(), Delivery.Kind.CHALLENGE, text, signing, challenge=challenge)

    def send(self, parcel: Parcel) -> Outcome:
        """Post it, signed as of now."""
        headers = signed(parcel.message, self.clock(), parcel.body, parcel.secrets)
        headers["Content-Type"] = "application/json"
        begun = time.monotonic()
        try:
            reply = self.sender.send(
                "POST", parcel.webhook.url, headers=headers, body=parcel.body.encode(), http=self.http
            )
        except (Refused, Unreachable) as error:
            return Outcome(str(error), milliseconds=since(begun))
        return Outcome(
            judge(parcel, reply),
            reply.status,
            reply.body[:LONGEST_REPLY].decode(errors="replace").replace("\0", ""),
            since(begun),
            patience(reply, self.clock()),
        )

    def note(self, parcel: Parcel, outcome: Outcome) -> bool:
        """Keep what came of it; whether another attempt may follow at once.

        Whoever changed the webhook meanwhile is right: what was sent then counts for nothing.
        """
        now = self.clock()
        webhook = locked(parcel.webhook.pk)
        if webhook is None:
            return False
        keep(webhook, parcel, outcome, now)
        if outcome.status == GONE:
            webhook.disable("Its server answered 410: it wants nothing more.")
        elif parcel.kind == Delivery.Kind.TEST:
            webhook.test_asked = False
        elif webhook.url != parcel.webhook.url:
            pass
        elif parcel.challenge:
            self.take_proof(webhook, outcome, now)
        elif webhook.state in (State.ACTIVE, State.FAILING) and is_pending(webhook, parcel):
            if outcome.problem:
                self.put_off(webhook, outcome, now)
            else:
                confirm(webhook, parcel.batch)  # type: ignore[arg-type]
                webhook.activate()
        webhook.save()
        return webhook.state == State.ACTIVE

    def take_proof(self, webhook: Webhook, outcome: Outcome, now: datetime.datetime) -> None:
        """What the answer to a challenge makes of a webhook; a wrong one is asked for again later."""
        if webhook.state == State.UNPROVEN:
            if outcome.problem:
                self.put_off(webhook, outcome, now)
            else:
                webhook.activate()

    def put_off(self, webhook: Webhook, outcome: Outcome, now: datetime.datetime) -> None:
        """Try again later, ever more rarely, or never."""
        webhook.failing_since = webhook.failing_since or now
        if now - webhook.failing_since >= GIVE_UP_AFTER:
            webhook.disable(f"It failed for three days. {outcome.problem}")
            return
        if webhook.state != State.UNPROVEN:
            webhook.state = State.FAILING
        webhook.problem, webhook.attempts = outcome.problem, webhook.attempts + 1
        webhook.next_attempt = now + max(pause(webhook.attempts, self.chance()), outcome.patience)


def locked(webhook_id: int, *, due_at: datetime.datetime | None = None) -> Webhook | None:
    """The webhook as it is now, its row locked; None where it is gone, or not due at ``due_at``."""
    webhooks = Webhook.objects.due(due_at) if due_at else Webhook.objects.all()
    return webhooks.order_by().select_for_update(no_key=True, of=("self",)).filter(pk=webhook_id).first()


def is_pending(webhook: Webhook, parcel: Parcel) -> bool:
    return webhook.pending is not None and webhook.pending["message"] == parcel.message


def test_body(now: datetime.datetime) -> str:
    return orjson.dumps({"type": "test", "timestamp": rfc3339(now), "data": {"test": True}}).decode()


def judge(parcel: Parcel, reply: Reply) -> str:
    """What is wrong with an answer, in words."""
    if 300 <= reply.status < 400:
        return f"It redirects (status {reply.status}), which is not followed."
    if not 200 <= reply.status < 300:
        return f"It answered with status {reply.status}."
    if parcel.challenge and echo(reply) != parcel.challenge:
        return 'It did not answer the challenge: {"challenge": "…"} as JSON, with the text that was sent.'
    return ""


def echo(reply: Reply) -> object:
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
    return answer.get("challenge") if isinstance(answer, dict) else None


def pause(attempts: int, chance: float) -> datetime.timedelta:
    """How long to wait after so many failures: thrice as long each time, give or take a fifth."""
    longest = min(FIRST_PAUSE * 3 ** min(attempts - 1, 10), LONGEST_PAUSE)
    return longest * (0.8 + 0.4 * chance)


def patience(reply: Reply, now: datetime.datetime) -> datetime.timedelta:
    """What Retry-After asks for: seconds, or a date."""
    asked = reply.headers.get("Retry-After", "").strip()
    wait = datetime.timedelta()
    if asked.isascii() and asked.isdigit():
        wait = datetime.timedelta(seconds=min(int(asked[:9]), MOST_PATIENCE.total_seconds()))
    elif asked:
        try:
            until = email.utils.parsedate_to_datetime(asked)
            wait = until.replace(tzinfo=until.tzinfo or datetime.UTC) - now
        except (ValueError, OverflowError):
            pass
    return max(datetime.timedelta(), min(wait, MOST_PATIENCE))


def keep(webhook: Webhook, parcel: Parcel, outcome: Outcome, now: datetime.datetime) -> None:
    """Log the attempt, and forget old ones."""
    batch = parcel.batch
    # Each challenge is a message of its own, so that an old answer proves nothing.
    before = webhook.attempts if parcel.challenge else webhook.deliveries.filter(message=parcel.message).count()
    Delivery.objects.create(
        webhook=webhook,
        message=parcel.message,
        kind=parcel.kind,
        at=now,
        attempt=before + 1,
        after=parcel.webhook.position if batch else None,
        position=batch.to.position if batch else None,
        records=batch.count if batch else 0,
        succeeded=not outcome.problem,
        status_code=outcome.status,
        problem=outcome.problem[:300],
        reply=outcome.reply,
        milliseconds=outcome.milliseconds,
    )
    Delivery.objects.outdated(webhook, now).delete()


def since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


@contextmanager
def attending_alone(webhook_id: int) -> Iterator[bool]:
    """Whether no other courier attends the webhook; none begins until the end of this."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashint8(%s))", [COURIERS, webhook_id])
        (is_alone,) = cursor.fetchone()
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashint8(%s))", [COURIERS, webhook_id])
