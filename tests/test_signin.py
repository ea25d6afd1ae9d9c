"""Signing in: a password, then a code that works once; who guesses is locked out; nothing leads around it."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import decrypt
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.urls import get_resolver
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from directory import lockout, signin
from tests import factories as make
from tests.curators import SECRET, code, make_member, make_second_factor, signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
SIGN_IN, CODE, SET_UP = "/account/sign-in/", "/account/code/", "/account/second-factor/set-up/"
LATER, CODES = "/account/second-factor/later/", "/account/recovery-codes/"


@pytest.fixture(autouse=True)
def production(settings: Settings) -> None:
    """Where nothing can be postponed, unless a test says so."""
    settings.MAY_POSTPONE = False


@pytest.fixture
def curator() -> User:
    return make.make_curator(password=PASSWORD)


def give_password(client: Client, password: str = PASSWORD, username: str = "ayesha", **extra: Any) -> Any:
    return client.post(SIGN_IN, {"login": username, "password": password}, **extra)


def give_code(client: Client, given: str, url: str = CODE) -> Any:
    return client.post(url, {"code": given})


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


# The way in


def test_the_way_in_is_password_and_code(curator: User) -> None:
    make_second_factor(curator)
    client = Client()
    response = client.get("/admin/companies/company/", follow=True)
    assert response.redirect_chain[-1][0] == f"{SIGN_IN}?next=%2Fadmin%2Fcompanies%2Fcompany%2F"
    response = client.post(response.redirect_chain[-1][0], {"login": "ayesha", "password": PASSWORD})
    assert response["Location"].startswith(CODE)
    assert not is_in(client)
    response = give_code(client, code())
    assert response["Location"] == "/admin/companies/company/"
    assert is_in(client)


@pytest.mark.security(13)
def test_the_first_sign_in_sets_up_the_second_factor(curator: User) -> None:
    client = Client()
    response = give_password(client)
    response = client.get(response["Location"], follow=True)
    assert response.redirect_chain[-1][0].startswith(SET_UP)
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", response.content.decode())[0]
    assert secret not in json.dumps([session.get_decoded() for session in Session.objects.all()])
    assert "<svg" in response.content.decode()
    assert "Later" not in response.content.decode()
    assert "This is not the code." in give_code(client, "000000", SET_UP).content.decode()
    shown = signin.format_hotp_value(signin.hotp_value(secret, int(time.time()) // 30))
    response = client.post(SET_UP, {"code": shown}, follow=True)
    assert response.redirect_chain[-1][0] == CODES
    assert len(re.findall(r"<code>(\d{8})</code>", response.content.decode())) == 10
    assert is_in(client)
    assert "are left" in client.get(CODES).content.decode()
    assert secret not in json.dumps(list(Authenticator.objects.values_list("data", flat=True)))


@pytest.mark.security(13)
def test_secrets_are_stored_in_a_form_that_only_the_key_opens(curator: User, settings: Settings) -> None:
    stored = make_second_factor(curator).data["secret"]
    assert SECRET not in stored
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    assert decrypt(stored) == SECRET
    settings.SECRET_KEY_FALLBACKS = []
    client = Client()
    give_password(client)
    assert give_code(client, code()).status_code == 200


@pytest.mark.parametrize("given", ["", "12345678901234567890123", "\0", "abcdef", "٣٤٥٦٧٨", "1" * 6])
def test_a_wrong_code_is_refused(curator: User, given: str) -> None:
    make_second_factor(curator)
    client = Client()
    give_password(client)
    assert give_code(client, given).status_code == 200
    assert not is_in(client)


@pytest.mark.security(13)
def test_a_code_works_once(curator: User) -> None:
    make_second_factor(curator)
    first, second = Client(), Client()
    give_password(first)
    give_password(second)
    used = code()
    assert give_code(first, used).status_code == 302
    assert "or it was used before" in give_code(second, used).content.decode()
    # Nor does an earlier one that was never seen.
    assert "or it was used before" in give_code(second, code(-1)).content.decode()
    assert give_code(second, code(1)).status_code == 302


def test_the_code_that_set_it_up_is_used(curator: User) -> None:
    client = Client()
    give_password(client)
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", client.get(SET_UP).content.decode())[0]
    shown = signin.format_hotp_value(signin.hotp_value(secret, int(time.time()) // 30))
    client.post(SET_UP, {"code": shown})
    again = Client()
    give_password(again)
    assert "or it was used before" in give_code(again, shown).content.decode()


def test_a_recovery_code_works_once(curator: User) -> None:
    client = signed_in(curator)
    response = client.post(f"{CODES}new/", follow=True)
    recovery = re.findall(r"<code>(\d{8})</code>", response.content.decode())[0]
    for expected in (302, 200):
        again = Client()
        give_password(again)
        assert give_code(again, recovery).status_code == expected


def test_another_device_takes_the_old_one_s_place(curator: User) -> None:
    client = signed_in(curator)
    response = client.post("/account/second-factor/take-away/", follow=True)
    assert response.redirect_chain[-1][0].startswith(SET_UP)
    assert not is_in(client)
    assert not Authenticator.objects.filter(user=curator).exists()


def test_an_old_session_without_the_factor_has_to_show_it(curator: User) -> None:
    client = Client()
    give_password(client)
    make_second_factor(curator)
    RecoveryCodes.activate(curator)
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/account/code-again/")
    # With the password alone, nobody gets at what is kept.
    for url in (CODES, f"{CODES}new/", "/account/second-factor/take-away/"):
        assert client.get(url)["Location"].startswith("/account/code-again/"), url
    give_code(client, code(), "/account/code-again/")
    assert is_in(client)


# Nothing leads around it


def test_only_a_machine_of_one_s_own_lets_it_wait(curator: User, settings: Settings) -> None:
    client = Client()
    give_password(client)
    client.post(LATER)
    assert not is_in(client)
    settings.MAY_POSTPONE = True
    assert not is_in(client)
    assert "Later" in client.get(SET_UP).content.decode()
    client.post(LATER)
    assert is_in(client)
    settings.MAY_POSTPONE = False
    assert not is_in(client)
    assert Client().post(LATER)["Location"] == "/admin/"
    settings.MAY_POSTPONE = True
    # At the next sign-in it is asked for again, and who has one cannot go without.
    again = Client()
    give_password(again)
    assert not is_in(again)
    make_second_factor(curator)
    again.post(LATER)
    assert not is_in(again)


@pytest.mark.security(13)
def test_a_new_password_does_not_replace_the_second_factor(curator: User) -> None:
    make_second_factor(curator)
    administrator = signed_in(make_member("administrator"))
    colleague = make_member("editor", "chand")
    make_second_factor(colleague)
    new = {"password1": "a new one, of length", "password2": "a new one, of length", "usable_password": "true"}
    assert administrator.post(f"/admin/auth/user/{colleague.pk}/password/", new).status_code == 302
    client = Client()
    assert give_password(client, new["password1"], "chand")["Location"].startswith(CODE)
    assert not is_in(client)


@pytest.mark.security(14)
@pytest.mark.parametrize("password", ["short", "12345678901234", "password1234"])
def test_a_poor_password_is_refused(curator: User, password: str) -> None:
    client = signed_in(curator)
    new = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert client.post("/admin/password_change/", new).status_code == 200
    curator.refresh_from_db()
    assert curator.check_password(PASSWORD)


@pytest.mark.security(13)
def test_there_is_no_other_way_in() -> None:
    """No sign-up, no reset by mail, no address that allauth would have besides ours."""
    ours = {str(pattern.pattern) for pattern in get_resolver().url_patterns if "account" in str(pattern.pattern)}
    assert ours == {
        *("account/sign-in/", "account/password-again/", "account/code/", "account/code-again/"),
        "account/sign-out/",
        *("account/second-factor/", "account/second-factor/set-up/", "account/second-factor/later/"),
        *("account/second-factor/take-away/", "account/recovery-codes/", "account/recovery-codes/new/"),
    }
    assert Client().get("/account/signup/").status_code == 404


@pytest.mark.security(13)
def test_nobody_but_staff_gets_a_page() -> None:
    make.make_curator("reader", is_staff=False, is_superuser=False, password=PASSWORD)
    client = Client()
    give_password(client, username="reader")
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.security(13)
def test_disabling_somebody_ends_their_sessions_for_good(curator: User) -> None:
    client, administrator = signed_in(curator), signed_in(make.make_curator("root"))
    assert is_in(client)
    form = {"username": "ayesha", "is_staff": "on", "is_superuser": "on", "groups": [], "user_permissions": []}
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    assert administrator.post(f"/admin/auth/user/{curator.pk}/change/", form | dates).status_code == 302
    assert not is_in(client)
    curator.is_active = True
    curator.save()
    assert not is_in(client)
    assert is_in(administrator)


def test_a_reset_second_factor_ends_its_owner_s_sessions(curator: User) -> None:
    colleague = make_member("editor", "chand")
    client, administrator = signed_in(colleague), signed_in(make_member("administrator"))
    factor = Authenticator.objects.get(user=colleague)
    assert administrator.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.filter(user=colleague).exists()
    assert not is_in(client)


def test_the_admin_shows_no_secret(curator: User) -> None:
    factor = make_second_factor(curator)
    content = signed_in(curator).get(f"/admin/mfa/authenticator/{factor.pk}/change/").content.decode()
    assert factor.data["secret"] not in content


def test_an_administrator_makes_no_superuser_and_changes_none(curator: User) -> None:
    member = make_member("administrator")
    client = signed_in(member)
    factor = make_second_factor(curator)
    for url in (
        *(f"/admin/auth/user/{curator.pk}/{page}/" for page in ("change", "delete", "password")),
        f"/admin/mfa/authenticator/{factor.pk}/delete/",
    ):
        assert client.post(url, {"post": "yes", "password1": "x"}).status_code == 403, url
    form = {"username": "bilal", "is_active": "on", "is_staff": "on", "is_superuser": "on", "user_permissions": ["1"]}
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    assert client.post(f"/admin/auth/user/{member.pk}/change/", form | dates).status_code == 302
    member.refresh_from_db()
    assert not member.is_superuser
    assert not member.user_permissions.exists()


# Locks


@pytest.mark.security(14)
def test_five_failures_lock_from_one_address_twenty_from_all(curator: User) -> None:
    make_second_factor(curator)
    for _ in range(4):
        assert "No active account has" in give_password(Client(), "wrong").content.decode()
    assert signin.LOCKED in give_password(Client(), "wrong").content.decode()
    assert signin.LOCKED in give_password(Client()).content.decode()
    assert give_password(Client(), REMOTE_ADDR="192.0.2.1").status_code == 302
    for number in range(2, 5):
        for _ in range(5):
            give_password(Client(), "wrong", REMOTE_ADDR=f"192.0.2.{number}")
    assert signin.LOCKED in give_password(Client(), REMOTE_ADDR="192.0.2.9").content.decode()
    call_command("unlock", "ayesha")
    assert give_password(Client()).status_code == 302


def test_codes_are_guessed_no_more_often_than_passwords(curator: User) -> None:
    make_second_factor(curator)
    client = Client()
    for _ in range(5):
        give_password(client)  # which forgives nothing
        response = give_code(client, "000000")
    assert signin.LOCKED in give_code(client, code()).content.decode()
    assert signin.LOCKED in give_password(Client()).content.decode()
    assert response.status_code == 200


def test_a_lock_ends_by_itself_and_knocking_does_not_prolong_it(curator: User) -> None:
    for _ in range(8):
        give_password(Client(), "wrong")
    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == 5
    attempt.attempt_time -= settings.AXES_COOLOFF_TIME
    attempt.save()
    assert give_password(Client()).status_code == 302


def test_an_administrator_unlocks_in_the_admin(curator: User) -> None:
    for _ in range(5):
        give_password(Client(), "wrong")
    client = signed_in(make_member("administrator"))
    chosen = {"action": "delete_selected", "_selected_action": [AccessAttempt.objects.get().pk], "post": "yes"}
    assert client.post("/admin/axes/accessattempt/", chosen).status_code == 302
    assert give_password(Client()).status_code == 302


@pytest.mark.security(39)
def test_what_is_kept_of_a_failure_holds_no_secret(curator: User) -> None:
    give_password(Client(), "nearly my password")
    make_second_factor(curator)
    client = Client()
    give_password(client)
    give_code(client, "271828")
    kept = json.dumps(list(AccessAttempt.objects.values("get_data", "post_data", "path_info")))
    assert "nearly" not in kept
    assert "271828" not in kept


@pytest.mark.security(14)
def test_the_command_unlocks_and_takes_the_device_away(curator: User, capsys: pytest.CaptureFixture[str]) -> None:
    client = signed_in(curator)
    call_command("unlock", "ayesha", "--second-factor")
    assert "was not locked out" in capsys.readouterr().out
    assert not is_in(client)
    assert not Authenticator.objects.exists()
    with pytest.raises(CommandError, match="There is no account nobody"):
        call_command("unlock", "nobody")


@pytest.mark.security(8)
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7, 192.0.2.1", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "unknown", None),
        (1, "1.2.3.4'--", None),
    ],
)
def test_the_address_is_what_our_proxies_say(
    settings: Settings, proxies: int, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert lockout.client_address(RequestFactory().get("/", **headers)) == address  # type: ignore[arg-type]


@pytest.mark.security(8)
def test_another_forwarded_address_evades_no_lock(curator: User) -> None:
    for number in range(5):
        give_password(Client(), "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert signin.LOCKED in give_password(Client(), HTTP_X_FORWARDED_FOR="203.0.113.99").content.decode()


@pytest.mark.security(14)
@pytest.mark.django_db(transaction=True)
def test_twelve_tries_at_once_are_counted_exactly(live_server: LiveServer) -> None:
    """Five passwords are looked at, whoever is first; the other seven are told to wait."""
    import urllib.parse
    import urllib.request

    make.make_curator(password=PASSWORD)

    def guess(number: int) -> str:
        jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = jar.open(f"{live_server.url}{SIGN_IN}").read().decode()
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
        fields = {"login": "ayesha", "password": f"guess {number}", "csrfmiddlewaretoken": token}
        return str(jar.open(f"{live_server.url}{SIGN_IN}", urllib.parse.urlencode(fields).encode()).read().decode())

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(guess, range(12)))
    assert sum("No active account has" in answer for answer in answers) == 4
    assert sum(signin.LOCKED in answer for answer in answers) == 8
    assert AccessAttempt.objects.get().failures_since_start == 5


@pytest.mark.security(13)
@pytest.mark.django_db(transaction=True)
def test_a_code_works_once_however_many_send_it_at_once(live_server: LiveServer) -> None:
    curator = make.make_curator(password=PASSWORD)
    make_second_factor(curator)
    clients = [Client() for _ in range(4)]
    for client in clients:
        give_password(client)
    used = code()

    def use(client: Client) -> int:
        from django.db import connection

        try:
            return int(give_code(client, used).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, clients)) == [200, 200, 200, 302]


# What a page of it is like


class Inline(HTMLParser):
    """What a strict policy would block, and what has no name to somebody who does not see it."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        attributes = dict(found)
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.found.append(tag)
        self.found += [name for name in attributes if name == "style" or name.startswith("on")]
        self.found += [link or "" for name, link in found if name in ("src", "href") and "//" in (link or "")]
        if tag == "label":
            self.labelled.add(attributes.get("for") or "")
        if tag == "input" and attributes.get("type") not in ("hidden", "submit") and "aria-label" not in attributes:
            self.fields.append(attributes.get("id") or "")


def pages() -> dict[str, Callable[[], Any]]:
    def waiting() -> Client:
        make_second_factor(make.make_curator(password=PASSWORD))
        client = Client()
        give_password(client)
        return client

    def fresh() -> Client:
        make.make_curator(password=PASSWORD)
        client = Client()
        give_password(client)
        return client

    def verified() -> Client:
        return signed_in(make.make_curator(password=PASSWORD))

    def stale() -> Client:
        client = Client()
        user = make.make_curator(password=PASSWORD)
        client.force_login(user)
        return client

    return {
        SIGN_IN: Client,
        CODE: waiting,
        SET_UP: fresh,
        "/account/password-again/": stale,
        "/account/code-again/": verified,
        "/account/second-factor/": verified,
        "/account/second-factor/take-away/": verified,
        f"{CODES}new/": verified,
        "/admin/": verified,
        "/admin/password_change/": verified,
    }


@pytest.mark.security(6)
@pytest.mark.parametrize("url", pages())
def test_a_page_is_plain_and_strict(url: str) -> None:
    response = pages()[url]().get(url)
    assert response.status_code == 200
    inline = Inline(response.content.decode())
    assert inline.found == []
    assert set(inline.fields) <= inline.labelled
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
    assert "example.com" not in response.content.decode()


def test_a_redirect_stays_here(curator: User) -> None:
    response = Client().post(f"{SIGN_IN}?next=https://evil.example/", {"login": "ayesha", "password": PASSWORD})
    assert response["Location"] == "/admin/"


@pytest.mark.security(26)
def test_forms_of_the_way_in_refuse_forgery(curator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    for url in (SIGN_IN, CODE, SET_UP, LATER):
        assert client.post(url, {}).status_code == 403, url


@pytest.mark.security(26)
def test_reading_changes_nothing() -> None:
    """What ends, makes or takes away something is a POST."""
    client = signed_in(make.make_curator())
    assert client.get("/admin/logout/").status_code == 405
    assert client.get(LATER).status_code == 405
    client.get("/account/second-factor/take-away/")
    client.get(f"{CODES}new/")
    assert Authenticator.objects.count() == 1
    assert is_in(client)


@pytest.mark.security(39)
def test_the_log_tells_who_came_and_who_failed(curator: User, caplog: pytest.LogCaptureFixture) -> None:
    make_second_factor(curator)
    with caplog.at_level("INFO", "directory"):
        give_password(Client(), "a secret guess", "aye\r\nsha, or a password in the wrong place")
        give_password(Client(), "a secret guess")
        client = Client()
        give_password(client)
        give_code(client, "271828")
        give_code(client, code())
    told = [record.getMessage() for record in caplog.records if record.name == "directory.signin"]
    assert told == [
        "sign-in under a name that nobody has from 127.0.0.1 failed",
        f"sign-in to account {curator.pk} from 127.0.0.1 failed",
        f"second factor of account {curator.pk} from 127.0.0.1 failed",
        f"account {curator.pk} signed in from 127.0.0.1",
    ]
