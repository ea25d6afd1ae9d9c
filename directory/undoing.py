"""Undo: what a revision did is taken back, unless something that came later would be lost.

Only what the world saw is taken back, field by field, by writing the earlier values through the serializer that
renders them. It is an edit like any other: the log shows it, and it can be undone itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db.models import ProtectedError

from directory.models import Action, Log, Published, Revision, Source, Version, kinds
from directory.publishing import Document, Publication, edit, publication, serializer_class


@dataclass(frozen=True)
class Obstacle:
    """Why one object cannot be put back."""

    kind: str
    public_id: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


class CannotUndo(Exception):
    """Nothing was undone; ``obstacles`` say why."""

    def __init__(self, obstacles: list[Obstacle]) -> None:
        self.obstacles = obstacles
        super().__init__("; ".join(map(str, obstacles)))


@dataclass
class Step:
    """What is to be done with one object: ``patch`` it, hide it where it was created, or show it again."""

    version: Version
    name: str
    # Field → what it was before; in an object that is shown again, all of them.
    patch: Mapping[str, Any] = field(default_factory=dict)
    # Field → what it is now.
    current: Mapping[str, Any] = field(default_factory=dict)
    hides: bool = False
    shows: bool = False
    why_not: str = ""

    @property
    def rank(self) -> int:
        """What is hidden makes room for what goes back, and that for what is shown again."""
        return 0 if self.hides else 2 if self.shows else 1

    @property
    def obstacle(self) -> Obstacle:
        return Obstacle(self.version.kind, self.version.public_id, self.name, self.why_not)


def undo(revision: Revision, *, by: User | None, reason: str = "") -> Publication:
    """Take back what ``revision`` did, as a new revision.

    Raises CannotUndo, with nothing done, where something that came later would be lost or the database refuses; and
    rest_framework.serializers.ValidationError where an earlier value is no longer allowed.
    """
    what = f"Undo of revision {revision.pk}"
    why = reason or what
    with publication(source=Source.ADMIN, by=by, reason=f"{what}: {reason}" if reason else what) as current:
        steps = steps_to_undo(revision)
        if obstacles := [step.obstacle for step in steps if step.why_not]:
            raise CannotUndo(obstacles)
        for step in sorted(steps, key=lambda step: (step.rank, step.version.pk)):
            take(step, by, why)
    return current


def steps_to_undo(revision: Revision) -> list[Step]:
    """A step for each object that ``revision`` changed, also where it cannot be taken."""
    steps = [step_of(*three) for three in with_neighbours(list(revision.versions.all()))]
    if revision.pk <= Log.objects.forgotten():
        for step in steps:
            step.why_not = "what it was before is no longer kept"
    return steps


def with_neighbours(versions: list[Version]) -> Iterator[tuple[Version, Version | None, Version]]:
    """Each version of a revision with the one of its object before it and the newest: two queries for each kind."""
    objects: dict[str, list[int]] = defaultdict(list)
    for version in versions:
        objects[version.kind].append(version.object_id)
    before: dict[tuple[str, int], Version] = {}
    newest: dict[tuple[str, int], Version] = {}
    for kind, pks in objects.items():
        every = Version.objects.filter(kind=kind, object_id__in=pks)
        every = every.order_by("object_id", "-pk").distinct("object_id")
        newest |= {(kind, one.object_id): one for one in every}
        earlier = every.filter(revision__lt=versions[0].revision_id)
        before |= {(kind, one.object_id): one for one in earlier}
    for version in versions:
        which = version.kind, version.object_id
        yield version, before.get(which), newest[which]


def step_of(version: Version, before: Version | None, newest: Version) -> Step:
    earlier = before.document if before else None
    old = written(version.kind, earlier)
    new, now = written(version.kind, version.document), written(version.kind, newest.document)
    step = Step(version, name_of(newest.document or version.document or earlier))
    since = f"since then, in revision {newest.revision_id}"
    if new is None:
        step.shows, step.patch = True, old or {}
        step.why_not = f"it was published again {since}" if now is not None else ""
    elif now is None:
        step.why_not = f"it was {'merged' if newest.action == Action.MERGED else 'withdrawn'} {since}"
    elif old is None:
        step.hides, step.current = True, now
        step.why_not = f"it was changed {since}" if now != new else ""
    else:
        changed = [name for name in new if new[name] != old.get(name)]
        step.patch = {name: old.get(name) for name in changed}
        step.current = {name: now[name] for name in changed}
        if again := [name for name in changed if now[name] != new[name]]:
            step.why_not = f"its {', '.join(again)} changed again {since}"
    return step


def written(kind: str, document: str | None) -> Document | None:
    """A document as its serializer takes it: without what nobody writes, and references by their slugs."""
    if document is None:
        return None
    found = orjson.loads(document)
    return {name: by_slug(found.get(name)) for name in written_fields(kind)}


@cache
def written_fields(kind: str) -> tuple[str, ...]:
    fields = serializer_class(kinds()[kind])().fields
    return tuple(name for name, declared in fields.items() if not declared.read_only)


def by_slug(value: Any) -> Any:
    if isinstance(value, list):
        return [by_slug(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"slug", "name"}:
            return value["slug"]
        return {name: by_slug(item) for name, item in value.items()}
    return value


def name_of(document: str | None) -> str:
    return str(orjson.loads(document)["name"]) if document else ""


def take(step: Step, by: User | None, reason: str) -> None:
    model: Any = kinds()[step.version.kind]
    obj = model._default_manager.filter(pk=step.version.object_id).first()
    if step.hides:
        if obj is not None:
            hide(step, obj, by, reason)
    elif step.shows:
        shown = edit(
            obj or model(pk=step.version.object_id),
            step.patch,
            source=Source.ADMIN,
            by=by,
            reason=reason,
            **model.shown_by,
        )
        shown.was_shown(obj, by=by, reason=reason)
    elif step.patch:
        edit(obj, step.patch, source=Source.ADMIN, by=by, reason=reason)


def hide(step: Step, obj: Published, by: User | None, reason: str) -> None:
    try:
        obj.hide(by=by, reason=reason)
    except ProtectedError as error:
        users = sorted(str(user) for user in error.protected_objects)[:3]
        step.why_not = f"others use it by now: {', '.join(users)}"
        raise CannotUndo([step.obstacle]) from error
