"""A partner's own pages: seen by its people alone, and what they make there works."""

import datetime
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DataError, connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from directory.models import Revision
from partners.charts import DAYS, HEIGHT, WIDTH, draw
from partners.counting import usage
from partners.keys import PATTERN, digest_of
from partners.models import ApiKey, Partner, Usage
from tests import factories as make
from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.curators import make_second_factor, signed_in

LIST, CHANGES = "/api/v1/companies/", "/api/v1/changes/"
FORM = {"scopes": ["read", "mirror"], "origins": "", "expires_at": ""}

# What an administrator does: a partner, with an account of its people.
PREPARE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "directory.settings"
django.setup()
from django.contrib.auth.models import User
from partners.models import Partner
partner = Partner.objects.create(name="Techlist", contact="fatima@techlist.example", quota=100)
partner.users.add(User.objects.get(username="curator"))
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def fatima() -> User:
    return make.make_user()


@pytest.fixture
def partner(fatima: User) -> Partner:
    return make.make_partner("Techlist", users=[fatima])


def page_of(partner: Partner, rest: str = "") -> str:
    return f"/partner/{partner.pk}/{rest}"


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def text_in(page: Any) -> str:
    """The key that a page shows."""
    found = set(re.findall(r"dir_\w{8}_\w{28}", page.content.decode()))
    assert len(found) == 1
    return found.pop()


def test_who_is_not_signed_in_is_led_there_and_back(partner: Partner, settings: Settings) -> None:
    settings.MAY_POSTPONE = False
    response = Client().get(page_of(partner))
    assert response["Location"] == f"/account/sign-in/?next=%2Fpartner%2F{partner.pk}%2F"
    for url in (page_of(partner, "keys/"), page_of(partner, "keys/dir_00000000/revoke/")):
        assert Client().post(url)["Location"] == "/account/sign-in/?next=%2Fpartner%2F"


def test_the_way_in_is_password_and_code(partner: Partner, fatima: User, settings: Settings) -> None:
    """As it is for curators; who has no second factor sets one up."""
    settings.MAY_POSTPONE = False
    client = Client()
    client.force_login(fatima)
    assert client.get(page_of(partner))["Location"].startswith("/account/second-factor/set-up/?next=%2Fpartner%2F")
    make_second_factor(fatima)
    assert client.get(page_of(partner))["Location"].startswith("/account/code-again/?next=%2Fpartner%2F")
    client = signed_in(fatima)
    assert client.get("/partner/")["Location"] == page_of(partner)
    assert client.get(page_of(partner)).status_code == 200
    # The admin stays closed, and signing out ends it all.
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.post("/account/sign-out/")["Location"] == "/account/sign-in/"
    assert client.get(page_of(partner))["Location"].startswith("/account/sign-in/")


@pytest.mark.security(15)
def test_nobody_sees_another_s_partner(partner: Partner, fatima: User) -> None:
    """Neither a page nor a key: to them, there is no such partner."""
    other = make.make_partner("Startup Watch", users=[make.make_user("gul")])
    mine, theirs = make.make_key(partner)[0], make.make_key(other)[0]
    client = signed_in(fatima)
    assert "Startup Watch" not in client.get(page_of(partner)).content.decode()
    assert theirs.name not in client.get(page_of(partner)).content.decode()
    assert client.get(page_of(other)).status_code == 404
    assert client.post(page_of(other, "keys/"), FORM).status_code == 404
    for url in (page_of(other, f"keys/{theirs.name}/revoke/"), page_of(partner, f"keys/{theirs.name}/revoke/")):
        assert client.post(url).status_code == 404
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 2
    assert client.post(page_of(partner, f"keys/{mine.name}/revoke/")).status_code == 302
    assert ApiKey.objects.get(revoked_at__isnull=False) == mine


@pytest.mark.parametrize("fields", [{"is_active": False}, {"users": []}], ids=str)
def test_a_partner_that_is_closed_or_somebody_else_s_has_no_pages(fatima: User, fields: dict[str, Any]) -> None:
    partner = make.make_partner("Closed", **{"users": [fatima]} | fields)
    client = signed_in(fatima)
    assert client.get(page_of(partner)).status_code == 404
    assert client.get("/partner/").status_code == 403


@pytest.mark.parametrize(
    ("is_staff", "path", "way_on"), [(True, "/partner/", 'href="/admin/"'), (False, "/admin/", 'href="/partner/"')]
)
def test_who_is_signed_in_for_something_else_is_shown_the_way(is_staff: bool, path: str, way_on: str) -> None:
    user = make.make_curator("sana", is_staff=is_staff, is_superuser=is_staff)
    response = signed_in(user).get(path, follow=True)
    text = response.content.decode()
    assert response.status_code == 403
    assert "signed in as sana" in text
    assert way_on in text
    assert "Sign out" in text
    assert "no-store" in response["Cache-Control"]


def test_who_belongs_to_no_partner_is_told_who_changes_that() -> None:
    response = signed_in(make.make_user("sana")).get("/partner/")
    assert response.status_code == 403
    assert "An administrator says to which one" in response.content.decode()
    assert 'href="/partner/"' not in response.content.decode()


def test_who_belongs_to_several_chooses(partner: Partner, fatima: User) -> None:
    other = make.make_partner("Startup Watch", users=[fatima])
    shown = signed_in(fatima).get("/partner/").content.decode()
    assert page_of(partner) in shown
    assert page_of(other) in shown


@pytest.mark.security(10)
def test_a_key_is_made_shown_once_and_revoked(
    api: Client, partner: Partner, fatima: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    client = signed_in(fatima)
    made = client.post(page_of(partner, "keys/"), FORM)
    text = text_in(made)
    assert PATTERN.fullmatch(text)
    assert "no-store" in made["Cache-Control"]
    [key] = ApiKey.objects.all()
    assert (key.digest, key.created_by, key.scopes) == (digest_of(text), fatima, ["read", "mirror"])
    again = client.get(page_of(partner)).content.decode()
    assert key.name in again
    assert text not in again
    assert api.get(LIST, headers=bearer(text)).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        client.post(page_of(partner, f"keys/{key.name}/revoke/"))
    assert api.get(LIST, headers=bearer(text)).status_code == 401
    assert "revoked" in client.get(page_of(partner)).content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "Select a valid choice."),
        ({"origins": "techlist.example"}, "An origin looks like"),
        ({"expires_at": "2020-01-01"}, "This day has begun already"),
        ({"expires_at": "soon"}, "Enter a valid date/time."),
    ],
    ids=str,
)
def test_what_makes_no_key_is_said(partner: Partner, fatima: User, wrong: dict[str, Any], said: str) -> None:
    response = signed_in(fatima).post(page_of(partner, "keys/"), FORM | wrong)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_third_key_is_not_made(partner: Partner, fatima: User) -> None:
    client = signed_in(fatima)
    for _ in range(2):
        assert client.post(page_of(partner, "keys/"), FORM).status_code == 200
    response = client.post(page_of(partner, "keys/"), FORM)
    assert response.status_code == 400
    assert "two keys at most" in response.content.decode()
    assert ApiKey.objects.count() == 2


# In the admin


def test_an_administrator_makes_a_key_that_is_shown_once(partner: Partner) -> None:
    client = signed_in(make.make_curator())
    form = FORM | {"partner": partner.pk, "origins": "https://techlist.example", "expires_at": "2999-01-01"}
    made = client.post("/admin/partners/apikey/add/", form)
    text = text_in(made)
    [key] = ApiKey.objects.all()
    assert (key.digest, key.origins) == (digest_of(text), ["https://techlist.example"])
    assert "no-store" in made["Cache-Control"]
    pages = [f"/admin/partners/apikey/{key.pk}/{page}/" for page in ("change", "history")]
    for url in [*pages, "/admin/partners/apikey/", page_of(partner)]:
        shown = client.get(url).content.decode()
        assert text.split("_")[2] not in shown
        assert key.digest not in shown
    client.post(pages[0], {"revoke": "on"})
    assert ApiKey.objects.get().revoked_at


def test_the_admin_makes_no_third_key(partner: Partner) -> None:
    client = signed_in(make.make_curator())
    for _ in range(2):
        make.make_key(partner)
    response = client.post("/admin/partners/apikey/add/", FORM | {"partner": partner.pk})
    assert "two keys at most" in response.content.decode()
    assert ApiKey.objects.count() == 2


def test_closing_a_partner_closes_its_keys(
    api: Client, partner: Partner, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    _, text = make.make_key(partner)
    assert api.get(LIST, headers=bearer(text)).status_code == 200
    form = {"name": partner.name, "contact": partner.contact, "users": [], "quota": ""}
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(make.make_curator()).post(f"/admin/partners/partner/{partner.pk}/change/", form)
    assert api.get(LIST, headers=bearer(text)).json()["detail"] == "This key's partner is not active."


# What is counted


def test_use_is_counted_in_memory_and_written_down_later(api: Client, fatima: User) -> None:
    partner = make.make_partner("Techlist", users=[fatima], quota=4)
    key, text = make.make_key(partner)
    for _ in range(6):
        api.get(LIST, headers=bearer(text))
    assert not Usage.objects.exists()
    for _ in range(2):  # the second time, there is nothing more to write
        usage.flush()
        assert Usage.objects.values_list("key", "requests", "refused").get() == (key.pk, 6, 2)
    api.get(LIST, headers=bearer(text))
    usage.flush()
    assert Usage.objects.values_list("requests", "refused").get() == (7, 3)
    key.refresh_from_db()
    assert key.last_used_on == timezone.now().date()
    shown = signed_in(fatima).get(page_of(partner)).content.decode()
    assert "7 in all" in shown


def test_what_cannot_be_written_down_is_kept(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = make.make_key()
    api.get(LIST, headers=bearer(text))
    with monkeypatch.context() as broken, pytest.raises(DataError):
        broken.setattr("partners.counting.COUNT", "SELECT cardinality(%s) / 0, %s::text, %s::text, %s::text")
        usage.flush()
    usage.flush()
    assert Usage.objects.get().requests == 1


def test_the_use_of_a_key_that_is_gone_is_forgotten(api: Client) -> None:
    key, text = make.make_key()
    api.get(CHANGES, headers=bearer(text))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM partners_apikey WHERE id = %s", [key.pk])
    usage.flush()
    assert not Usage.objects.exists()


def test_the_mirror_s_place_is_the_newest_that_was_asked_for(api: Client, partner: Partner, fatima: User) -> None:
    for n in range(3):
        make.make_company(f"Company {n}")
    key, text = make.make_key(partner)
    newest = Revision.objects.current()
    following = api.get(f"{CHANGES}?after={newest - 1}", headers=bearer(text)).json()["next"]
    usage.flush()
    key.refresh_from_db()
    assert key.mirrored_revision == newest - 1
    assert "1 behind" in signed_in(fatima).get(page_of(partner)).content.decode()
    api.get(following.removeprefix("http://127.0.0.1:8000"), headers=bearer(text))
    # What asks for earlier ones, or for what is not there yet, moves nothing.
    assert api.get(f"{CHANGES}?after=0", headers=bearer(text)).status_code == 200
    assert api.get(f"{CHANGES}?after={newest + 5}", headers=bearer(text)).status_code == 400
    usage.flush()
    key.refresh_from_db()
    assert key.mirrored_revision == newest
    assert "it has everything" in signed_in(fatima).get(page_of(partner)).content.decode()


def test_the_chart_has_every_day_and_its_highest_bar_is_as_high_as_it() -> None:
    today = datetime.date(2026, 3, 31)
    days = {
        today: (50, 0),
        today - datetime.timedelta(days=29): (200, 100),
        today - datetime.timedelta(days=30): (9, 9),
    }
    chart = draw(days, today)
    assert (len(chart.bars), chart.most, chart.total) == (DAYS, 200, 250)
    first, last = chart.bars[0], chart.bars[-1]
    assert (first.x, first.y, first.height, first.refused_height) == (0, 0, HEIGHT, HEIGHT / 2)
    assert (last.day, last.y, last.height) == (today, HEIGHT * 3 / 4, HEIGHT / 4)
    assert last.x + chart.bar <= WIDTH
    assert draw({}, today).total == 0


# In a browser, on a running server


def test_a_partner_makes_a_key_that_eight_programs_share(page: Page, site: Site) -> None:
    """Of 400 requests that eight threads send at once to the two processes, those of its quota are answered.

    A request that waits and is answered anew was counted when it came.
    """
    prepare(site)
    sign_in(page, site).goto("/partner/")
    assert_accessible(page)
    page.get_by_role("button", name="Make a key").click()
    [text] = set(re.findall(r"dir_\w{8}_\w{28}", page.get_by_role("main").inner_text()))
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
    page.get_by_role("link", name="back to the keys").click()
    assert_fits(page)
    assert_accessible(page)

    with open_with(f"{site.url}{CHANGES}?limit=1", text) as answer:
        newest = json.load(answer)["revision"]
    with open_with(f"{site.url}{CHANGES}?after={newest}&wait=1", text) as waited:
        assert waited.headers["RateLimit"].startswith('"key";r=98;')
    start = threading.Barrier(8)

    def ask(_: int) -> list[int]:
        start.wait()
        return [status_of(f"{site.url}{LIST}?page_size=1", text) for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = [status for statuses in pool.map(ask, range(8)) for status in statuses]
    assert (answers.count(200), answers.count(429)) == (98, 302)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("refused from now on")
    assert {status_of(f"{site.url}{LIST}", text) for _ in range(8)} == {401}


def prepare(site: Site) -> None:
    variables = {"PATH": os.defpath, "DATA_DIR": str(site.data)}
    subprocess.run([sys.executable, "-c", PREPARE], cwd=settings.BASE_DIR, env=variables, check=True)


def open_with(url: str, text: str) -> Any:
    return urlopen(Request(url, headers={"Authorization": f"Bearer {text}"}), timeout=60)


def status_of(url: str, text: str) -> int:
    try:
        with open_with(url, text) as answer:
            assert json.load(answer)
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
