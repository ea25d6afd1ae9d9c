"""Partners look after their webhooks themselves, administrators after everybody's, and nobody else after any."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from partners.models import Partner
from partners.signing import open_secret
from partners.webhooks import MOST_WEBHOOKS, Stage, State, Webhook
from tests import factories as make
from tests.curators import make_member, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner() -> Partner:
    return make.make_partner("Shop", users=[])


@pytest.fixture
def user(partner: Partner) -> User:
    """Somebody of the partner, who is no curator."""
    user = make.make_user("sana")
    partner.users.add(user)
    return user


@pytest.fixture
def client(user: User) -> Client:
    return signed_in(user)


def page_of(webhook: Webhook) -> str:
    return f"/partner/{webhook.partner_id}/webhooks/{webhook.pk}/"


def shown_secret(response: Any) -> str:
    [secret] = re.findall(r"<code>(whsec_[^<]+)</code>", html.unescape(response.content.decode()))
    return str(secret)


def press(client: Client, webhook: Webhook, button: str, **data: str) -> str:
    """Press a button; what the page then says."""
    response = client.post(page_of(webhook), {"button": button, **data}, follow=True)
    webhook.refresh_from_db()
    return response.content.decode()


@pytest.mark.security(35)
def test_a_partner_adds_a_webhook_and_sees_its_secret_once(client: Client, partner: Partner, user: User) -> None:
    make.make_hub()
    url = f"/partner/{partner.pk}/webhooks/"
    response = client.post(url, {"url": "https://shop.example/hooks", "kinds": ["hub", "company"]})
    webhook = Webhook.objects.get()
    assert shown_secret(response) == open_secret(webhook.secret)
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert (webhook.state, webhook.created_by, webhook.kinds) == (State.UNPROVEN, user, ["hub", "company"])
    assert webhook.position > 0  # what was published before is not sent
    assert webhook.next_attempt
    for page in (url, page_of(webhook)):
        assert "whsec_" not in client.get(page).content.decode()
    assert page_of(webhook) in client.get(url).content.decode()
    assert 'href="/docs/partners.md"' in client.get(url).content.decode()


def test_what_is_wrong_with_it_is_told_beside_it(client: Client, partner: Partner) -> None:
    url = f"/partner/{partner.pk}/webhooks/"
    make.make_hub()
    response = client.post(url, {"url": "https://10.0.0.1/", "query": "hub=lahor&siez=3"})
    text = response.content.decode()
    assert response.status_code == 400
    assert "it has to be a name" in text
    assert "There is no parameter" in text
    assert "hub: There is no hub “lahor”. Perhaps “lahore”?" in text
    assert not Webhook.objects.exists()
    for number in range(MOST_WEBHOOKS):
        assert client.post(url, {"url": f"https://shop.example/{number}"}).status_code == 200
    assert client.post(url, {"url": "https://shop.example/one-more"}).status_code == 400
    assert Webhook.objects.count() == MOST_WEBHOOKS


def test_its_buttons(client: Client) -> None:
    make.make_hub()
    webhook = make.make_webhook()
    press(client, webhook, "disable")
    assert (webhook.state, webhook.problem) == (State.DISABLED, "Disabled by sana.")
    assert "has changed since" in press(client, webhook, "disable")
    press(client, webhook, "test")
    assert not webhook.test_asked
    press(client, webhook, "enable")
    assert webhook.state == State.UNPROVEN
    assert "before it has proved itself" in press(client, webhook, "test")
    Webhook.objects.update(state=State.ACTIVE)
    press(client, webhook, "test")
    assert webhook.test_asked
    old = open_secret(webhook.secret)
    response = client.post(page_of(webhook), {"button": "rotate"})
    webhook.refresh_from_db()
    assert shown_secret(response) == open_secret(webhook.secret) != old
    assert open_secret(webhook.old_secret) == old
    press(client, webhook, "retire")
    assert webhook.old_secret == ""
    for revision in ("", "-1", "many", "999999"):
        assert "Say behind which revision" in press(client, webhook, "replay", revision=revision)
    Webhook.objects.update(position=7, revision=7)
    assert "behind revision 0 is sent again" in press(client, webhook, "replay", revision="0")
    assert (webhook.position, webhook.revision) == (0, 0)
    press(client, webhook, "delete")
    assert Webhook.objects.exists()  # not without saying that one is sure
    client.post(page_of(webhook), {"button": "delete", "sure": "on"})
    assert not Webhook.objects.exists()


def test_a_change_keeps_what_couriers_know(client: Client) -> None:
    make.make_hub()
    webhook = make.make_webhook(position=7, revision=7)
    press(client, webhook, "save", url=webhook.url, kinds="hub")
    assert (webhook.kinds, webhook.state, webhook.position) == (["hub"], State.ACTIVE, 7)
    press(client, webhook, "save", url=webhook.url, query="hub=lahore")
    assert (webhook.query, webhook.stage, webhook.kinds) == ("hub=lahore", Stage.BEGINNING, [])
    press(client, webhook, "save", url="https://other.example/", query="hub=lahore")
    assert (webhook.state, webhook.url) == (State.UNPROVEN, "https://other.example/")


@pytest.mark.security(15)
def test_nobody_sees_the_webhooks_of_others(user: User) -> None:
    other = make.make_partner("Bank")
    webhook = make.make_webhook(partner=other)
    own = Partner.objects.get(name="Shop")
    client = signed_in(user)
    for page in (page_of(webhook), f"/partner/{other.pk}/webhooks/", f"/partner/{own.pk}/webhooks/{webhook.pk}/"):
        assert client.get(page).status_code == 404
        assert client.post(page, {"button": "rotate", "url": "https://shop.example/"}).status_code == 404
    for page in (f"/admin/partners/webhook/{webhook.pk}/look-after/", f"/admin/partners/webhook/of/{own.pk}/"):
        assert client.get(page).status_code == 302  # no curator
        assert signed_in(make_member("editor", f"editor{page.count('look')}")).post(page).status_code == 403
    assert Client().get(page_of(webhook)).status_code == 302
    before = webhook.secret
    webhook.refresh_from_db()
    assert webhook.secret == before


def test_administrators_look_after_everybodys(partner: Partner) -> None:
    client = signed_in(make_member("administrator"))
    response = client.post(f"/admin/partners/webhook/of/{partner.pk}/", {"url": "https://shop.example/hooks"})
    webhook = Webhook.objects.get()
    assert shown_secret(response) == open_secret(webhook.secret)
    page = f"/admin/partners/webhook/{webhook.pk}/look-after/"
    assert "https://shop.example/hooks" in client.get(page).content.decode()
    client.post(page, {"button": "disable"})
    webhook.refresh_from_db()
    assert webhook.state == State.DISABLED
    assert "Disabled by bilal." in client.get("/admin/partners/webhook/").content.decode()
    assert page in client.get(f"/admin/partners/webhook/{webhook.pk}/change/").content.decode()
