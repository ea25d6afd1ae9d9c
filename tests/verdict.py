"""What is wrong in the end: those who followed a directory are compared with it, and the writers with the log."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count

from companies.background import carry_on
from companies.models import Company, Import, ImportRow
from companies.staged import Decision, State
from directory import ids
from directory.models import Mark, Revision, Version, kinds
from directory.publishing import check, sweep
from partners.models import Delivery, Webhook
from tests.log import replay, tables
from tests.witnesses import Key, MoodyReceiver, Reader
from tests.writers import Account

MIRROR = settings.BASE_DIR / "docs" / "mirror.py"
PATIENCE = 300  # seconds for all to arrive
TOKEN = re.compile(r"\bt\d+x\d+x\b")


def mirror_of(root: str, copy: Path) -> Any:
    """The reference mirror's own object on its copy."""
    spec = util.spec_from_file_location("mirror", MIRROR)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Mirror(root, str(copy))


class Verdict:
    def __init__(
        self, root: str, reader: Reader, receivers: list[MoodyReceiver], account: Account, copy: Path, folder: Path
    ) -> None:
        self.root, self.reader, self.receivers, self.account = root, reader, receivers, account
        self.mirror, self.folder = mirror_of(root, copy), folder
        self.faults: list[str] = []

    # Until nothing is on its way any more

    def settle(self) -> None:
        self.wait_for("the sweep and the imports", self.is_published)
        newest = Revision.objects.current()
        self.wait_for("the reader of the feed", lambda: self.reader.revision == newest)
        self.wait_for("the mirror", lambda: self.mirror.cursor and self.mirror.revision == newest)
        end = Version.objects.latest("pk").pk
        waiting = Webhook.objects.exclude(position=end, pending=None, stage="", state="active")
        self.wait_for("the webhooks", lambda: not waiting.exists())

    def wait_for(self, what: str, is_there: Callable[[], Any]) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            try:
                if is_there():
                    return
            except (DatabaseError, OSError):
                connection.close()
            time.sleep(0.2)
        self.faults.append(f"{what} did not come to an end")

    def is_published(self) -> bool:
        for batch in Import.objects.waiting():
            carry_on(batch)
        sweep()
        return not Mark.objects.exists() and not Import.objects.waiting().exists()

    # What is wrong

    def judge(self) -> None:
        versions = Version.objects.order_by("pk").defer("document")
        log = [(version.revision_id, version.kind, version.public_id, str(version.action)) for version in versions]
        self.faults += self.account.faults + self.reader.faults + self.receivers[0].faults()
        if [revision for revision, *_ in log] != sorted(revision for revision, *_ in log):
            self.faults.append("the log's positions are not in the order of its revisions")
        self.compare("the reader of the feed", self.reader.keys, log)
        self.compare("the receiver", self.receivers[0].keys, log)
        self.judge_copies()
        self.judge_tables()
        self.judge_edits()
        self.tell(len(log))

    def compare(self, who: str, keys: list[Key], log: list[Key]) -> None:
        if keys == log:
            return
        known, told = set(log), set(keys)
        twice = len(keys) - len(told)
        found = f"missed {len(known - told)}, invented {len(told - known)}, had {twice} twice"
        self.faults.append(f"{who} {found}, or had them in another order: {sorted(known ^ told)[:3]}")

    def judge_copies(self) -> None:
        documents = {key: json.loads(text) for key, text in self.published().items()}
        by_id = {public_id: document for (_, public_id), document in documents.items()}
        in_lahore = {pk: doc for (kind, pk), doc in documents.items() if kind == "company" and is_in_lahore(doc)}
        if self.reader.holdings.documents != documents:
            self.faults.append("the reader of the feed does not hold what is published")
        if self.receivers[0].held != by_id:
            self.faults.append("the receiver does not hold what is published")
        if self.receivers[1].held != in_lahore:
            self.faults.append("the receiver of a list does not hold it")
        self.faults += self.reader.holdings.dangling()
        if differing := self.mirror.prove():
            self.faults.append(f"the mirror's digests differ in {len(differing)} buckets")
        rows = self.mirror.database.execute("SELECT kind, id, document FROM documents")
        if {(kind, pk): text for kind, pk, text in rows} != self.published():
            self.faults.append("the mirror does not hold what is published")
        told = (self.folder / "mirror.log").read_text()
        if "starting over" in told:
            self.faults.append("the mirror had to start over")

    def published(self) -> dict[tuple[str, str], str]:
        return {(kind, ids.encode(kinds()[kind].kind_number, pk)): text for (kind, pk), text in tables().items()}

    def judge_tables(self) -> None:
        if replay() != tables():
            self.faults.append("the log replayed is not what the tables hold")
        self.faults += [f"{kind} {public_id} is not as it is published" for kind, public_id in check()]

    def judge_edits(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT token, way, kind, object_id, before FROM torture_note")
            notes = cursor.fetchall()
        told: set[tuple[str, int, str]] = set()
        gone: set[tuple[str, int]] = set()
        for kind, pk, document in Version.objects.values_list("kind", "object_id", "document").iterator():
            if document is None:
                gone.add((kind, pk))
            else:
                told.update((kind, pk, token) for token in TOKEN.findall(document))
        noted = {token for token, *_ in notes}
        tokens = {token for _, _, token in told}
        self.faults += [
            f"{way} {token} is lost" for token, way in self.account.committed.items() if token not in noted
        ]
        self.faults += [f"{t} was taken back and is there" for t in self.account.taken_back if t in noted | tokens]
        for token, way, kind, pk, _ in notes:
            if (way == "edit" and (kind, pk, token) not in told) or (way == "gone" and (kind, pk) not in gone):
                self.faults.append(f"{way} {token} of {kind} {pk} was never published")
        saved = [(token, pk) for token, pk in self.account.saved if ("company", pk, token) not in told]
        self.faults += [f"{token}, saved in the admin, was never published of company {pk}" for token, pk in saved]
        self.judge_raw([(pk, token, before) for token, way, _, pk, before in notes if way == "raw"])
        self.judge_imports(told)

    def judge_raw(self, edits: list[tuple[int, str, str]]) -> None:
        """Each edit of a text behind the application's back is what the next one found, or what is there now."""
        now = dict(Company.objects.values_list("pk", "description"))
        found = Counter((pk, before) for pk, _, before in edits)
        for pk, token, _ in edits:
            if found[pk, token] + (now[pk] == token) != 1:
                self.faults.append(f"raw {token} of company {pk} was overwritten by who had not seen it")

    def judge_imports(self, told: set[tuple[str, int, str]]) -> None:
        for batch in Import.objects.exclude(state=State.APPLIED).exclude(state=State.STAGED):
            self.faults.append(f"import {batch.pk} is {batch.state}: {batch.problem}")
        # Companies that were deleted since are no longer known of their rows.
        told_of = Counter(token for token, _ in {(token, pk) for kind, pk, token in told if kind == "company"})
        rows = ImportRow.objects.filter(decision=Decision.CREATE, done=True).values_list("batch__reason")
        made = rows.annotate(Count("pk")).order_by()
        lost = [(token, number) for token, number in made if told_of[token] < number]
        self.faults += [
            f"not all of the {number} companies of import {token} were published" for token, number in lost
        ]

    def tell(self, records: int) -> None:
        for outcome, number in sorted(self.account.outcomes.items(), key=lambda found: (":" in found[0], found[0])):
            print(f"{outcome}: {number}")
        print(f"{Revision.objects.count()} revisions, {records} records")
        failed = Delivery.objects.filter(succeeded=False).count()
        came = [len(receiver.came) for receiver in self.receivers]
        print(
            f"{len(self.receivers[0].records)} events in {came[0]} deliveries, {came[1]} of a list; {failed} failed"
        )


def is_in_lahore(document: dict[str, Any]) -> bool:
    return document["hub"] is not None and document["hub"]["slug"] == "lahore"
