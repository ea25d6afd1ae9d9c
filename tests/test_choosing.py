"""Choosing: a warm process tells which rows are on a page, and they are those that PostgreSQL finds by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from companies.facets import COMPANY_FACETS
from companies.models import ORDERINGS, Company
from companies.views import CompanyViewSet
from directory.api import choosing
from directory.api.caching import Superseded, current_revision
from directory.api.choosing import choose_page
from directory.api.cursors import Cursor
from directory.api.errors import Problem
from directory.api.listing import Listing
from directory.api.orders import Order, numbers_of
from directory.api.pagination import Page, read_page
from directory.models import Source
from directory.publishing import publication
from tests.factories import make_company
from tests.lists import slugs, walk

pytestmark = pytest.mark.django_db
INDEX = COMPANY_FACETS.index

YEARS = st.sampled_from([None, 1977, 2007, 2015])
FILTERS = ("", "founded_year=2007", "founded_year__gte=2007", "founded_year__isnull=true", "kind=startup,established")


def company(number: int, year: int | None) -> Company:
    return Company(name=f"N{number % 3}", slug=f"number-{number}", founded_year=year, status="published")


def listed(query: str) -> Listing:
    return Listing(CompanyViewSet(), QueryDict(query), current_revision())


def chosen(listing: Listing) -> Page | None:
    return choose_page(INDEX, listing.selection, listing.window, listing.revision)


def found(listing: Listing) -> Page:
    """The same page out of SQL."""
    filters = listing.view.filterset_class
    return read_page(
        Company, filters, listing.selection, listing.window, f"{listing.scope} asked anew", listing.revision
    )


def publicly(company: Company, year: int | None) -> None:
    with publication(source=Source.SYSTEM):
        company.founded_year = year
        company.save()


def behind_our_back(company: Company, year: int | None) -> None:
    Company.objects.filter(pk=company.pk).update(founded_year=year)


def away(company: Company, year: int | None) -> None:
    with publication(source=Source.SYSTEM):
        Company.objects.filter(pk=company.pk).delete()


def beside(company: Company, year: int | None) -> None:
    with publication(source=Source.SYSTEM):
        Company.objects.create(name=company.name, slug=f"{company.slug}-again", founded_year=year, status="published")


EDITS = st.tuples(st.sampled_from([publicly, behind_our_back, away, beside]), st.integers(0, 11), YEARS)
ASKED = st.tuples(
    st.sampled_from(FILTERS),
    st.sampled_from(list(ORDERINGS["company"])),
    st.sampled_from([1, 2, 3, 50]),
    st.sampled_from(["", "page=1", "page=2", "count=exact"]),
)


@pytest.mark.complaint(2, 3)
@settings(max_examples=40, deadline=None)
@given(
    st.lists(YEARS, min_size=1, max_size=12),
    st.lists(EDITS, max_size=4, unique_by=lambda edit: edit[1]),
    st.lists(ASKED, min_size=1, max_size=6),
    st.data(),
)
def test_a_chosen_page_is_the_one_that_sql_finds(
    shared_rows: None, years: list[int | None], edits: list[Any], asked: list[Any], data: st.DataObject
) -> None:
    """Whatever was edited since the process read the order, and behind (or before) whatever row a cursor stands."""
    with transaction.atomic():
        with publication(source=Source.SYSTEM):
            made = Company.objects.bulk_create(company(*pair) for pair in enumerate(years))
        INDEX.renew()
        for edit, number, year in edits:
            if number < len(made):
                edit(made[number], year)
        for filtered, ordering, size, counted in asked:
            listing = listed(f"{filtered}&ordering={ordering}&page_size={size}&{counted}")
            places = Company.objects.published().values_list(*listing.window.ordering.keys)
            behind: bool = data.draw(st.booleans())
            if behind and places and not listing.window.page:
                place = [getattr(v, "isoformat", lambda v=v: v)() for v in data.draw(st.sampled_from(list(places)))]
                listing.window.cursor = Cursor(place, data.draw(st.booleans()))
            try:
                expected = found(listing)
            except Problem:
                with pytest.raises(Problem):
                    chosen(listing)
                continue
            page = chosen(listing)
            edited = listing.window.cursor and listing.window.cursor.values[-1] in INDEX.at(listing.revision).edited
            assert page == (None if edited else expected)
        INDEX.state = None
        transaction.set_rollback(True)


@settings(max_examples=200)
@given(st.data(), st.permutations(range(1, 40)), st.integers(1, 9), st.booleans())
def test_the_first_of_an_order(data: st.DataObject, ids: list[int], count: int, descending: bool) -> None:
    """The same whether few are sorted or many are walked through."""
    order = Order.of(numbers_of(b"".join(pk.to_bytes(4, "big") for pk in ids)))
    assert order
    among = BitMap(data.draw(st.sets(st.sampled_from(ids))))
    beyond = data.draw(st.none() | st.sampled_from(ids))
    ordered = ids[::-1] if descending else ids
    behind = ordered[ordered.index(beyond) + 1 :] if beyond else ordered
    expected = [pk for pk in behind if pk in among][:count]
    assert order.first(count, among, beyond=beyond, descending=descending) == expected
    assert all(pk in order for pk in ids)
    assert 0 not in order
    assert 40 not in order


def test_ids_far_apart_have_no_order() -> None:
    """Their places would take gigabytes."""
    assert Order.of(numbers_of((2**31 - 1).to_bytes(4, "big"))) is None


@pytest.fixture
def warm() -> Iterator[None]:
    for number in range(5):
        make_company(f"Number {number}", founded_year=2000 + number)
    INDEX.renew()
    yield
    INDEX.state = None


def test_a_filtered_page_is_asked_for_by_keys_alone(api: Client, warm: None, django_assert_num_queries: Any) -> None:
    """The newest revision, and the page with all that shows that it is of that revision."""
    with django_assert_num_queries(2) as captured:
        page = api.get("/api/v1/companies/?founded_year__gte=2002&ordering=-founded_year&count=exact").json()
    assert slugs([page]) == ["number-4", "number-3", "number-2"]
    assert page["count"] == 3
    assert "= ANY(" in captured.captured_queries[-1]["sql"]
    assert 'founded_year" >=' not in captured.captured_queries[-1]["sql"]


def test_a_row_in_another_place_than_its_cursor_is_left_to_sql(api: Client, warm: None) -> None:
    """Its place in the order is not where the cursor says that the page begins."""
    following = api.get("/api/v1/companies/?ordering=founded_year&page_size=2").json()["next"]
    publicly(Company.objects.get(slug="number-1"), 2010)
    INDEX.renew()
    assert slugs(walk(api, following)) == ["number-2", "number-3", "number-4", "number-1"]


def test_after_many_edits_sql_finds_the_page(warm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_EDITED", 1)
    for number in range(2):
        assert chosen(listed("ordering=name")) is not None
        publicly(Company.objects.get(slug=f"number-{number}"), 2010)
    assert chosen(listed("ordering=name")) is None


def test_a_page_of_an_older_revision_is_read_anew(warm: None) -> None:
    listing = listed("ordering=name")
    make_company("Another")
    with pytest.raises(Superseded):
        chosen(listing)


def test_orders_are_read_anew_when_many_were_edited(warm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.api.bitmaps.MOST_EDITED", 2)
    assert INDEX.is_fresh
    for number in range(2):
        publicly(Company.objects.get(slug=f"number-{number}"), 2010)
    INDEX.at(current_revision())
    assert not INDEX.is_fresh
    INDEX.renew()
    assert INDEX.is_fresh


def test_a_process_without_orders_leaves_pages_to_sql(warm: None) -> None:
    INDEX.state = INDEX.read(None)
    assert not INDEX.is_fresh
    assert chosen(listed("ordering=name")) is None
