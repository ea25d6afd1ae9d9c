"""The quality page: each number is true, and leads to the list of just what it counts."""

import datetime
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from companies import reaching
from companies.completeness import FACTS, IN_WORDS
from companies.links import Finding, State
from companies.models import Company, Source
from companies.quality import count_facts, count_links, count_work, last_weeks
from companies.serializers import CompanySerializer
from directory.models import Revision
from directory.models import Source as Origin
from tests import factories as make
from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.curators import make_member, signed_in

pytestmark = pytest.mark.django_db

URL = "/admin/quality/"
TODAY = datetime.date(2026, 11, 26)  # a Thursday
NUMBER = re.compile(r'<td class="number"><a href="([^"]+)">([\d,]+)</a>')


@pytest.fixture
def client() -> Client:
    return signed_in(make_member("contributor"))


def figures(name: str, today: datetime.date = TODAY) -> tuple[int, int, int, int]:
    """How often a fact is known, missing, from a source, to be looked at again."""
    _, facts = count_facts(today)
    [found] = [one for one in facts if one.fact.name == name]
    return found.known, found.missing, found.sourced, found.aged


def make_a_variety() -> None:
    """Companies that have everything, little, and nothing, and one that nobody sees."""
    full = make.make_company(
        "Full",
        specialties=[make.make_specialty(), make.make_specialty("Robotics")],
        industries=[make.make_industry()],
        legal_name="Full (Pvt.) Ltd.",
        summary="Everything.",
        description="All of it.",
        founded_year=2004,
        employees_min=500,
        hourly_rate_min=20,
        hourly_rate_max=40,
        export_markets=["US", "AE"],
        women_led=False,
        research_and_development=True,
        verified_on=timezone.localdate(),
    )
    for part in (make.make_office, make.make_credential, make.make_identifier):
        part(full)
    make.make_office(full, address="Another one")
    make.make_source(full, facts=[fact.name for fact in FACTS])
    make.make_source(full, reference="Register", facts=["founded_year", "website"])
    make.make_company("Empty", website="", hub=None, kind="", operating_status="")
    make.make_company("Little", founded_year=1999, employees_max=10)
    make.make_company("Hidden", status="draft", founded_year=1999)


def test_every_fact_is_a_field_of_the_document() -> None:
    assert {fact.name for fact in FACTS} < set(CompanySerializer.Meta.fields)
    assert all(fact.why and (fact.months is None or fact.months > 0) for fact in FACTS)


def test_what_is_known_is_counted_once_however_many_rows_it_has() -> None:
    make_a_variety()
    assert count_facts(TODAY)[0] == 3
    known = {fact.name: figures(fact.name)[:2] for fact in FACTS}
    assert known.pop("website") == known.pop("kind") == known.pop("operating_status") == known.pop("hub") == (2, 1)
    assert known.pop("founded_year") == known.pop("employees") == (2, 1)
    assert set(known.values()) == {(1, 2)}


def test_a_fact_is_from_a_source_that_vouches_for_it() -> None:
    make_a_variety()
    assert figures("founded_year")[2] == 1
    Source.objects.filter(company__name="Little").delete()
    make.make_source(Company.objects.get(name="Little"), facts=["website"])
    assert (figures("founded_year")[2], figures("website")[2]) == (1, 2)


@pytest.mark.parametrize(
    ("verified_on", "seen_on", "aged"),
    [
        (None, None, {"website", "hub", "founded_year"}),
        ("2026-08-01", None, set()),
        ("2026-05-01", None, {"website"}),
        ("2024-01-01", None, {"website", "hub"}),
        ("1999-01-01", None, {"website", "hub"}),
        (None, "2026-08-01", {"hub"}),  # which the source says nothing about
        ("2026-05-01", "2026-08-01", set()),
        ("2024-01-01", "2026-05-01", {"website", "hub"}),
    ],
)
def test_each_fact_ages_at_its_own_pace(verified_on: str | None, seen_on: str | None, aged: set[str]) -> None:
    company = make.make_company(founded_year=2004, verified_on=verified_on)
    make.make_source(company, facts=["website", "founded_year"], seen_on=seen_on)
    make.make_source(company, reference="Another", facts=[], seen_on="2026-11-01")
    assert {name for name in ("website", "hub", "founded_year") if figures(name)[3]} == aged


def test_websites_are_counted_by_what_is_known_of_the_one_they_have() -> None:
    dead, moved, changed, hidden = (make.make_company(name) for name in ("Dead", "Moved", "Changed", "Hidden"))
    now = timezone.now()
    for company in (dead, changed, hidden):
        for day in range(3):
            reaching.keep(company.pk, company.website, Finding(State.BROKEN, 500), now + datetime.timedelta(day))
    reaching.keep(moved.pk, moved.website, Finding(State.MOVED, 200), now)
    Company.objects.filter(pk=changed.pk).update(website="https://www.changed.example/")
    Company.objects.filter(pk=hidden.pk).update(status="withdrawn")
    assert count_links() == {"dead": 1, "broken": 1, "moved": 1, "ok": 0, "unreachable": 0, "refused": 0}


def test_work_is_counted_by_week_curator_and_source() -> None:
    curator = make.make_curator()
    weeks = last_weeks(TODAY)
    assert (weeks[0], weeks[-1]) == (datetime.date(2026, 9, 7), datetime.date(2026, 11, 23))
    for day, by, source in [
        ("2026-09-06T23:59Z", curator, Origin.ADMIN),  # too long ago
        ("2026-09-07T00:00Z", curator, Origin.ADMIN),
        ("2026-11-22T23:59Z", curator, Origin.ADMIN),
        ("2026-11-23T00:00Z", curator, Origin.ADMIN),
        ("2026-11-26T12:00Z", curator, Origin.IMPORT),
        ("2026-11-26T12:00Z", None, Origin.SYSTEM),
        ("2026-11-26T13:00Z", None, Origin.SYSTEM),
    ]:
        Revision.objects.create(created_at=datetime.datetime.fromisoformat(day), by=by, source=source)
    none = [0] * 10
    assert [(work.username, work.source, work.weeks) for work in count_work(weeks)] == [
        ("ayesha", "admin", [1, *none[1:], 1, 1]),
        ("", "system", [0, *none, 2]),
        ("ayesha", "import", [0, *none, 1]),
    ]


def test_each_number_leads_to_the_list_of_what_it_counts() -> None:
    make_a_variety()
    company = Company.objects.get(name="Little")
    for day in range(3):
        when = timezone.now() + datetime.timedelta(day)
        reaching.keep(company.pk, company.website, Finding(State.BROKEN, 500), when)
    client = signed_in(make.make_curator())
    Revision.objects.create(by=make.make_curator("bilal"), source=Origin.ADMIN)
    numbers = NUMBER.findall(client.get(URL).content.decode())
    assert len(numbers) == len(FACTS) * len(IN_WORDS) + 2 + 2 * 2  # two states; two rows of work in one week
    for url, number in numbers[::3]:  # of each fact one or two, of each question a third
        found = client.get(unescape(url), follow=True)
        assert found.redirect_chain == [], url
        assert found.context["cl"].result_count == int(number), url


def test_a_filter_that_nobody_uses_is_not_offered_and_nonsense_changes_nothing(client: Client) -> None:
    make_a_variety()
    url = "/admin/companies/company/"
    assert "By fact" not in client.get(url).content.decode()
    used = client.get(url, {"fact": "website.missing"})
    assert "website missing" in used.content.decode()
    assert "hub missing" not in used.content.decode()
    for nonsense in ("website", "website.x", "x.missing", "."):
        assert client.get(url, {"fact": nonsense}).context["cl"].result_count == 4


# Session, user, second factor, two of permissions; facts, websites, values without a place, work.
QUERIES = 9


def test_the_page_takes_as_many_queries_however_much_there_is(
    client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(QUERIES):
        assert "None." in client.get(URL).content.decode() or Revision.objects.exists()
    make_a_variety()
    with django_assert_num_queries(QUERIES):
        client.get(URL)


def test_the_index_leads_to_it_who_may_see_it(client: Client) -> None:
    assert URL in client.get("/admin/").content.decode()
    stranger = signed_in(make.make_curator("zia", is_superuser=False))
    assert URL not in stranger.get("/admin/").content.decode()
    assert stranger.get(URL).status_code == 403


def test_a_curator_looks_at_it_and_goes_on_to_a_list(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto("/admin/")
    page.get_by_role("link", name="Quality").click()
    expect(page.get_by_role("heading", name="Quality")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
    page.get_by_role("row", name="Website").get_by_role("link").nth(1).click()
    expect(page.get_by_text("website missing")).to_be_attached()
