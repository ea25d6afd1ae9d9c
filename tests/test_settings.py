"""Settings: every malformed variable is told, production refuses what is unsafe, no message repeats a secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from directory.environment import Environment
from directory.sessions import SessionStore
from directory.transport import refuse_plain_http

PRODUCTION = {
    "PRODUCTION": "1",
    "SECRET_KEY": "".join(chr(ord("A") + n % 26) + str(n) for n in range(40)),
    "ALLOWED_HOSTS": "directory.example",
    "CSRF_TRUSTED_ORIGINS": "https://directory.example",
    "SITE_URL": "https://directory.example",
    "TRUSTED_PROXIES": "1",
    "DATABASE_URL": "postgresql://web:geheim@db.example/directory",
}


def manage(*arguments: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with these variables of the environment and no others."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={"PATH": os.defpath, "DATA_DIR": str(data_dir)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"PORT": "eighty"}, "PORT is 'eighty', but has to be a whole number from 1 to 65535."),
        ({"PORT": "0"}, "PORT is '0', but has to be a whole number from 1 to 65535."),
        ({"PORT": "70000"}, "PORT is '70000', but has to be a whole number from 1 to 65535."),
        ({"PORT": "-1"}, "PORT is '-1', but has to be a whole number from 1 to 65535."),
        ({"PORT": "٨٠٠٠"}, "PORT is '٨٠٠٠', but has to be a whole number from 1 to 65535."),
    ],
)
def test_a_malformed_number_is_told(variables: dict[str, str], problem: str) -> None:
    env = Environment(variables)
    assert env.number("PORT", 8000, least=1, most=65535) == 8000
    assert env.problems == [problem]


@pytest.mark.parametrize(
    ("text", "expected", "is_fine"),
    [("1", True, True), ("Yes", True, True), ("", False, True), ("off", False, True), ("maybe", False, False)],
)
def test_a_switch(text: str, expected: bool, is_fine: bool) -> None:
    env = Environment({"DEBUG": text})
    assert env.switch("DEBUG") is expected
    assert (env.problems == []) is is_fine


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("https://directory.example", True),
        ("http://[::1]:8000/", True),
        ("directory.example", False),
        ("https://directory.example/path", False),
        ("https://user@directory.example", False),
        ("ftp://directory.example", False),
        ("https://directory.example:port", False),
        ("https://", False),
    ],
)
def test_an_origin(text: str, is_fine: bool) -> None:
    env = Environment({"SITE_URL": text})
    assert env.origin("SITE_URL", "http://127.0.0.1:8000").startswith("http")
    assert (env.problems == []) is is_fine


@pytest.mark.parametrize(
    "text",
    [
        "mysql//me:geheim@host/name",
        "postgresql://me:geheim@host:port/name",
        "postgresql://me:geheim@host:99999/name",
        "postgresql://me:geheim@host",
        "geheim",
    ],
)
def test_a_malformed_database_url_is_told_without_its_password(text: str) -> None:
    env = Environment({"DATABASE_URL": text})
    assert env.database("DATABASE_URL") is None
    [problem] = env.problems
    assert problem.startswith("DATABASE_URL is not a PostgreSQL address; it has to look like postgresql://")
    assert "geheim" not in problem


def test_a_database_url_keeps_what_libpq_understands() -> None:
    env = Environment({"DATABASE_URL": "postgresql://me:p%40ss@a.example:5432,b.example:5433/name?sslmode=require"})
    assert env.database("DATABASE_URL") == {
        "user": "me",
        "password": "p@ss",
        "host": "a.example,b.example",
        "port": "5432,5433",
        "dbname": "name",
        "sslmode": "require",
    }


def test_one_message_lists_everything_malformed(tmp_path: Path) -> None:
    result = manage("check", data_dir=tmp_path, PORT="eighty", DEBUG="maybe", SITE_URL="here")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert [line.split()[1] for line in result.stderr.splitlines()[1:]] == ["DEBUG", "PORT", "SITE_URL"]


@pytest.mark.security(2)
def test_production_refuses_and_lists_everything_unsafe(tmp_path: Path) -> None:
    result = manage("serve", data_dir=tmp_path, PRODUCTION="1", DEBUG="1", SECRET_KEY="django-insecure-geheim")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "geheim" not in result.stderr
    told = [line.split()[1] for line in result.stderr.splitlines()[1:]]
    wanted = ["DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SITE_URL", "DATABASE_URL"]
    assert told == [*wanted, "TRUSTED_PROXIES"]


@pytest.mark.security(2)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY", "change-me-" + PRODUCTION["SECRET_KEY"]),
        ("ALLOWED_HOSTS", "*"),
        ("CSRF_TRUSTED_ORIGINS", "http://directory.example"),
        ("SITE_URL", "http://directory.example"),
        ("WEBHOOKS_HTTP", "1"),
        ("DATABASE_URL", ""),
        ("TRUSTED_PROXIES", "0"),
    ],
)
def test_production_refuses_one_unsafe_value(tmp_path: Path, name: str, value: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import directory.settings"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.defpath, "DATA_DIR": str(tmp_path)} | PRODUCTION | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    [problem] = [line for line in result.stderr.splitlines() if line.startswith("- ")]
    assert name in problem


@pytest.mark.security(1)
def test_django_finds_nothing_to_fix_in_production(tmp_path: Path) -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", data_dir=tmp_path, **PRODUCTION)
    assert result.returncode == 0, result.stderr


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    script = "from directory import settings; print(settings.SECRET_KEY)"
    command = [sys.executable, "-c", script]
    env = {"PATH": os.defpath, "DATA_DIR": str(tmp_path / "data")}
    starts = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, env=env, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    keys = {start.communicate()[0] for start in starts}
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 50
    assert [(file.name, file.stat().st_mode & 0o777) for file in (tmp_path / "data").iterdir()] == [
        ("secret_key", 0o600)
    ]


@pytest.mark.security(5)
@pytest.mark.parametrize("path", ["/admin/login/", "/static/admin/css/base.css", "/nothing-here/", "/livez"])
@pytest.mark.django_db
def test_every_response_has_the_security_headers(client: Client, path: str) -> None:
    response = client.get(path)
    response.close()
    policy = response["Content-Security-Policy"]
    for directive in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.security(4)
@pytest.mark.parametrize(
    ("path", "is_secure", "status"),
    [("/api/v1/", False, 403), ("/api/v1/", True, 200), ("/admin/", False, 200), ("/apiary", False, 200)],
)
def test_the_api_refuses_plain_http(path: str, is_secure: bool, status: int) -> None:
    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    response = refuse_plain_http(answer)(RequestFactory().get(path, secure=is_secure))
    assert response.status_code == status
    if status == 403:
        assert response["Content-Type"].startswith("application/problem+json")


@pytest.mark.security(3)
@pytest.mark.django_db
def test_a_session_ends_some_time_after_its_start_however_much_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1_000_000_000.0]
    monkeypatch.setattr("directory.sessions.time.time", lambda: now[0])
    session = SessionStore()
    session["who"] = "curator"
    session.save()
    for _ in range(settings.SESSION_LONGEST // 3000):
        now[0] += 3000
        used = SessionStore(session.session_key)
        assert used["who"] == "curator"
        assert used.modified
        used.save()
    now[0] += 3000
    ended = SessionStore(session.session_key)
    assert ended.get("who") is None
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_using_a_session_writes_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000.0]
    monkeypatch.setattr("directory.sessions.time.time", lambda: now[0])
    session = SessionStore()
    session["who"] = "curator"
    session.save()
    now[0] += 59
    used = SessionStore(session.session_key)
    assert used["who"] == "curator"
    assert not used.modified


def test_own_addresses_are_addresses_and_networks() -> None:
    env = Environment(
        {"OWN_ADDRESSES": "198.51.100.7, 2001:db8::/32", "WRONG": "198.51.100.7/24", "NAME": "shop.example"}
    )
    assert [str(network) for network in env.networks("OWN_ADDRESSES")] == ["198.51.100.7/32", "2001:db8::/32"]
    assert env.networks("WRONG") == env.networks("NAME") == env.networks("UNSET") == []
    assert [problem.split()[0] for problem in env.problems] == ["WRONG", "NAME"]


@pytest.mark.parametrize(
    ("text", "default", "is_on"), [("", False, False), ("", True, True), ("0", True, False), ("on", False, True)]
)
def test_a_switch_has_a_default(text: str, default: bool, is_on: bool) -> None:
    assert Environment({"LINK_CHECKS": text}).switch("LINK_CHECKS", default) is is_on
