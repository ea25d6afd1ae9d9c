"""Related documents: those that others refer to, kept whole until the directory's revision changes."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.db import connection

from directory.api.caching import RevisionCache, Superseded
from directory.models import Published

Document = dict[str, Any]
# Kind → slug → document.
Related = Mapping[type[Published], Mapping[str, Document]]

# Bytes of documents that a process keeps.
documents = RevisionCache(limit=32 * 2**20)


def related_documents(kinds: Iterable[type[Published]], revision: int) -> Related:
    """All documents of ``kinds`` at ``revision``; raises Superseded where something was published since.

    Whole kinds are kept: what other documents refer to is small, and most pages refer to the same.
    """
    return {kind: documents_of(kind, revision) for kind in kinds}


def documents_of(kind: type[Published], revision: int) -> Mapping[str, Document]:
    kept: Mapping[str, Document] | None = documents.get(revision, kind)
    if kept is not None:
        return kept
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT max(id) FROM directory_revision), document"  # noqa: S608 - a table of ours
            f" FROM (SELECT 1) AS one LEFT JOIN {kind._meta.db_table} ON document IS NOT NULL"
        )
        rows = cursor.fetchall()
    if (found := rows[0][0] or 0) != revision:
        raise Superseded(found)
    read = [orjson.loads(document) for _, document in rows if document is not None]
    by_slug = {document["slug"]: document for document in read}
    documents.put(revision, kind, by_slug, sum(len(document or "") for _, document in rows))
    return by_slug
