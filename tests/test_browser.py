"""The public pages in a real browser: they work, nothing is blocked, nothing comes from another host."""

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import PHONE, assert_accessible, assert_fits

PAGES = ["/problems/", "/problems/invalid_query/"]


@pytest.mark.security(6)
def test_the_documentation_shows_what_there_is_and_tries_it_out(page: Page) -> None:
    page.goto("/docs/")
    operation = page.locator(".opblock", has=page.get_by_text("/api/v1/hubs/{key}/", exact=True)).first
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("key").fill("lahore")
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table").get_by_text('"slug": "lahore"')).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_readable_by_everybody(page: Page, path: str) -> None:
    page.goto(path)
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
