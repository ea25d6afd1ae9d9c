"""Rows written to the directory: what they add is written, what they contradict is not.

An import never overwrites what the directory already says: it fills what is missing and adds to lists, so the same
row written twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DataError, IntegrityError, transaction
from rest_framework.serializers import ValidationError

from companies.batches import Batch, Rules, facts
from companies.cleaning import Unplaced
from companies.models import Company
from directory.api.errors import pointers
from directory.constraints import refusal as refused_by_database
from directory.publishing import Document


@dataclass
class Writing:
    """A row to write: its patch, the company that it is about, if there is one, and what became of it."""

    patch: Mapping[str, Any]
    pk: int | None
    private: Mapping[str, Any] = field(default_factory=dict)
    created: Company | None = None
    left_out: list[Unplaced] = field(default_factory=list)
    refusal: str = ""
    # Of a company that was there before: field → what it was and what it is, of those that changed.
    before: Document | None = None
    after: Document | None = None


def write_companies(writings: list[Writing], rules: Rules) -> None:
    """Write rows about different companies, inside a publication; each ``Writing`` says what became of it.

    All are written at once. Only where the database refuses that are they written one by one, so that it is known
    which of them it refuses and why; the others are written all the same.
    """
    try:
        with transaction.atomic():
            write_at_once(writings, rules)
    except (IntegrityError, DataError):
        for writing in writings:
            writing.left_out, writing.before, writing.after = [], None, None
            write_alone(writing, rules)


def write_alone(writing: Writing, rules: Rules) -> None:
    try:
        with transaction.atomic():
            write_at_once([writing], rules)
    except (IntegrityError, DataError) as error:
        said = refused_by_database(error).removeprefix("Nothing was saved").lstrip(":. ")
        writing.refusal = said or "The database cannot store it."


def write_at_once(writings: list[Writing], rules: Rules) -> None:
    batch = Batch(rules, (writing.patch for writing in writings))
    known = {c.pk: c for c in Company.objects.for_document().filter(pk__in=[w.pk for w in writings if w.pk])}
    created: list[tuple[Writing, Company]] = []
    changed: list[Writing] = []
    for writing in writings:
        company = known.get(writing.pk or 0)
        if writing.refusal:
            continue
        patch, website = batch.without_taken_website(writing.patch, company)
        if website:
            writing.left_out.append(Unplaced("website", website))
        try:
            if company is None:
                created.append((writing, batch.new(vouching(patch, {}), **writing.private)))
            elif fill(batch, writing, company, patch):
                changed.append(writing)
        except ValidationError as error:
            writing.refusal = refusal(error)
    batch.write()
    for writing, company in created:
        writing.pk, writing.created = company.pk, company
    # As the database has them, which may tidy what it is given.
    now = {c.pk: c for c in Company.objects.for_document().filter(pk__in=[w.pk for w in changed])} if changed else {}
    for writing in changed:
        after = facts(batch.rules.whole, now[writing.pk])
        writing.after = {name: after[name] for name in writing.before or ()}


def fill(batch: Batch, writing: Writing, company: Company, patch: Mapping[str, Any]) -> bool:
    """Add to a company what it lacks; whether that is anything."""
    present = facts(batch.rules.whole, company)
    added = additions(present, patch)
    if added:
        batch.add(company, added)
    writing.before = {name: present[name] for name in added}
    return bool(added)


def refusal(error: ValidationError) -> str:
    """What is wrong with a row, in a sentence or more."""
    return " ".join(f"{e['pointer'].strip('/')}: {e['detail']}" for e in pointers(error.detail))


def additions(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``patch`` that ``document`` lacks: values where it has none, and longer lists."""
    added = {}
    for name, value in vouching(patch, document).items():
        present = document.get(name)
        if isinstance(value, list):
            known = [identity(item) for item in present or []]
            new = [item for item in value if identity(item) not in known]
            if new:
                added[name] = [*(present or []), *new]
        elif present is None:
            added[name] = value
    return added


def vouching(patch: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """``patch`` with sources that vouch for no more than the company is going to say."""

    def is_said(name: str) -> bool:
        value, present = patch.get(name), document.get(name)
        return name in patch and (present is None or isinstance(value, list) or present == value)

    if "sources" not in patch:
        return dict(patch)
    sources = [
        {**source, "facts": [name for name in source["facts"] if is_said(name)]} if "facts" in source else source
        for source in patch["sources"]
    ]
    return {**patch, "sources": sources}


def identity(item: Any) -> Any:
    """What makes two items of a list the same: a slug, a hub, a reference, a scheme with its value."""
    if not isinstance(item, Mapping):
        return item
    for name in ("slug", "reference", "hub"):
        if name in item:
            return identity(item[name])
    return tuple(sorted((name, value) for name, value in item.items() if value))
