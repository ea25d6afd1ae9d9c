"""Whether companies' websites are still there: asked politely, judged fairly, and never a public fact."""

import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies import reaching
from companies.links import Finding, LinkCheck, State
from companies.models import Company
from companies.reaching import CHECKERS_LOCK, MOST_IN_A_RUN, PAUSE_SECONDS, Visitor, check_due_links
from directory.models import Mark, Revision
from directory.outbound import Sender
from directory.tasks import check_links
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.hosts import Answer, Host, host, reply, sender_to
from tests.test_admin import LIST, messages, url_of

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 2, 9, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def visitor(sender: Sender) -> Visitor:
    clock = Clock()
    return Visitor(sender, sleep=clock.sleep, clock=lambda: clock.now)


def at(there: Host, path: str = "/", name: str = "shop.example") -> str:
    return f"http://{name}:{there.port}{path}"


def by_path(**answers: Answer) -> Answer:
    """Answers by the first part of the path; “/” is ``root``."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        answers[request.path.strip("/").split("?")[0] or "root"](request)

    return answer


def head_is(status: int, otherwise: Answer) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        (reply(status) if request.command == "HEAD" else otherwise)(request)

    return answer


def hang_up(request: BaseHTTPRequestHandler) -> None:
    """No answer at all."""


# One visit


@pytest.mark.parametrize(
    ("answer", "state", "code", "asked"),
    [
        (reply(200), State.OK, 200, ["HEAD /"]),
        (reply(204), State.OK, 204, ["HEAD /"]),
        (head_is(405, reply(206)), State.OK, 206, ["HEAD /", "GET /"]),
        (head_is(404, reply(200)), State.OK, 200, ["HEAD /", "GET /"]),
        (head_is(500, hang_up), State.UNREACHABLE, None, ["HEAD /", "GET /"]),
        (reply(403), State.OK, 403, ["HEAD /", "GET /"]),
        (reply(429), State.OK, 429, ["HEAD /", "GET /"]),
        (reply(404), State.BROKEN, 404, ["HEAD /", "GET /"]),
        (reply(410), State.BROKEN, 410, ["HEAD /", "GET /"]),
        (reply(503), State.BROKEN, 503, ["HEAD /", "GET /"]),
        (reply(302), State.OK, 302, ["HEAD /"]),  # to nowhere
        (hang_up, State.UNREACHABLE, None, ["HEAD /", "GET /"]),
    ],
)
def test_what_an_answer_means(answer: Answer, state: State, code: int | None, asked: list[str]) -> None:
    with host(answer) as shop:
        finding = visitor(sender_to(shop)).visit(at(shop, "/#about"))
    assert (finding.state, finding.status_code, shop.asked()) == (state, code, asked)


def test_who_asks_says_so_and_asks_for_little() -> None:
    with host(head_is(405, reply(200))) as shop:
        visitor(sender_to(shop)).visit(at(shop))
    [(_, _, first), (_, _, second)] = shop.seen
    assert first["User-Agent"] == second["User-Agent"] == "PakistanTechnologyDirectory/1.0 (+http://127.0.0.1:8000/)"
    assert second["Range"] == "bytes=0-1023"


def test_a_host_is_asked_once_a_second_and_others_at_once() -> None:
    with host(head_is(405, reply(200))) as shop:
        sender = sender_to(shop, resolver=lambda *_: ["127.0.0.1"])
        clock = Clock()
        asking = Visitor(sender, sleep=clock.sleep, clock=lambda: clock.now)
        asking.visit(at(shop))
        assert clock.slept == [PAUSE_SECONDS]
        asking.visit(at(shop, name="bank.example"))
        assert clock.slept == [PAUSE_SECONDS] * 2  # between the two of its own
        asking.visit(at(shop))
        assert clock.now == pytest.approx(PAUSE_SECONDS * 3)


@pytest.mark.parametrize(("redirects", "state"), [(5, State.OK), (6, State.BROKEN)])
def test_five_redirects_are_followed(redirects: int, state: State) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        n = int(request.path.strip("/") or 0)
        (reply(302, location=f"/{n + 1}#here") if n < redirects else reply(200))(request)

    with host(answer) as shop:
        finding = visitor(sender_to(shop)).visit(at(shop))
    assert finding.state == state
    assert len(shop.seen) == 6


@pytest.mark.parametrize(("name", "state"), [("www.shop.com", State.OK), ("newshop.com", State.MOVED)])
def test_another_domain_is_a_move_and_another_page_is_none(name: str, state: State) -> None:
    with host(reply()) as new:
        place = at(new, "/home", name)
        with host(reply(301, location=place)) as old:
            sender = sender_to(old, new, resolver=lambda *_: ["127.0.0.1"])
            finding = visitor(sender).visit(at(old, name="shop.com"))
    assert (finding.state, finding.final_url) == (state, place)


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{}/",
        "http://trap.example:{}/",
        "http://[::1]:{}/",
        "http://[::1",
        "ftp://shop.example/",
        "//me@x/",
    ],
)
def test_each_redirect_is_looked_at_anew(place: str) -> None:
    with host(reply(), address="127.0.0.1") as trap:
        redirect = reply(302, location=place.format(trap.port))
        with host(redirect, address="127.0.0.2") as shop:
            names = {"shop.example": "127.0.0.2", "trap.example": "127.0.0.1"}
            sender = Sender(
                local_servers={shop.server, ("127.0.0.2", trap.port)}, resolver=lambda name, _: [names[name]]
            )
            finding = visitor(sender).visit(at(shop))
    assert finding.state == State.REFUSED
    assert finding.problem
    assert trap.seen == []


def test_a_redirect_in_another_script_is_followed() -> None:
    redirect = reply(302, location="/دفتر".encode().decode("latin-1"))
    with host(lambda request: (redirect if request.path == "/" else reply(200))(request)) as shop:
        assert visitor(sender_to(shop)).visit(at(shop)).state == State.OK
    assert shop.asked()[1] == "HEAD /%D8%AF%D9%81%D8%AA%D8%B1"


def test_a_website_by_number_is_refused_and_not_asked() -> None:
    with host(reply()) as shop:
        assert visitor(sender_to(shop)).visit(f"http://127.0.0.1:{shop.port}/").state == State.REFUSED
    assert shop.seen == []


# What is kept of it

BROKEN, OK = Finding(State.BROKEN, 500), Finding(State.OK, 200)


@pytest.mark.parametrize(
    ("findings", "failures"),
    [
        ([(0, BROKEN), (1, BROKEN), (2, BROKEN)], 3),
        ([(0, BROKEN), (0.1, BROKEN), (0.2, BROKEN)], 1),
        ([(0, BROKEN), (1, BROKEN), (2, OK), (3, BROKEN)], 1),
        ([(0, BROKEN), (1, Finding(State.UNREACHABLE)), (9, BROKEN)], 3),
        ([(0, BROKEN), (1, Finding(State.MOVED)), (2, Finding(State.REFUSED))], 0),
    ],
)
def test_failures_are_counted_by_days(findings: list[tuple[float, Finding]], failures: int) -> None:
    company = make.make_company(website="https://shop.example/")
    for days, finding in findings:
        reaching.keep(company.pk, company.website, finding, NOW + days * DAY)
    assert company.link_check.failures == failures
    assert list(Company.objects.with_dead_link()) == ([company] if failures >= 3 else [])


def test_a_new_website_begins_anew() -> None:
    company = make.make_company(website="https://shop.example/")
    for day in range(3):
        reaching.keep(company.pk, company.website, BROKEN, NOW + day * DAY)
    Company.objects.filter(pk=company.pk).update(website="https://www.shop.example/")
    assert not Company.objects.with_dead_link().exists()
    assert list(Company.objects.to_check_link(NOW)) == [company]
    reaching.keep(company.pk, "https://www.shop.example/", BROKEN, NOW + 2 * DAY)
    assert LinkCheck.objects.get().failures == 1


def test_who_fails_is_asked_ever_more_rarely() -> None:
    check, now, pauses = LinkCheck(url="https://shop.example/"), NOW, []
    for _ in range(7):
        check.note(BROKEN, check.url, now)
        assert check.next_check
        pauses.append((check.next_check - now).days)
        now = check.next_check
    assert pauses == [1, 1, 7, 14, 30, 30, 30]
    check.note(OK, check.url, now)
    assert check.next_check == now + 30 * DAY


def test_a_check_of_a_company_that_was_deleted_is_dropped() -> None:
    """Its constraint is looked at when the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    reaching.keep(7, "https://shop.example/", OK, NOW)
    assert not LinkCheck.objects.exists()


# A run


def names_of(companies: Any) -> list[str]:
    return [company.name for company in companies]


def test_whose_turn_it_is() -> None:
    for name, status in [("draft", "draft"), ("new", "published"), ("due", "published"), ("asked", "draft")]:
        make.make_company(name, status=status)
    make.make_company("without", website="")
    later = make.make_company("later")
    reaching.keep(later.pk, later.website, OK, NOW)
    due = Company.objects.get(name="due")
    reaching.keep(due.pk, due.website, OK, NOW - 30 * DAY)
    reaching.ask_for_check(Company.objects.get(name="asked"))
    assert names_of(Company.objects.to_check_link(NOW)) == ["asked", "new", "due"]


def test_a_run_keeps_what_it_finds_and_the_world_sees_nothing_of_it() -> None:
    with host(reply(404)) as shop:
        company = make.make_company(website=at(shop))
        before = (Company.objects.get().document, Revision.objects.count())
        assert check_due_links(visitor(sender_to(shop)), now=NOW) == 1
        assert check_due_links(visitor(sender_to(shop)), now=NOW) == 0
    check = LinkCheck.objects.get(company=company)
    assert (check.state, check.status_code, check.failures, check.checked_at) == ("broken", 404, 1, NOW)
    assert check.next_check == NOW + DAY
    assert (Company.objects.get().document, Revision.objects.count()) == before
    assert not Mark.objects.exists()


def test_a_run_is_short() -> None:
    with host(reply()) as shop:
        for n in range(MOST_IN_A_RUN + 2):
            make.make_company(f"Shop {n}", website=at(shop, f"/{n}"), shares_domain=True)
        assert check_due_links(visitor(sender_to(shop)), now=NOW) == MOST_IN_A_RUN
        slow = Clock()
        sleepy = Visitor(sender_to(shop), clock=lambda: slow.now, sleep=lambda _: slow.sleep(60))
        assert check_due_links(sleepy, now=NOW + 31 * DAY) == 2  # the first, and one more after which time is over


def test_a_server_that_is_cut_off_counts_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    known, lost = make.make_company("Known"), make.make_company("Lost")
    reaching.keep(known.pk, known.website, OK, NOW)
    nowhere = visitor(Sender(resolver=lambda *_: []))
    assert check_due_links(nowhere, now=NOW) == 1
    check = LinkCheck.objects.get(company=lost)
    assert (check.state, check.failures, check.checked_at) == ("", 0, None)
    assert check.next_check == NOW + datetime.timedelta(hours=1)
    assert "cut off" in caplog.text


@pytest.mark.parametrize(("companies", "counted"), [(3, 3), (4, 0)])
def test_a_server_that_never_reached_anybody_may_be_cut_off(companies: int, counted: int) -> None:
    for n in range(companies):
        make.make_company(f"Shop {n}")
    check_due_links(visitor(Sender(resolver=lambda *_: [])), now=NOW)
    assert LinkCheck.objects.filter(failures=1).count() == counted


def test_a_website_that_alone_is_lost_counts() -> None:
    with host(reply()) as shop:
        known, lost = make.make_company("Known", website=at(shop)), make.make_company("Lost")
        reaching.keep(known.pk, known.website, OK, NOW)
        assert check_due_links(visitor(sender_to(shop)), now=NOW) == 1
    assert LinkCheck.objects.get(company=lost).failures == 1


def test_two_processes_do_not_check_at_once() -> None:
    make.make_company()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [CHECKERS_LOCK])
        assert check_due_links(visitor(Sender(resolver=lambda *_: [])), now=NOW) == 0
        cursor.execute("SELECT pg_advisory_unlock(%s)", [CHECKERS_LOCK])
    other.close()
    assert check_due_links(visitor(Sender(resolver=lambda *_: [])), now=NOW) == 1


@pytest.mark.parametrize("is_on", [True, False])
def test_the_worker_checks_where_that_is_switched_on(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    settings.LINK_CHECKS = is_on
    runs: list[Visitor] = []
    monkeypatch.setattr(reaching, "check_due_links", runs.append)
    check_links(timestamp=0)
    assert len(runs) == is_on


# What curators see


@pytest.fixture
def client(settings: LazySettings) -> Client:
    settings.LINK_CHECKS = True
    return signed_in(make_member("contributor"))


def test_a_curator_reads_what_is_known_and_asks_for_more(client: Client) -> None:
    company = make.make_company(status="draft")
    page = client.get(url_of(company)).content.decode()
    assert "Not checked yet." in page
    assert "Check the website now" in page
    url = reverse("admin:companies_company_check_link", args=[company.pk])
    assert client.get(url).status_code == 405
    response = client.post(url)
    assert response["Location"] == url_of(company)
    assert messages(response)[0].startswith("The website is checked within a minute.")
    assert "It is checked within a minute." in client.get(url_of(company)).content.decode()
    assert names_of(Company.objects.to_check_link(NOW)) == [company.name]


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (OK, "Reachable, checked on 2 November 2026."),
        (
            Finding(State.BROKEN, 500, "", "Status 500."),
            "Answers with an error, checked on 2 November 2026: Status 500. It failed on 1 day in a row.",
        ),
        (
            Finding(State.MOVED, 200, "https://new.example/<x>"),
            "Reachable at another domain, checked on 2 November 2026. It is now https://new.example/&lt;x&gt;",
        ),
    ],
)
def test_what_is_known_is_said_in_words(client: Client, finding: Finding, words: str) -> None:
    company = make.make_company()
    reaching.keep(company.pk, company.website, finding, NOW)
    assert words in client.get(url_of(company)).content.decode()


def test_where_checks_are_switched_off_nobody_asks_for_one(client: Client, settings: LazySettings) -> None:
    settings.LINK_CHECKS = False
    company = make.make_company()
    assert "Check the website now" not in client.get(url_of(company)).content.decode()
    assert client.post(reverse("admin:companies_company_check_link", args=[company.pk])).status_code == 403
    assert not LinkCheck.objects.exists()


def test_who_may_not_edit_companies_asks_for_no_check(client: Client) -> None:
    company = make.make_company()
    stranger = signed_in(make.make_curator("zia", is_superuser=False))
    assert stranger.post(reverse("admin:companies_company_check_link", args=[company.pk])).status_code == 403
    without = make.make_company("without", website="")
    assert client.post(reverse("admin:companies_company_check_link", args=[without.pk])).status_code == 404


def test_the_list_is_filtered_by_what_is_known(client: Client) -> None:
    dead, moved, _ = (make.make_company(name) for name in ("Dead", "Moved", "New"))
    for day in range(3):
        reaching.keep(dead.pk, dead.website, BROKEN, NOW + day * DAY)
    reaching.keep(moved.pk, moved.website, Finding(State.MOVED, 200), NOW)

    def found(link: str) -> list[str]:
        return names_of(client.get(reverse(LIST), {"link": link}).context["cl"].queryset)

    assert {link: found(link) for link in ("dead", "broken", "moved", "ok", "nonsense")} == {
        "dead": ["Dead"],
        "broken": ["Dead"],
        "moved": ["Moved"],
        "ok": [],
        "nonsense": [],
    }


def test_a_company_with_a_check_is_deleted_with_it() -> None:
    company = make.make_company()
    reaching.keep(company.pk, company.website, OK, timezone.now())
    response = signed_in(make_member("editor", "ed")).post(url_of(company, "delete"), {"post": "yes"})
    assert response.status_code == 302
    assert not LinkCheck.objects.exists()
