"""The page that merges, in a browser."""

from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in


def test_the_result_follows_each_choice(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(f"{reverse('admin:companies_company_merge')}?keep=1&drop=2")
    result = page.locator("#result-name")
    kept = result.inner_text()
    expect(page.get_by_role("button", name="Show the result")).to_be_hidden()
    page.get_by_role("group", name="name", exact=True).get_by_label("right").check()
    expect(result).not_to_have_text(kept)
    expect(page.get_by_role("status")).to_contain_text(f"found by “{kept}” as well")
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_fits(page)
