"""Addresses: which published object a slug or an id leads to, and where to look when it leads to none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponsePermanentRedirect

from directory import ids
from directory.api.errors import Problem
from directory.api.pagination import read_snapshot, snapshot
from directory.api.statements import Slot, Statement
from directory.models import Action, Address, Published, PublishedQuerySet, Version, is_id, kinds


class PermanentRedirect(HttpResponsePermanentRedirect):
    """308: an address that moved. For a minute only, since names may come back."""

    status_code = 308

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self["Cache-Control"] = "public, max-age=60"
        self["Access-Control-Allow-Origin"] = "*"


@dataclass(frozen=True)
class Found:
    """A published object as it was at ``revision``."""

    revision: int
    pk: int
    slug: str
    document: str


def find(queryset: PublishedQuerySet, key: str, request: HttpRequest, rest: str = "") -> Found | PermanentRedirect:
    """The object with this slug or id, or where its address has moved; raises Problem where there is none.

    ``rest`` follows the key in the address, and follows it to where it moved, as the query does.
    """
    model: type[Published] = queryset.model
    if "\0" in key:  # PostgreSQL has no text with it
        raise Problem("not_found", why_missing(model, key))
    kind_number, pk = decoded(key)
    by_id = kind_number == model.kind_number
    statement = detail_statement(queryset, "pk" if by_id else "slug")
    revision, _, rows = read_snapshot(statement, {"key": pk if by_id else key, "limit": 1, "offset": 0})
    if rows and not (by_id and key != ids.encode(model.kind_number, pk)):
        return Found(revision, *rows[0])
    query = request.META["QUERY_STRING"]
    to = rows[0][1] if rows else successor(model, key)
    return PermanentRedirect(f"/api/v1/{model.collection}/{to}/{rest}{'?' if query else ''}{query}")


@cache
def detail_statement(queryset: PublishedQuerySet, lookup: str) -> Statement:
    return snapshot(Statement.of(queryset.filter(**{lookup: Slot("key")}).values_list("pk", "slug", "document")))


def decoded(key: str) -> tuple[int, int]:
    """(kind number, primary key) of a public id, (-1, 0) of anything else."""
    try:
        return ids.decode(key)
    except ValueError:
        return -1, 0


def successor(model: type[Published], key: str) -> str:
    """What an address that leads to no published object has become; raises Problem: it is gone or never was."""
    kind: Any = model._meta.model_name
    kind_number, pk = decoded(key)
    if kind_number != model.kind_number:
        address = Address.objects.filter(kind=kind, slug=key.lower()).first()
        pk = address.object_id if address else 0
    newest = Version.objects.filter(kind=kind, object_id=pk).order_by("-pk").first()
    if newest is None:
        raise Problem("not_found", why_missing(model, key))
    if newest.action == Action.MERGED:
        return newest.successor
    # The row's slug, not the version's: an edit that waits for the sweep would be redirected to itself.
    slug: str | None = model._default_manager.published().filter(pk=pk).values_list("slug", flat=True).first()
    if slug is None:
        raise Problem("gone", successor=None)
    return slug


def why_missing(model: type[Published], key: str) -> str:
    """What may have gone wrong with ``key``: a slip of the hand in an id, another kind's id, an unknown slug."""
    kind_number, _ = decoded(key)
    if kind_number == -1 and is_id(key):
        return f"“{key}” is mistyped: the last two digits of an id check the rest, and they do not fit."
    other = next((kind for kind, other in kinds().items() if other.kind_number == kind_number), "")
    if other not in ("", model._meta.model_name):
        return f"“{key}” is not the id of a {model._meta.verbose_name}: it has the form of a {other}'s."
    where = f"{settings.SITE_URL}/api/v1/{model.collection}/"
    return f"There is no {model._meta.verbose_name} “{key[:80]}”; all of them are at {where}."
