"""Keys: shown once, kept as a digest, taken in one header alone; they buy a larger limit and never other data.

The matrix is over every address of the API, from the resolver: a new one without an entry fails.
"""

import datetime
import gzip
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from directory import ids
from directory.api.errors import CODES
from partners import authentication
from partners.authentication import UNKNOWN
from partners.issuing import revoke
from partners.keys import PATTERN, Malformed, digest_of, name_of, new_key
from partners.models import ApiKey, Partner, Scope
from tests.factories import make_company, make_key, make_partner

pytestmark = pytest.mark.django_db

LIST = "/api/v1/companies/"
R, M, S = Scope.READ, Scope.MIRROR, Scope.SUGGEST
# Address → the scope that a key needs there; None where nothing is behind it.
SCOPES: dict[str, Scope | None] = {
    "/api/v1/": R,
    "/api/v1/openapi.json": R,
    "/api/v1/changes/": M,
    "/api/v1/snapshot/": M,
    "/api/v1/digest/": M,
    "/api/v1/files/": M,
    "/api/v1/stats/": R,
    "/api/v1/suggest/": R,
    "/api/v1/suggestions/": S,
    "/api/v1/suggestions/{token}/": S,
    **{
        f"/api/v1/{collection}/{rest}": R
        for collection in ("companies", "hubs", "specialties", "industries", "programs", "indicators")
        for rest in ("", "{key}/", "{key}/history/")
    },
    "/api/v1/companies/{key}/similar/": R,
    "/api/v1/views/": R,
    "/api/v1/views/{key}/": R,
    "/api/v1/resolve/": R,
    **{
        f"/api/v1/reconcile/{rest}": R
        for version in ("", "draft/")
        for rest in (version, f"{version}preview", f"{version}suggest/{{what}}")
    },
    **dict.fromkeys(("/api/v1/reconcile/flyout", "/api/v1/reconcile/properties"), R),
    **{f"/api/v1/reconcile/draft/{rest}": R for rest in ("match", "extend", "extend/propose")},
    "/api/": None,
}


def routes(patterns: list[Any], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", str(pattern.pattern).strip("^$"))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def ask(api: Client, path: str, headers: dict[str, str]) -> Any:
    """The answer to the method that an address has, which is consumed."""
    url = path.format(key="systems-limited", token="u7Jk0sXq2mB5vT9cR4nLwYdE", what="entity")
    if path == "/api/v1/suggestions/":
        response: Any = api.post(url, {}, content_type="application/json", headers=headers)
    else:
        response = api.get(url, headers=headers)
    if response.streaming:
        list(response.streaming_content)
    return response


def revoked() -> str:
    key, text = make_key()
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    return text


def expired(partner: Partner | None = None) -> str:
    key, text = make_key(partner)
    long_ago = timezone.now() - datetime.timedelta(days=2)
    ApiKey.objects.filter(pk=key.pk).update(created_at=long_ago, expires_at=long_ago + datetime.timedelta(days=1))
    return text


def of_nobody_active() -> str:
    return make_key(make_partner("Closed", is_active=False))[1]


def with_wrong_secret() -> str:
    """The name of one key and the secret of another, with check digits that fit."""
    name = make_key()[0].name
    while True:
        text = f"{name}_{new_key().split('_')[2]}"
        try:
            name_of(text)
        except Malformed:
            continue
        return text


def mistyped() -> str:
    text = make_key()[1]
    return text[:-3] + ("0" if text[-3] != "0" else "1") + text[-2:]


# What is sent → how it is refused. The header is the key, unless the case says otherwise.
REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "revoked": (revoked, "invalid_key"),
    "expired": (expired, "invalid_key"),
    "partner closed": (of_nobody_active, "invalid_key"),
    "unknown": (new_key, "invalid_key"),
    "wrong secret": (with_wrong_secret, "invalid_key"),
    "mistyped": (mistyped, "invalid_key"),
    "nonsense": (lambda: "nonsense", "invalid_key"),
    "empty": (lambda: "", "invalid_key"),
    "another scheme": (lambda: "\0Basic " + make_key()[1], "invalid_key"),
    "bare": (lambda: "\0" + make_key()[1], "invalid_key"),
    "two": (lambda: f"{new_key()} {new_key()}", "invalid_key"),
    "other sites": (lambda: make_key(origins=["https://techlist.example"])[1], "wrong_origin"),
}


@pytest.mark.security(11)
def test_every_address_has_an_entry() -> None:
    existing = {route for route in routes(get_resolver().url_patterns) if route.startswith("/api/")}
    assert set(SCOPES) == existing


@pytest.fixture(scope="module")
def wrong_keys(shared_rows: None) -> dict[str, tuple[str, str]]:
    """Case → (what is sent, the code of its refusal), each key of a partner of its own."""
    return {case: (make(), code) for case, (make, code) in REFUSED.items()}


@pytest.mark.security(11)
@pytest.mark.parametrize("path", SCOPES)
def test_no_address_takes_a_key_that_is_not_right(
    api: Client, path: str, wrong_keys: dict[str, tuple[str, str]]
) -> None:
    for case, (text, code) in wrong_keys.items():
        authorization = text[1:] if text.startswith("\0") else f"Bearer {text}"
        response = ask(api, path, {"authorization": authorization, "origin": "https://other.example"})
        assert response["Content-Type"] == "application/problem+json; charset=utf-8", case
        assert (response.json()["code"], response.status_code) == (code, CODES[code].status), case
        assert response["Cache-Control"] == "no-store"
        if response.status_code == 401:
            assert response["WWW-Authenticate"] == 'Bearer realm="directory", error="invalid_token"'


@pytest.mark.security(11)
@pytest.mark.parametrize("path", [path for path, scope in SCOPES.items() if scope])
def test_a_key_is_for_what_its_scopes_say(api: Client, path: str) -> None:
    needed = SCOPES[path]
    _, right = make_key(scopes=[needed])
    _, wrong = make_key(scopes=[scope for scope in Scope.values if scope != needed])
    assert ask(api, path, bearer(right)).status_code not in (401, 403)
    response = ask(api, path, bearer(wrong))
    assert (response.status_code, response.json()["code"]) == (403, "wrong_scope")
    assert f'error="insufficient_scope", scope="{needed}"' in response["WWW-Authenticate"]
    assert response["RateLimit"]


@pytest.mark.security(10)
@pytest.mark.parametrize("path", SCOPES)
def test_a_key_in_an_address_is_refused(api: Client, path: str) -> None:
    text = make_key()[1]
    for query in (f"key={text}", text, f"q={text.replace('_', '%5F')}", "api_key=x", "apikey=x", "access_token=x"):
        for headers in ({}, bearer(text)):
            response = ask(api, f"{path}?{query}", headers)
            assert (response.status_code, response.json()["code"]) == (400, "key_in_address")
            assert text not in response.content.decode()
    assert api.get(f"/api/v1/companies/{text}/").json()["code"] == "key_in_address"


@pytest.mark.security(10)
@pytest.mark.parametrize("path", SCOPES)
def test_no_log_has_a_key(api: Client, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [make_key()[1], make_key(scopes=[S])[1], new_key()]
    for text in texts:
        ask(api, path, bearer(text))
        ask(api, f"{path}?q={text}", {})
        ask(api, f"{path}?q={text}", bearer(text))
        ask(api, path, {"authorization": text})
    ours = [record for record in caplog.records if not record.name.startswith("django")]
    said = caplog.text + "".join(str(vars(record)) for record in ours)
    for text in texts:
        secret = text.split("_")[2]
        assert secret not in said
        assert digest_of(text) not in said


@pytest.mark.security(12)
def test_an_unknown_name_and_a_wrong_secret_cannot_be_told_apart(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Not by what is said, nor by how many queries it takes, the first time and again."""
    for text in (new_key(), with_wrong_secret()):
        for cost in (1, 0):
            with django_assert_num_queries(cost):
                response = api.get(LIST, headers=bearer(text))
            assert (response.status_code, response.json()["detail"]) == (401, UNKNOWN)


# What a key is


@pytest.mark.security(10)
def test_a_key_is_kept_as_a_digest_alone() -> None:
    key, text = make_key()
    assert PATTERN.fullmatch(text)
    assert 32**26 >= 2**128
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM partners_apikey k WHERE id = %s", [key.pk])
        [(row,)] = cursor.fetchall()
    assert text.split("_")[2] not in row
    assert digest_of(text) in row
    assert key.name in row


@pytest.mark.parametrize("place", range(4, 41))
def test_a_slip_of_the_hand_is_noticed_without_asking_the_database(place: int) -> None:
    text = new_key()
    if text[place] == "_":
        return
    for other in ids.ALPHABET:
        if other != text[place] and not (place >= 39 and not other.isdigit()):
            with pytest.raises(Malformed) as refused:
                name_of(text[:place] + other + text[place + 1 :])
            assert str(refused.value) == ""


def test_two_keys_at_once_are_the_database_s_rule() -> None:
    partner = make_partner()
    first, _ = make_key(partner)
    make_key(partner)
    with pytest.raises(ValidationError, match="two keys at most"):
        make_key(partner)
    for slot in (1, 2, 3):
        third = ApiKey(partner=partner, name="dir_00000000", digest="0" * 64, slot=slot)
        with pytest.raises(IntegrityError, match="api_key_slot" if slot == 3 else "api_key_two_at_once"):
            insert(third)
    revoke(first)
    assert make_key(partner)[0].slot == first.slot


def insert(key: ApiKey) -> None:
    """By SQL's own rules, whatever forms say."""
    with transaction.atomic():
        ApiKey.objects.bulk_create([key])


def test_an_expired_key_makes_room() -> None:
    partner = make_partner()
    expired(partner)
    make_key(partner)
    make_key(partner)
    assert sorted(key.state for key in partner.keys.all()) == ["live", "live", "revoked"]


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"origins": ["techlist.example"]},
        {"origins": ["https://techlist.example/path"]},
        {"expires_at": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)},
    ],
    ids=str,
)
def test_a_key_for_nothing_is_not_made(fields: dict[str, Any]) -> None:
    partner = make_partner()
    with pytest.raises(ValidationError):
        make_key(partner, **fields)
    assert not partner.keys.exists()


@pytest.mark.parametrize("fields", [{"quota": 0}, {"quota": 2_000_000}, {"name": ""}, {"name": "TECHLIST"}], ids=str)
def test_a_partner_that_cannot_be(fields: dict[str, Any]) -> None:
    make_partner("Techlist")
    with pytest.raises(ValidationError):
        Partner(**{"name": "Other", "contact": "a@b.example"} | fields).full_clean()
    with pytest.raises(IntegrityError):
        Partner.objects.create(**{"name": "Other", "contact": "a@b.example"} | fields)


def test_rotation(api: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    """The second is made, both are taken, the first is revoked: at once, though a moment ago it was right."""
    first, first_text = make_key()
    _, second_text = make_key()
    assert [api.get(LIST, headers=bearer(text)).status_code for text in (first_text, second_text)] == [200, 200]
    with django_capture_on_commit_callbacks(execute=True):
        revoke(first)
    assert [api.get(LIST, headers=bearer(text)).status_code for text in (first_text, second_text)] == [401, 200]


def test_another_machine_s_revocation_counts_in_seconds(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = make_key()
    assert api.get(LIST, headers=bearer(text)).status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    later = authentication.time.monotonic() + authentication.FRESH + 1
    monkeypatch.setattr(authentication.time, "monotonic", lambda: later)
    assert api.get(LIST, headers=bearer(text)).status_code == 401


def test_a_key_that_was_right_a_moment_ago_expires_at_its_time(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now, moment = timezone.now(), authentication.time.monotonic()
    _, text = make_key(expires_at=now + datetime.timedelta(seconds=3))
    for passed, status in ((0, 200), (0, 200), (authentication.FRESH - 1, 401)):
        monkeypatch.setattr(authentication.time, "monotonic", lambda passed=passed: moment + passed)
        monkeypatch.setattr(
            authentication.timezone, "now", lambda passed=passed: now + datetime.timedelta(seconds=passed)
        )
        assert api.get(LIST, headers=bearer(text)).status_code == status


# What a key buys

DECODERS = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
RATE = re.compile(r'"key";r=(\d+);t=(\d+)')


@pytest.mark.complaint(18)
@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("url", [LIST, "/api/v1/companies/systems-limited/", "/api/v1/changes/", "/api/v1/"])
def test_a_key_gets_the_same_bytes_and_is_told_what_is_left(api: Client, url: str, coding: str) -> None:
    make_company("Systems Limited", description="Software for banks, telecoms and retailers. " * 20)
    _, text = make_key(make_partner(quota=100))
    asking = {"accept-encoding": coding}
    anonymous = api.get(url, headers=asking)
    assert not {"RateLimit", "RateLimit-Policy", "Retry-After"} & set(anonymous.headers)
    assert "public" in anonymous["Cache-Control"]
    keyed = api.get(url, headers=asking | bearer(text))
    known = api.get(url, headers=asking | bearer(text) | {"if-none-match": anonymous["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (keyed.content, keyed["ETag"]) == (anonymous.content, anonymous["ETag"])
    assert DECODERS[coding](keyed.content) if keyed.get("Content-Encoding", "") == coding else keyed.content
    for used, response in enumerate((keyed, known), start=1):
        assert response["ETag"] == anonymous["ETag"]
        assert response["Cache-Control"] == "private, max-age=0, stale-while-revalidate=300, stale-if-error=86400"
        assert response["RateLimit-Policy"] == '"key";q=100;w=60'
        told = RATE.fullmatch(response["RateLimit"])
        assert told
        assert int(told[1]) == 100 - used
        assert 58 <= int(told[2]) <= 61
        assert "RateLimit" in response["Access-Control-Expose-Headers"]
    # And nobody else is told, also now that it was answered to a key.
    again = api.get(url, headers=asking)
    assert again.headers == anonymous.headers


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api/v1/companies/nobody/", 404),
        ("/api/v1/nowhere/", 404),
        (f"{LIST}?hub=nowhere", 400),
        ("/api/v1/companies", 308),
        (f"{LIST}?format=csv", 200),
        ("/api/v1/snapshot/", 200),
    ],
)
@pytest.mark.usefixtures("one_connection")
def test_each_reply_to_a_key_tells_it(api: Client, url: str, status: int) -> None:
    _, text = make_key()
    for method in ("get", "head"):
        response = getattr(api, method)(url, headers=bearer(text))
        if response.streaming:
            list(response.streaming_content)
        assert response.status_code == status
        assert RATE.fullmatch(response["RateLimit"])
        assert response["RateLimit-Policy"] == '"key";q=30000;w=60'
        control = response["Cache-Control"]
        assert control == "no-store" or control.startswith("private")
        assert "public" not in control
        assert "s-maxage" not in control


@pytest.mark.complaint(18)
def test_over_the_limit_a_key_is_told_when_to_come_back(api: Client) -> None:
    partner = make_partner(quota=2)
    _, text = make_key(partner)
    answers = [api.get(LIST, headers=bearer(text)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    over = answers[-1]
    assert over.json()["code"] == "throttled"
    assert over["Cache-Control"] == "no-store"
    assert over["RateLimit-Policy"] == '"key";q=2;w=60'
    assert re.fullmatch(r'"key";r=0;t=\d+', over["RateLimit"])
    assert 1 <= int(over["Retry-After"]) <= 61
    # The other key of the partner, and everybody without one, have a limit of their own.
    assert api.get(LIST, headers=bearer(make_key(partner)[1])).status_code == 200
    assert api.get(LIST).status_code == 200


def test_a_key_is_not_counted_for_the_address(api: Client, settings: Settings) -> None:
    settings.REQUESTS_A_MINUTE = 3
    _, text = make_key()
    assert {api.get(LIST, headers=bearer(text)).status_code for _ in range(10)} == {200}
    # But for what the database was asked about it.
    assert [api.get(LIST).status_code for _ in range(3)] == [200, 200, 429]


def test_who_tries_keys_is_counted(api: Client, settings: Settings) -> None:
    settings.REQUESTS_A_MINUTE = 3
    texts = [new_key(), "nonsense", with_wrong_secret(), new_key()]
    assert [api.get(LIST, headers=bearer(text)).status_code for text in texts] == [401, 401, 401, 429]


def test_a_page_of_the_key_s_sites_may_use_it(api: Client) -> None:
    _, text = make_key(origins=["https://techlist.example"])
    origin = {"origin": "https://techlist.example"}
    response = api.get(LIST, headers=bearer(text) | origin)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, "*")
    assert api.get(LIST, headers=bearer(text)).json()["code"] == "wrong_origin"
    asked = api.options(LIST, headers=origin | {"access-control-request-headers": "authorization"})
    assert "Authorization" in asked["Access-Control-Allow-Headers"]


def test_a_known_key_costs_no_query(api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    _, text = make_key()
    api.get(LIST, headers=bearer(text))
    with django_assert_num_queries(1):  # the newest revision, as for everybody
        api.get(LIST, headers=bearer(text))
