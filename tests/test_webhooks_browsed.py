"""Webhooks as people look after them in a browser, on a running server whose worker sends."""

import os
import re
import subprocess
import sys

from django.conf import settings
from playwright.sync_api import Page, expect

from tests.browsing import PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.served import wait_for

# What an administrator does: a partner, with an account of its people.
PREPARE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "directory.settings"
django.setup()
from django.contrib.auth.models import User
from partners.models import Partner
partner = Partner.objects.create(name="Shoplist", contact="it@shoplist.example")
partner.users.add(User.objects.get(username="curator"))
print(partner.pk)
"""


def test_a_webhook_is_added_tried_and_looked_after(page: Page, site: Site) -> None:
    variables = {"PATH": os.defpath, "DATA_DIR": str(site.data)}
    command = [sys.executable, "-c", PREPARE]
    told = subprocess.run(command, cwd=settings.BASE_DIR, env=variables, check=True, capture_output=True, text=True)
    partner = int(told.stdout)
    sign_in(page, site).goto(f"/partner/{partner}/")
    page.get_by_role("paragraph").filter(has_text="what is published").get_by_role("link").click()
    assert_accessible(page)
    page.get_by_label("Address").fill("https://hooks.invalid/directory")
    page.get_by_label("Query").fill("hub=lahore&siez=3")
    page.get_by_role("button", name="Add a webhook").click()
    expect(page.get_by_role("main")).to_contain_text("There is no parameter “siez”")
    assert_accessible(page)
    page.get_by_label("Query").fill("hub=lahore")
    page.get_by_role("button", name="Add a webhook").click()
    assert re.search(r"whsec_\S{44}", page.get_by_role("main").inner_text())
    assert_accessible(page)
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_role("main")).to_contain_text("Not proven yet")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("main")).to_contain_text("before it has proved itself")
    page.set_viewport_size(PHONE)
    assert_fits(page)

    def is_tried() -> bool:
        page.reload()
        return "Its name has no address." in page.get_by_role("main").inner_text()

    wait_for(is_tried)  # by the worker, which looks every ten seconds
    assert_accessible(page)
    assert_fits(page)

    page.goto(f"/admin/partners/webhook/of/{partner}/")
    assert_accessible(page)
    page.get_by_role("link", name="hooks.invalid").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Disabled by curator.")).to_be_visible()
    assert_accessible(page)
    # The other tests' curator has to do with no partner.
    page.goto(f"/admin/partners/partner/{partner}/change/")
    page.get_by_label("Active").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
