"""The changes feed, the snapshot and the digests: whoever follows them holds exactly what is published.

From any place, with any limit, through edits, withdrawals, merges and deletions, a reader of the feed misses nothing
and meets nothing twice; the snapshot and the feed meet without a gap; the digests say whether it worked.
"""

import gzip
import hashlib
import itertools
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import brotli
import orjson
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from companies.merging import merge_companies
from companies.models import Company
from directory import buckets, ids
from directory.models import Bucket, Log, Revision, Source, Version, kinds
from directory.publishing import edit, publication, publish_all
from hubs.models import Hub
from tests import factories as make
from tests.lists import mistakes
from tests.log import tables

pytestmark = pytest.mark.django_db

FEED, SNAPSHOT, DIGEST = "/api/v1/changes/", "/api/v1/snapshot/", "/api/v1/digest/"
NDJSON = {"accept": "application/x-ndjson"}
Copy = dict[str, str]  # public id → document


def follow(api: Client, url: str) -> Iterator[dict[str, Any]]:
    """The pages of the feed from ``url`` on, to the one behind which there is nothing yet."""
    while True:
        response = api.get(url)
        assert response.status_code == 200, response.content
        yield (page := response.json())
        if not page["results"]:
            return
        url = page["next"]


def records(api: Client, url: str) -> list[dict[str, Any]]:
    return [record for page in follow(api, url) for record in page["results"]]


def apply(copy: Copy, lines: list[bytes]) -> None:
    """What a mirror does with lines of NDJSON, byte for byte."""
    for line in lines:
        record = orjson.loads(line)
        if record["document"] is None:
            copy.pop(record["id"], None)
        else:
            copy[record["id"]] = line.partition(b',"document":')[2][:-1].decode()


def replay(api: Client, copy: Copy, url: str) -> dict[str, Any]:
    """Bring ``copy`` up to date by the feed from ``url`` on, as NDJSON; the last line of it."""
    while True:
        *lines, last = api.get(url, headers=NDJSON).content.splitlines()
        end: dict[str, Any] = orjson.loads(last)
        assert end["rows"] == len(lines)
        if not lines:
            return end
        apply(copy, lines)
        url = end["next"]


def snapshot(api: Client, query: str = "") -> tuple[dict[str, Any], list[bytes], dict[str, Any]]:
    """(first line, lines of objects, last line)."""
    first, *lines, last = b"".join(api.get(f"{SNAPSHOT}{query}").streaming_content).splitlines()  # type: ignore[attr-defined]
    return orjson.loads(first), lines, orjson.loads(last)


def published() -> Copy:
    return {ids.encode(kinds()[kind].kind_number, pk): document for (kind, pk), document in tables().items()}


def digests(copy: Copy) -> list[str]:
    """As a mirror computes them."""
    found: dict[int, int] = defaultdict(int)
    for public_id, document in copy.items():
        bucket = ids.ALPHABET.index(public_id[1]) * 8 + ids.ALPHABET.index(public_id[2]) // 4
        found[bucket] ^= int.from_bytes(hashlib.sha256(document.encode()).digest(), "big")
    return [f"{found[bucket]:064x}" for bucket in range(256)]


def withdraw(company: Company) -> None:
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="withdrawn")


def test_a_record_is_as_the_contract_has_it(api: Client) -> None:
    company = make.make_company("Airlift", founded_year=2019)
    page = api.get(FEED).json()
    assert set(page) == {"revision", "results", "next", "meta"}
    assert page["revision"] == Revision.objects.current()
    assert [record["kind"] for record in page["results"]] == ["hub", "company"]
    assert page["results"][-1] == {
        "revision": company.revision,
        "kind": "company",
        "id": company.public_id,
        "slug": "airlift",
        "action": "created",
        "successor": None,
        "document": orjson.loads(company.document or ""),
    }
    assert page["meta"]["license"]["id"] == "CC-BY-4.0"


@pytest.mark.complaint(8, 11)
def test_every_kind_is_in_the_feed_in_the_order_of_commits(api: Client) -> None:
    make.make_company(specialties=[make.make_specialty()], industries=[make.make_industry()])
    make.make_program()
    make.make_indicator()
    edit(Hub.objects.get(), {"name": "Lahore Cantt."}, source=Source.ADMIN)
    found = records(api, f"{FEED}?limit=2")
    assert {record["kind"] for record in found} == set(kinds())
    versions = Version.objects.order_by("revision_id", "pk")
    assert [(r["revision"], r["kind"], r["id"], r["action"]) for r in found] == [
        (version.revision_id, version.kind, version.public_id, version.action) for version in versions
    ]


@pytest.mark.complaint(9)
def test_nothing_is_named_before_it_is_there(api: Client) -> None:
    """A hub and its companies made in one revision, too."""
    with publication(source=Source.IMPORT):
        make.make_company("Early", hub=make.make_hub("Karachi"))
    seen = set()
    for record in records(api, FEED):
        named = record["document"].get("hub")
        assert named is None or ("hub", named["slug"]) in seen
        seen.add((record["kind"], record["slug"]))


@pytest.mark.security(43)
@pytest.mark.complaint(10)
def test_what_was_withdrawn_has_no_document_anywhere_in_the_feed(api: Client) -> None:
    """Nor a slug, which is made from the name; until it is published again."""
    company = make.make_company("Airlift", summary="Grocery in minutes")
    withdraw(company)
    body = api.get(FEED).content.decode()
    assert "irlift" not in body
    assert "Grocery" not in body
    *_, created, gone = records(api, FEED)
    assert (created["action"], gone["action"]) == ("created", "withdrawn")
    assert gone == {**created, "revision": Revision.objects.current(), "action": "withdrawn"}
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status="published")
    assert [record["document"] is None for record in records(api, FEED)] == [False, False, True, False]


@pytest.mark.complaint(22)
def test_a_merge_names_the_successor_and_a_rename_the_new_slug(api: Client) -> None:
    keep, drop = make.make_company("Cubix"), make.make_company("Cubix IT")
    before = Revision.objects.current()
    edit(keep, {"slug": "cubix-llc"}, source=Source.ADMIN)
    merge_companies(keep=keep, drop=drop, choices={}, by=make.make_curator(), reason="One firm")
    renamed, updated, merged = records(api, f"{FEED}?after={before}")
    assert (renamed["action"], renamed["slug"], updated["id"]) == ("renamed", "cubix-llc", keep.public_id)
    assert (merged["action"], merged["id"], merged["successor"]) == ("merged", drop.public_id, keep.public_id)
    assert merged["document"] is merged["slug"] is None


@pytest.mark.security(43)
def test_what_a_document_no_longer_shows_is_not_shown_of_the_past(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = make.make_company("Airlift")
    with publication(source=Source.ADMIN):
        revision = Revision.objects.create(source=Source.ADMIN)
        old = orjson.dumps({**orjson.loads(company.document or ""), "contact_email": "x@airlift.example"}).decode()
        Version.objects.create(
            revision=revision, kind="company", object_id=company.pk, slug="airlift", action="updated", document=old
        )
    edit(company, {"summary": "New"}, source=Source.ADMIN)
    assert "contact_email" not in api.get(FEED).content.decode()
    assert len(records(api, FEED)) == 4


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_a_revision_larger_than_a_page_goes_on_in_the_next(api: Client, limit: int) -> None:
    with publication(source=Source.IMPORT):
        for number in range(6):
            make.make_company(f"Company {number}")
    pages = list(follow(api, f"{FEED}?limit={limit}"))
    assert [len(page["results"]) for page in pages[:-2]] == [limit] * (len(pages) - 2)
    found = [record["slug"] for page in pages for record in page["results"]]
    assert found == ["lahore", *(f"company-{number}" for number in range(6))]


def test_kinds_can_be_chosen_and_a_place_is_the_same_for_all_of_them(api: Client) -> None:
    make.make_company("Airlift")
    place = api.get(f"{FEED}?kind=hub").json()["next"]
    make.make_company("Bykea")
    make.make_hub("Karachi")
    assert [record["slug"] for record in records(api, place)] == ["karachi"]
    assert [record["slug"] for record in records(api, place.replace("kind=hub", "kind=hub,company"))] == [
        *("bykea", "karachi")
    ]


def test_next_keeps_what_was_asked(api: Client) -> None:
    make.make_company()
    url = api.get(f"{FEED}?kind=hub,company&limit=1&wait=7&format=json").json()["next"]
    assert re.fullmatch(
        r"http://127\.0\.0\.1:8000/api/v1/changes/\?after=[\w-]+&format=json&kind=hub,company&limit=1&wait=7", url
    )


def test_mistakes_are_all_named(api: Client) -> None:
    make.make_hub()
    foreign = api.get("/api/v1/hubs/?page_size=1").json()
    assert foreign["next"] is None
    assert mistakes(api, "changes/?after=x&kind=hubs&limit=1001&wait=61&siez=3") == [
        *(("siez", "unknown_parameter"), ("after", "invalid_cursor"), ("kind", "unknown_value")),
        *(("limit", "invalid_value"), ("wait", "invalid_value")),
    ]
    assert mistakes(api, f"changes/?after={Revision.objects.current() + 1}") == [("after", "invalid_value")]
    assert mistakes(api, "changes/?after=") == [("after", "empty_value")]
    assert mistakes(api, "snapshot/?bucket=256") == [("bucket", "invalid_value")]
    assert mistakes(api, f"digest/?revision={Revision.objects.current() + 1}") == [("revision", "invalid_value")]


def test_a_list_s_cursor_is_no_place_in_the_log(api: Client) -> None:
    make.make_hub("Karachi")
    make.make_hub()
    url = api.get("/api/v1/hubs/?page_size=1").json()["next"]
    cursor = re.findall(r"cursor=([\w-]+)", url)[0]
    assert mistakes(api, f"changes/?after={cursor}") == [("after", "invalid_cursor")]


def assert_starts_over(api: Client, url: str) -> None:
    response = api.get(url)
    assert (response.status_code, response["Cache-Control"]) == (410, "no-store")
    assert response.json()["code"] == "start_over"
    assert response.json()["snapshot"] == "http://127.0.0.1:8000/api/v1/snapshot/"


def test_a_place_in_a_log_that_is_not_this_one_is_gone(api: Client) -> None:
    """Of another epoch, or behind what there is: both are what restoring a backup leaves."""
    make.make_company("Airlift")
    old = api.get(FEED).json()["next"]
    assert api.get(old).status_code == 200
    company = make.make_company("Bykea")
    newer = api.get(FEED).json()["next"]
    with publication(source=Source.ADMIN):
        Log.objects.update(epoch=uuid.uuid4())
        company.delete()
    assert_starts_over(api, old)
    assert_starts_over(api, newer)


def test_a_place_older_than_what_is_kept_is_gone(api: Client) -> None:
    make.make_company("Airlift")
    place = api.get(f"{FEED}?limit=1").json()["next"]
    kept = Revision.objects.current()
    Log.objects.update(forgotten=kept)
    for url in (place, FEED, f"{FEED}?after={kept - 1}", f"{DIGEST}?revision={kept - 1}"):
        assert_starts_over(api, url)
    assert records(api, f"{FEED}?after={kept}") == []


def test_an_empty_directory_has_an_empty_feed(api: Client) -> None:
    page = api.get(FEED).json()
    assert (page["revision"] == Revision.objects.current(), page["results"]) == (True, [])
    first, lines, last = snapshot(api)
    assert (set(first["counts"].values()), lines, last["rows"]) == ({0}, [], 0)
    assert set(api.get(DIGEST).json()["buckets"]) == {"0" * 64}
    make.make_hub()
    assert len(api.get(FEED).json()["results"]) == 1


def test_the_snapshot_and_the_feed_meet_without_a_gap(api: Client) -> None:
    company = make.make_company("Airlift", aliases=["ایئرلفٹ"])
    first, lines, last = snapshot(api)
    assert first["revision"] == last["revision"] == Revision.objects.current()
    assert first["counts"] == dict.fromkeys(kinds(), 0) | {"hub": 1, "company": 1}
    assert first["license"]["attribution"]
    assert last["rows"] == 2
    assert first["epoch"] == str(Log.objects.get().epoch)
    copy: Copy = {}
    apply(copy, lines)
    assert copy == published()
    edit(company, {"summary": "New"}, source=Source.ADMIN)
    make.make_company("Bykea")
    assert [record["action"] for record in records(api, first["next"])] == ["updated", "created"]
    replay(api, copy, first["next"])
    assert copy == published()


@pytest.mark.parametrize(("coding", "decode"), [("gzip", gzip.decompress), ("br", brotli.decompress), ("", bytes)])
def test_the_snapshot_is_coded_and_validated(api: Client, coding: str, decode: Any) -> None:
    company = make.make_company("Airlift")
    asking = {"accept-encoding": coding}
    response: Any = api.get(SNAPSHOT, headers=asking)
    body = b"".join(response.streaming_content)
    assert response.get("Content-Encoding", "") == coding
    assert len(decode(body).splitlines()) == 4
    assert b"".join(api.get(SNAPSHOT, headers=asking).streaming_content) == body  # type: ignore[attr-defined]
    known = {**asking, "if-none-match": response["ETag"]}
    assert api.get(SNAPSHOT, headers=known).status_code == 304
    edit(company, {"summary": "New"}, source=Source.ADMIN)
    assert b"".join(api.get(SNAPSHOT, headers=known).streaming_content)  # type: ignore[attr-defined]
    assert api.head(SNAPSHOT).content == b""


def test_a_snapshot_of_buckets_has_their_objects_and_no_others(api: Client) -> None:
    for number in range(12):
        make.make_company(f"Company {number}")
    copy: Copy = {}
    for start in range(0, 256, 32):
        _, lines, _ = snapshot(api, f"?bucket={','.join(map(str, range(start, start + 32)))}")
        assert all(
            start <= ids.ALPHABET.index(i[1]) * 8 + ids.ALPHABET.index(i[2]) // 4 < start + 32
            for i in (orjson.loads(line)["id"] for line in lines)
        )
        apply(copy, lines)
    assert copy == published()


def test_digests_are_those_of_what_is_published_at_any_revision(api: Client) -> None:
    """Also where a row was deleted and put back behind the log's back, under the same key."""
    company, other = make.make_company("Airlift"), make.make_company("Bykea", summary="Rikshaws and – “ü”")
    states: dict[int, Copy] = {}

    def note() -> None:
        states[Revision.objects.current()] = published()

    note()
    edit(company, {"summary": "New"}, source=Source.ADMIN)
    note()
    withdraw(company)
    note()
    with publication(source=Source.ADMIN):
        fields = Company.objects.filter(pk=other.pk).values("id", "name", "slug", "hub_id", "kind", "status").get()
        other.delete()
        Company.objects.create(**fields)
    note()
    with publication(source=Source.ADMIN):
        Company.objects.get(slug="bykea").delete()
    note()
    assert len(states) == 5
    for revision, copy in states.items():
        answer = api.get(f"{DIGEST}?revision={revision}").json()
        assert (answer["revision"], answer["rows"], answer["buckets"]) == (revision, len(copy), digests(copy))
    assert api.get(DIGEST).json() == answer
    of_hubs = {public_id: document for public_id, document in published().items() if "/hubs/" in document[:200]}
    assert api.get(f"{DIGEST}?kind=hub").json()["buckets"] == digests(of_hubs)
    kept = dict(Bucket.objects.filter(rows__gt=0).values_list("number", "digest"))
    Bucket.objects.all().delete()
    list(publish_all())
    assert dict(Bucket.objects.filter(rows__gt=0).values_list("number", "digest")) == kept


def test_the_digests_of_a_revision_too_far_back_are_not_computed(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = make.make_company("Airlift")
    before = Revision.objects.current()
    monkeypatch.setattr(buckets, "REACH", 1)
    edit(company, {"summary": "One"}, source=Source.ADMIN)
    assert api.get(f"{DIGEST}?revision={before}").status_code == 200
    edit(company, {"summary": "Two"}, source=Source.ADMIN)
    assert_starts_over(api, f"{DIGEST}?revision={before}")


def test_pages_cost_a_fixed_number_of_queries(api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The revision, which validates; the place of a revision's number; the page."""
    for number in range(5):
        make.make_company(f"Company {number}")
    with django_assert_num_queries(3):
        page = api.get(f"{FEED}?after=0&limit=3").json()
    with django_assert_num_queries(2):
        end = api.get(page["next"].replace("limit=3", "limit=1000")).json()["next"]
    with django_assert_num_queries(1):  # there is nothing behind the end, and that is known
        assert api.get(f"{end}&wait=30").json()["results"] == []


def test_who_waits_is_told_what_there_is_and_no_cache_keeps_that_there_was_nothing(api: Client) -> None:
    """Where nobody lets requests wait, as here, the answer comes at once; tests/test_waiting.py has the server."""
    company = make.make_company("Airlift")
    end = api.get(FEED).json()["next"] + "&wait=30"
    nothing = api.get(end)
    assert (nothing.json()["results"], nothing["Cache-Control"]) == ([], "no-store")
    assert api.get(end, headers={"if-none-match": nothing["ETag"]}).status_code == 304
    edit(company, {"summary": "New"}, source=Source.ADMIN)
    something = api.get(end)
    assert len(something.json()["results"]) == 1
    assert "s-maxage" in something["Cache-Control"]


SORTS = ["edit", "rename", "withdraw", "publish", "delete", "merge", "hub", "many"]
EDITS = st.lists(st.tuples(st.sampled_from(SORTS), st.integers(0, 5)), max_size=12)


NUMBERS = itertools.count()  # a slug is never used again, not even by another example


def do(what: str, number: int, companies: list[Company]) -> None:
    """One edit of some sort; nothing where it cannot be done."""
    company = Company.objects.filter(pk=companies[number].pk).first()
    others = Company.objects.filter(status="published").exclude(pk=companies[number].pk)
    count = next(NUMBERS)
    with publication(source=Source.ADMIN):
        if what == "hub":
            edit(Hub.objects.get(), {"name": f"Lahore {count}"}, source=Source.ADMIN)
        elif what == "many":
            Company.objects.update(summary=f"Many {count}")
        elif company is None:
            return
        elif what == "edit":
            edit(company, {"summary": f"Edit {count}"}, source=Source.ADMIN)
        elif what == "rename":
            edit(company, {"slug": f"slug-{count}"}, source=Source.ADMIN)
        elif what == "delete":
            company.delete()
        elif what == "merge":
            keep = others.first()
            if keep and company.status == "published":
                merge_companies(keep=keep, drop=company, choices={}, by=None, reason="")
        else:
            status = {"withdraw": "withdrawn", "publish": "published"}[what]
            Company.objects.filter(pk=company.pk).update(status=status)


@given(edits=EDITS, limit=st.integers(1, 9), split=st.integers(0, 12), pages=st.integers(1, 4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_replaying_gives_exactly_what_is_published(
    api: Client, edits: list[tuple[str, int]], limit: int, split: int, pages: int
) -> None:
    """From the beginning, from a snapshot, and from any place where a reader stopped, edits coming in between."""
    start = Revision.objects.current()
    companies = [make.make_company(f"Company {number}") for number in range(6)]
    url = f"{FEED}?after={start}&limit={limit}"
    stopped: Copy = {}
    for what, number in edits[:split]:
        do(what, number, companies)
    place = url
    for _ in range(pages):  # and then stops, perhaps within a revision
        *lines, last = api.get(
            f"{place}&format=ndjson".replace("&format=ndjson&format", "&format")
        ).content.splitlines()
        apply(stopped, lines)
        place = orjson.loads(last)["next"].replace("&format=ndjson", "")
    head, seeded, _ = snapshot(api)
    copied: Copy = {}
    apply(copied, seeded)
    for what, number in edits[split:]:
        do(what, number, companies)
    fresh: Copy = {}
    replay(api, fresh, url)
    replay(api, stopped, place)
    end = replay(api, copied, head["next"])
    assert copied == published()
    assert fresh == stopped
    assert {**copied, **fresh} == copied
    assert api.get(f"{DIGEST}?revision={end['revision']}").json()["buckets"] == digests(copied)
    for company in Company.objects.all():
        company.delete()
