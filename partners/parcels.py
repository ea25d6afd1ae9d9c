"""Batches: what one delivery to a webhook holds, from its place in the log on.

A batch is kept before it is sent for the first time, so that under the same id the same is sent until it is
confirmed: a receiver may pass over what it has taken already. Documents are read when it is sent: what is no longer
published by then is not shown. Where a receiver took an earlier one, the change of it follows.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings

from directory import ids
from directory.api.caching import current_revision
from directory.api.errors import Problem
from directory.api.history import rfc3339
from directory.log import Page, Place, read_page
from directory.models import Version, kinds
from partners.membership import DECIDING, ENTERED, KIND, LEFT, Event, Membership
from partners.signing import new_message
from partners.webhooks import Member, Stage, Webhook

# The kind whose changes may change what a webhook of a view asks for.
VIEW = "publicview"
# Records of a batch; up to twice as many of a list where others' changes are added.
LIMIT = 100


@dataclass(frozen=True)
class Batch:
    """A delivery that was begun: what it holds, and where its webhook is once it is confirmed."""

    message: str
    # When it was made, RFC 3339.
    at: str
    # The directory's newest revision then.
    revision: int
    to: Place
    # The number of records of the log; of a list, what becomes of which company.
    count: int
    events: Sequence[Event] | None = None
    begins: bool = False
    stage: str = ""

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Batch:
        events = stored["events"]
        known = {"to": Place(**stored["to"]), "events": events and [(event, pk) for event, pk in events]}
        return cls(**stored | known)


def next_batch(webhook: Webhook, now: datetime.datetime) -> Batch | None:
    """The batch to send, the one that was begun if there is one; None: there is nothing to tell.

    What does not concern the webhook is passed over: its place, which is still to be saved, is then behind that.
    Raises directory.api.errors' Problem or Mistake where the log does not go on from its place, or its query means
    nothing any more.
    """
    if webhook.pending:
        return Batch.read(webhook.pending)
    while True:
        page, batch = batch_of_list(webhook, now) if webhook.is_of_list else batch_of_log(webhook, now)
        if batch:
            webhook.pending = batch.stored()
            return batch
        webhook.here = page.place
        if not page.is_full:
            return None


def make(now: datetime.datetime, page: Page, **fields: Any) -> Batch:
    to = fields.pop("to", page.place)
    return Batch(message=new_message(), at=rfc3339(now), revision=page.revision, to=to, **fields)


def batch_of_log(webhook: Webhook, now: datetime.datetime) -> tuple[Page, Batch | None]:
    page = read(webhook, LIMIT)
    return page, make(now, page, count=len(page.records)) if page.records else None


def read(webhook: Webhook, limit: int) -> Page:
    """The log from the webhook's place on, of the kinds that it follows."""
    of_list = (*DECIDING, KIND, *([VIEW] if webhook.view_id else []))
    followed = of_list if webhook.is_of_list else webhook.kinds or list(kinds())
    return read_page(webhook.place, followed, limit, current_revision())


def end_of_log() -> Place:
    """Where the log ends, or ended a moment ago."""
    revision = current_revision()
    return read_page(revision, list(kinds()), 1, revision).place


def batch_of_list(webhook: Webhook, now: datetime.datetime) -> tuple[Page, Batch | None]:
    if webhook.stage:
        return batch_that_fills(webhook, now)
    try:
        page = read(webhook, LIMIT)
    except Problem:  # the log does not go on from there, but of a list the whole can always be sent
        webhook.replay(0)
        return batch_that_fills(webhook, now)
    changed = {record["kind"] for record in page.records}
    # The words of the query are those of what was just read, or later ones.
    membership = Membership(webhook, page.revision)
    touched = [ids.decode(record["id"])[1] for record in page.records if record["kind"] == KIND]
    events = membership.events_of(list(dict.fromkeys(touched)))
    if changed and (VIEW in changed or membership.is_decided_by(changed)):
        told = {pk for _, pk in events}
        differences = membership.differences(LIMIT + len(told) + 1)
        others = [(event, pk) for event, pk in differences if pk not in told]
        if len(others) > LIMIT:
            # In parts: the place stays where it is until the rest is no more than a batch.
            return page, make(now, page, to=webhook.here, count=LIMIT, events=others[:LIMIT])
        events += others
    return page, make(now, page, count=len(events), events=events) if events else None


def batch_that_fills(webhook: Webhook, now: datetime.datetime) -> tuple[Page, Batch | None]:
    """A part of all that matches; the first says that the receiver begins with nothing, even where nothing does.

    It follows the log from where that ended before the first part was read.
    """
    begins = webhook.stage == Stage.BEGINNING
    if begins:
        webhook.here = end_of_log()
    revision = current_revision()
    events = Membership(webhook, revision).differences(LIMIT)
    page = Page(revision, webhook.here, [], is_full=False)
    stage = Stage.FILLING if len(events) == LIMIT else Stage.FOLLOWING
    return page, make(now, page, count=len(events), events=events, begins=begins, stage=stage)


def confirm(webhook: Webhook, batch: Batch) -> None:
    """Move the webhook on behind ``batch``, which was delivered; it is still to be saved."""
    for event, pk in batch.events or ():
        if event == LEFT:
            webhook.members.filter(object_id=pk).delete()
    entered = [Member(webhook=webhook, object_id=pk) for event, pk in batch.events or () if event == ENTERED]
    Member.objects.bulk_create(entered, ignore_conflicts=True)
    webhook.here, webhook.stage, webhook.pending = batch.to, batch.stage, None


def body(webhook: Webhook, batch: Batch) -> str:
    """What is sent."""
    records = read(webhook, batch.count).records if batch.events is None else list(told(batch.events))
    data: dict[str, Any] = {"revision": batch.revision, "position": batch.to.position}
    if batch.events is None:
        asked = {"after": batch.to.encode(), **({"kind": ",".join(webhook.kinds)} if webhook.kinds else {})}
        data["next"] = f"{settings.SITE_URL}/api/v1/changes/?{urlencode(asked, safe=',')}"
    else:
        data |= named(webhook) | {"begins": batch.begins}
    data |= {"results": records, "meta": {"license": settings.LICENSE}}
    kind = "changes" if batch.events is None else "view"
    return orjson.dumps({"type": kind, "timestamp": batch.at, "data": data}).decode()


def named(webhook: Webhook) -> dict[str, Any]:
    """What a delivery says of the list that it is of."""
    if webhook.view is None:
        return {"query": webhook.query}
    return {"view": {"id": webhook.view.public_id, "slug": webhook.view.slug, "name": webhook.view.name}}


def told(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Each event as its record: like one of the log, of the company as it is now."""
    versions = Version.objects.filter(kind=KIND, object_id__in=[pk for _, pk in events])
    newest = {version.object_id: version for version in versions.order_by("object_id", "-pk").distinct("object_id")}
    found = []
    for event, pk in events:
        version = newest[pk]
        document = None if event == LEFT else version.document
        found.append(
            {
                "revision": version.revision_id,
                "kind": KIND,
                "id": version.public_id,
                "slug": version.slug if document else None,
                # What entered and was withdrawn before it could be told: whoever holds it is to drop it.
                "action": event if document else LEFT,
                "successor": version.successor or None,
                "document": orjson.Fragment(document) if document else None,
            }
        )
    return found
