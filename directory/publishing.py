"""Publication: what curators edit becomes what the world reads.

``publication()`` is the one way in which the application writes. It takes the writers' lock first and publishes
last, in one transaction: number order is commit order because nobody else can take a number before this
transaction ends. Triggers note every changed object in the outbox, so publishing never asks who changed what.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models import Max, Prefetch, Value, prefetch_related_objects
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework.serializers import ValidationError

from directory import buckets
from directory.copying import copy_rows
from directory.models import Action, Log, Mark, Published, Revision, Source, Version, kinds

log = logging.getLogger(__name__)

# Any constant will do; every writer of every process must use the same one.
WRITERS_LOCK = 7_305_923_014
# Where a commit says the number of its revision to whoever listens.
CHANNEL = "directory_revision"
# Objects in one revision of a sweep: small enough that a curator's save hardly waits for it.
CHUNK = 200
VERSION_COLUMNS = ("revision_id", "kind", "object_id", "slug", "action", "document", "successor")
# What says when an object was published, not what it is: left out when two documents are compared.
STAMPS = ("revision", "updated_at")

Object = tuple[str, int]  # kind, primary key
Document = dict[str, Any]


@dataclass
class Publication:
    """An open publication: who writes, why, and what beside its own edits it is to publish."""

    source: Source
    by: User | None = None
    reason: str = ""
    objects: set[Object] = field(default_factory=set)
    # Object → public id of what it is merged into: how its tombstone tells where it went.
    successors: dict[Object, str] = field(default_factory=dict)
    revision: Revision | None = None


_open: ContextVar[Publication | None] = ContextVar("publication", default=None)


@contextmanager
def publication(*, source: Source, by: User | None = None, reason: str = "") -> Iterator[Publication]:
    """A transaction that publishes, as one revision, everything that was changed in it.

    Yields the Publication; its ``reason`` may still be set inside, its ``revision`` is there afterwards when the
    public saw a difference. Used inside another one, it joins that. An exception leaves nothing behind.
    """
    outer = _open.get()
    if outer is not None:
        yield outer
        return
    with transaction.atomic():
        lock_writers()
        current = Publication(source=source, by=by, reason=reason)
        token = _open.set(current)
        try:
            yield current
        finally:
            _open.reset(token)
        current.objects |= claim_own_marks()
        publish(current)


def lock_writers() -> None:
    """Wait until no other publication is open; the transaction's end unlocks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])


def edit(
    obj: Published,
    patch: Mapping[str, Any],
    *,
    source: Source,
    by: User | None = None,
    reason: str = "",
    **private: Any,
) -> Published:
    """Write ``patch``, a JSON Merge Patch on the object's document (RFC 7396), and publish.

    ``obj`` may be new and unsaved: then the patch is its whole document. Otherwise it says only which object: that is
    read anew, and what is returned is another instance. ``private`` sets what documents never show, such as
    ``status``. Raises rest_framework.serializers.ValidationError, naming each field.
    """
    with publication(source=source, by=by, reason=reason):
        serializer = serializer_class(type(obj))(as_it_is(obj), data=patch, partial=obj.pk is not None)
        serializer.is_valid(raise_exception=True)
        saved: Published = serializer.save(**private)
        return saved


def as_it_is(obj: Published) -> Published:
    """The object as the database has it, its row locked: a copy read earlier would undo what others did since."""
    if obj._state.adding:
        return obj
    found: Published | None = type(obj)._default_manager.select_for_update(no_key=True).filter(pk=obj.pk).first()
    if found is None:
        raise ValidationError("It was deleted meanwhile.")
    return found


def sweep(chunk: int = CHUNK) -> int:
    """Publish what was changed behind the application's back, ``chunk`` marks a revision; the number of marks.

    A row that cannot be rendered, such as one with a date of infinity, is logged and stays marked; it keeps nobody
    else from being published.
    """
    swept = after = singly = 0
    while marks := Mark.objects.filter(pk__gt=after).order_by("pk")[:1]:
        size = 1 if singly else chunk
        try:
            swept += publish_marked(size, after)
        except (DatabaseError, ValueError, OverflowError):
            if size > 1:
                singly = chunk + 1
            else:
                log.exception("%s cannot be published", marks[0])
                after = marks[0].pk
        singly = max(0, singly - 1)
    return swept


def publish_marked(limit: int, after: int) -> int:
    """Publish the oldest marks behind the one numbered ``after``, as one revision; how many they were."""
    with publication(source=Source.SYSTEM, reason="Changed outside the application") as current:
        claimed = claim_oldest_marks(limit, after)
        current.objects.update(claimed)
    return len(claimed)


def publish_all(chunk: int = CHUNK) -> Iterator[int]:
    """Render every object anew and publish what differs: after a serializer changed, or after TRUNCATE.

    Yields how many objects each step rendered.
    """
    for objects in every_object(chunk):
        with publication(source=Source.SYSTEM, reason="Rendered anew") as current:
            current.objects.update(objects)
        yield len(objects)
    with transaction.atomic():
        lock_writers()
        buckets.rebuild()
        Log.objects.update_or_create(pk=1, defaults={"rendering": rendering()})


def check(chunk: int = CHUNK) -> Iterator[tuple[str, str]]:
    """(kind, public id) of each object whose document is not what rendering it gives, marks not yet swept aside.

    Suspects are looked at again with the writers shut out, so that an edit in progress is not taken for a fault.
    """
    for objects in every_object(chunk):
        suspects = {(change.kind, change.pk) for change in differences(objects)}
        if suspects:
            with transaction.atomic():
                lock_writers()
                found = differences(suspects)
                # Read last: what a script changed meanwhile is marked by now.
                marked = set(Mark.objects.values_list("kind", "object_id"))
            yield from ((c.kind, c.public_id) for c in found if (c.kind, c.pk) not in marked)


def every_object(chunk: int) -> Iterator[set[Object]]:
    """All objects in chunks, those included that are still published although their rows are gone."""
    for kind, model in kinds().items():
        pks = model._default_manager.order_by("pk").values_list("pk", flat=True)
        last = 0
        while found := list(pks.filter(pk__gt=last)[:chunk]):
            last = found[-1]
            yield {(kind, pk) for pk in found}
        published = published_versions(kind).values_list("object_id", flat=True)
        lost = set(published) - set(pks)
        for position in range(0, len(lost), chunk):
            yield {(kind, pk) for pk in sorted(lost)[position : position + chunk]}


def published_versions(kind: str, object_ids: Iterable[int] | None = None) -> Any:
    """The newest version of each object of ``kind``, of those that are published."""
    versions = Version.objects.filter(kind=kind)
    if object_ids is not None:
        versions = versions.filter(object_id__any=Value(list(object_ids)))
    newest = versions.values("object_id").annotate(newest=Max("pk")).values("newest")
    return Version.objects.filter(pk__in=newest, document__isnull=False)


def claim_own_marks() -> set[Object]:
    """Take what this transaction marked out of the outbox."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM directory_mark WHERE xid = pg_current_xact_id() RETURNING kind, object_id")
        return set(cursor.fetchall())


def claim_oldest_marks(limit: int, after: int) -> list[Object]:
    """Take committed marks behind ``after`` out of the outbox by their ids; a later statement renders.

    The later statement's snapshot holds every row change whose mark was visible here.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM directory_mark WHERE id IN"
            " (SELECT id FROM directory_mark WHERE id > %s ORDER BY id LIMIT %s) RETURNING kind, object_id",
            [after, limit],
        )
        return cursor.fetchall()


@cache
def serializer_class(model: type[Published]) -> Any:
    """The serializer of a kind, found by the dotted path that its model gives."""
    return import_string(model.serializer)


@cache
def renderer(model: type[Published]) -> Any:
    """A serializer that renders objects of a kind and nothing else: making its fields costs more than an object."""
    return serializer_class(model)()


def rendering() -> str:
    """A digest of all that decides how an object is rendered: the serializers and the site's address."""
    return hashlib.sha256(f"{settings.SITE_URL}\n{described()}".encode()).hexdigest()


@cache
def described() -> str:
    """What the serializers of all kinds are."""
    return "\n".join(repr(serializer_class(model)()) for model in kinds().values())


def is_behind() -> bool:
    """Whether documents are stored that today's serializers would render otherwise."""
    log = Log.objects.filter(pk=1).first()
    return log is None or log.rendering != rendering()


def published_site() -> str:
    """The SITE_URL that published documents were rendered for; today's where nothing is published."""
    newest = Version.objects.filter(document__isnull=False).order_by("-pk").first()
    if newest is None or newest.document is None:
        return settings.SITE_URL
    url: str = orjson.loads(newest.document)["url"]
    return url.partition("/api/v1/")[0]


@dataclass
class Change:
    """A difference between what an object is and what the public sees of it."""

    kind: str
    pk: int
    action: Action
    slug: str
    before: Document | None
    after: Document | None

    @property
    def public_id(self) -> str:
        return str((self.after or self.before or {})["id"])

    @property
    def reference_changed(self) -> bool:
        """Whether documents that name this object show its slug or name otherwise now."""
        return (
            self.before is not None
            and self.after is not None
            and any(self.before[key] != self.after[key] for key in ("slug", "name"))
        )


def publish(current: Publication) -> None:
    """Write one revision with a version for each object that differs, and the documents onto the rows."""
    changes = differences(current.objects)
    followers = followers_of(changes) - current.objects
    if len(followers) <= CHUNK:
        changes += differences(followers)
    else:
        mark(followers)
    if not changes:
        return
    order = list(kinds())
    changes.sort(key=lambda change: (change.after is None, order.index(change.kind), change.pk))
    current.revision = Revision.objects.create(by=current.by, reason=current.reason[:500], source=current.source)
    write(changes, current)
    transaction.on_commit(partial(tell, current, len(changes)))


def tell(current: Publication, number: int) -> None:
    """Say in the log what was published, by its number, for the log that everybody reads has the rest."""
    by = f"account {current.by.pk}" if current.by else "nobody signed in"
    log.info(
        "revision %s of %s objects (%s) by %s", current.revision and current.revision.pk, number, current.source, by
    )


def differences(objects: Iterable[Object]) -> list[Change]:
    """The objects whose rendering differs from what is published of them."""
    by_kind = defaultdict(set)
    for kind, pk in objects:
        by_kind[kind].add(pk)
    return [
        change
        for kind, model in kinds().items()
        if kind in by_kind
        for change in _differences(kind, model, by_kind[kind])
    ]


def followers_of(changes: Iterable[Change]) -> set[Object]:
    """The objects whose documents name an object that is called otherwise now."""
    renamed = defaultdict(set)
    for change in changes:
        if change.reference_changed:
            renamed[change.kind].add(change.pk)
    return {
        (kind, pk)
        for kind, model in kinds().items()
        for followed, pks in renamed.items()
        for path in model.follows.get(followed, ())
        for pk in model._default_manager.filter(**{f"{path}__in": pks}).values_list("pk", flat=True)
    }


def write(changes: list[Change], current: Publication) -> None:
    """Append the versions and put each document onto its row."""
    revision: Any = current.revision
    now = timezone.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    versions = []
    rows: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
    for change in changes:
        text = None
        if change.after is not None:
            text = orjson.dumps(change.after | {"revision": revision.pk, "updated_at": now}).decode()
        rows[change.kind].append((change.pk, text))
        successor = "" if text else current.successors.get((change.kind, change.pk), "")
        action = Action.MERGED if successor else change.action
        versions.append((revision.pk, change.kind, change.pk, change.slug, str(action), text, successor))
    copy_rows(Version, VERSION_COLUMNS, versions)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('directory.publishing', 'on', true)")
        for kind, pairs in rows.items():
            put_documents(cursor, kinds()[kind]._meta.db_table, pairs, revision.pk, now)
        cursor.execute("SELECT set_config('directory.publishing', '', true)")
    buckets.add(revision.pk)
    announce(revision.pk)


def announce(revision: int) -> None:
    """Tell the processes that wait for a revision, as soon as this one commits, in a log that has an epoch.

    Nothing was rendered before the log began, so that all is of today's form.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH begun AS (INSERT INTO directory_log (id, epoch, rendering, forgotten) VALUES (1, %s, %s, 0)"
            " ON CONFLICT DO NOTHING) SELECT pg_notify(%s, %s)",
            [uuid.uuid4(), rendering(), CHANNEL, str(revision)],
        )


def put_documents(cursor: Any, table: str, pairs: list[tuple[int, str | None]], revision: int, now: str) -> None:
    """One statement for all rows of a table: bulk_update alone cost most of a millisecond a row."""
    pks, documents = zip(*pairs, strict=True)
    cursor.execute(
        f"UPDATE {table} AS row SET document = new.document, revision = %s,"  # noqa: S608 - a table of ours
        " updated_at = CASE WHEN new.document IS NULL THEN NULL ELSE %s::timestamptz END"
        " FROM unnest(%s::bigint[], %s::text[]) AS new(id, document) WHERE row.id = new.id",
        [revision, now, list(pks), list(documents)],
    )


def mark(objects: Iterable[Object]) -> None:
    """Leave ``objects`` to the sweep."""
    kind_names, pks = zip(*objects, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directory_mark (kind, object_id) SELECT * FROM unnest(%s::text[], %s::bigint[])",
            [list(kind_names), list(pks)],
        )


def _differences(kind: str, model: type[Published], pks: set[int]) -> Iterator[Change]:
    serializer = renderer(model)
    gone = set(pks)
    queryset: Any = model._default_manager.filter(pk__any=Value(list(pks))).for_document()
    # What nobody sees and will see is not even read: of a large import of drafts, this is most of the cost.
    objects = list(queryset.seen_or_shown().prefetch_related(None))
    public = [obj for obj in objects if obj.is_public]
    fetched = dict(fetch_related(public, queryset._prefetch_related_lookups))
    for obj in objects:
        gone.discard(obj.pk)
        before = orjson.loads(obj.document) if obj.document else None
        shown = fetched.get(obj)
        after = orjson.loads(orjson.dumps(serializer.to_representation(shown))) if shown is not None else None
        if _unstamped(before) != _unstamped(after):
            yield Change(kind, obj.pk, _action(before, after), obj.slug, before, after)
    for version in published_versions(kind, gone) if gone else ():
        before = orjson.loads(version.document)
        yield Change(kind, version.object_id, Action.WITHDRAWN, version.slug, before, None)


class Fetched:
    """An object to render, with its relations as plain lists.

    Django makes a manager and a query set for each object and relation that is asked for, which costs more than all
    else about rendering it.
    """

    def __init__(self, obj: Any, lists: Mapping[str, list[Any]]) -> None:
        self.__dict__ |= obj.__dict__ | lists
        self._object = obj

    def __getattr__(self, name: str) -> Any:
        """What is computed, and related objects."""
        return getattr(self._object, name)


def fetch_related(objects: list[Any], lookups: Iterable[Prefetch]) -> Iterator[tuple[Any, Fetched]]:
    """Each object with all that rendering reads of it, in a query a relation.

    ``lookups`` are Prefetch objects of direct relations, as ``for_document()`` has them.
    """
    names = [lookup.prefetch_through for lookup in lookups]
    listed = [Prefetch(one.prefetch_through, one.queryset, f"listed_{one.prefetch_through}") for one in lookups]
    prefetch_related_objects(objects, *listed)
    for obj in objects:
        yield obj, Fetched(obj, {name: getattr(obj, f"listed_{name}") for name in names})


def _unstamped(document: Document | None) -> Document | None:
    if document is None:
        return None
    return {key: value for key, value in document.items() if key not in STAMPS}


def _action(before: Document | None, after: Document | None) -> Action:
    if after is None:
        return Action.WITHDRAWN
    if before is None:
        return Action.CREATED
    return Action.RENAMED if before["slug"] != after["slug"] else Action.UPDATED
