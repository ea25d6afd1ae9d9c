"""Limits: exact whoever asks at once, by the address that trusted proxies tell, within memory that does not grow."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from directory.lockout import network_of
from partners import limits
from partners.limits import HEAD, LOCKS, SETS, SIZE, SLICES, WAYS, Table
from tests.factories import make_company

LIST = "/api/v1/companies/"
THREADS = 8

# Eight threads of a process ask as one caller and as many others, all at once, and tell how often they were let in.
ASKING = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from django.conf import settings
settings.configure()
from partners.limits import Table

table, start = Table(Path(sys.argv[1])), threading.Barrier(8)
names = [number.to_bytes(16, "big") for number in range(4)]

def ask(thread):
    start.wait()
    return [[table.take(name, 1000).is_allowed for _ in range(200)].count(True) for name in names]

with ThreadPoolExecutor(8) as pool:
    print([sum(counts) for counts in zip(*pool.map(ask, range(8)))])
"""


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "limits")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list to be changed."""
    now = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    return now


def name(number: int) -> bytes:
    """A caller; those whose numbers have the same rest by SETS are looked for in the same place."""
    return number.to_bytes(4, "big") + bytes(12)


@pytest.mark.security(38)
def test_it_is_exact_by_eight_threads_in_each_of_two_processes(tmp_path: Path, settings: Settings) -> None:
    """Of 3,200 that each of four callers asks, 1,000 are let in, neither more nor fewer."""
    command = [sys.executable, "-c", ASKING, str(tmp_path / "limits")]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR) for _ in range(2)
    ]
    counts = [json.loads(process.communicate()[0]) for process in processes]
    assert [sum(both) for both in zip(*counts, strict=True)] == [1000] * 4


@pytest.mark.security(38)
def test_it_is_exact_by_threads_that_ask_the_api(api: Client, settings: Settings) -> None:
    settings.REQUESTS_A_MINUTE = 50
    start = threading.Barrier(THREADS)

    def ask(_: int) -> list[int]:
        start.wait()
        return [api.get("/api/nowhere/").status_code for _ in range(15)]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [status for statuses in pool.map(ask, range(THREADS)) for status in statuses]
    assert answers.count(404) == 50
    assert answers.count(429) == THREADS * 15 - 50


def ask_until_refused(table: Table) -> int:
    count = 0
    while table.take(name(1), 1000).is_allowed:
        count += 1
    return count


@pytest.mark.security(38)
def test_what_a_process_took_ahead_is_missed_by_another_only_until_it_is_given_back(
    tmp_path: Path, clock: list[float]
) -> None:
    one, other = Table(tmp_path / "limits"), Table(tmp_path / "limits")
    for _ in range(10):
        assert one.take(name(1), 1000).is_allowed
    let_in = 10 + ask_until_refused(other)
    assert 980 <= let_in < 1000
    clock[0] += 1
    let_in += ask_until_refused(one) + ask_until_refused(other)
    assert let_in == 1000


def test_who_asks_often_is_told_the_same_as_who_is_counted_one_by_one(table: Table, clock: list[float]) -> None:
    for used in range(1, 3001):
        clock[0] += 0.004
        assert table.take(name(1), 3000).left == 3000 - used
    assert not table.take(name(1), 3000).is_allowed
    clock[0] = 1061.5  # the first second's are out of the window: 249 of them, four milliseconds apart
    assert table.take(name(1), 3000).left == 248


def test_nobody_gets_more_than_the_limit_in_any_minute(table: Table, clock: list[float]) -> None:
    """Whoever asks all the time: what was let in is counted over every minute that there is."""
    let_in = []
    for tick in range(2000):  # 200 seconds
        clock[0] = 1000 + tick / 10
        let_in += [clock[0]] * table.take(name(1), 100).is_allowed
    for begin in let_in:
        assert sum(begin <= at < begin + 60 for at in let_in) <= 100
    assert len(let_in) == 100 * -(-200 // SLICES)


def test_who_asks_steadily_gets_nearly_all_of_it(table: Table, clock: list[float]) -> None:
    let_in = 0
    for tick in range(61 * 600):
        clock[0] = 1000 + tick / 10
        let_in += table.take(name(1), 600).is_allowed  # ten a second are asked for, and are the limit
    assert let_in >= 0.98 * 61 * 600


def test_it_tells_how_much_is_left_and_when_there_is_more(table: Table, clock: list[float]) -> None:
    first = table.take(name(1), 3)
    assert (first.is_allowed, first.left, first.reset) == (True, 2, 61)
    clock[0] += 20
    table.take(name(1), 3)
    clock[0] += 10
    third = table.take(name(1), 3)
    assert (third.left, third.reset) == (0, 31)
    refused = table.take(name(1), 3)
    assert (refused.is_allowed, refused.left, refused.reset) == (False, 0, 31)
    clock[0] += refused.reset
    again = table.take(name(1), 3)
    assert (again.is_allowed, again.left, again.reset) == (True, 0, 20)


@pytest.mark.parametrize("later", [1, 59.9, 60.9])
def test_what_counts_counts_for_a_minute(table: Table, clock: list[float], later: float) -> None:
    assert table.take(name(1), 1).is_allowed
    clock[0] += later
    assert not table.take(name(1), 1).is_allowed
    clock[0] = 1061
    assert table.take(name(1), 1).is_allowed


def test_a_machine_that_was_started_anew_begins_anew(table: Table, clock: list[float]) -> None:
    table.take(name(1), 1)
    clock[0] = 5
    assert table.take(name(1), 1).is_allowed
    assert not table.take(name(1), 1).is_allowed


def test_a_process_that_sees_the_second_later_counts_all_the_same(table: Table, clock: list[float]) -> None:
    clock[0] = 1001
    table.take(name(1), 2)
    clock[0] = 1000
    assert table.take(name(1), 2).is_allowed
    assert not table.take(name(1), 2).is_allowed


def test_memory_does_not_grow_and_who_asked_most_is_not_forgotten(table: Table) -> None:
    """More callers in one place than it has room for: those who asked once make way for one another."""
    for _ in range(5):
        table.take(name(7), 5)
    for number in range(1, 200):
        assert table.take(name(7 + number * SETS), 5).left == 4
    assert not table.take(name(7), 5).is_allowed
    assert len(table.memory) == SIZE < 20 * 2**20
    assert SETS * WAYS > 60_000


def test_a_process_does_not_remember_whom_it_heard_nothing_of(table: Table, clock: list[float]) -> None:
    for number in range(500):
        clock[0] += 1
        table.take(name(number * LOCKS), 5)
    assert sum(map(len, table.stocks)) <= limits.MOST


def test_callers_do_not_count_for_one_another(table: Table) -> None:
    names = [name(number) for number in range(1000)]
    assert all(table.take(caller, 1).is_allowed for caller in names)
    assert not any(table.take(caller, 1).is_allowed for caller in names)


def test_a_process_that_dies_holds_up_nobody(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "limits"
    dying = (
        "import os, signal, sys; from pathlib import Path; from django.conf import settings; settings.configure();"
        "from partners import limits; table = limits.Table(Path(sys.argv[1]));"
        "[limits.lockf(table.file, limits.LOCK_EX, 1, number) for number in range(limits.LOCKS)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", dying, str(path)], cwd=settings.BASE_DIR, check=False)
    table = Table(path)
    assert all(table.take(name(number), 1).is_allowed for number in range(LOCKS))
    assert HEAD * 4 < path.stat().st_size == SIZE


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (None, ""),
    ],
)
def test_whom_an_address_is_counted_for(address: str | None, network: str) -> None:
    assert network_of(address) == network


# In front of the API


def statuses(api: Client, number: int, url: str = LIST, **headers: str) -> list[int]:
    return [api.get(url, headers=headers).status_code for _ in range(number)]


@pytest.mark.django_db
@pytest.mark.complaint(18)
def test_over_the_limit_everybody_is_told_when_to_come_back(api: Client, settings: Settings) -> None:
    settings.REQUESTS_A_MINUTE = 2
    assert statuses(api, 2) == [200, 200]
    over = api.get(LIST, headers={"origin": "https://techlist.example"})
    assert (over.status_code, over.json()["code"]) == (429, "throttled")
    assert over["Content-Type"] == "application/problem+json; charset=utf-8"
    assert over["Cache-Control"] == "no-store"
    assert over["RateLimit-Policy"] == '"anonymous";q=2;w=60'
    assert over["RateLimit"] == f'"anonymous";r=0;t={over["Retry-After"]}'
    assert 1 <= int(over["Retry-After"]) <= 61
    assert over["Access-Control-Expose-Headers"] == "Retry-After, RateLimit, RateLimit-Policy"
    assert "Content-Security-Policy" in over


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", [LIST, "/embed/", "/feed.atom", "/sitemap.xml", "/companies/nobody/", "/api/nowhere/"]
)
def test_all_that_costs_something_is_limited(api: Client, settings: Settings, url: str) -> None:
    settings.REQUESTS_A_MINUTE = 1
    first, second = statuses(api, 2, url)
    assert first in (200, 404)
    assert second == 429


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/livez", "/problems/", "/account/sign-in/"])
def test_what_costs_nothing_is_not(api: Client, settings: Settings, url: str) -> None:
    settings.REQUESTS_A_MINUTE = 1
    assert 429 not in statuses(api, 3, url)


@pytest.mark.security(8)
@pytest.mark.django_db
@pytest.mark.parametrize(("proxies", "let_in"), [(0, 3), (1, 3), (2, 12)])
def test_what_a_client_adds_before_the_proxies_gains_nothing(
    api: Client, settings: Settings, proxies: int, let_in: int
) -> None:
    """With one proxy the last address counts, with two the one before it, which the outer of them has seen."""
    settings.REQUESTS_A_MINUTE, settings.TRUSTED_PROXIES = 3, proxies
    answers = [
        api.get(LIST, headers={"x-forwarded-for": f"198.51.100.{n}, 192.0.2.1", "forwarded": f"for=10.0.0.{n}"})
        for n in range(12)
    ]
    assert [answer.status_code for answer in answers].count(200) == let_in


@pytest.mark.django_db
def test_an_ipv6_network_is_one_caller(api: Client, settings: Settings) -> None:
    settings.REQUESTS_A_MINUTE, settings.TRUSTED_PROXIES = 3, 1
    same = [api.get(LIST, headers={"x-forwarded-for": f"2001:db8::{n:x}"}).status_code for n in range(5)]
    other = [api.get(LIST, headers={"x-forwarded-for": f"2001:db8:0:{n:x}::1"}).status_code for n in range(1, 6)]
    assert (same, other) == ([200, 200, 200, 429, 429], [200] * 5)


@pytest.mark.django_db
def test_it_asks_the_database_nothing(
    api: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_company()
    settings.REQUESTS_A_MINUTE = 2
    api.get(LIST)
    with django_assert_num_queries(1):  # the newest revision
        assert api.get(LIST).status_code == 200
    with django_assert_num_queries(0):
        assert api.get(LIST).status_code == 429
