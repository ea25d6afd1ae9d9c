"""Undoing an import: what it created goes, what it added is taken out again, unless later work would be lost.

Companies that the world has seen are withdrawn, drafts deleted. All of it is looked at before anything is undone;
then it goes in chunks, as the import came, and whoever is killed is followed by somebody who goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import transaction
from rest_framework.serializers import ValidationError

from companies.additions import refusal
from companies.batches import Rules, facts
from companies.models import Company, Merge
from companies.staged import Decision, Import, ImportRow, State
from companies.workflow import Status, Step
from directory.models import Source
from directory.publishing import Document, edit, publication

CHUNK = 200
# Obstacles that are told one by one.
TOLD = 50


@dataclass
class Return:
    """What undoing means for one company: it goes, or ``patch`` is put back; or why neither can be."""

    company: Company
    goes: bool = False
    patch: Document = field(default_factory=dict)
    why_not: str = ""


def undo_chunk(batch: Import) -> None:
    """Look whether the import can be undone; if so, undo the next companies of it, or say that it is undone."""
    batch.refresh_from_db(fields=["state", "is_checked"])
    if batch.state == State.UNDOING and not batch.is_checked:
        found = obstacles(batch)
        if found:
            batch.move(State.APPLIED, "\n".join(found))
        batch.is_checked = True
        batch.save(update_fields=["is_checked"])
        return
    with publication(source=Source.ADMIN, by=batch.undone_by, reason=why(batch)):
        batch.refresh_from_db(fields=["state"])  # behind the writers' lock: another worker may have been at the same
        if batch.state != State.UNDOING:
            return
        pks = next(companies_of(batch), [])
        found = [f"{one.company}: {one.why_not}" for one in returns(batch, pks) if one.why_not]
        if found:  # which somebody did since all were looked at
            batch.move(State.APPLIED, "\n".join(found))
        elif pks:
            take_back(batch, pks)
        else:
            batch.rows.done().update(done=False)
            batch.move(State.UNDONE)


def obstacles(batch: Import) -> list[str]:
    """What keeps an import from being undone: each company with what would be lost, the first of them."""
    found = []
    for pks in companies_of(batch):
        found += [f"{one.company}: {one.why_not}" for one in returns(batch, pks) if one.why_not]
        if len(found) >= TOLD:
            break
    return found[:TOLD]


def why(batch: Import) -> str:
    return f"Undo of import {batch.pk}, {batch.name}" + (f": {batch.why_undone}" if batch.why_undone else "")


def companies_of(batch: Import) -> Iterator[list[int]]:
    """The companies that the import wrote, in chunks, the newest first."""
    last = 2**63 - 1
    found = batch.rows.done().order_by("-company").values_list("company", flat=True).distinct()
    while pks := list(found.filter(company__lt=last)[:CHUNK]):
        yield pks
        last = pks[-1]


def returns(batch: Import, pks: list[int]) -> Iterator[Return]:
    """For each of some companies, what undoing means for it."""
    rows: dict[int, list[ImportRow]] = defaultdict(list)
    for row in batch.rows.done().filter(company__in=pks).order_by("-number"):
        rows[row.company_id or 0].append(row)
    ends = Merge.objects.standing()
    merged = {*ends.filter(keep__in=pks).values_list("keep", flat=True)}
    merged |= {*ends.filter(drop__in=pks).values_list("drop", flat=True)}
    rules = Rules()
    for company in Company.objects.for_document().filter(pk__in=pks):
        one = returned(rules, batch, company, rows[company.pk])
        if company.pk in merged:
            one.why_not = "it was merged since"
        yield one


def returned(rules: Rules, batch: Import, company: Company, rows: list[ImportRow]) -> Return:
    """Go back through the rows of a company, the last first, as long as each left what is there now."""
    one = Return(company)
    now = facts(rules.whole, company)
    for row in rows:
        if row.decision == Decision.CREATE:
            one.goes = True
            one.why_not = changed_since(rules, batch, company, row, now)
            break
        changed = [name for name, value in row.after.items() if not same(now[name], value)] if row.after else []
        if changed:
            one.why_not = f"its {', '.join(changed).replace('_', ' ')} changed since"
            break
        now |= row.before or {}
        one.patch |= row.before or {}
    return one


def changed_since(rules: Rules, batch: Import, company: Company, row: ImportRow, now: Document) -> str:
    """What was done with a company that the row created; empty where nothing was, or it is gone already."""
    if company.status == Status.WITHDRAWN:
        return ""
    if company.status != batch.status:
        return f"it became {company.get_status_display().lower()} since"
    try:
        then = created_by(rules, company, row)
    except ValidationError as error:
        return f"what it was cannot be told any more: {refusal(error)}"
    changed = [name for name, value in now.items() if name != "slug" and not same(value, then[name])]
    return f"its {', '.join(changed).replace('_', ' ')} changed since" if changed else ""


def created_by(rules: Rules, company: Company, row: ImportRow) -> Document:
    """The facts of a company as the row created it."""
    built, related = rules.built(row.patch)
    built.pk = company.pk
    empty: dict[str, list[Any]] = {name: [] for name in (*rules.related, *rules.children)}
    built._prefetched_objects_cache = empty | related  # type: ignore[attr-defined]
    return facts(rules.whole, built) | (row.after or {})


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field are the same; lists are, in whatever order."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(canonical, one)) == sorted(map(canonical, other))
    return bool(one == other)


def canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def take_back(batch: Import, pks: list[int]) -> None:
    """Undo what the import did to some companies, inside a publication."""
    reason = why(batch)
    going = []
    for one in returns(batch, pks):
        if one.goes:
            going.append(one.company)
        elif one.patch:
            with transaction.atomic():
                edit(one.company, one.patch, source=Source.ADMIN)
    drafts = [company.pk for company in going if company.status == Status.DRAFT]
    public = [company for company in going if company.status == Status.PUBLISHED]
    Company.objects.filter(pk__in=[company.pk for company in public]).update(status=Status.WITHDRAWN)
    Step.objects.take(
        public, before=Status.PUBLISHED, after=Status.WITHDRAWN, by=batch.undone_by, reason=reason[:300]
    )
    batch.rows.done().filter(company__in=pks).update(done=False)
    Company.objects.filter(pk__in=drafts).delete()
