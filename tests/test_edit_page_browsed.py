"""The edit page in a real browser."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browsing import PHONE, Site, assert_fits, sign_in
from tests.test_conflicts_browsed import open_form

# What select2 builds, which has faults of its own.
OURS = {"exclude": [[".select2"]]}


def test_what_might_exist_already_is_said_while_typing(page: Page, site: Site) -> None:
    sign_in(page, site).goto("/admin/companies/company/add/")
    page.get_by_label("Name:", exact=True).press_sequentially("10 Pearls")
    said = page.get_by_role("status").filter(has_text="This might exist already")
    expect(said.get_by_role("link", name="10Pearls")).to_have_attribute("target", "_blank")
    page.get_by_label("Name:", exact=True).fill("Nothing of the kind whatsoever")
    expect(said).to_have_count(0)


def test_a_preview_is_readable_by_everybody_and_keeps_the_form(page: Page, site: Site) -> None:
    open_form(sign_in(page, site), "10pearls").get_by_label("Founded year").fill("1977")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview: nothing is saved yet")).to_contain_text("1977")
    assert page.get_by_label("Founded year").input_value() == "1977"
    page.get_by_text("Add another Office").click()
    found = Axe().run(page, OURS).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(PHONE)
    assert_fits(page)
