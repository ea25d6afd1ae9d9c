"""Where the nightly files are: a list of them in the API, and each at an address whose content never changes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import MissingFileError, Response, SlicedFile, StaticFile

from directory.api import rendering
from directory.api.caching import CACHE_CONTROL, unkept
from directory.api.described import SHARED, URI, narrowed
from directory.api.endpoints import Endpoint
from directory.api.errors import Problem, told
from directory.api.exports import running
from directory.api.listing import JSON
from directory.api.operations import Operation, closed, reference
from directory.api.viewsets import refuse_parameters
from directory.nightly import MANIFEST, manifest_of, manifests

LATEST = "latest"
# An address has one content for as long as it answers; what is deleted is nowhere to be asked for again.
UNCHANGING = "public, max-age=86400, immutable"
NONE_YET = "No files have been written yet: a night writes them at 22:00 UTC, and `manage.py write_files` at once."
EXPOSED = "Accept-Ranges, Content-Range, ETag, Link"
COUNT = {"type": "integer", "minimum": 0}
DESCRIPTION = (
    "All that is published, written once a night at one revision: each kind as NDJSON, CSV and Parquet, and all of"
    " them as one SQLite database. The nights that are kept, the newest first. A file's address always gives the same"
    " bytes, whose SHA-256 is told here; with `latest` in the place of the night, it leads to the newest. `next` is"
    " where the changes feed goes on behind the files, without a gap."
)


class Files(Endpoint):
    """The nightly files that there are."""

    scope = "mirror"

    @classmethod
    def operation(cls, action: str) -> Operation:
        """What OpenAPI says of it."""
        file = closed(
            {
                "name": {"type": "string"},
                "url": URI,
                "media_type": {"type": "string"},
                "rows": {**COUNT, "description": "How many objects are in it."},
                "bytes": COUNT,
                "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            }
        )
        night = closed(
            {
                "night": {"type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z$"},
                "revision": COUNT,
                "epoch": {"type": "string", "format": "uuid", "description": "Which log it is a revision of."},
                "made_at": {"type": "string", "format": "date-time"},
                "license": reference("License"),
                "next": URI,
                "files": {"type": "array", "items": file},
            }
        )
        body = closed(
            {"results": {"type": "array", "items": night}, "meta": closed({"license": reference("License")})}
        )
        parameters = {"format": narrowed(rendering.PARAMETERS["format"], "json")}
        answers = {"application/json": body}
        return Operation("Files of all that is published", answers, parameters, DESCRIPTION, schemas=SHARED)

    def get(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        body = orjson.dumps({"results": list(manifests()), "meta": {"license": settings.LICENSE}})
        # A night may be made at a revision that was asked about before.
        return unkept(HttpResponse(body, content_type=JSON), request.revision, request)


class Sent:
    """An open file that is being sent, and the place that it takes among those."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        found: bytes = self.file.read(size)
        return found

    def close(self) -> None:
        if not self.file.closed:
            self.file.close()
            running.release()


class Bounded(StaticFile):
    """A file of which no more are sent at once than exports: a slow reader holds a thread."""

    def get_response(self, method: str, request_headers: Any) -> Any:
        if not running.acquire(blocking=False):
            raise Problem("busy")
        response = super().get_response(method, request_headers)
        if response.file is None:
            running.release()
        else:
            response.file = Sent(response.file)
        return response

    def get_range_response(self, range_header: str, base_headers: Any, file_handle: Any) -> Any:
        """Also of a single byte, by which clients find out whether there are parts; the library takes it for none."""
        size = int(dict(base_headers)["Content-Length"])
        start, end = self.get_byte_range(range_header, size)
        if start != end:
            return super().get_range_response(range_header, base_headers, file_handle)
        part = {"Content-Range": f"bytes {start}-{end}/{size}", "Content-Length": "1"}
        sliced = file_handle and SlicedFile(file_handle, start, end)
        return Response(HTTPStatus.PARTIAL_CONTENT, [*(dict(base_headers) | part).items()], sliced)


@require_safe
def file(request: HttpRequest, night: str, name: str) -> HttpResponseBase:
    """A file of a night, or a part of it by Range; ``latest`` leads to that of the newest night."""
    manifest = next(manifests(), None) if night == LATEST else manifest_of(night)
    if manifest is None and night == LATEST:
        return told(Problem("not_found", NONE_YET))
    known = {described["name"]: described for described in manifest["files"]} if manifest else {}
    if manifest is None or name not in {MANIFEST, *known}:
        raise Http404
    if night == LATEST:
        return leading(f"{settings.SITE_URL}/files/{manifest['night']}/{name}")
    try:
        found = Bounded(str(settings.FILES_DIR / night / name), headers_of(name, known.get(name)))
        response: HttpResponseBase = WhiteNoiseMiddleware.serve(found, request)
        return response
    except MissingFileError as error:  # its night was dropped since
        raise Http404 from error
    except Problem as problem:
        return told(problem)


def leading(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response["Cache-Control"], response["Access-Control-Allow-Origin"] = CACHE_CONTROL, "*"
    return response


def headers_of(name: str, described: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What is said of a file; ``described`` is what the manifest, which is not in itself, tells of it."""
    digest = [("ETag", f'"{described["sha256"]}"')] if described else []
    return [
        ("Content-Type", described["media_type"] if described else JSON),
        ("Content-Disposition", f'attachment; filename="{name}"'),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", UNCHANGING),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", EXPOSED),
        ("Link", f'<{settings.LICENSE["url"]}>; rel="license"'),
        *digest,
    ]
