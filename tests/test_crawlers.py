"""What machines look for by themselves: pages with linked data, a sitemap, news, and the well-known addresses."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from companies.models import Company
from directory.environment import Environment
from directory.models import Source
from directory.nightly import make_night
from directory.publishing import edit, publication
from partners import crawlers
from tests.factories import make_company, make_hub, make_source, make_specialty

HOSTILE = "</script><b>&” Sons"
ATOM, MAP = "{http://www.w3.org/2005/Atom}", "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(path, headers=headers)


@pytest.mark.django_db
def test_a_company_s_page_shows_its_facts_its_sources_and_linked_data(client: Client) -> None:
    company = make_company(name=HOSTILE, slug="sons", website="https://sons.example/", hub=make_hub("Lahore"))
    make_source(company, reference="https://register.example/1", facts=["website"])
    text = get(client, "/companies/sons/").content.decode()
    assert "<h1>&lt;/script&gt;&lt;b&gt;&amp;” Sons</h1>" in text
    assert "https://register.example/1" in text
    [script] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
    linked = orjson.loads(script)
    assert (linked["@type"], linked["name"], linked["url"]) == ("Organization", HOSTILE, "https://sons.example/")
    assert text.count("<script") == 1


@pytest.mark.django_db
def test_a_page_follows_its_company(client: Client) -> None:
    company = make_company(name="First", slug="first")
    assert get(client, f"/companies/{company.public_id}/")["Location"] == "/companies/first/"
    edit(company, {"slug": "second"}, source=Source.ADMIN)
    moved = get(client, "/companies/first/")
    assert (moved.status_code, moved["Location"]) == (308, "/companies/second/")
    with publication(source=Source.ADMIN):
        company.hide()
    for path, status in (("/companies/second/", 410), ("/companies/never/", 404)):
        answer = get(client, path)
        assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")
        assert b"First" not in answer.content


@pytest.mark.django_db
def test_the_sitemap_has_every_published_company_with_its_last_change(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "PART", 2)
    for n in range(5):
        make_company(name=f"Company {n}")
    make_company(name="Hidden", status=Company.Status.DRAFT)
    index = ElementTree.fromstring(get(client, "/sitemap.xml").content)
    found: dict[Any, str] = {}
    for part in index.iter(f"{MAP}sitemap"):
        path = part.findtext(f"{MAP}loc", "").removeprefix(settings.SITE_URL)
        page = ElementTree.fromstring(get(client, path).content)
        changed = {url.findtext(f"{MAP}loc"): url.findtext(f"{MAP}lastmod", "") for url in page.iter(f"{MAP}url")}
        assert max(changed.values()) == part.findtext(f"{MAP}lastmod")
        assert 0 < len(changed) <= 2
        found |= changed
    published = Company.objects.published().values_list("slug", "updated_at")
    expected = {f"{settings.SITE_URL}/companies/{slug}/": changed for slug, changed in published}
    assert {url: parse_datetime(changed) for url, changed in found.items()} == expected
    assert len(expected) == 5
    assert get(client, "/sitemap-99.xml").status_code == 404


@pytest.mark.django_db
def test_the_feed_has_what_changed_last_first_and_takes_the_list_s_filters(client: Client) -> None:
    lahore = make_hub("Lahore")
    older = make_company(name="Older", hub=lahore, specialties=[make_specialty("AI")])
    make_company(name="Newer", hub=lahore)
    make_company(name="Elsewhere", hub=make_hub("Karachi"))
    edit(older, {"summary": HOSTILE}, source=Source.ADMIN)
    answer = get(client, "/feed.atom?hub=lahore")
    assert answer["Content-Type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    entries = list(feed.iter(f"{ATOM}entry"))
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Older", "Newer"]
    assert entries[0].findtext(f"{ATOM}summary") == f"{HOSTILE} (Lahore)"
    assert feed.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated")
    assert feed.findtext(f"{ATOM}id") == f"{settings.SITE_URL}/feed.atom?hub=lahore"
    assert get(client, "/feed.atom?hub=lahore", if_none_match=answer["ETag"]).status_code == 304
    for query in ("hub=nowhere", "format=csv"):
        assert get(client, f"/feed.atom?{query}").status_code == 400


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_the_catalog_leads_to_the_nightly_files(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FILES_DIR = tmp_path / "nights"
    assert len(get(client, "/.well-known/api-catalog").json()["linkset"]) == 2
    written = {file["name"]: file["media_type"] for file in make_night(timezone.now())["files"]}
    *_, nightly = get(client, "/.well-known/api-catalog").json()["linkset"]
    assert get(client, nightly["anchor"].removeprefix(settings.SITE_URL)).status_code == 200
    assert {link["title"]: link["type"] for link in nightly["item"]} == {
        name: media_type.split(";")[0] for name, media_type in written.items()
    }
    for link in nightly["item"]:
        led = client.get(link["href"].removeprefix(settings.SITE_URL), follow=True)
        assert (led.status_code, led["Content-Type"]) == (200, written[link["title"]])
        assert b"".join(led)


@pytest.mark.django_db
def test_the_catalog_leads_to_the_description_of_the_api(client: Client) -> None:
    answer = get(client, "/.well-known/api-catalog")
    assert answer["Content-Type"].startswith("application/linkset+json")
    item, about = orjson.loads(answer.content)["linkset"]
    first, *others = item["item"]
    assert first == {"href": about["anchor"]}
    for link in (*others, *about["service-desc"], *about["service-doc"]):
        answered = get(client, link["href"].removeprefix(settings.SITE_URL))
        assert answered.status_code == 200, link
        assert answered["Content-Type"].startswith(link["type"])
    assert 'rel="api-catalog"' in client.head("/.well-known/api-catalog")["Link"]


def test_whom_to_tell_of_a_weakness_is_said_where_it_is_set(client: Client, settings: Any) -> None:
    assert get(client, "/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = "mailto:security@directory.example"
    text = get(client, "/.well-known/security.txt").content.decode()
    assert text.startswith("Contact: mailto:security@directory.example\nExpires: ")
    assert Environment({"C": "security@directory.example"}).contact("C") == ""


@pytest.mark.django_db
def test_robots_and_language_models_are_told_where_to_look(client: Client) -> None:
    assert f"Sitemap: {settings.SITE_URL}/sitemap.xml" in get(client, "/robots.txt").content.decode()
    text = get(client, "/llms.txt").content.decode()
    for address in re.findall(r"\]\(([^)]+)\)", text):
        response = get(client, address.removeprefix(settings.SITE_URL))
        assert response.status_code == 200, address
        assert b"".join(response)  # a stream that nobody reads stays open
