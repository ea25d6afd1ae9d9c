"""Embeds: listings on other sites' pages, with a script and without, and while the directory is out of reach."""

import base64
import hashlib
import html
import http.client
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from companies.models import Company
from directory.models import Source
from directory.publishing import edit, publication
from partners import elements
from tests.browsing import Site, assert_accessible
from tests.curators import signed_in
from tests.factories import make_company, make_hub, make_partner, make_user, make_view

HOSTILE = "<script>alert(1)</script> & “Sons”"
PARTNER = """<!doctype html>
<html lang="ur" dir="rtl">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {origin}; connect-src {origin}">
<title>A partner</title>
<script type="module" src="{origin}/embed/directory-listings-1.js" integrity="{integrity}" crossorigin></script>
<main>
<h1>Companies</h1>
<directory-listings query="{query}" limit="3"><p>Our own list.</p></directory-listings>
</main>
"""

INTEGRITY = elements.RELEASES[1]


def page_of(relay: ThreadingHTTPServer, query: str, integrity: str = INTEGRITY) -> str:
    """A partner's page, with the element at the relay."""
    return PARTNER.format(origin=origin(relay), query=query, integrity=integrity)


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(path, headers=headers)


@pytest.mark.django_db
def test_a_fragment_shows_what_the_list_has(client: Client) -> None:
    make_company(name="Shown", website="https://shown.example/", hub=make_hub("Lahore"), summary=HOSTILE)
    make_company(name="Elsewhere", hub=make_hub("Karachi"))
    answer = get(client, "/embed/fragment/?hub=lahore")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'href="https://shown.example/"' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; “Sons”" in text
    assert "Elsewhere" not in text
    assert "<script" not in text
    assert f'href="{settings.SITE_URL}/embed/?hub=lahore"' in text  # a page that people can read
    document = get(client, "/embed/?hub=lahore").content.decode()
    assert f'href="{settings.SITE_URL}/api/v1/companies/?hub=lahore"' in document
    assert settings.LICENSE["url"] in text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/embed/", "/embed/fragment/", "/embed/badge/shown.svg"])
def test_what_is_embedded_is_kept_and_asked_for_again_by_its_etag(client: Client, path: str) -> None:
    make_company(name="Shown")
    first = get(client, path)
    assert "stale-if-error=86400" in first["Cache-Control"]
    assert not first.cookies
    assert get(client, path, if_none_match=first["ETag"]).status_code == 304
    make_company(name="Another, which changes the directory")
    edit(Company.objects.get(slug="shown"), {"name": "Shown otherwise"}, source=Source.ADMIN)
    assert get(client, path, if_none_match=first["ETag"]).status_code == 200


@pytest.mark.security(41)
@pytest.mark.django_db
def test_any_site_may_frame_the_document_and_it_loads_nothing_but_its_stylesheet(client: Client) -> None:
    for _ in range(2):  # the second is answered from the cache
        answer = get(client, "/embed/?theme=dark&dir=rtl")
        policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
        assert policy["frame-ancestors"] == "*"
        assert policy["default-src"] == "'none'"
        assert policy["style-src"] == "'self'"
        assert "X-Frame-Options" not in answer
    assert b'dir="rtl" class="dark"' in answer.content
    assert "X-Frame-Options" in get(client, "/problems/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("hub=lahor", "hub: "),
        ("theme=pink", "theme: “pink” is none of auto, light, dark."),
        ("format=csv", "format: An embed has a form of its own"),
        ("facets=hub&siez=3", "facets: "),
        ("page_size=9999", "page_size: "),
        ("limit=2", "limit: There is no parameter “limit”. Perhaps “page_size”"),
        ("cursor=x", "cursor: "),
    ],
)
def test_a_mistake_in_the_address_is_named_and_kept_by_nobody(client: Client, query: str, said: str) -> None:
    make_hub("Lahore")
    for path in ("/embed/", "/embed/fragment/"):
        answer = get(client, f"{path}?{query}")
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert answer["Content-Type"].startswith("text/plain")
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_badge_says_what_is_listed_and_follows_where_it_went(client: Client) -> None:
    company = make_company(name=HOSTILE, slug="first")
    svg = get(client, "/embed/badge/first.svg")
    assert svg["Content-Type"].startswith("image/svg+xml")
    [title] = ElementTree.fromstring(svg.content).iter("{http://www.w3.org/2000/svg}title")
    assert title.text == f"{settings.LICENSE['attribution']}: {HOSTILE}"
    assert get(client, f"/embed/badge/{company.public_id}.svg").status_code == 200
    edit(company, {"slug": "second"}, source=Source.ADMIN)
    moved = get(client, "/embed/badge/first.svg")
    assert (moved.status_code, moved["Location"]) == (308, "/embed/badge/second.svg")
    with publication(source=Source.ADMIN):
        company.hide()
    gone = get(client, "/embed/badge/second.svg")
    assert (gone.status_code, gone["Cache-Control"]) == (410, "no-store")
    for answer in (gone, get(client, "/embed/badge/never.svg")):
        assert b"not listed" in answer.content
        assert HOSTILE.encode() not in answer.content


@pytest.mark.django_db
def test_oembed_gives_a_frame_of_the_list(client: Client) -> None:
    make_company(name="Shown", hub=make_hub("Lahore"))
    url = f"{settings.SITE_URL}/embed/?hub=lahore&theme=dark"
    answer = get(client, f"/embed/oembed/?url={quote(url, safe='')}&maxwidth=320").json()
    assert (answer["type"], answer["version"], answer["width"], answer["height"]) == ("rich", "1.0", 320, 600)
    src = re.search(r'src="([^"]+)"', answer["html"])
    assert src
    assert src[1].replace("&amp;", "&") == url
    framed = get(client, "/embed/?hub=lahore&theme=dark").content.decode()
    link = re.search(r'application/json\+oembed"[^>]*href="([^"]+)"', framed)
    assert link
    discovered = get(client, link[1].removeprefix(settings.SITE_URL)).json()
    assert (discovered["html"], discovered["width"]) == (answer["html"].replace('"320"', '"480"'), 480)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("url=https://elsewhere.example/embed/", 404),
        (f"url={settings.SITE_URL}/admin/", 404),
        (f"url={settings.SITE_URL}/embed/%3Fhub%3Dnowhere", 400),
        (f"url={settings.SITE_URL}/embed/&maxwidth=wide", 400),
        (f"url={settings.SITE_URL}/embed/&format=xml", 501),
    ],
)
def test_oembed_refuses_what_it_cannot_show(client: Client, query: str, status: int) -> None:
    answer = get(client, f"/embed/oembed/?{query}")
    assert answer.status_code == status
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.security(20)
def test_the_module_is_kept_for_days(client: Client) -> None:
    answer = get(client, "/embed/directory-listings.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "stale-if-error=604800" in answer["Cache-Control"]
    assert get(client, "/embed/directory-listings.js", if_none_match=answer["ETag"]).status_code == 304
    assert not re.search(rb"innerHTML|eval\(|document\.cookie|localStorage", answer.content)


@pytest.mark.security(41)
def test_a_release_never_changes() -> None:
    """Mending one makes another: pages have pinned it."""
    files = {path.name: path.read_bytes() for path in elements.FOLDER.glob("directory-listings*.js")}
    assert {f"directory-listings-{number}.js" for number in elements.RELEASES} == set(files)
    for number, integrity in elements.RELEASES.items():
        digest = hashlib.sha384(files[f"directory-listings-{number}.js"]).digest()
        assert integrity == f"sha384-{base64.b64encode(digest).decode()}"


@pytest.mark.security(41)
def test_a_release_is_kept_for_good_and_the_newest_is_where_it_always_was(client: Client) -> None:
    for number in elements.RELEASES:
        answer = get(client, f"/embed/directory-listings-{number}.js")
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer["Access-Control-Allow-Origin"] == "*"  # without which no browser compares
        assert answer["Content-Type"].startswith("text/javascript")
    assert answer.content == get(client, "/embed/directory-listings.js").content
    unknown = get(client, "/embed/directory-listings-999.js")
    assert (unknown.status_code, unknown["Cache-Control"]) == (404, "no-store")


@pytest.mark.security(41)
@pytest.mark.django_db
def test_where_an_element_is_copied_it_is_pinned(client: Client) -> None:
    make_company(hub=make_hub("Lahore"))
    guide = (settings.BASE_DIR / "docs" / "partners.md").read_text()
    url = f"{settings.SITE_URL}/embed/?view={make_view().slug}&hub=lahore&theme=dark"
    oembed = get(client, f"/embed/oembed/?url={quote(url, safe='')}").json()["element"]
    fatima = make_user()
    portal = html.unescape(signed_in(fatima).get(f"/partner/{make_partner().pk}/").content.decode())
    src = f"{settings.SITE_URL}/embed/directory-listings-{elements.NEWEST}.js"
    script = (
        f'<script type="module" src="{src}" integrity="{elements.RELEASES[elements.NEWEST]}" crossorigin="anonymous">'
    )
    for shown in (guide, oembed, portal):
        assert script in shown
    assert '<directory-listings view="shown" theme="dark" query="hub=lahore">' in oembed


class Relay(BaseHTTPRequestHandler):
    """What stands before the directory, so that it can go away while the test's other pages keep it."""

    def __init__(self, port: int, *arguments: Any) -> None:
        self.port = port
        super().__init__(*arguments)

    def do_GET(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", self.path, headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        body = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def started(handler: Any) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def origin(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def relay(site: Site) -> Iterator[ThreadingHTTPServer]:
    server = started(partial(Relay, urlsplit(site.url).port or 0))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(the origin of a partner's site, its folder)."""
    server = started(partial(Quiet, directory=str(tmp_path)))
    yield origin(server), tmp_path
    server.shutdown()
    server.server_close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Page]:
    """A visitor of a partner's page; a breach of its policy or an error in our script fails the test."""
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.mark.complaint(28)
def test_a_partner_s_page_survives_our_outage(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    """On a page that allows our script and our data and nothing else; in a browser that had it once."""
    address, folder = partner
    (folder / "index.html").write_text(page_of(relay, "hub=lahore"))
    visitor.goto(address)
    shown = visitor.locator("directory-listings li")
    expect(shown).to_have_count(3)
    first = shown.first.inner_text()
    assert_accessible(visitor)
    visitor.get_by_role("button", name="More").focus()
    visitor.keyboard.press("Enter")
    expect(shown).to_have_count(6)
    assert visitor.evaluate("document.querySelector('directory-listings').shadowRoot.activeElement.tagName") == "A"
    assert visitor.evaluate("document.cookie") == ""

    relay.shutdown()
    relay.server_close()
    visitor.goto("about:blank")
    visitor.goto(address)
    expect(shown).to_have_count(3)
    assert shown.first.inner_text() == first
    expect(visitor.get_by_role("status")).to_contain_text("cannot be reached")


@pytest.mark.security(41)
def test_a_browser_runs_no_other_script_than_was_pinned(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    address, folder = partner
    other = base64.b64encode(hashlib.sha384(b"mended by somebody").digest()).decode()
    (folder / "index.html").write_text(page_of(relay, "hub=lahore", f"sha384-{other}"))
    with visitor.expect_console_message(lambda told: "integrity" in told.text):
        visitor.goto(address)
    assert not visitor.evaluate("Boolean(customElements.get('directory-listings'))")
    expect(visitor.get_by_text("Our own list.")).to_be_visible()


def test_an_element_shows_a_view_and_narrows_it(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    address, folder = partner
    page = page_of(relay, "").replace('query=""', 'view="ai-in-lahore" query=""')
    (folder / "index.html").write_text(page)
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(request.url))
    visitor.goto(address)
    shown = visitor.locator("directory-listings li")
    expect(shown).to_have_count(3)
    visitor.get_by_role("button", name="More").click()
    expect(shown).to_have_count(6)
    visitor.evaluate("document.querySelector('directory-listings').setAttribute('query', 'slug=devsinc')")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Devsinc")
    listed = [url.removeprefix(origin(relay)) for url in asked if "/api/v1/" in url]
    assert listed
    assert all(url.startswith("/api/v1/views/ai-in-lahore/?") for url in listed)


def test_who_never_had_an_answer_sees_the_page_s_own(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    address, folder = partner
    (folder / "index.html").write_text(page_of(relay, "hub=nowhere"))
    warnings: list[str] = []
    visitor.on("console", lambda told: warnings.append(told.text))
    visitor.goto(address)
    expect(visitor.locator("directory-listings:not([aria-busy])")).to_be_attached()
    expect(visitor.get_by_text("Our own list.")).to_be_visible()
    assert any("nowhere" in told for told in warnings)


def test_a_framed_list_shows_on_another_site(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    address, folder = partner
    src = f"{origin(relay)}/embed/?hub=lahore&amp;page_size=2"
    (folder / "index.html").write_text(f'<!doctype html><title>A partner</title><iframe title="list" src="{src}">')
    visitor.goto(address)
    expect(visitor.frame_locator("iframe").locator("main > section > ul > li")).to_have_count(2)


@pytest.mark.security(6)
def test_the_policy_of_the_guide_is_enough_for_element_frame_and_badge(
    visitor: Page, relay: ThreadingHTTPServer, partner: tuple[str, Path]
) -> None:
    address, folder = partner
    guide = (settings.BASE_DIR / "docs" / "partners.md").read_text()
    [policy] = re.findall(r"^Content-Security-Policy: (.*)$", guide, re.MULTILINE)
    [badge] = re.findall(r"`http://127\.0\.0\.1:8000(/embed/badge/[^`]+)`", guide)
    allowed = policy.replace("http://127.0.0.1:8000", origin(relay))
    frame = f'<iframe title="list" src="{origin(relay)}/embed/"></iframe>'
    image = f'<img alt="Listed" src="{origin(relay)}{badge}">'
    page = page_of(relay, "hub=lahore").replace("</main>", f"{frame}{image}</main>")
    page = re.sub(r"default-src 'none'; [^\"]*", f"default-src 'none'; {allowed}", page)
    (folder / "index.html").write_text(page)
    visitor.goto(address)
    expect(visitor.locator("directory-listings li")).to_have_count(3)
    expect(visitor.frame_locator("iframe").locator("main li").first).to_be_visible()
    assert visitor.evaluate("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 100
