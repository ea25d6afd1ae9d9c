"""Bulk changes: the same change for many companies, which is looked at before it is made.

What is seen is what is done: each line of a preview carries a token of the company as it was, and a company that has
another one by the time of the change is left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from rest_framework.serializers import ValidationError

from companies.models import Company
from companies.serializers import CompanySerializer
from companies.workflow import OPEN, PUBLISH, Status, Step, publishes, reachable
from directory.models import Revision, Source
from directory.publishing import STAMPS, Document, edit, publication
from directory.reverting import sentences
from directory.undoing import by_slug
from directory.wording import Difference, Wording

CHANGE_COMPANY = "companies.change_company"
MEANWHILE = "changed since you looked at it"


@dataclass(frozen=True)
class Bulk:
    """A change: ``does`` gives what it makes of a document's fields, ``status`` among them, for the values chosen."""

    label: str
    does: Callable[[Document, Mapping[str, Any]], Document]
    takes_to: str = ""
    permission: str = CHANGE_COMPANY


@dataclass(frozen=True)
class Line:
    """What a change does to one company, or why it leaves it alone."""

    company: Company
    token: str
    before: Document
    changed: Document
    why_not: str = ""

    @property
    def differences(self) -> list[Difference]:
        """Of a list, what goes and what comes: all of it would hide that."""
        found = []
        wording = Wording(Company)
        for name, new in self.changed.items():
            old = self.before[name]
            if isinstance(new, list):
                old, new = [one for one in old if one not in new], [one for one in new if one not in old]
            found.append(wording.difference(name, old, new))
        return found


@dataclass
class Done:
    """What came of a change: the companies that it changed, those that it left alone and why, and its revision."""

    changed: list[Company] = field(default_factory=list)
    left: list[tuple[Company, str]] = field(default_factory=list)
    revision: Revision | None = None


def step(after: Status) -> Callable[[Document, Mapping[str, Any]], Document]:
    return lambda _before, _values: {"status": after}


def reference(term: Any) -> Document:
    return {"slug": term.slug, "name": term.name}


def adding(name: str) -> Callable[[Document, Mapping[str, Any]], Document]:
    def add(before: Document, values: Mapping[str, Any]) -> Document:
        terms = [reference(term) for term in values[name]]
        return {name: [*before[name], *(term for term in terms if term not in before[name])]}

    return add


def remove_specialty(before: Document, values: Mapping[str, Any]) -> Document:
    slugs = {term.slug for term in values["specialties"]}
    return {"specialties": [term for term in before["specialties"] if term["slug"] not in slugs]}


def mark_verified(before: Document, values: Mapping[str, Any]) -> Document:
    """The source is seen today, whether it was known before or not."""
    today, text = values["today"].isoformat(), values["source"]
    known = next((source for source in before["sources"] if source["reference"] == text), None)
    seen = {**(known or {"reference": text, "facts": []}), "seen_on": today}
    sources = [seen if source is known else source for source in before["sources"]]
    return {"verified_on": today, "sources": sources if known else [*sources, seen]}


BULKS: dict[str, Bulk] = {
    "send_to_review": Bulk("Send to review", step(Status.IN_REVIEW), Status.IN_REVIEW),
    "send_back": Bulk("Make drafts again", step(Status.DRAFT), Status.DRAFT),
    "publish": Bulk("Publish", step(Status.PUBLISHED), Status.PUBLISHED, PUBLISH),
    "withdraw": Bulk("Withdraw", step(Status.WITHDRAWN), Status.WITHDRAWN, PUBLISH),
    "set_hub": Bulk("Set the hub", lambda _before, values: {"hub": reference(values["hub"])}),
    "add_specialty": Bulk("Add specialties", adding("specialties")),
    "remove_specialty": Bulk("Remove specialties", remove_specialty),
    "add_industry": Bulk("Add industries", adding("industries")),
    "set_kind": Bulk("Set the kind", lambda _before, values: {"kind": values["kind"]}),
    "mark_verified": Bulk("Mark as verified today", mark_verified),
}


def may_take(user: Any, bulk: Bulk) -> bool:
    return bool(user.has_perm(CHANGE_COMPANY) and user.has_perm(bulk.permission))


def preview(bulk: Bulk, pks: Sequence[int], values: Mapping[str, Any], *, by: Any) -> list[Line]:
    """What the change would do to each company now, in the order of their names."""
    serializer = CompanySerializer()
    companies = Company.objects.filter(pk__in=pks).for_document().order_by("name_key", "pk")
    return [line_of(bulk, company, serializer.to_representation(company), values, by) for company in companies]


def line_of(bulk: Bulk, company: Company, document: Any, values: Mapping[str, Any], by: Any) -> Line:
    before = orjson.loads(orjson.dumps(document)) | {"status": company.status}
    changed = {name: value for name, value in bulk.does(before, values).items() if before[name] != value}
    why_not = ""
    if company.status not in OPEN and not publishes(by):
        why_not = "it is or was public: that is for those who publish"
    elif not changed:
        why_not = "it is so already"
    elif bulk.takes_to and bulk.takes_to not in reachable(by, company.status):
        why_not = f"from “{company.get_status_display()}” there is no such step"
    changed = {} if why_not else changed
    return Line(company, token_of(before, changed), before, changed, why_not)


def token_of(document: Document, changed: Document) -> str:
    """The same as long as nobody changes the company, nor what is to be done with it."""
    told = {name: value for name, value in document.items() if name not in STAMPS}
    return hashlib.sha256(orjson.dumps([told, changed], option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def apply(bulk: Bulk, seen: Mapping[int, str], values: Mapping[str, Any], *, by: User, reason: str) -> Done:
    """Change the companies of ``seen``, primary key → token of the preview, as one revision.

    A company that changed meanwhile, or that the change would make one that is not allowed, is left alone.
    """
    done = Done()
    with publication(source=Source.ADMIN, by=by, reason=reason) as current:
        for line in preview(bulk, list(seen), values, by=by):
            given = seen[line.company.pk]  # empty where the preview left it alone
            is_other = given != line.token and (given or not line.why_not)
            why_not = MEANWHILE if is_other else line.why_not or refused(line)
            if why_not:
                done.left.append((line.company, why_not))
            else:
                done.changed.append(line.company)
                if bulk.takes_to:
                    before = line.before["status"]
                    Step.objects.take([line.company], before=before, after=bulk.takes_to, by=by, reason=reason)
        log(bulk, done.changed, by)
    done.revision = current.revision
    return done


def refused(line: Line) -> str:
    """Write a line; why the company may not be so, where it may not: then edit() leaves nothing of it."""
    patch = {name: by_slug(value) for name, value in line.changed.items() if name != "status"}
    status = line.changed.get("status", line.company.status)
    try:
        edit(line.company, patch, source=Source.ADMIN, status=status)
    except ValidationError as error:
        return " ".join(sentences(error.detail))
    return ""


def log(bulk: Bulk, companies: Iterable[Company], by: User) -> None:
    """Tell it in the admin's own log."""
    message = [{"changed": {"fields": [bulk.label]}}]
    LogEntry.objects.log_actions(by.pk, companies, CHANGE, message)
