"""Applying an import: what was decided is written, as many rows a publication as keep nobody waiting.

The rows are marked as done in the transaction that writes them. So whoever is killed leaves either both or neither,
and whoever comes next goes on with the first row that is not done.
"""

from __future__ import annotations

import time
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Max

from companies.additions import Writing, write_companies
from companies.batches import Rules
from companies.matching import Certainty, Facts, Matcher
from companies.models import Company, Merge
from companies.staged import Decision, Import, ImportRow, State
from companies.staging import facts_of
from companies.unplaced import UnplacedValue
from companies.workflow import NEW, Step
from directory.models import Source
from directory.publishing import publication

# Rows of a chunk at most and at least; in between, so many that whoever else wants to write waits for SECONDS.
CHUNK, LEAST, SECONDS = 1000, 500, 0.3
MARKED = ("company_id", "decision", "reasons", "done", "before", "after")
MARK = f"""
    UPDATE {ImportRow._meta.db_table} AS row
    SET company_id = new.company_id, decision = new.decision, reasons = new.reasons, done = new.done,
        before = new.before, after = new.after, revision = %s
    FROM jsonb_to_recordset(%s::jsonb) AS new(
        id bigint, company_id bigint, decision text, reasons jsonb, done boolean, before jsonb, after jsonb
    )
    WHERE row.id = new.id
"""  # noqa: S608 - a table of ours


def apply_chunk(batch: Import) -> int:
    """Write the next rows of an import, and how many they are: 0 where it is applied, and says so."""
    with transaction.atomic():
        with publication(source=Source.IMPORT, by=batch.by, reason=batch.why) as current:
            # Read behind the writers' lock: another worker may have been at the same.
            batch.refresh_from_db(fields=["state", "newest", "others"])
            started = time.monotonic()
            wanted = batch.rows.pending().to_write()[: min(batch.pace, CHUNK)]
            rows = list(wanted) if batch.state == State.APPLYING else []
            if rows:
                recognise_new(batch, [row for row in rows if row.decision == Decision.CREATE])
                write_rows(batch, rows)
                batch.newest = newest_company()
                batch.save(update_fields=["newest", "others"])
        if rows:
            mark(rows, current.revision.pk if current.revision else None)
            batch.pace = max(LEAST, int(len(rows) * SECONDS / (time.monotonic() - started)))
        elif batch.state == State.APPLYING:
            Import.objects.filter(pk=batch.pk).update(content=b"")  # nothing reads it again
            batch.move(State.APPLIED)
    return len(rows)


def write_rows(batch: Import, rows: list[ImportRow]) -> None:
    """Write rows inside a publication, and note on each what became of it.

    Rows about one company are written one after the other, each on what the last has left.
    """
    follow_merges(rows)
    find_earlier(batch, rows)
    rules = Rules()
    waiting = rows
    while waiting:
        numbers = {row.number: row for row in rows}
        unwritten = {row.number for row in waiting}
        now: dict[Any, ImportRow] = {}
        later = []
        for row in waiting:
            if row.same_as in numbers and not row.company_id:
                row.company_id = numbers[row.same_as].company_id
            who = row.company_id or f"row {row.number}"
            if who in now or (row.same_as in unwritten and not row.company_id):
                later.append(row)
            else:
                now[who] = row
        write_different(batch, list(now.values()), rules)
        waiting = later


def write_different(batch: Import, rows: list[ImportRow], rules: Rules) -> None:
    """Write rows of which no two are about one company."""
    ready = []
    for row in rows:
        if row.decision == Decision.UPDATE and not row.company_id:
            lost = f"Row {row.same_as}, which is the same company, was not taken." if row.same_as else ""
            refuse(row, lost or "The company was deleted since.")
        else:
            ready.append(row)
    writings = [Writing(row.patch, row.company_id, {"status": batch.status}) for row in ready]
    write_companies(writings, rules)
    for row, writing in zip(ready, writings, strict=True):
        row.reasons = [f"{column}: {value}" for column, value in writing.left_out]
        if writing.refusal:
            refuse(row, writing.refusal)
            continue
        if writing.created and writing.left_out:
            writing.after = {"website": None}
        row.company_id, row.before, row.after, row.done = writing.pk, writing.before, writing.after, True
    UnplacedValue.objects.keep(
        (row.company_id, batch.mapping.get(column) or column, value)
        for row in ready
        if row.done and row.company_id
        for column, value in row.unplaced
    )
    created = [writing.created for writing in writings if writing.created]
    Step.objects.take(created, before=NEW, after=batch.status, by=batch.by, reason=batch.why[:300])


def refuse(row: ImportRow, reason: str) -> None:
    row.decision, row.reasons = Decision.REFUSED, [reason]


def newest_company() -> int:
    return Company.objects.aggregate(newest=Max("pk"))["newest"] or 0


def recognise_new(batch: Import, rows: list[ImportRow]) -> None:
    """Look at companies that others have entered since the rows were matched: a row may mean one of them."""
    batch.others += list(Company.objects.filter(pk__gt=batch.newest).values_list("pk", flat=True))
    if not batch.others:
        return
    matcher = Matcher()
    for company in Company.objects.for_matching().filter(pk__in=batch.others):
        matcher.add(company.pk, Facts.of(company))
    for row in rows:
        certain = [m for m in matcher.match(facts_of(row.patch)) if m.certainty == Certainty.CERTAIN]
        if certain:
            row.company_id, row.decision = certain[0].pk, Decision.UPDATE


def follow_merges(rows: list[ImportRow]) -> None:
    """A company that was merged since is the one that was kept."""
    merged = Merge.objects.standing().filter(drop__in=[row.company_id for row in rows if row.company_id])
    kept = dict(merged.values_list("drop", "keep"))
    for row in rows:
        row.company_id = kept.get(row.company_id or 0, row.company_id)


def find_earlier(batch: Import, rows: list[ImportRow]) -> None:
    """Find the companies that rows of earlier chunks have become."""
    wanted = [row for row in rows if row.same_as and not row.company_id]
    if wanted:
        earlier = batch.rows.done().filter(number__in=[row.same_as for row in wanted])
        companies = dict(earlier.values_list("number", "company"))
        for row in wanted:
            row.company_id = companies.get(row.same_as or 0)


def mark(rows: list[ImportRow], revision: int | None) -> None:
    """Note what became of ``rows``, in one statement."""
    marks = [{"id": row.pk, **{name: getattr(row, name) for name in MARKED}} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(MARK, [revision, orjson.dumps(marks).decode()])
