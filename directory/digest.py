"""The digests of all that is published, by which a copy proves that it is equal."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse

from directory import buckets
from directory.api import rendering
from directory.api.described import SHARED, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.listing import JSON
from directory.api.operations import Operation, closed, reference
from directory.api.parameters import Parameter
from directory.api.rendering import FORMATS, read_format
from directory.api.selection import split, unknown_parameters
from directory.changes import kind_parameter, read_kinds
from directory.log import FIRST, SNAPSHOT
from directory.models import Log, Revision, kinds

PARAMETERS = {
    "revision": Parameter(
        "The revision that a copy is at, the newest unless given. It may be as old as ten thousand changes.",
        {"type": "integer", "minimum": 0},
        None,
    ),
    "kind": kind_parameter("The kinds that a copy has, all of them unless this says so."),
    "format": narrowed(rendering.PARAMETERS["format"], "json"),
}
DESCRIPTION = (
    "An object is in bucket `8·a + ⌊b / 4⌋`, where `a` and `b` are what the second and the third character of its id"
    " stand for in `0123456789abcdefghjkmnpqrstvwxyz`, counted from 0. The digest of a bucket is the XOR of the"
    " SHA-256 of the documents in it, byte for byte as the snapshot and the changes as NDJSON have them: 64 zeros"
    " where there is none. So a copy computes each digest anew with two hashes for each change. Copies with the same"
    " digests are equal; where one differs, `bucket` of the snapshot brings what belongs there."
)


class Digest(Endpoint):
    """256 digests of all that is published."""

    scope = "mirror"

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
        count = {"type": "integer", "minimum": 0}
        several = {"type": "array", "items": digest, "minItems": buckets.BUCKETS, "maxItems": buckets.BUCKETS}
        body = closed(
            {
                "revision": {**count, "description": "The revision that the digests are of."},
                "epoch": {"type": "string", "format": "uuid", "description": "Which log it is a revision of."},
                "rows": {**count, "description": "How many objects they are of."},
                "buckets": several,
                "meta": closed({"license": reference("License")}),
            }
        )
        return Operation(
            "256 digests of all that is published",
            {"application/json": body},
            PARAMETERS,
            DESCRIPTION,
            problems=("start_over",),
            schemas=SHARED,
        )

    def get(self, request: Any) -> HttpResponse:
        revision, asked = read(request.query_params)
        found = buckets.at(request.revision if revision is None else revision, asked)
        told = {"revision": found.revision, "epoch": found.epoch or FIRST, "rows": found.rows}
        told |= {"buckets": found.buckets, "meta": {"license": settings.LICENSE}}
        response = HttpResponse(orjson.dumps(told), content_type=JSON)
        response.revision = found.newest  # type: ignore[attr-defined]
        return response


def read(query: Any) -> tuple[int | None, list[str]]:
    """(revision, kinds) of a query; raises InvalidQuery, or Problem for a revision too old."""
    mistakes = unknown_parameters(query, PARAMETERS)
    read_format(query, FORMATS["json"], ("json",), mistakes)
    values: dict[str, Any] = {"revision": None, "kind": list(kinds())}
    for name, parse in (("revision", read_revision), ("kind", read_kinds)):
        try:
            if name in query:
                values[name] = parse(split(query.getlist(name), several=name == "kind", most=len(kinds())))
        except Mistake as mistake:
            mistakes.append(mistake.of(name))
    if mistakes:
        raise InvalidQuery(mistakes)
    return values["revision"], values["kind"]


def read_revision(raw: list[str]) -> int:
    newest = Revision.objects.current()
    if not (raw[0].isascii() and raw[0].isdigit() and len(raw[0]) <= 18 and int(raw[0]) <= newest):
        raise Mistake("invalid_value", f"There is no revision {raw[0][:20]} yet: they go up to {newest}.")
    revision = int(raw[0])
    if revision < Log.objects.forgotten() or not buckets.reaches(revision):
        raise Problem("start_over", "That was too many changes ago. Follow the changes first.", snapshot=SNAPSHOT)
    return revision
