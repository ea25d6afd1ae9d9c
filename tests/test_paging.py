"""Paging: by any ordering and page size, forwards and back, a list is walked row by row without gap or repetition."""

import datetime
import random
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from companies.facets import COMPANY_FACETS
from companies.models import ORDERINGS, Company
from directory.api.cursors import Cursor
from directory.models import Published, Source, kinds
from directory.publishing import publication
from tests.factories import make_company, make_hub
from tests.lists import DECLARED, VIEWSETS, mistakes, slugs, walk

pytestmark = pytest.mark.django_db

SIZES = (1, 2, 3, 7, 200)
ROWS = 9
# What an ordering's word sorts by, where that is not the column of its name.
COLUMNS = {
    "name": "name_key",
    "employees": "employees_min",
    "hourly_rate": "hourly_rate_min",
    "period": "period_start",
}


def make_rows() -> None:
    """Nine rows of each kind, with ties and missing values in every column that anything is ordered by."""
    rng = random.Random(7)
    days = [datetime.date(2025, 1, 1), datetime.date(2026, 3, 31)]
    own: dict[str, dict[str, Any]] = {
        "hub": {"province": ["PK-PB"], "latitude": [31.5], "longitude": [74.3]},
        "program": {"kind": ["training"], "started_year": [None, 2016, 2018]},
        "indicator": {"measure": ["exports", "firms"], "period_start": days, "period_end": days[1:], "value": [1]}
        | {"unit": ["firms"], "source": ["PBS"]},
        "publicview": {"query": ["hub__isnull=false"]},
        "company": {"status": ["published"], "founded_year": [None, 1977, 2007], "verified_on": [None, *days]}
        | {"employees_min": [None, 0, 500], "hourly_rate_min": [None, 25]},
    }
    for kind, model in kinds().items():
        rows = [
            model(
                name=rng.choice(["Systems", "systems", "Énergie", "10Pearls"]),
                slug=f"{kind}-{number}",
                created_at=rng.choice(["2025-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z"]),
                **{column: rng.choice(values) for column, values in own.get(kind, {}).items()},
                **({"period": str(number)} if kind == "indicator" else {}),
            )
            for number in range(ROWS)
        ]
        # Rows of one publication share their updated_at.
        for some in (rows[:4], rows[4:]):
            with publication(source=Source.SYSTEM):
                model._default_manager.bulk_create(some)


@pytest.fixture(scope="module")
def rows(shared_rows: None) -> None:
    make_rows()


def in_order(model: type[Published], ordering: str) -> list[str]:
    """The slugs in the order that ``ordering`` asks for: missing values last both ways, ids breaking ties."""
    words = ordering.split(",")
    objects = sorted(model._default_manager.published(), key=lambda row: row.pk, reverse=words[-1].startswith("-"))
    for word in reversed(words):
        name = word.removeprefix("-")
        column = COLUMNS.get(name, name)
        there = [row for row in objects if getattr(row, column) is not None]
        missing = [row for row in objects if getattr(row, column) is None]
        objects = sorted(there, key=lambda row: getattr(row, column), reverse=word.startswith("-")) + missing
    return [row.slug for row in objects]


@pytest.mark.complaint(2, 3, 6)
@pytest.mark.parametrize(("collection", "ordering"), DECLARED)
def test_every_row_is_met_once_and_in_order(api: Client, rows: None, collection: str, ordering: str) -> None:
    """Sort keys have ties and missing values, and no page size loses or repeats a row."""
    expected = in_order(VIEWSETS[collection].queryset.model, ordering)
    assert len(expected) == ROWS
    for size in SIZES:
        query = f"/api/v1/{collection}/?ordering={ordering}&page_size={size}"
        pages = list(walk(api, query))
        assert slugs(pages) == expected, size
        assert [len(page["results"]) for page in pages[:-1]] == [size] * (len(pages) - 1)
        assert pages[-1]["results"]
        # Back from the last page: the same rows, up to the first.
        back = list(walk(api, pages[-1]["previous"], "previous"))
        assert slugs(reversed(back)) == expected[: len(expected) - len(pages[-1]["results"])]
        numbered = list(walk(api, f"{query}&page=1"))
        assert slugs(numbered) == expected, size
        assert {page["count"] for page in numbered} == {ROWS}
        assert slugs(walk(api, numbered[-1]["previous"], "previous")) == slugs(reversed(numbered[:-1]))


class Edit(NamedTuple):
    """What happens to the company of this number between two pages; it is made where there is none yet."""

    number: int
    founded_year: int | None
    is_public: bool

    def apply(self) -> None:
        with publication(source=Source.SYSTEM):
            Company.objects.update_or_create(
                slug=f"edited-{self.number}",
                defaults={"founded_year": self.founded_year, "status": "published" if self.is_public else "draft"},
                create_defaults={"name": "New", "founded_year": self.founded_year, "status": "published"},
            )


YEARS = st.sampled_from([None, 1977, 2007, 2015])


@pytest.mark.complaint(2)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(YEARS, min_size=1, max_size=12),
    st.lists(st.builds(Edit, st.integers(0, 14), YEARS, st.booleans()), max_size=5),
    st.sampled_from(list(ORDERINGS["company"])),
    st.sampled_from([1, 2, 3, 7]),
    st.booleans(),
)
def test_rows_left_alone_are_met_once_whatever_happens_to_the_others(
    api: Client, shared_rows: None, years: list[int | None], edits: list[Edit], ordering: str, size: int, warm: bool
) -> None:
    """A cursor goes on behind its row, not at an offset that edits shift, in a process that is warm as in any."""
    with transaction.atomic():
        with publication(source=Source.SYSTEM):
            Company.objects.bulk_create(
                Company(name=f"N{number % 3}", slug=f"edited-{number}", founded_year=year, status="published")
                for number, year in enumerate(years)
            )
        COMPANY_FACETS.index.state = None  # which the undone example before this one has left
        if warm:
            COMPANY_FACETS.index.renew()
        touched = {f"edited-{edit.number}" for edit in edits}
        left_alone = [slug for slug in in_order(Company, ordering) if slug not in touched]
        met, waiting = [], list(edits)
        for page in walk(api, f"/api/v1/companies/?ordering={ordering}&page_size={size}"):
            met += slugs([page])
            if waiting:
                waiting.pop().apply()
        assert [slug for slug in met if slug not in touched] == left_alone
        transaction.set_rollback(True)


@pytest.fixture
def cursor(api: Client, rows: None) -> str:
    """The cursor of the second page of companies founded since 1900, two a page, by name."""
    return next_cursor(api, "/api/v1/companies/?founded_year__gte=1900&ordering=name&page_size=2")


def next_cursor(api: Client, url: str) -> str:
    following: str = api.get(url).json()["next"]
    return following.rpartition("cursor=")[2]


@pytest.mark.parametrize(
    "query",
    [
        "companies/?ordering=name&cursor={}",
        "companies/?founded_year__gte=1901&ordering=name&cursor={}",
        "companies/?founded_year__gte=1900&kind=startup&cursor={}",
        "companies/?founded_year__gte=1900&ordering=-name&cursor={}",
        "programs/?ordering=name&cursor={}",
        "companies/?founded_year__gte=1900&cursor={}A",
        "companies/?founded_year__gte=1900&cursor={}!",
        "companies/?founded_year__gte=1900&cursor={}%3D",
        "companies/?founded_year__gte=1900&cursor=A{}",
        "companies/?founded_year__gte=1900&cursor=",
        "companies/?founded_year__gte=1900&cursor=%00",
        "companies/?founded_year__gte=1900&cursor=%C3%A9",
    ],
)
def test_a_cursor_of_another_query_is_refused(api: Client, cursor: str, query: str) -> None:
    assert mistakes(api, query.format(cursor)) == [("cursor", "invalid_cursor")]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_cursor_changed_in_any_place_is_refused(api: Client, rows: None, data: st.DataObject) -> None:
    cursor = next_cursor(api, "/api/v1/hubs/?page_size=2")
    position = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != cursor[position]))
    changed = cursor[:position] + letter + cursor[position + 1 :]
    assert mistakes(api, f"hubs/?page_size=2&cursor={changed}") == [("cursor", "invalid_cursor")]


def test_a_cursor_outlives_neither_its_collection_nor_its_ordering(api: Client, rows: None) -> None:
    """A cursor is signed, so that it may come from another list of ours, or from an ordering since abandoned."""
    foreign = next_cursor(api, "/api/v1/companies/?ordering=employees&page_size=2")
    abandoned = Cursor([1, 2]).encode("size", "companies?")
    assert mistakes(api, f"hubs/?cursor={foreign}") == [("cursor", "invalid_cursor")]
    assert mistakes(api, f"companies/?cursor={abandoned}") == [("cursor", "invalid_cursor")]


def test_a_cursor_brings_its_ordering_and_takes_another_page_size(api: Client, rows: None) -> None:
    expected = in_order(Company, "-founded_year,name")
    cursor = next_cursor(api, "/api/v1/companies/?ordering=-founded_year,name&page_size=2")
    assert slugs(walk(api, f"/api/v1/companies/?page_size=3&cursor={cursor}")) == expected[2:]


@pytest.mark.complaint(7)
@pytest.mark.parametrize("size", ["0", "201", "-1", "abc", "2.5", "1e2", "٣", "9999999999999"])
def test_a_page_size_is_honoured_or_refused(api: Client, rows: None, size: str) -> None:
    """Never cut to fit."""
    assert mistakes(api, f"companies/?page_size={size}") == [("page_size", "invalid_value")]


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.5", "1" + "0" * 30])
def test_a_page_that_cannot_be_is_refused(api: Client, rows: None, page: str) -> None:
    assert mistakes(api, f"companies/?page={page}") == [("page", "invalid_value")]


def test_a_page_behind_the_end_says_so_and_an_empty_list_has_a_first_page(api: Client, rows: None) -> None:
    response = api.get("/api/v1/companies/?page=2")
    assert (response.status_code, response.json()["code"]) == (404, "no_such_page")
    empty = api.get("/api/v1/companies/?founded_year=1900&page=1").json()
    assert (empty["count"], empty["results"], empty["next"], empty["previous"]) == (0, [], None, None)


@pytest.mark.complaint(4)
@pytest.mark.parametrize(
    ("query", "count", "said"),
    [
        ("", None, "none"),
        ("page=1", ROWS, "exact"),
        ("count=exact", ROWS, "exact"),
        ("count=exact&founded_year__isnull=false&page_size=1", 5, "exact"),
        ("page=1&count=none", None, "none"),
        ("count=none", None, "none"),
    ],
)
def test_a_count_is_what_was_asked_for(api: Client, rows: None, query: str, count: int | None, said: str) -> None:
    """Nobody waits for a count that nobody wants."""
    page = api.get(f"/api/v1/companies/?{query}").json()
    assert (page["count"], page["meta"]["count"]) == (count, said)


def test_an_estimate_is_a_number_and_is_called_one(api: Client, rows: None) -> None:
    page = api.get("/api/v1/companies/?count=estimate").json()
    assert page["count"] >= 1
    assert page["meta"]["count"] == "estimate"


@pytest.mark.complaint(4)
def test_a_count_is_kept_until_something_is_published(
    api: Client, rows: None, django_assert_num_queries: Any
) -> None:
    assert api.get("/api/v1/hubs/?count=exact").json()["count"] == ROWS
    with django_assert_num_queries(1) as captured:
        assert api.get("/api/v1/hubs/?count=exact&page_size=3").json()["count"] == ROWS
    assert not any("count(*)" in query["sql"] for query in captured.captured_queries)
    make_hub("Multan")
    assert api.get("/api/v1/hubs/?count=exact").json()["count"] == ROWS + 1


@pytest.mark.complaint(4)
@pytest.mark.parametrize("query", ["", "?count=none", "?page=1&count=none"])
def test_nothing_is_counted_that_was_not_asked_for(
    api: Client, rows: None, query: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2) as captured:
        api.get(f"/api/v1/companies/{query}")
    assert not any("count(*)" in query["sql"].lower() for query in captured.captured_queries)


def test_neighbours_are_linked_in_the_body_and_in_the_header(api: Client, rows: None) -> None:
    make_company("Zameen")
    second = api.get(api.get("/api/v1/companies/?page_size=2").json()["next"])
    page = second.json()
    assert f'<{page["next"]}>; rel="next"' in second["Link"]
    assert f'<{page["previous"]}>; rel="prev"' in second["Link"]
    assert f'<{page["meta"]["query"]["canonical"]}>; rel="canonical"' in second["Link"]
