"""History: what an object was at any moment, and what each change made of it.

Everything is read from the log of published versions, which never had a private field. Reasons are curators' words
to each other and stay with them. Fields that today's serializer does not show are not shown of the past either.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.db.models import OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast, JSONArray
from django.http import HttpResponse
from django.utils import timezone

from directory.api import pagination, rendering
from directory.api.addresses import Found
from directory.api.cursors import Cursor
from directory.api.dates import Time
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.ordering import Ordering, Sort
from directory.api.pagination import Page, make_page, read_snapshot, read_window, snapshot
from directory.api.parameters import Parameter
from directory.api.related import Document
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import unknown_parameters
from directory.api.shapes import all_of, document_field, pick
from directory.api.statements import Slot, Statement
from directory.models import Action, Log, Published, Revision, Version

PARAMETERS = {
    "as_of": Parameter(
        "The moment of which to show the object: a revision's number, a time (RFC 3339), or a date, which is its"
        " first moment in UTC.",
        {"anyOf": [{"type": "integer", "minimum": 1}, *Time.schema["anyOf"]]},
        None,
    ),
}
NEWEST_FIRST = Ordering("-revision", ((Sort("revision_id"), True),))
ORDERINGS = {NEWEST_FIRST.name: NEWEST_FIRST}
HISTORY_PARAMETERS = {
    **{name: pagination.PARAMETERS[name] for name in ("page_size", "cursor")},
    **rendering.PARAMETERS,
}
# What says when a document was published, which each entry says itself.
STAMPS = ("revision", "updated_at")


def read_moment(query: Any, revision: int, mistakes: list[Mistake]) -> Q | None:
    """Which versions had been published at the moment that ``query`` asks for; None where it asks for none."""
    if "as_of" not in query:
        return None
    try:
        if len(query.getlist("as_of")) > 1:
            raise Mistake("repeated_parameter", "This parameter is given once only.")
        return moment(query["as_of"].strip(), revision)
    except Mistake as mistake:
        mistakes.append(mistake.of("as_of"))
        return None


def moment(raw: str, revision: int) -> Q:
    """Which versions ``raw`` asks for; raises Mistake, and Problem where that is no longer kept."""
    if not raw:
        raise Mistake("empty_value", "Give a revision's number, a date or a time.")
    if raw.isascii() and raw.isdigit():
        if len(raw) > 18 or not 1 <= int(raw) <= revision:
            raise Mistake("invalid_value", f"There is no revision {raw[:20]}: they go from 1 to {revision}.")
        if int(raw) < (forgotten := Log.objects.forgotten()):
            raise Problem("gone", f"What was before revision {forgotten} is no longer kept.")
        return Q(revision__lte=int(raw))
    try:
        at: datetime.datetime = Time().parse(raw, revision)
    except Mistake as mistake:
        detail = (
            f"“{raw[:40]}” is neither a revision's number nor a date, such as 2026-03-31, which means its first"
            " moment, nor a time with its zone, such as 2026-03-31T09:00:00Z."
        )
        raise Mistake("invalid_value", detail) from mistake
    if at > timezone.now():
        raise Mistake("invalid_value", f"“{raw[:40]}” lies in the future.")
    first = Revision.objects.filter(pk=Log.objects.forgotten()).first()
    if first and at < first.created_at:
        raise Problem("gone", f"What was before {rfc3339(first.created_at)} is no longer kept.")
    return Q(revision__created_at__lte=at)


def document_at(model: type[Published], pk: int, moment: Q) -> Document:
    """The object's document at ``moment``; raises Problem where it was not published then."""
    versions = Version.objects.filter(kind=model._meta.model_name, object_id=pk)
    version = versions.filter(moment).select_related("revision").order_by("-pk").first()
    if version is None:
        first = versions.select_related("revision").order_by("pk")[0]
        raise Problem("not_found", f"It was not published yet: its first revision is {told(first)}.")
    if version.document is None:
        raise Problem("gone", f"It was not published then: it was withdrawn in revision {told(version)}.")
    return visible(model, version.document)


def told(version: Version) -> str:
    return f"{version.revision_id} of {rfc3339(version.revision.created_at)}"


def documents_at(model: type[Published], moment: Q) -> Mapping[str, Document]:
    """Slug → document of all objects of a kind that were published at ``moment``."""
    versions = Version.objects.filter(moment, kind=model._meta.model_name).order_by("object_id", "-pk")
    newest = versions.distinct("object_id").values_list("document", flat=True)
    found = [visible(model, document) for document in newest if document is not None]
    return {document["slug"]: document for document in found}


def visible(model: type[Published], document: str) -> Document:
    """An old document without what has become private since."""
    shown: Document = pick(orjson.loads(document), all_of(document_field(model)))
    return shown


def rfc3339(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class History:
    """One request for an object's versions: the newest first, with what each changed."""

    def __init__(self, model: type[Published], found: Found, query: Any) -> None:
        self.model, self.found = model, found
        mistakes = unknown_parameters(query, HISTORY_PARAMETERS)
        read_format(query, FORMATS["json"], ("json",), mistakes)
        self.scope = f"{model.collection}/{found.pk}/history"
        known = query.copy()
        for name in pagination.PARAMETERS.keys() - HISTORY_PARAMETERS.keys():
            known.pop(name, None)  # it was refused as unknown
        self.window = read_window(known, ORDERINGS, NEWEST_FIRST.name, self.scope, mistakes)
        if mistakes:
            raise InvalidQuery(mistakes)
        self.address = f"{settings.SITE_URL}/api/v1/{model.collection}/{found.slug}/history/"
        self.asked = [(name, query[name]) for name in ("page_size", "format") if name in query]

    def response(self) -> HttpResponse:
        page = self.read()
        links = {"canonical": self.url(self.window.cursor)}
        for relation, values, backwards in (("next", page.after, False), ("prev", page.before, True)):
            if values is not None:
                links[relation] = self.url(Cursor(values, backwards))
        envelope = {
            "count": None,
            "next": links.get("next"),
            "previous": links.get("prev"),
            "results": [self.entry(*orjson.loads(row)) for row in page.documents],
            "meta": {"count": "none", "query": {"canonical": links["canonical"], "applied": {}}},
        }
        response = HttpResponse(orjson.dumps(envelope), content_type=FORMATS["json"].media_type)
        response.revision = page.revision  # type: ignore[attr-defined]
        response["Link"] = ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items())
        return response

    def read(self) -> Page:
        """A page of versions, each as the JSON of ``entry``'s arguments."""
        statement = versions_statement(beyond=bool(self.window.cursor), backwards=self.window.backwards)
        values = {"kind": self.model._meta.model_name, "pk": self.found.pk, **self.window.values}
        revision, _, rows = read_snapshot(statement, values)
        return make_page(self.window, revision, None, rows)

    def entry(
        self, revision: int, at: str, source: str, action: str, document: str | None, before: str | None
    ) -> dict[str, Any]:
        """A version as the public is told of it: who made it and why is between curators."""
        address = self.address.removesuffix("history/")
        return {
            "revision": revision,
            "published_at": rfc3339(datetime.datetime.fromisoformat(at)),
            "source": source,
            "action": action,
            "url": f"{address}?as_of={revision}" if document else None,
            "changes": None if is_unknown(action, before) else differences(self.model, before, document),
        }

    def url(self, cursor: Cursor | None) -> str:
        position = [("cursor", cursor.encode(NEWEST_FIRST.name, self.scope))] if cursor else []
        query = urlencode([*self.asked, *position])
        return f"{self.address}?{query}" if query else self.address


def is_unknown(action: str, before: object) -> bool:
    """Whether a version changed something of which the version ``before`` it is no longer kept."""
    return before is None and action in (Action.UPDATED, Action.RENAMED)


def differences(model: type[Published], before: str | None, after: str | None) -> list[dict[str, Any]]:
    """The fields that differ between two documents, old → new; nothing where it appeared or vanished as a whole."""
    if before is None or after is None:
        return []
    old, new = visible(model, before), visible(model, after)
    fields = [name for name in document_field(model).parts if name not in STAMPS]
    return [
        {"field": name, "old": old.get(name), "new": new.get(name)}
        for name in fields
        if old.get(name) != new.get(name)
    ]


@cache
def versions_statement(*, beyond: bool, backwards: bool) -> Statement:
    """The versions of an object, each with its predecessor's document."""
    versions = Version.objects.filter(kind=Slot("kind"), object_id=Slot("pk"))
    if beyond:
        versions = versions.filter(NEWEST_FIRST.beyond([Slot("cursor.0"), Slot("cursor.1")], backwards=backwards))
    before = Version.objects.filter(kind=OuterRef("kind"), object_id=OuterRef("object_id"), pk__lt=OuterRef("pk"))
    entry = JSONArray(
        *("revision_id", "revision__created_at", "revision__source", "action", "document"),
        Subquery(before.order_by("-pk").values("document")[:1]),
    )
    rows = versions.order_by(*NEWEST_FIRST.order_by(backwards=backwards))
    return snapshot(Statement.of(rows.values_list(Cast(entry, TextField()), *NEWEST_FIRST.keys)))
