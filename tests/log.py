"""What tests ask of the log and the tables."""

from typing import Any

import orjson

from directory.models import Mark, Revision, Version, kinds


def revisions() -> list[Revision]:
    return list(Revision.objects.order_by("pk"))


def actions(after: int = 0) -> list[tuple[str, str, str]]:
    """(kind, slug, action) of each version after a revision, in the log's order."""
    versions = Version.objects.filter(revision__gt=after).order_by("pk")
    return list(versions.values_list("kind", "slug", "action"))


def replay() -> dict[tuple[str, int], str]:
    """What a reader of the whole log holds in the end: (kind, key) → document."""
    held: dict[tuple[str, int], str] = {}
    for version in Version.objects.order_by("pk"):
        if version.document is None:
            del held[version.kind, version.object_id]
        else:
            held[version.kind, version.object_id] = version.document
    return held


def tables() -> dict[tuple[str, int], str]:
    """What the tables hold published: (kind, key) → document."""
    return {
        (kind, pk): document
        for kind, model in kinds().items()
        for pk, document in model._default_manager.published().values_list("pk", "document")
    }


def marked() -> set[tuple[str, int]]:
    return set(Mark.objects.values_list("kind", "object_id"))


def document(obj: Any) -> dict[str, Any]:
    """The object's document as the database has it now."""
    found: dict[str, Any] = orjson.loads(type(obj).objects.values_list("document", flat=True).get(pk=obj.pk))
    return found
