"""The embedded server: one for all processes, there when needed, gone afterwards, and nothing lost when killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from directory.postgres.server import Server

USER_OF_THE_SERVER = """
import sys
from pathlib import Path
from directory.postgres.server import Server
print(Server.at(Path(sys.argv[1])).join(), flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the server until left() or killed."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_OF_THE_SERVER, str(data)],
            cwd=settings.BASE_DIR,
            env={"PATH": os.defpath} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def joined(self) -> Path:
        assert self.process.stdout
        return Path(self.process.stdout.readline().strip())

    def leave(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "postgres"


@pytest.fixture(autouse=True)
def no_server_left(data: Path) -> Iterator[None]:
    yield
    for process in processes(data):
        process.kill()


def processes(data: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["name", "cwd"])
    return [process for process in found if process.info["name"] == "postgres" and process.info["cwd"] == str(data)]


def ask(data: Path, query: str) -> object:
    with psycopg.connect(host=str(Server.at(data).socket_dir), user="postgres", dbname="postgres") as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def test_one_server_for_users_that_come_at_once_until_the_last_has_left(data: Path) -> None:
    users = [User(data) for _ in range(3)]
    assert {user.joined() for user in users} == {data}
    pids = {ask(data, "SELECT pg_postmaster_start_time()::text")}
    for user in users[:2]:
        user.leave()
    pids.add(ask(data, "SELECT pg_postmaster_start_time()::text"))
    assert len(pids) == 1
    users[2].leave()
    assert processes(data) == []
    assert "FATAL" not in (data / "log").read_text()  # nobody who asked whether it runs was refused


@pytest.mark.parametrize("language", ["C", "de_DE.UTF-8", "nonsense"])
def test_the_database_is_the_same_whatever_the_language_of_the_caller(tmp_path: Path, language: str) -> None:
    user = User(tmp_path / "postgres", LANG=language, LC_ALL=language, PGPORT="1", PGOPTIONS="-c nonsense=1")
    user.joined()
    ask(tmp_path / "postgres", "CREATE EXTENSION pg_trgm")
    assert ask(tmp_path / "postgres", "SELECT cardinality(show_trgm('کراچی'))") == 6
    assert ask(tmp_path / "postgres", "SELECT lower('ÉŞ')") == "éş"
    assert ask(tmp_path / "postgres", "SHOW TimeZone") == "UTC"
    user.leave()


def test_a_user_that_was_killed_does_not_keep_the_server(data: Path) -> None:
    killed, other = User(data), User(data)
    killed.joined()
    other.joined()
    killed.kill()
    assert processes(data)
    other.leave()
    assert processes(data) == []


def test_nothing_committed_is_lost_when_everything_is_killed(data: Path) -> None:
    user = User(data)
    user.joined()
    ask(data, "CREATE TABLE kept AS SELECT 'committed' AS word")
    user.kill()
    for process in processes(data):
        process.kill()
    user = User(data)
    user.joined()
    assert ask(data, "SELECT word FROM kept") == "committed"
    user.leave()


def test_lock_files_of_a_killed_server_may_name_a_stranger(data: Path) -> None:
    user = User(data)
    user.joined()
    user.leave()
    stranger = str(os.getpid())
    (data / "postmaster.pid").write_text(f"{stranger}\n{data}\n1\n5432\n{data}\n\n  1 1\nready\n")
    (data / ".s.PGSQL.5432.lock").write_text(f"{stranger}\n{data}\n1\n5432\n{data}\n")
    user = User(data)
    assert user.joined() == data
    user.leave()


def test_a_server_that_is_still_stopping_is_waited_for(data: Path) -> None:
    first = User(data)
    first.joined()
    first.kill()
    postmaster = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
    with psycopg.connect(host=str(data), user="postgres", dbname="postgres"):
        postmaster.send_signal(signal.SIGTERM)  # refuses new connections, waits for this one
        second = User(data)
        time.sleep(0.3)
        assert second.process.poll() is None
    second.joined()
    assert ask(data, "SELECT 1") == 1
    second.leave()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / "postgres"
    user = User(deep)
    found = user.joined()
    assert found != deep
    assert found.stat().st_mode & 0o777 == 0o700
    assert ask(deep, "SELECT 1") == 1
    user.leave()
    found.rmdir()


def test_a_server_that_cannot_start_says_why_in_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    user = User(data)
    user.joined()
    user.leave()
    (data / "PG_VERSION").write_text("9\n")
    result = subprocess.run(
        [sys.executable, "-c", USER_OF_THE_SERVER, str(data)],
        cwd=settings.BASE_DIR,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "database files are incompatible with server" in result.stderr.splitlines()[-1]
