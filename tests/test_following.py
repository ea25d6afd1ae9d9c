"""Who follows a running server: hundreds that wait hold up nobody, and the mirror is equal whatever happens.

One server, started as a newcomer starts it; edits are made by a process of their own.
"""

import json
import os
import runpy
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.conf import settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.hosts import host, reply
from tests.served import DEADLINE, SITE_URL, Serve, serving, wait_for
from tests.served import copy as copied

MIRROR = settings.BASE_DIR / "docs" / "mirror.py"
WAITING = 500

# Edits of all sorts, each for the first company that no earlier one took: "edit 3" makes three of them.
EDITOR = """
import os, sys, uuid, django
os.environ["DJANGO_SETTINGS_MODULE"] = "directory.settings"
django.setup()
from django.db import transaction
from companies.merging import merge_companies
from companies.models import Company
from directory.models import Log, Source
from directory.publishing import edit, publication, sweep
from hubs.models import Hub

companies = iter(Company.objects.filter(status="published", summary="").order_by("-pk"))
for sort in sys.argv[1:]:
    company = next(companies)
    if sort == "edit":
        edit(company, {"summary": "Edited"}, source=Source.SYSTEM)
    elif sort == "withdraw":
        with publication(source=Source.SYSTEM):
            Company.objects.filter(pk=company.pk).update(status="withdrawn")
    elif sort == "delete":
        with publication(source=Source.SYSTEM):
            company.delete()
    elif sort == "merge":
        merge_companies(keep=next(companies), drop=company, choices={}, by=None, reason="")
    elif sort == "raw":
        Company.objects.filter(pk=company.pk).update(summary="Behind its back")
        sweep()
    elif sort == "rename":
        edit(Hub.objects.get(slug="lahore"), {"name": "Lahore " + uuid.uuid4().hex}, source=Source.SYSTEM)
        sweep()
    elif sort == "roll back":
        with transaction.atomic():
            edit(company, {"summary": "Never seen"}, source=Source.SYSTEM)
            transaction.set_rollback(True)
    elif sort == "restore":
        Log.objects.update(epoch=uuid.uuid4())
"""
SORTS = ["edit", "withdraw", "roll back", "merge", "raw", "edit", "rename", "delete", "edit"]

# The mirror, killed when it applies its n-th record.
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import mirror
left, apply = int(sys.argv[2]), mirror.Mirror.apply

def dying(self, line):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    apply(self, line)

mirror.Mirror.apply = dying
mirror.main(sys.argv[3:])
"""


@pytest.fixture(scope="module")
def serve(started: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    data = copied(started, tmp_path_factory.mktemp("following"))
    with serving(data, data / "log") as running:
        yield running


def root(serve: Serve) -> str:
    return f"http://127.0.0.1:{serve.port}/api/v1/"


def start_editing(serve: Serve, *sorts: str) -> subprocess.Popen[bytes]:
    variables = {"PATH": os.defpath, "DATA_DIR": str(serve.data.parent), "SITE_URL": SITE_URL}
    command = [sys.executable, "-c", EDITOR, *sorts]
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=variables)


def edit(serve: Serve, *sorts: str) -> None:
    assert start_editing(serve, *sorts).wait(DEADLINE) == 0


def get(serve: Serve, path: str) -> Any:
    with urlopen(root(serve) + path, timeout=DEADLINE) as answer:
        return json.load(answer)


def place(serve: Serve) -> str:
    """The cursor of the log's end."""
    with urlopen(f"{root(serve)}snapshot/", timeout=DEADLINE) as answer:
        return str(json.loads(answer.readline())["next"].partition("after=")[2])


class Waiter:
    """A connection of somebody who waits."""

    def __init__(self, serve: Serve, query: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", serve.port), timeout=DEADLINE)
        head = f"GET /api/v1/changes/?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        self.socket.sendall(head.encode())

    def answer(self) -> tuple[int, dict[str, Any]]:
        received = b""
        while data := self.socket.recv(2**16):
            received += data
        self.socket.close()
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def answered(waiters: list[Waiter]) -> int:
    """How many of them have an answer to read."""
    with selectors.DefaultSelector() as selector:
        for waiter in waiters:
            selector.register(waiter.socket, selectors.EVENT_READ)
        return len(selector.select(timeout=0))


def test_hundreds_wait_hold_up_nobody_and_hear_of_the_next_revision(serve: Serve) -> None:
    query = f"after={place(serve)}&wait=60"
    waiters = [Waiter(serve, query) for _ in range(WAITING)]
    gone = [waiters.pop() for _ in range(20)]
    for waiter in gone:
        waiter.socket.close()
    for number in range(1, 51):
        assert len(get(serve, f"companies/?page_size={number}")["results"]) == number
    assert answered(waiters) == 0
    edit(serve, "edit")
    answers = [waiter.answer() for waiter in waiters]
    assert {status for status, _ in answers} == {200}
    [found] = {json.dumps(page["results"]) for _, page in answers}
    assert [record["action"] for record in json.loads(found)] == ["updated"]
    assert "Traceback" not in serve.output()


def test_who_waits_for_another_kind_waits_on_and_in_the_end_is_told_of_nothing(serve: Serve) -> None:
    end = place(serve)
    hubs, all_kinds = Waiter(serve, f"after={end}&kind=hub&wait=60"), Waiter(serve, f"after={end}&wait=60")
    briefly = Waiter(serve, f"after={end}&kind=hub&wait=1")
    edit(serve, "edit")
    assert len(all_kinds.answer()[1]["results"]) == 1
    status, page = briefly.answer()
    assert (status, page["results"]) == (200, [])
    assert answered([hubs]) == 0
    edit(serve, "rename")
    assert [record["kind"] for record in hubs.answer()[1]["results"]] == ["hub"]


def test_a_kept_connection_waits_and_asks_again(serve: Serve) -> None:
    """Also when it sends its next request while it waits."""
    head = f"GET /api/v1/changes/?after={place(serve)}&kind=hub&wait=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", serve.port), timeout=DEADLINE) as connection:
        connection.sendall(f"{head}GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        while data := connection.recv(2**16):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")


def run_mirror(serve: Serve, copy: Path) -> str:
    command = [sys.executable, str(MIRROR), root(serve), str(copy), "--once"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout


def documents(copy: Path) -> dict[tuple[str, str], str]:
    """(kind, id) → document."""
    with sqlite3.connect(copy) as database:
        rows = database.execute("SELECT kind, id, document FROM documents").fetchall()
    return {(kind, public_id): document for kind, public_id, document in rows}


def published(serve: Serve) -> dict[tuple[str, str], str]:
    with urlopen(f"{root(serve)}snapshot/", timeout=DEADLINE) as answer:
        lines = answer.read().splitlines()[1:-1]
    documents = [line.partition(b',"document":')[2][:-1].decode() for line in lines]
    records = [json.loads(line) for line in lines]
    return {(record["kind"], record["id"]): text for record, text in zip(records, documents, strict=True)}


@pytest.fixture
def copy(serve: Serve, tmp_path: Path) -> Path:
    run_mirror(serve, path := tmp_path / "copy.sqlite")
    return path


@pytest.mark.complaint(8, 9, 10)
def test_a_mirror_that_is_killed_again_and_again_while_edits_go_on_is_equal(serve: Serve, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    editing = start_editing(serve, *SORTS * 3)
    for record in (1, 700, 790, 2, 5, 20):  # the first three within the snapshot or soon behind it
        command = [sys.executable, "-c", KILLED, str(MIRROR.parent), str(record), root(serve), str(copy), "--once"]
        code = subprocess.run(command, timeout=DEADLINE, check=False, capture_output=True).returncode
        assert code in (-signal.SIGKILL, 0)
    assert editing.wait(DEADLINE) == 0
    assert "; 0 buckets repaired." in run_mirror(serve, copy)
    assert documents(copy) == published(serve)


DAMAGES = {
    "a changed document": "UPDATE documents SET document = replace(document, 'Lahore', 'Lahor')",
    "lost rows": "DELETE FROM documents WHERE kind = 'hub'",
    "a row that is no object's": "INSERT INTO documents VALUES ('0zzzzzz99', 'hub', 255, '{\"slug\": \"nowhere\"}')",
    "documents that changed places": "UPDATE documents SET document = (SELECT max(document) FROM documents)",
    "a kind of another's": "UPDATE documents SET kind = 'program' WHERE kind = 'hub'",
    "kinds that changed places": "UPDATE documents SET kind = iif(kind = 'hub', 'program', 'hub')"
    " WHERE kind IN ('hub', 'program')",
    "kinds that there are not": "UPDATE documents SET kind = iif(kind = 'hub', 'company,program', 'hubs')"
    " WHERE kind IN ('hub', 'program')",
    "no kinds": "UPDATE documents SET kind = ''",
    "a wrong bucket": "UPDATE documents SET bucket = (bucket + 1) % 256 WHERE kind = 'program'",
    "a text that is not UTF-8": "UPDATE documents SET document = replace(document, 'Lahore', CAST(x'4cff' AS TEXT))",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_copy_is_noticed_and_repaired(serve: Serve, copy: Path, damage: str) -> None:
    with sqlite3.connect(copy) as database:
        assert database.execute(damage).rowcount
    assert "; 0 buckets" not in run_mirror(serve, copy)
    assert "; 0 buckets" in run_mirror(serve, copy)
    assert documents(copy) == published(serve)


# Values that a damaged row may have, by column. What is bytes is written as text, UTF-8 or not.
TEXTS = st.one_of(st.none(), st.text('0Uaz9"', max_size=9), st.binary(max_size=9))
DAMAGED = {
    "id": TEXTS,
    "kind": TEXTS.filter(lambda text: text is not None),
    "bucket": st.integers(-300, 300) | st.text(max_size=3),
}


def damage(database: sqlite3.Connection, row: int, column: str, value: Any, is_text: bool) -> None:
    """Write ``value`` into a column of the so manieth row."""
    written = "CAST(? AS TEXT)" if isinstance(value, bytes) and is_text else "?"
    database.execute(
        f"UPDATE OR REPLACE documents SET {column} = {written} WHERE rowid ="
        " (SELECT rowid FROM documents ORDER BY rowid LIMIT 1 OFFSET ?)",
        (value, row),
    )


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damages=st.lists(
        st.sampled_from(sorted(DAMAGED)).flatmap(
            lambda column: st.tuples(st.integers(0, 600), st.just(column), DAMAGED[column], st.booleans())
        ),
        min_size=1,
        max_size=6,
    )
)
@example(damages=[(0, "id", None, True), (1, "id", "", True), (2, "id", "0UUbad", True)])
@example(damages=[(0, "id", b"\xff", True), (1, "id", b"037", False), (2, "kind", b"\xff", True)])
@example(damages=[(0, "bucket", "none", True), (1, "bucket", -1, True), (2, "kind", b"hub", False)])
def test_whatever_stands_in_a_damaged_row_it_is_repaired(
    serve: Serve, copy: Path, damages: list[tuple[int, str, Any, bool]]
) -> None:
    before = documents(copy)
    with closing(sqlite3.connect(copy)) as database, database:
        for row, column, value, is_text in damages:
            damage(database, row, column, value, is_text)
    following = runpy.run_path(str(MIRROR))["Mirror"](root(serve), str(copy))
    with closing(following.database):
        following.make_equal()
        assert following.prove() == []
    assert documents(copy) == before


def kill_at(serve: Serve, copy: Path, record: int) -> None:
    """Run the mirror, which is killed within the transaction in which it applies its so manieth record."""
    command = [sys.executable, "-c", KILLED, str(MIRROR.parent), str(record), root(serve), str(copy), "--once"]
    assert subprocess.run(command, timeout=DEADLINE, check=False).returncode == -signal.SIGKILL


def test_a_mirror_killed_while_it_seeds_or_repairs_leaves_what_was_there_and_heals(
    serve: Serve, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite"
    kill_at(serve, copy, 300)
    assert documents(copy) == {}
    run_mirror(serve, copy)
    with sqlite3.connect(copy) as database:
        database.execute("DELETE FROM documents WHERE kind = 'hub'")
    damaged = documents(copy)
    kill_at(serve, copy, 5)
    assert documents(copy) == damaged
    assert "; 0 buckets" not in run_mirror(serve, copy)
    assert documents(copy) == published(serve)


# What ends a mirror


def refused(url: str, copy: Path, **variables: str) -> str:
    """What the mirror says when it ends by itself, which it does without --once as well: a line."""
    command = [sys.executable, str(MIRROR), url, str(copy)]
    ended = subprocess.run(command, env=variables, check=False, capture_output=True, text=True, timeout=DEADLINE)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    return ended.stderr


@pytest.mark.security(10)
@pytest.mark.parametrize(("status", "said"), [(401, "DIRECTORY_KEY"), (403, "“mirror”"), (404, "root of the API")])
def test_a_mirror_ends_where_asking_again_would_not_help(tmp_path: Path, status: int, said: str) -> None:
    with host(reply(status)) as there:
        url = f"http://127.0.0.1:{there.port}/api/v1/"
        line = refused(url, tmp_path / "copy.sqlite", DIRECTORY_KEY="dir_secret\n")
    [(_, path, headers)] = there.seen
    assert (path, headers["Authorization"]) == ("/api/v1/snapshot/", "Bearer dir_secret")
    assert f"{url} answers {status}: " in line
    assert said in line
    assert "dir_secret" not in line


@pytest.mark.security(10)
def test_a_mirror_shows_its_key_to_nobody_else(tmp_path: Path) -> None:
    with host(reply(404)) as other, host(reply(302, location=f"http://127.0.0.1:{other.port}/")) as there:
        refused(f"http://127.0.0.1:{there.port}/", tmp_path / "copy.sqlite", DIRECTORY_KEY="dir_secret")
        assert there.seen[0][2]["Authorization"] == "Bearer dir_secret"
        assert "Authorization" not in other.seen[0][2]
        assert "secret" not in refused("http://127.0.0.1:1/", tmp_path / "copy.sqlite", DIRECTORY_KEY="dir\nsecret")


def test_a_mirror_says_what_to_do_with_a_file_that_is_no_copy(serve: Serve, copy: Path, tmp_path: Path) -> None:
    (text := tmp_path / "text").write_text("This is no database. " * 1000)
    assert "move it away" in refused(root(serve), text)
    content = bytearray(copy.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    copy.write_bytes(content)
    assert "move it away" in refused(root(serve), copy)
    assert "cannot be used" in refused(root(serve), tmp_path)


@pytest.mark.parametrize("cursor", ["''", "'nowhere'", "CAST(x'ff' AS TEXT)"])
def test_a_mirror_that_lost_its_place_starts_over(serve: Serve, copy: Path, cursor: str) -> None:
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute(f"UPDATE state SET cursor = {cursor}")
    assert "starting over" in run_mirror(serve, copy)


def test_a_mirror_of_a_log_that_is_gone_starts_over(serve: Serve, copy: Path) -> None:
    edit(serve, "restore", "edit")
    assert "starting over" in run_mirror(serve, copy)
    assert documents(copy) == published(serve)


@pytest.mark.complaint(28)
def test_a_mirror_outlives_the_server_s_outage(serve: Serve, copy: Path, tmp_path: Path) -> None:
    """The copy is there all the time; the mirror tries again until the server is back."""
    held = documents(copy)
    command = [sys.executable, str(MIRROR), root(serve), str(copy)]
    log = tmp_path / "mirror.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output) as mirror:
        try:
            serve.kill()
            wait_for(lambda: "trying again" in log.read_text())
            assert documents(copy) == held
            serve.start()
            serve.wait_until_ready()
            edit(serve, "edit")
            wait_for(lambda: documents(copy) != held)
            assert documents(copy) == published(serve)
            assert mirror.poll() is None
        finally:
            mirror.kill()
