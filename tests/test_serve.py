"""`manage.py serve` as a newcomer, an operator and an accident meet it: real processes on a port of their own."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psutil
import pytest

from directory.postgres.server import Server
from tests.served import DEADLINE, SITE_URL, Serve, copy, free_port, serving, wait_for
from tests.test_settings import PRODUCTION, manage


@pytest.fixture(scope="module")
def data_dir(started: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(started, tmp_path_factory.mktemp("serve"))


@pytest.fixture
def serve(data_dir: Path, tmp_path: Path) -> Iterator[Serve]:
    with serving(data_dir, tmp_path / "log") as running:
        yield running


@pytest.fixture(scope="module")
def database_url(data_dir: Path) -> Iterator[str]:
    """The address of the embedded database, kept running by this process."""
    server = Server.at(data_dir / "postgres")
    yield f"postgresql://postgres@/postgres?host={quote(str(server.join()), safe='')}"
    server.leave()


def assert_all_end(processes: list[psutil.Process]) -> None:
    _gone, alive = psutil.wait_procs(processes, timeout=DEADLINE)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def assert_one_sentence(result: subprocess.CompletedProcess[str], expected: str) -> None:
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = [line for line in result.stderr.splitlines() if line != "These settings have to be fixed first:"]
    assert expected in line


def first_sign_in(url: str, password: str) -> list[tuple[str, str]]:
    """Where one gets who signs in with the first password and then lets the second factor wait: address and page."""
    browser = build_opener(HTTPCookieProcessor())

    def ask(path: str, data: bytes | None = None) -> tuple[str, str]:
        with browser.open(f"{url}{path}", data) as answer:
            return answer.url, answer.read().decode()

    def send(path: str, form: str, **fields: str) -> tuple[str, str]:
        [token, *_] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', ask(path)[1])
        return ask(form, urlencode(fields | {"csrfmiddlewaretoken": token}).encode())

    return [
        send("/admin/", "/account/sign-in/", login="curator", password=password),
        send("/account/second-factor/set-up/", "/account/second-factor/later/"),
    ]


def test_the_first_start_tells_the_password_and_sigterm_ends_everything(serve: Serve, started: Path) -> None:
    told = r"The first account is curator with the password ([\w-]{16}) \(shown only now\)"
    [password] = re.findall(told, (started / "log").read_text())
    url = f"http://127.0.0.1:{serve.port}"
    (there, _), (inside, page) = first_sign_in(url, password)
    assert there == f"{url}/account/second-factor/set-up/?next=%2Fadmin%2F"
    assert inside == f"{url}/admin/"
    assert "Companies" in page
    processes = serve.processes()
    os.killpg(serve.process.pid, signal.SIGTERM)
    assert serve.process.wait(DEADLINE) == 0
    assert_all_end(processes)
    assert not (serve.data / "postmaster.pid").exists()
    assert serve.output().splitlines()[-1] == "Stopping."
    assert "Traceback" not in serve.output()


# What is no request, and the status of its refusal.
UNREADABLE = {
    f"GET /api/v1/companies/?name={'a' * 8200} HTTP/1.1": 414,
    f"GET /api/v1/companies/ HTTP/1.1\r\nX: {'a' * 9000}": 400,
    "GET /api/v1/companies/\0/ HTTP/1.1": 400,
    "GET /api/v1/companies/ HTTP/1.1\r\nno header": 400,
}


@pytest.mark.security(18)
def test_what_django_never_sees_is_refused_as_the_api_refuses(served: Serve) -> None:
    for request, status in UNREADABLE.items():
        with socket.create_connection(("127.0.0.1", served.port), timeout=DEADLINE) as connection:
            connection.sendall(f"{request}\r\nHost: 127.0.0.1\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            body = json.loads(response.read())
        assert (response.status, body["status"]) == (status, status), request
        assert body["code"] == {414: "uri_too_long", 400: "bad_request"}[status]
        assert response.headers["Content-Type"] == "application/problem+json; charset=utf-8"
        assert (response.headers["Cache-Control"], response.headers["Connection"]) == ("no-store", "close")


def test_a_second_server_does_not_take_over_the_first_one_s_documents(served: Serve) -> None:
    """Documents hold absolute links: rendered for another address, the first server's would lead nowhere."""
    other: Any = {"data_dir": served.data.parent, "SITE_URL": "http://127.0.0.1:1"}
    wait_for(lambda: any("procrastinate" in child.cmdline() for child in served.process.children()))
    assert_one_sentence(manage("serve", PORT=str(free_port()), **other), f"serves {SITE_URL}: stop it")
    for option in ((), ("--all",), ("--check",)):
        refused = manage("publish", *option, **other)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"published for {SITE_URL}, but SITE_URL is http://127.0.0.1:1" in refused.stderr


@pytest.mark.parametrize(("word", "name"), [("gunicorn", "gunicorn"), ("procrastinate", "The worker")])
def test_the_death_of_one_child_ends_everything(serve: Serve, word: str, name: str) -> None:
    wait_for(lambda: any(word in child.cmdline() for child in serve.process.children()))
    assert "password" not in serve.output()  # which was told at the first start
    processes = serve.processes()
    serve.child(word).kill()
    assert serve.process.wait(DEADLINE) == 1
    assert_all_end(processes)
    assert serve.output().splitlines()[-1] == f"{name} was killed by SIGKILL, so everything was stopped."
    assert "Traceback" not in serve.output()


def catches_sigterm(process: psutil.Process) -> bool:
    """Whether it is up, and ends by itself when it is asked to."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals a process catches")
def test_a_worker_that_ends_by_itself_is_started_again(served: Serve) -> None:
    """As it does when it loses the database: the web goes on, and no supervisor is needed."""
    wait_for(lambda: "Launching a worker" in served.output())
    ended = served.child("procrastinate")
    wait_for(lambda: catches_sigterm(ended))
    ended.terminate()
    wait_for(lambda: served.output().count("Launching a worker") == 2)
    assert served.child("procrastinate").pid != ended.pid
    assert "The worker ended with code 0 and is started again." in served.output()
    assert served.process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_death_of_serve_itself_ends_its_children(serve: Serve) -> None:
    children = serve.process.children(recursive=True)
    serve.process.kill()
    assert_all_end(children)


def test_a_start_after_everything_was_killed(serve: Serve, tmp_path: Path) -> None:
    serve.kill()
    again = Serve(serve.data.parent, tmp_path / "again")
    again.wait_until_ready()
    processes = again.processes()
    again.process.terminate()
    assert again.process.wait(DEADLINE) == 0
    assert_all_end(processes)


def test_a_taken_port(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = manage("serve", data_dir=data_dir, PORT=str(port))
    assert_one_sentence(result, f"Port {port} on 127.0.0.1 is not free")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PORT": "eighty"}, "PORT is 'eighty', but has to be a whole number"),
        ({"DATABASE_URL": "mysql://me:geheim@host/name"}, "DATABASE_URL is not a PostgreSQL address"),
        (
            {"DATABASE_URL": "postgresql://me:geheim@127.0.0.1:1/name"},
            "The database of DATABASE_URL cannot be used",
        ),
        ({"DATABASE_URL": "postgresql:///name?host=/nowhere"}, "The database of DATABASE_URL cannot be used"),
    ],
)
def test_a_mistake_is_one_sentence(data_dir: Path, variables: dict[str, str], expected: str) -> None:
    result = manage("serve", data_dir=data_dir, **{"PORT": str(free_port())} | variables)
    assert_one_sentence(result, expected)
    assert "geheim" not in result.stderr


def test_a_postgresql_without_the_extensions(data_dir: Path, database_url: str) -> None:
    # The server looks for extensions where there are none, so it truly has none to offer.
    url = f"{database_url}&options=-c%20extension_control_path%3D/nowhere"
    result = manage("serve", data_dir=data_dir, DATABASE_URL=url, PORT=str(free_port()))
    assert_one_sentence(result, "This PostgreSQL lacks btree_gin, pg_trgm, unaccent")


@pytest.mark.security(2)
def test_production_refuses_a_default_account(data_dir: Path, database_url: str) -> None:
    account = {"DJANGO_SUPERUSER_USERNAME": "admin", "DJANGO_SUPERUSER_PASSWORD": "changeme"}
    create = ("createsuperuser", "--noinput", "--email=admin@directory.example")
    assert manage("migrate", data_dir=data_dir, DATABASE_URL=database_url).returncode == 0
    assert manage(*create, data_dir=data_dir, DATABASE_URL=database_url, **account).returncode == 0
    production = PRODUCTION | {"DATABASE_URL": database_url, "PORT": str(free_port())}
    result = manage("serve", data_dir=data_dir, **production)
    assert_one_sentence(result, "The superuser admin has a password that everybody tries first")
