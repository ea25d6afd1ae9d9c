"""A curator decides on a suggestion, in a browser."""

from playwright.sync_api import Page, expect

from tests.browsing import PHONE, Site, assert_accessible, assert_fits


def test_a_curator_decides_by_keyboard(page: Page, site: Site) -> None:
    change = {"founded_year": 1999, "legal_name": "Devsinc (Pvt.) Ltd", "employees": {"max": 900}}
    sent = {"company": "devsinc", "patch": change, "evidence": ["https://devsinc.com/about"]}
    told = page.request.post("/api/v1/suggestions/", data=sent).json()
    page.goto("/admin/")
    page.get_by_label("Username").fill(site.username)
    page.get_by_label("Password").fill(site.password)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Later").click()
    page.wait_for_url("**/admin/")
    page.goto("/admin/companies/suggestion/")
    page.get_by_role("link", name="Devsinc").click()
    assert_accessible(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("r")  # the legal name
    page.keyboard.type("jar: not its name")  # letters that are keys elsewhere
    page.keyboard.press("Enter")
    page.keyboard.press("a")  # the year, and on to the number of employees
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.set_viewport_size(PHONE)
    assert_fits(page)
    page.keyboard.press("Enter")  # on the button
    expect(page.get_by_text("Decided: Devsinc.")).to_be_visible()
    answer = page.request.get(f"/api/v1/suggestions/{told['id']}/").json()
    reasons = {one["field"]: (one["status"], one["reason"]) for one in answer["fields"]}
    assert reasons == {
        "founded_year": ("accepted", None),
        "legal_name": ("rejected", "jar: not its name"),
        "employees": ("accepted", None),
    }
    assert page.request.get("/api/v1/companies/devsinc/").json()["founded_year"] == 1999
