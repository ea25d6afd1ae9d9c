"""The edit page in a real browser."""

from playwright.sync_api import Dialog, Page, expect

from tests.browsing import DESKTOP, PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.test_conflicts_browsed import open_form


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
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)


def test_lookups_are_for_everybody(page: Page, site: Site) -> None:
    """Open, with and without results; what is typed opens them, from the first letter."""
    open_form(sign_in(page, site), "10pearls")
    for field, shown in [("Specialties", "Artificial intelligence"), ("Hub", "Karachi")]:
        lookup = page.locator(f"#id_{field.lower()} + .select2 .select2-selection")
        lookup.click()
        expect(page.get_by_role("option", name=shown, exact=True)).to_be_visible()
        assert_accessible(page)
        page.keyboard.type("no such thing")
        expect(page.get_by_role("option", name="No results found")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="No results found")).to_have_count(1)
        assert_accessible(page)
        page.keyboard.press("Escape")
    lookup.focus()
    page.keyboard.type("laho")
    expect(page.locator(".select2-results__option--highlighted")).to_have_text("Lahore")
    page.keyboard.press("Enter")
    expect(lookup).to_contain_text("Lahore")


def test_the_way_back_is_told_by_more_than_its_colour(page: Page, site: Site) -> None:
    sign_in(page, site)
    for model in ("unplacedvalue", "duplicate", "suggestion"):
        page.goto(f"/admin/companies/{model}/")
        assert_accessible(page)


def test_nothing_typed_is_left_unasked_and_errors_lead_to_their_fields(page: Page, site: Site) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    open_form(sign_in(page, site), "10pearls").get_by_label("Summary").fill("Typed for an hour.")
    page.goto("/admin/")
    assert asked == ["beforeunload"]
    open_form(page, "10pearls").get_by_label("Contact email").fill("nobody")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Contact email")).to_be_focused()
    expect(page.get_by_role("link", name="Contact email: Enter a valid email address.")).to_be_visible()
    assert asked == ["beforeunload"]
    assert_accessible(page)


def test_what_a_list_asks_for_is_what_one_fills_in(page: Page, site: Site) -> None:
    sign_in(page, site).goto("/admin/companies/company/?ask=without_website")
    page.locator("#result_list tbody th a").first.click()
    expect(page.get_by_label("Website:")).to_be_focused()
    before = page.url
    page.get_by_role("button", name="Save and next in list").click()
    page.wait_for_url(lambda url: url != before)
    expect(page.get_by_label("Website:")).to_be_focused()


def test_a_word_of_any_length_fits(page: Page, site: Site) -> None:
    open_form(sign_in(page, site), "10pearls").get_by_label("Name:", exact=True).fill("W" * 200)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    for path in (page.url, "/admin/companies/company/?q=www"):
        page.goto(path)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            assert_fits(page)
    open_form(page, "wwww").get_by_label("Name:", exact=True).fill("10Pearls")
    page.get_by_role("button", name="Save", exact=True).click()
