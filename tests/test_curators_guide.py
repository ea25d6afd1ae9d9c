"""The curators' guide: each address that a section names opens, and each name in bold is on one of these pages."""

import re
from html import unescape

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from directory.models import Source
from directory.publishing import edit
from tests import factories as make
from tests.curators import signed_in
from tests.test_admin import make_everything, url_of
from tests.test_conflicts import opened

pytestmark = pytest.mark.django_db

GUIDE = (settings.BASE_DIR / "docs" / "curators.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
README = (settings.BASE_DIR / "README.md").read_text()


@pytest.fixture(scope="module", autouse=True)
def rows(shared_rows: None) -> None:
    """Something for each page to show."""
    make_everything()
    RecoveryCodes.activate(make.make_curator())
    make.make_duplicate(make.make_company("Cubix"), make.make_company("Cubix IT"))


def words(html: str) -> str:
    """What a page shows: its text and what stands on its buttons."""
    shown = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    buttons = " ".join(re.findall(r'<input[^>]*type="submit"[^>]*>', shown))
    values = re.findall(r'value="([^"]*)"', buttons)
    return " ".join(unescape(" ".join([re.sub(r"<[^>]+>", " ", shown), *values])).split())


def addresses(section: str) -> list[str]:
    """What the section names, and the pages that it leads to without naming them."""
    company = make.make_company("Systems Limited")
    named = re.findall(r"`(/[a-z/-]+/)`", SECTIONS[section])
    suggestion = make.make_suggestion(company, founded_year=1977)
    led_to = {
        "Find what is to be done": [f"{reverse('admin:companies_company_changelist')}?ask=without_website"],
        "Add a company": [url_of(company)],
        "Edit one, or many": [f"{url_of(company)}?_changelist_filters=ask%3Dwithout_website"],
        "Give a place to what has none": [url_of(make.make_specialty("Robotics"))],
        "Decide on suggestions": [url_of(suggestion)],
        "Merge duplicates": [
            f"{reverse('admin:companies_company_merge')}?keep={company.pk}&drop={make.make_company('Systems').pk}"
        ],
        "See what was done, and take it back": [
            url_of(company),
            reverse("admin:directory_revision_change", args=[company.revision]),
        ],
    }
    return [*named, *led_to.get(section, [])]


def conflict(client: Client) -> str:
    company = make.make_company(founded_year=2004)
    form = opened(client, url_of(company)) | {"founded_year": "1977"}
    edit(company, {"founded_year": 1999}, source=Source.ADMIN)
    return client.post(url_of(company), form).content.decode()


@pytest.mark.parametrize("section", SECTIONS)
def test_what_a_section_names_is_there(section: str) -> None:
    client = signed_in(User.objects.get(username="ayesha"))
    pages = [conflict(client)] if section.startswith("When two") else []
    for url in addresses(section):
        asking = Client() if url in ("/account/sign-in/", "/account/second-factor/set-up/") else client
        if url.endswith("set-up/"):
            asking.force_login(User.objects.get(username="dua"))
        response = asking.get(url)
        assert response.status_code == 200, url
        pages.append(response.content.decode())
    text = words(" ".join(pages))
    bold = [" ".join(name.split()) for name in re.findall(r"\*\*(.+?)\*\*", SECTIONS[section], re.DOTALL)]
    assert [name for name in bold if name not in text] == []


def test_the_guide_is_found() -> None:
    assert "(docs/curators.md)" in README
