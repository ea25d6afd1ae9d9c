"""A curator's browser: Debian's Chromium on `manage.py serve` with the starter directory."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, sync_playwright

from tests.served import Serve, first_password

# The one without a window of its own needs half of the processor's time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Chromium would look for its makers at each start.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True)
class Site:
    """A directory that is served, with its data, and its first curator."""

    url: str
    data: Path
    password: str
    username: str = "curator"
    # Of who signed in last.
    cookies: list[Any] = field(default_factory=list)


@pytest.fixture(scope="session")
def site(started: Path, served: Serve) -> Site:
    return Site(f"http://127.0.0.1:{served.port}", served.data.parent, first_password(started))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here: `apt-get install chromium-headless-shell` brings it.")
    # Playwright's loop runs in this thread; Django would refuse the database to the tests behind it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def browse(chromium: Browser, site: Site) -> Iterator[Callable[[], Page]]:
    """Opens browsers that nobody has used yet. What a policy stopped, or was asked of others, fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        is_stopped = "Content Security Policy" in message.text or "Content-Security-Policy" in message.text
        if is_stopped and message.location["url"]:  # what axe itself tries has no address
            faults.append(message.text)

    def watch(request: Request) -> None:
        if not request.url.startswith((site.url, "data:", "blob:")):
            faults.append(f"asked for {request.url}")

    def open_page() -> Page:
        context = chromium.new_context(viewport=DESKTOP, base_url=site.url)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        context.on("console", listen)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("request", watch)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == [], faults


@pytest.fixture
def page(browse: Callable[[], Page]) -> Page:
    return browse()


def sign_in(page: Page, site: Site) -> Page:
    """One who has signed in before, in a browser that another test had, still is in this one."""
    page.context.add_cookies(site.cookies)
    page.goto("/admin/")
    if "/account/" in page.url:
        sign_in_anew(page, site)
        site.cookies[:] = page.context.cookies()
    return page


def sign_in_anew(page: Page, site: Site) -> None:
    """As a newcomer does on a machine of one's own: with the password, and the second factor later."""
    page.goto("/admin/")
    page.get_by_label("Username").fill(site.username)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Later").click()
    page.wait_for_url("**/admin/")


def assert_accessible(page: Page) -> None:
    """axe finds nothing serious on what is shown now.

    It is kept from copying stylesheets that import others into <style>, which the page's policy would stop.
    """
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    serious = [
        f"{fault['id']}: {node['html'][:150]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert serious == [], serious


def assert_fits(page: Page) -> None:
    """Nobody has to scroll sideways."""
    page.wait_for_load_state()  # a page that has just been left for another has nothing to measure
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
