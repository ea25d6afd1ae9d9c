"""Whole results: any filters in any order stream just what walking the pages gives."""

import csv
import io
import random
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.api import exports
from directory.models import Revision
from tests import test_filter_combinations
from tests.lists import VIEWSETS, walk
from tests.test_filter_combinations import CONDITIONS, FACTS, Facts, publish

pytestmark = pytest.mark.django_db

LIST = "/api/v1/companies/"
vocabulary = test_filter_combinations.vocabulary


def streamed(api: Client, query: dict[str, str]) -> str:
    response: Any = api.get(LIST, query)
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


@pytest.mark.complaint(5, 9)
@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=12), st.randoms(use_true_random=True))
def test_a_stream_is_what_walking_the_pages_gives(
    api: Client, vocabulary: dict[str, int], companies: list[Facts], rng: random.Random
) -> None:
    """The same documents in the same order, and no others, however long the chunks are."""
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "CHUNK", rng.choice([1, 2, 500]))
        publish(companies, vocabulary)
        for _ in range(8):
            query = {parameter: value for parameter, value, _ in rng.choices(CONDITIONS, k=rng.choice([0, 1, 2]))}
            query["ordering"] = rng.choice(list(VIEWSETS["companies"].orderings))
            first = api.get(LIST, {**query, "page_size": "3"}).json()["meta"]["query"]["canonical"]
            walked = [row for page in walk(api, first) for row in page["results"]]
            *documents, last = map(orjson.loads, streamed(api, {**query, "format": "ndjson"}).splitlines())
            assert documents == walked, query
            assert last == {"rows": len(walked), "revision": Revision.objects.current()}
            rows = csv.DictReader(io.StringIO(streamed(api, {**query, "format": "csv"}), newline=""))
            assert [row["slug"] for row in rows] == [row["slug"] for row in walked], query
        transaction.set_rollback(True)


@given(st.lists(st.text(st.sampled_from('a,"\r\n |é\0'), max_size=4), min_size=1, max_size=4))
def test_a_line_is_what_the_csv_module_writes(cells: list[str]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    assert exports.line(cells) == written.getvalue()
