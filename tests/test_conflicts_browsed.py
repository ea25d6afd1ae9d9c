"""Two curators, two browsers, one company."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in, sign_in_anew


def open_form(page: Page, name: str) -> Page:
    page.goto(f"/admin/companies/company/?q={name}")
    page.locator("#result_list tbody th a").first.click()
    return page


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.complaint(24)
def test_two_curators_change_the_same_company(browse: Callable[[], Page], site: Site) -> None:
    first, second = (open_form(sign_in(browse(), site), "systems") for _ in range(2))
    first.get_by_label("Founded year").fill("1977")
    first.get_by_label("Summary").fill("Banking software.")
    first.get_by_label("Notes").fill("Called them.")
    second.get_by_label("Founded year").fill("1978")
    second.get_by_label("Legal name").fill("Systems (Pvt.) Ltd.")
    save(first)
    expect(first.get_by_text("was changed successfully")).to_be_visible()
    save(second)
    question = second.get_by_role("group", name="Founded year")
    expect(question).to_contain_text("1977")
    expect(question).to_contain_text("1978")
    expect(second.get_by_role("group")).to_have_count(1)
    expect(second.get_by_text("curator, ")).to_be_visible()
    assert_accessible(second)
    second.set_viewport_size(PHONE)
    assert_fits(second)
    question.get_by_role("radio").last.check()
    save(second)
    expect(second.get_by_text("While you were editing, curator changed:")).to_be_visible()
    open_form(second, "systems")
    assert second.get_by_label("Founded year").input_value() == "1978"
    assert second.get_by_label("Summary").input_value() == "Banking software."
    assert second.get_by_label("Legal name").input_value() == "Systems (Pvt.) Ltd."


def test_what_was_typed_outlives_the_session(page: Page, site: Site) -> None:
    open_form(sign_in(page, site), "10pearls").get_by_label("Notes").fill("Typed for an hour.")
    page.context.clear_cookies(name="sessionid")
    save(page)
    expect(page.get_by_text("Typed for an hour.")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in, in a new tab").click()
    sign_in_anew(opened.value, site)
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("You have signed in since")).to_be_visible()
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert open_form(page, "10pearls").get_by_label("Notes").input_value() == "Typed for an hour."
