"""Facets of readers at once, while a curator edits: of one revision each."""

import threading

import pytest
from django.test import Client

from companies.models import Company
from directory.models import Source
from directory.publishing import edit
from tests.factories import make_company
from tests.test_facets import COMPANIES, advanced, contents, rebuilt
from tests.test_writers import own_connection


@pytest.mark.django_db(transaction=True)
def test_readers_at_once_see_one_revision_each(api: Client) -> None:
    """Each edit moves a company from one kind to the other, so that the two counts always make all of them."""
    companies = [make_company(f"Company {number}", kind="startup") for number in range(8)]
    done = threading.Event()
    seen: dict[int, set[tuple[int, int]]] = {}
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(40):
                kind = "established" if number // 8 % 2 == 0 else "startup"
                edit(Company.objects.get(pk=companies[number % 8].pk), {"kind": kind}, source=Source.ADMIN)
        finally:
            done.set()

    def read() -> None:
        last, number = 0, threading.get_ident()
        while not done.is_set():
            number += 1
            # No two requests are the same, so that none is answered from memory.
            url = f"{COMPANIES}?facets=kind&count=exact&name__not=x{number}&page_size=200"
            answer = api.get(url)
            counts = {row["value"]: row["count"] for row in answer.json()["facets"]["kind"]}
            listed = [row["kind"] for row in answer.json()["results"]]
            assert {kind: listed.count(kind) for kind in set(listed)} == counts
            assert answer.json()["count"] == sum(counts.values()) == 8
            revision = int(answer["Directory-Revision"])
            assert revision >= last
            last = revision
            seen.setdefault(revision, set()).add((counts.get("startup", 0), counts.get("established", 0)))

    threads = [own_connection(write, failures), own_connection(read, failures), own_connection(read, failures)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert seen
    assert all(len(counts) == 1 for counts in seen.values())
    assert contents(advanced()) == contents(rebuilt())
