"""What the API is compared with: nothing, one query, the same page by hand; and parts of its work by themselves."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.db import connection
from django.http import HttpRequest, HttpResponse

from companies.facets import COMPANY_FACETS
from companies.views import CompanyViewSet
from directory.api.caching import CACHE_CONTROL, EXPOSED, RevisionCache, answers, current_revision
from directory.api.groupings import terms
from directory.api.listing import Listing
from directory.api.pagination import counts
from directory.api.related import documents
from directory.api.vocabulary import vocabularies
from tests.bench.handwritten import statement


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


def one_query(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM directory_revision")
        return HttpResponse(b'{"revision":%d}' % cursor.fetchone()[0], content_type="application/json")


@cache
def caches_of_answers() -> list[RevisionCache]:
    """Whatever the process keeps of answers: all caches but those of the vocabulary, so also one that is new."""
    kept = (vocabularies, terms, documents)
    everything = [value for module in list(sys.modules.values()) for value in list(vars(module).values())]
    found = list({id(one): one for one in everything if type(one) is RevisionCache and one not in kept}.values())
    assert answers in found
    assert counts in found
    return found


def forget(request: HttpRequest) -> HttpResponse:
    """Empty the caches of answers, so that whatever is asked next is asked for the first time.

    What a warm process has of a revision whatever it is asked stays: the vocabulary and the bitmaps.
    """
    for kept in caches_of_answers():
        with kept.lock:
            kept.entries.clear()
            kept.weight = 0
    return HttpResponse(b"{}", content_type="application/json")


def bitmaps(request: HttpRequest) -> HttpResponse:
    """Build the bitmaps of the facets anew."""
    index = COMPANY_FACETS.index
    with took() as answer:
        index.state = None
        index.at(current_revision())
    return answer


def facets(request: HttpRequest) -> HttpResponse:
    """Count the facets of a list and leave out its page."""
    revision = current_revision()
    listing = Listing(CompanyViewSet(), request.GET, revision)
    with took() as answer:
        COMPANY_FACETS.count(listing.facets, listing.selection, revision, listing.address)
    return answer


@contextmanager
def took() -> Iterator[HttpResponse]:
    """An answer that says for how many milliseconds this was open."""
    answer = HttpResponse(content_type="application/json")
    start = time.perf_counter()
    yield answer
    answer.content = b'{"milliseconds":%f}' % ((time.perf_counter() - start) * 1000)


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
