"""Merging: two entries of one company become one, and the address of the other leads to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.serializers import ValidationError

from companies.models import Company, Duplicate, Merge
from companies.serializers import CompanySerializer
from companies.workflow import Status, Step
from directory.models import Source
from directory.publishing import Document, edit, publication
from directory.undoing import CannotUndo, Obstacle, written

KEEP, DROP, BOTH = "keep", "drop", "both"
# What only one company may have, so that the other has to let go of it first.
UNIQUE: Document = {"identifiers": [], "website": None}
# List → what makes two of its entries the same.
SAME: dict[str, Callable[[Any], Any]] = {
    "aliases": str.casefold,
    "offices": lambda office: (office["hub"], office["address"]),
    "credentials": lambda credential: (credential["kind"], credential["name"], credential["issuer"]),
    "identifiers": lambda identifier: (identifier["scheme"], identifier["value"]),
    "sources": lambda source: source["reference"],
    **dict.fromkeys(("specialties", "industries", "programs", "export_markets"), str),
}
# Stays with the entry that is kept: it is in its address.
NEVER_TAKEN = frozenset(["slug"])


def facts(company: Company) -> Document:
    """A company as its serializer writes it, whether it is published or not."""
    fresh = Company.objects.for_document().get(pk=company.pk)
    found = written("company", orjson.dumps(CompanySerializer().to_representation(fresh)).decode())
    return found or {}


def merged(keep: Document, drop: Document, choices: Mapping[str, str]) -> Document:
    """The facts of ``keep`` as they are after the merge.

    ``choices`` says for a field whose value counts: ``keep``, ``drop`` or, of lists, ``both``. Without a choice a
    list is of both, anything else ``keep``'s where that is known. The other's name stays as an alias.
    """
    result = {
        name: chosen(name, value, drop[name], choices.get(name))
        for name, value in keep.items()
        if name not in NEVER_TAKEN
    }
    names = [drop["name"] if result["name"] == keep["name"] else keep["name"]]
    known = {str(name).casefold() for name in (result["name"], result["legal_name"] or "", *result["aliases"])}
    result["aliases"] = [*result["aliases"], *(name for name in names if name.casefold() not in known)]
    return result


def chosen(name: str, keep: Any, drop: Any, choice: str | None) -> Any:
    if name in SAME and choice in (None, BOTH):
        key = SAME[name]
        return [*keep, *(entry for entry in drop if key(entry) not in {key(other) for other in keep})]
    if choice == DROP or (choice is None and keep is None):
        return drop
    return keep


def merge_companies(
    *, keep: Company, drop: Company, choices: Mapping[str, str], by: User | None, reason: str = ""
) -> Merge:
    """Make ``drop`` lead to ``keep``, which has the facts of both as ``merged()`` says; one revision.

    Raises rest_framework.serializers.ValidationError, with nothing done, where they are one company already or the
    result would not be allowed.
    """
    why = reason or f"{drop.name} is {keep.name}"
    with publication(source=Source.ADMIN, by=by, reason=why) as current:
        keep, drop = locked(keep.pk), locked(drop.pk)
        if keep == drop or Merge.objects.standing().filter(drop__in=[keep, drop]).exists():
            raise ValidationError("They are one company already.")
        before, dropped = facts(keep), facts(drop)
        result = merged(before, dropped, choices)
        changed = {name: value for name, value in result.items() if value != before[name]}
        private: dict[str, Any] = {
            "notes": "\n\n".join(filter(None, [keep.notes, drop.notes])),
            "contact_email": keep.contact_email or drop.contact_email,
        }
        merge = Merge.objects.create(
            keep=keep,
            drop=drop,
            by=by,
            reason=why,
            status=drop.status,
            let_go={name: dropped[name] for name in UNIQUE},
            before={name: before[name] for name in changed},
            private_before={name: getattr(keep, name) for name in private},
        )
        current.successors["company", drop.pk] = keep.public_id
        edit(drop, UNIQUE, source=Source.ADMIN, status=Status.WITHDRAWN)
        Step.objects.take([drop], before=drop.status, after=Status.WITHDRAWN, by=by, reason=why)
        edit(keep, changed, source=Source.ADMIN, **private)
        # As the database has them, which may tidy what it is given.
        now = facts(keep)
        merge.after = {name: now[name] for name in changed}
        merge.private_after = private
        merge.save(update_fields=["after", "private_after"])
        Duplicate.objects.merge(keep, drop, by=by, why=why)
    return merge


def undo_merge(merge: Merge, *, by: User | None, reason: str = "") -> None:
    """Restore both companies as they were before.

    Raises CannotUndo, with nothing done, where either was changed since in what the merge had changed.
    """
    why = reason or f"Not the same: {merge.reason}"
    with publication(source=Source.ADMIN, by=by, reason=why):
        keep, drop = locked(merge.keep_id), locked(merge.drop_id)
        merge = Merge.objects.select_for_update().get(pk=merge.pk)
        if merge.undone_at or drop.status != Status.WITHDRAWN:
            raise CannotUndo([obstacle(drop, "it was restored since")])
        now = facts(keep)
        if changed := [name for name, value in merge.after.items() if now[name] != value]:
            raise CannotUndo([obstacle(keep, f"its {', '.join(changed)} changed since")])
        private: dict[str, Any] = {
            name: value
            for name, value in merge.private_before.items()
            if getattr(keep, name) == merge.private_after[name]
        }
        edit(keep, merge.before, source=Source.ADMIN, **private)
        edit(drop, merge.let_go, source=Source.ADMIN, status=merge.status)
        Step.objects.take([drop], before=drop.status, after=merge.status, by=by, reason=why)
        merge.undone_at = timezone.now()
        merge.save(update_fields=["undone_at"])
        Duplicate.objects.reopen(keep, drop)


def locked(pk: int) -> Company:
    return Company.objects.select_for_update().get(pk=pk)


def obstacle(company: Company, why: str) -> Obstacle:
    return Obstacle("company", company.public_id, company.name, why)
