"""The log: what is to be found again is in it under a request's id; no secret is, and nobody forges a line."""

import datetime
import logging
import sys
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from companies.models import Company
from directory.events import IdFilter, LineFormatter
from directory.models import Revision, Source
from directory.nightly import make_night
from directory.publishing import publication
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.test_admin import submit, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "directory")
    caplog.handler.addFilter(IdFilter())
    return caplog


def events(told: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in told.records if record.name == "directory.events"]


# Ids


@pytest.mark.security(27, 39)
def test_an_error_has_the_id_under_which_the_log_has_its_cause(api: Client, told: pytest.LogCaptureFixture) -> None:
    response = api.get("/api/v1/nowhere/", headers={"X-Request-Id": "chosen by the client"})
    given = response["X-Request-Id"]
    assert response.json()["instance"] == uuid.UUID(given).urn
    assert [record.request_id for record in told.records if "404" in record.getMessage()] == [given]  # type: ignore[attr-defined]
    assert api.get("/api/v1/nowhere/")["X-Request-Id"] != given


@pytest.mark.security(39)
def test_what_a_shared_cache_stores_names_no_request(api: Client) -> None:
    make.make_company()
    for url in ("/api/v1/companies/", "/api/v1/companies/systems-limited/", "/embed/", "/livez"):
        assert "X-Request-Id" not in api.get(url), url
    assert "X-Request-Id" in api.get("/account/sign-in/")


# What is told


@pytest.mark.security(39)
def test_refusals_are_told(told: pytest.LogCaptureFixture) -> None:
    company = make.make_company()
    bilal = make_member("contributor")
    assert signed_in(bilal).get(url_of(company, "delete")).status_code == 403
    assert events(told) == [f"403 GET {url_of(company, 'delete')} by account {bilal.pk}"]


@pytest.mark.security(39)
def test_what_is_sent_to_the_admin_is_told_without_its_content(told: pytest.LogCaptureFixture) -> None:
    company, ayesha = make.make_company(), make.make_curator()
    client = signed_in(ayesha)
    client.get(url_of(company))
    assert events(told) == []
    submit(client, url_of(company), contact_email="hidden@example.com", notes="Confidential")
    client.post(url_of(ayesha), {"email": "hidden@example.com"})
    client.post(reverse("admin:logout"))
    assert events(told) == [
        f"302 POST {url_of(company)} by account {ayesha.pk}",
        f"200 POST {url_of(ayesha)} by account {ayesha.pk}",
        "302 POST /admin/logout/ by nobody signed in",
    ]
    assert not [word for word in ("hidden", "Confidential", "ayesha") if word in told.text]


@pytest.mark.security(39)
def test_whole_copies_are_told(api: Client, told: pytest.LogCaptureFixture) -> None:
    make.make_company()
    night = make_night(datetime.datetime(2026, 11, 1, 22, tzinfo=datetime.UTC))
    file = urlsplit(night["files"][0]["url"]).path
    for url in ("/api/v1/companies/?format=csv&q=systems", "/api/v1/snapshot/", file):
        response: Any = api.get(url)
        assert b"".join(response.streaming_content)
    assert events(told) == [
        f"200 GET {path} by nobody signed in" for path in ("/api/v1/companies/", "/api/v1/snapshot/", file)
    ]


@pytest.mark.security(39)
def test_each_revision_is_told_once_it_is_there(
    told: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    ayesha = make.make_curator()
    with django_capture_on_commit_callbacks(execute=True), publication(source=Source.IMPORT, by=ayesha):
        make.make_hub("Karachi")
        make.make_hub("Quetta")
    number = Revision.objects.latest("pk").pk
    assert f"revision {number} of 2 objects (import) by account {ayesha.pk}" in told.messages


# Lines


def lines_of(message: str, *args: object, error: Exception | None = None) -> list[str]:
    """What the console would show of a record."""
    logging_settings: Any = settings.LOGGING
    told = logging_settings["formatters"]["line"]
    formatter = LineFormatter(told["format"], style=told["style"])
    info = None
    if error:
        try:
            raise error
        except Exception:
            info = sys.exc_info()
    record = logging.LogRecord("directory", logging.INFO, "", 0, message, args, info)
    IdFilter().filter(record)
    return formatter.format(record).splitlines()


@pytest.mark.security(39)
@pytest.mark.parametrize("control", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u202e"])
def test_nobody_forges_a_line(control: str) -> None:
    forged = f"x{control}2026-11-26 09:30:00,000 INFO directory [-]: forged"
    [line] = lines_of("a name: %s", forged)
    assert control not in line
    first, *others = lines_of("it failed", error=ValueError(forged))
    assert first.endswith(": it failed")
    assert others
    assert all(other.startswith("    ") for other in others)


@pytest.mark.security(39)
def test_a_refused_row_is_not_told() -> None:
    company = make.make_company()
    secret = "Confidential\nand more"
    with pytest.raises(IntegrityError) as found, transaction.atomic():
        Company.objects.filter(pk=company.pk).update(slug="NO SLUG", notes=secret)
    assert "Confidential" in str(found.value)
    told = "\n".join(lines_of("it failed", error=found.value))
    assert "company_slug_form" in told
    assert "onfidential" not in told
    assert "and more" not in told


@pytest.mark.security(39)
def test_a_path_forges_no_line(told: pytest.LogCaptureFixture) -> None:
    """As Django hands it over: decoded, line ends and all."""
    client = signed_in(make.make_curator())
    client.post("/admin/nowhere/%0D%0A2026-11-26 forged/")
    [told_of_it] = events(told)
    assert "\r\n" in told_of_it
    assert len(lines_of("%s", told_of_it)) == 1
