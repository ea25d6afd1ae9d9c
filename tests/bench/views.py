"""The views that the lists are compared with: nothing, one query, and the same page by hand."""

from __future__ import annotations

import base64
import hashlib
import json

from django.db import connection
from django.http import HttpRequest, HttpResponse

from directory.api.caching import CACHE_CONTROL, EXPOSED, answers
from directory.api.pagination import counts
from tests.bench.handwritten import statement


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


def one_query(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM directory_revision")
        return HttpResponse(b'{"revision":%d}' % cursor.fetchone()[0], content_type="application/json")


def forget(request: HttpRequest) -> HttpResponse:
    """Empty the caches of answers and counts, so that whatever is asked next is asked for the first time."""
    for cache in (answers, counts):
        with cache.lock:
            cache.entries.clear()
            cache.weight = 0
    return HttpResponse(b"{}", content_type="application/json")


def bare_sql(request: HttpRequest) -> HttpResponse:
    """A page of companies as one would write it by hand for speed: one statement, its documents joined as text.

    The same companies as the list's, in the same order, with the directory's revision out of the same snapshot, an
    ETag and the headers of a cacheable answer; no validation, no signed cursor, no codings.
    """
    query = request.GET.dict()
    after = json.loads(base64.urlsafe_b64decode(query.pop("cursor"))) if "cursor" in query else None
    sql, values = statement(query, after)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    revision, following = rows[0][0], "null"
    if len(rows) > 25:
        last = base64.urlsafe_b64encode(json.dumps(rows[24][2:], default=str).encode()).decode()
        following = f'"{request.path}?{request.META["QUERY_STRING"]}&cursor={last}"'
    documents = ",".join(row[1] for row in rows[:25] if row[1] is not None)
    body = f'{{"count":null,"next":{following},"previous":null,"results":[{documents}]}}'.encode()
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    if request.META.get("HTTP_IF_NONE_MATCH") == etag:
        return HttpResponse(status=304)
    return HttpResponse(
        body,
        content_type="application/json; charset=utf-8",
        headers={
            "ETag": etag,
            "Cache-Control": CACHE_CONTROL,
            "Vary": "Accept, Accept-Encoding",
            "Directory-Revision": str(revision),
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": EXPOSED,
        },
    )
