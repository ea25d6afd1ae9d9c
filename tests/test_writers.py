"""Writers at once, on connections of their own: number order is commit order, and nothing is lost or half done."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg.conninfo
import pytest
from django.db import connection, connections, transaction

from companies.models import Company, Specialty
from directory.models import Revision, Source, Version
from directory.publishing import WRITERS_LOCK, edit, publication, sweep
from hubs.models import Hub
from tests.factories import make_company, make_hub, make_specialty
from tests.log import actions, document, marked, replay, tables

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, EDITS = 8, 25


class RolledBack(Exception):
    """What a writer raises on purpose."""


def own_connection(work: Callable[[], object], failures: list[BaseException]) -> threading.Thread:
    """A thread that works on a database connection of its own and keeps what it fails with."""

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    return threading.Thread(target=run)


@contextmanager
def following_the_log() -> Iterator[list[int]]:
    """Read the log all the time; the revisions in the order in which they were first seen.

    Fails when a revision appears at or below one that was seen before.
    """
    seen: list[int] = []
    done = threading.Event()
    failures: list[BaseException] = []

    def follow() -> None:
        known: set[int] = set()
        while True:
            last = done.is_set()
            new = sorted(set(Version.objects.values_list("revision_id", flat=True)) - known)
            assert not new or not seen or new[0] > seen[-1], f"{new[0]} appeared after {seen[-1]}"
            seen.extend(new)
            known.update(new)
            if last:
                return
            time.sleep(0.003)

    reader = own_connection(follow, failures)
    reader.start()
    try:
        yield seen
    finally:
        done.set()
        reader.join()
    assert not failures, failures


def write_at_random(seed: int, companies: list[int], hubs: list[int]) -> None:
    """Edits of all sorts with pauses, some rolled back, some behind the application's back."""
    chance = random.Random(seed)
    for number in range(EDITS):
        pk = chance.choice(companies)
        way = chance.random()
        if way < 0.15:
            Company.objects.filter(pk=pk).update(description=f"Raw {seed}.{number}")
        elif way < 0.25:
            Hub.objects.filter(pk=chance.choice(hubs)).update(summary=f"Raw {seed}.{number}")
        elif way < 0.35:
            sweep(chunk=5)
        elif way < 0.5:
            with pytest.raises(RolledBack), publication(source=Source.ADMIN):
                edit(Company.objects.get(pk=pk), {"summary": "Never seen"}, source=Source.ADMIN)
                time.sleep(chance.random() * 0.005)
                raise RolledBack
        elif way < 0.6:
            hub = Hub.objects.get(pk=chance.choice(hubs))
            edit(hub, {"name": f"Hub {seed}.{number}"}, source=Source.ADMIN)
        else:
            with publication(source=Source.ADMIN):
                company = Company.objects.get(pk=pk)
                time.sleep(chance.random() * 0.003)
                edit(company, {"summary": f"By {seed}.{number}", "founded_year": 2000 + seed}, source=Source.ADMIN)
                time.sleep(chance.random() * 0.003)


def test_eight_writers_and_a_reader() -> None:
    hubs = [make_hub(name).pk for name in ("Karachi", "Lahore", "Islamabad")]
    names = [f"Company {number}" for number in range(12)]
    companies = [make_company(name, hub=Hub.objects.get(pk=hubs[i % 3])).pk for i, name in enumerate(names)]
    failures: list[BaseException] = []
    writers = [
        own_connection(lambda seed=seed: write_at_random(seed, companies, hubs), failures)  # type: ignore[misc]
        for seed in range(WRITERS)
    ]
    with following_the_log() as seen:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        sweep()
    assert not failures, failures
    assert seen == list(Revision.objects.order_by("pk").values_list("pk", flat=True))
    assert len(seen) > WRITERS * EDITS / 4
    assert not marked()
    assert replay() == tables()
    assert not Version.objects.filter(document__contains="Never seen").exists()


def test_an_edit_that_races_with_the_sweep_is_not_lost() -> None:
    """The sweep claims marks, then renders: a change that commits in between keeps its own mark."""
    company = make_company("Careem")
    Company.objects.update(summary="First")
    failures: list[BaseException] = []
    with publication(source=Source.SYSTEM) as current:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM directory_mark RETURNING kind, object_id")
            current.objects.update(cursor.fetchall())
        racer = own_connection(lambda: Company.objects.update(summary="Second"), failures)
        racer.start()
        racer.join()
    assert not failures
    sweep()
    assert document(company)["summary"] == "Second"


def test_a_rename_and_an_uncommitted_company_meet() -> None:
    """A company that names a hub by its old name, committed after the rename, follows it all the same."""
    hub = make_hub("Lyallpur")
    failures: list[BaseException] = []
    rename = own_connection(lambda: Hub.objects.update(name="Faisalabad"), failures)
    with publication(source=Source.ADMIN):
        company = make_company("Sofizar", hub=Hub.objects.get(pk=hub.pk))
        rename.start()
        rename.join(timeout=0.5)  # it may have to wait for our lock on the hub's row
    rename.join()
    assert not failures
    sweep()
    assert document(company)["hub"]["name"] == "Faisalabad"


def test_writers_queue_instead_of_deadlocking() -> None:
    """Two that touch the same rows in opposite order: the lock comes first, so the second waits."""
    one, two = make_company("One"), make_company("Two")
    failures: list[BaseException] = []

    def in_order(*companies: Company) -> None:
        with publication(source=Source.ADMIN):
            for company in companies:
                Company.objects.filter(pk=company.pk).update(founded_year=2010)
                time.sleep(0.02)

    writers = [own_connection(lambda o=o: in_order(*o), failures) for o in ((one, two), (two, one)) * 3]  # type: ignore[misc]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures, failures


def test_two_transactions_take_one_specialty_from_two_companies() -> None:
    specialty = make_specialty("Blockchain")
    companies = [make_company(name, specialties=[specialty]) for name in ("One", "Two")]
    failures: list[BaseException] = []
    writers = [
        own_connection(lambda c=c: edit(c, {"specialties": []}, source=Source.ADMIN), failures)  # type: ignore[misc]
        for c in companies
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    assert all(document(company)["specialties"] == [] for company in companies)
    assert Specialty.objects.count() == 1


def database_url() -> str:
    """The test database as a URL for another process."""
    parameters = connection.get_connection_params()
    names = {"dbname", "user", "password", "host", "port"}
    return psycopg.conninfo.make_conninfo(**{k: v for k, v in parameters.items() if k in names and v})


KILLED = """
import os, signal, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "directory.settings"
django.setup()
from directory import publishing
from directory.models import Source
from companies.models import Company

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

moment = sys.argv[1]
if moment == "before publishing":
    publishing.publish = die
elif moment == "after the versions":
    publishing.put_documents = die
elif moment == "before the commit":
    real = publishing.publish
    publishing.publish = lambda current: (real(current), die())
publishing.edit(Company.objects.get(), {"summary": "Half done"}, source=Source.ADMIN)
"""


@pytest.mark.parametrize("moment", ["before publishing", "after the versions", "before the commit"])
def test_kill_9_between_edit_and_commit_leaves_neither(moment: str) -> None:
    company = make_company("Airlift")
    newest, was = Revision.objects.current(), document(company)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, moment],
        env={**os.environ, "DATABASE_URL": database_url()},
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    company.refresh_from_db()
    assert (company.summary, Revision.objects.current(), document(company)) == ("", newest, was)
    assert not marked()
    # The lock died with its owner: the next writer does not wait.
    edit(company, {"summary": "Whole"}, source=Source.ADMIN)
    assert actions(newest) == [("company", "airlift", "updated")]


def test_the_lock_is_held_from_the_first_statement_to_the_commit() -> None:
    def is_locked() -> bool:
        with transaction.atomic(), psycopg.connect(database_url()) as other:
            row = other.execute("SELECT pg_try_advisory_xact_lock(%s)", [WRITERS_LOCK]).fetchone()
            assert row is not None
            return not row[0]

    with publication(source=Source.ADMIN):
        assert is_locked()
        make_company()
        assert is_locked()
    assert not is_locked()
