"""Deciding on suggestions: each field against what the company is now, and what is accepted written as an edit.

A suggestion is a difference to the document that it is based on. Where nothing else changed since, it holds for
today's document too; where something did, it is stale and a curator chooses between the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from rest_framework.serializers import ValidationError

from companies.merging import facts
from companies.models import Company, Merge
from companies.proposing import empty, in_order
from companies.suggestions import State, Suggestion
from companies.workflow import NEW, OPEN, Status, Step, publishes
from directory.models import Source
from directory.publishing import Document, edit, publication


class Standing(models.TextChoices):
    """How a suggested field stands to the company of today."""

    CLEAN = "clean", "Nothing else changed it"
    STALE = "stale", "Changed since"
    SAME = "same", "So already"


@dataclass(frozen=True)
class Field:
    """One field of a suggestion: on what it was based, what it is now, and what it would be."""

    name: str
    base: Any
    now: Any
    result: Any
    standing: Standing


@dataclass(frozen=True)
class Decision:
    """What a curator says of one field."""

    accepted: bool
    reason: str = ""


def target(suggestion: Suggestion) -> Company | None:
    """The company that it is about, or what that was merged into; None for a new one."""
    company = suggestion.company
    while merge := Merge.objects.standing().filter(drop=company).select_related("keep").first():
        company = merge.keep
    return company


def may_decide(user: Any, company: Company | None) -> bool:
    """Whether ``user`` may decide on a suggestion about ``company``: who may edit it by hand."""
    if not user.has_perm("companies.change_suggestion"):
        return False
    if company is None:
        return bool(user.has_perm("companies.add_company"))
    return user.has_perm("companies.change_company") and (company.status in OPEN or publishes(user))


def fields(suggestion: Suggestion, now: Document) -> list[Field]:
    """Each field of a suggestion against ``now``, the facts of today, none for a new company."""
    proposed = {name: suggestion.proposed[name] for name in in_order(suggestion.proposed)}
    return [field(suggestion, name, value, now.get(name, empty(name))) for name, value in proposed.items()]


def field(suggestion: Suggestion, name: str, proposed: Any, now: Any) -> Field:
    base = suggestion.base.get(name, empty(name))
    patch = suggestion.patch.get(name)
    # Of an object, such as a range, a patch may be about a part; then only that part can be stale.
    is_part = all(isinstance(value, dict) for value in (base, patch, now, proposed))
    ends = patch.keys() if is_part else ()
    base = {end: base.get(end) for end in now} if is_part else base  # in the same order, to be compared by eye
    result = {**now, **{end: proposed.get(end) for end in ends}} if is_part else proposed
    if result == now:
        standing = Standing.SAME
    elif is_part:
        standing = Standing.STALE if any(now.get(end) != base.get(end) for end in ends) else Standing.CLEAN
    else:
        standing = Standing.STALE if now != base else Standing.CLEAN
    return Field(name, base, now, result, standing)


def fingerprint(found: Sequence[Field]) -> str:
    """What tells whether a curator decided on what there is."""
    seen = [(one.name, one.now, one.result) for one in found]
    return hashlib.sha256(orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def decide(
    suggestion: Suggestion,
    decisions: Mapping[str, Decision],
    *,
    seen: str,
    by: User,
    status: str = Status.DRAFT,
    note: str = "",
) -> Suggestion:
    """Write the accepted fields, one revision, and keep what was said of each; the suggestion as it is then.

    ``seen`` is the ``fingerprint()`` of what the curator saw, ``status`` what a new company gets. Raises
    rest_framework.serializers.ValidationError, with nothing done, where something has changed meanwhile, a decision
    or its reason is missing, or the result would not be allowed.
    """
    why = note or f"Suggestion {suggestion.pk}"
    with publication(source=Source.SUGGESTION, by=by, reason=why):
        suggestion = (
            Suggestion.objects.select_for_update(of=("self",)).select_related("company").get(pk=suggestion.pk)
        )
        if not suggestion.is_open:
            raise ValidationError("Somebody else has decided on it meanwhile.")
        company = target(suggestion)
        now = facts(company) if company else {}
        found = fields(suggestion, now)
        if fingerprint(found) != seen:
            raise ValidationError("The company was changed meanwhile: look at it again.")
        said = complete(found, decisions)
        accepted = {one.name: one.result for one in found if said[one.name].accepted and one.result != one.now}
        if accepted:
            suggestion.company = write(company, now, accepted, suggestion.evidence, by=by, status=status, why=why)
        suggestion.state = outcome(found, said)
        suggestion.decisions = {
            one.name: {
                "accepted": said[one.name].accepted,
                "reason": said[one.name].reason,
                "stale": one.standing == Standing.STALE,
            }
            for one in found
        }
        suggestion.decided_by, suggestion.decided_at = by, timezone.now()
        suggestion.save()
    return suggestion


def complete(found: Sequence[Field], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """A decision on each field; raises ValidationError that names those without one, or without its reason."""
    said = {
        **decisions,
        **{f.name: Decision(True, "It was so already.") for f in found if f.standing == Standing.SAME},
    }
    missing = {f.name: ["Accept or reject it."] for f in found if f.name not in said}
    unexplained = [name for name, decision in said.items() if not (decision.accepted or decision.reason)]
    if mistakes := missing | {name: ["Say why: who sent it reads it."] for name in unexplained}:
        raise ValidationError(mistakes)
    return said


def write(
    company: Company | None,
    now: Document,
    accepted: Document,
    evidence: Sequence[str],
    *,
    by: User,
    status: str,
    why: str,
) -> Company:
    """Edit the company, or make a new one, with the evidence among its sources."""
    sources = sourced(accepted.get("sources") or now.get("sources") or [], evidence, [*accepted.keys() - {"sources"}])
    patch = {**accepted, "sources": sources} if evidence else accepted
    if company:
        return edit(company, patch, source=Source.SUGGESTION, by=by, reason=why)  # type: ignore[return-value]
    made: Any = edit(Company(), patch, source=Source.SUGGESTION, by=by, reason=why, status=status)
    Step.objects.take([made], before=NEW, after=status, by=by, reason=why[:300])
    return made


def sourced(sources: Sequence[Document], evidence: Sequence[str], names: Sequence[str]) -> list[Document]:
    """``sources`` in which ``evidence`` vouches for the fields of ``names``, as seen today."""
    result = {source["reference"]: source for source in sources}
    for url in evidence:
        known = result.get(url, {"facts": []})
        vouched = sorted({*(known["facts"] or []), *names})
        result[url] = {"reference": url, "facts": vouched, "seen_on": timezone.localdate().isoformat()}
    return list(result.values())


def outcome(found: Sequence[Field], said: Mapping[str, Decision]) -> State:
    rejected = [one for one in found if not said[one.name].accepted]
    if not rejected:
        return State.ACCEPTED
    if len(rejected) < len(found):
        return State.PARTLY
    return State.STALE if all(one.standing == Standing.STALE for one in rejected) else State.REJECTED
