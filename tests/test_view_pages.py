"""Partners make views of their own and have them sent; nobody sees or changes another's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.test import Client

from companies.models import Company
from directory.models import Revision, Source
from directory.publishing import edit
from partners import view_pages
from partners.models import Partner, PublicView
from partners.public_views import HIDDEN
from partners.webhooks import State, Webhook
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.receiving import Clock, Receiver, receiving
from tests.test_webhooks import attend, clock, courier_to, make_webhook

__all__ = ["clock"]

pytestmark = pytest.mark.django_db

FORM = {"name": "AI in Lahore", "description": "Shown <b>here</b>", "query": "hub=lahore", "is_published": "on"}


@pytest.fixture
def user() -> User:
    return make.make_user("sana")


@pytest.fixture
def partner(user: User) -> Partner:
    make.lahore()
    return make.make_partner("Shop", users=[user])


@pytest.fixture
def other(partner: Partner) -> Partner:
    return make.make_partner("Bank", users=[make.make_user("fatima")])


@pytest.fixture
def client(user: User) -> Client:
    return signed_in(user)


def own_view(partner: Partner, query: str = "hub=lahore", **fields: Any) -> PublicView:
    view = make.make_view(query, **fields)
    PublicView.objects.filter(pk=view.pk).update(partner=partner)
    view.refresh_from_db()
    return view


def views_of(partner: Partner) -> str:
    return f"/partner/{partner.pk}/views/"


def page_of(partner: Partner, view: PublicView) -> str:
    return f"{views_of(partner)}{view.pk}/"


def test_a_partner_is_told_that_what_is_not_public_has_no_address(client: Client, partner: Partner) -> None:
    hidden = {name: value for name, value in FORM.items() if name != "is_published"}
    assert HIDDEN in client.post(views_of(partner), hidden, follow=True).content.decode()
    page = page_of(partner, PublicView.objects.get())
    assert HIDDEN in client.post(page, hidden, follow=True).content.decode()
    assert HIDDEN not in client.post(page, FORM, follow=True).content.decode()


def test_a_partner_makes_a_view_and_changes_it(api: Client, client: Client, partner: Partner, user: User) -> None:
    assert client.get(views_of(partner)).status_code == 200
    shown = client.post(views_of(partner), FORM, follow=True).content.decode()
    view = PublicView.objects.get()
    assert (view.partner, view.made_by, view.query) == (partner, user, "hub=lahore")
    assert "Shown &lt;b&gt;here&lt;/b&gt;" in shown
    assert HIDDEN not in shown
    assert api.get(f"/api/v1/views/{view.slug}/").status_code == 200
    revision = Revision.objects.latest("pk")
    assert (revision.by, revision.reason) == (user, "The partner Shop")
    client.post(page_of(partner, view), FORM | {"query": "?founded_year__gte=2015&hub=lahore"})
    view.refresh_from_db()
    assert (view.query, view.partner) == ("founded_year__gte=2015&hub=lahore", partner)
    assert view.name in client.get(views_of(partner)).content.decode()
    client.post(page_of(partner, view), {**FORM, "is_published": ""})
    assert api.get(f"/api/v1/views/{view.slug}/").status_code == 410


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"query": "hub=nowhere&siez=3"}, "There is no parameter"),
        ({"query": ""}, "This field is required."),
        ({"name": ""}, "This field is required."),
        ({"query": "hub=lahore&page_size=5"}, "this is up to whoever asks"),
    ],
)
def test_what_is_wrong_with_it_is_told_beside_it(
    client: Client, partner: Partner, wrong: dict[str, str], said: str
) -> None:
    response = client.post(views_of(partner), FORM | wrong)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not PublicView.objects.exists()
    view = own_view(partner)
    response = client.post(page_of(partner, view), FORM | wrong)
    assert (response.status_code, said in response.content.decode()) == (400, True)
    view.refresh_from_db()
    assert view.name == "Shown"


def test_there_are_not_too_many(client: Client, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_pages, "MOST_VIEWS", 1)
    view = own_view(partner)
    response = client.post(views_of(partner), FORM)
    assert (response.status_code, "at most 1 views" in response.content.decode()) == (400, True)
    assert client.post(page_of(partner, view), FORM).status_code == 302


@pytest.mark.security(15)
def test_nobody_sees_or_changes_the_views_of_others(
    user: User, partner: Partner, other: Partner, api: Client
) -> None:
    hidden = own_view(other, name="Of the bank", is_published=False)
    shown = own_view(other, name="The bank tells")
    of_directory = make.make_view("hub=lahore", name="Of the directory")
    closed = make.make_partner("Closed", users=[user], is_active=False)
    mine = signed_in(user)
    pages = [views_of(other), views_of(closed)]
    for view in (hidden, shown, of_directory):
        pages += [page_of(other, view), page_of(partner, view), page_of(closed, view)]
    for page in pages:
        assert (mine.get(page).status_code, mine.post(page, FORM).status_code) == (404, 404), page
        assert Client().get(page).status_code == 302
        assert Client().post(page, FORM).status_code == 302
        assert signed_in(make_member("editor", f"editor{pages.index(page)}")).post(page, FORM).status_code == 404
    assert {view.name for view in PublicView.objects.all()} == {"Of the bank", "The bank tells", "Of the directory"}
    assert "Of the bank" not in mine.get(views_of(partner)).content.decode()
    assert api.get(f"/api/v1/views/{hidden.slug}/").status_code == 404
    assert "Of the bank" not in api.get("/api/v1/views/").content.decode()


@pytest.mark.security(15)
def test_a_webhook_is_of_ones_own_view_or_the_directory_s(client: Client, partner: Partner, other: Partner) -> None:
    theirs = own_view(other, name="The bank tells")
    unpublished = own_view(partner, name="Not yet", is_published=False)
    allowed = [own_view(partner, name="Own"), make.make_view("hub=lahore", name="Of the directory")]
    url = f"/partner/{partner.pk}/webhooks/"
    page = client.get(url).content.decode()
    assert [name in page for name in ("The bank tells", "Not yet", "Own", "Of the directory")] == [0, 0, 1, 1]
    for view in (theirs, unpublished):
        response = client.post(url, {"url": "https://shop.example/hooks", "view": view.pk})
        assert (response.status_code, Webhook.objects.count()) == (400, 0)
    for view in allowed:
        assert client.post(url, {"url": "https://shop.example/hooks", "view": view.pk}).status_code == 200
    assert {webhook.view for webhook in Webhook.objects.all()} == set(allowed)
    assert "companies of the view “Own”" in client.get(url).content.decode()
    webhook = Webhook.objects.first()
    assert webhook
    own_page = f"{url}{webhook.pk}/"
    client.post(own_page, {"button": "save", "url": webhook.url, "view": theirs.pk})
    webhook.refresh_from_db()
    assert webhook.view in allowed


@pytest.mark.parametrize("beside", [{"query": "hub=lahore"}, {"kinds": ["company"]}])
def test_a_webhook_is_of_a_view_or_of_something_else(client: Client, partner: Partner, beside: Any) -> None:
    view = own_view(partner)
    response = client.post(
        f"/partner/{partner.pk}/webhooks/", {"url": "https://shop.example/hooks", "view": view.pk, **beside}
    )
    assert response.status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        make.make_webhook(view=view, **beside)


# What is sent


def told(shop: Receiver) -> list[tuple[str, str]]:
    """(action, slug or name of the company) of what came, which is then forgotten."""
    names = {company.public_id: company.name for company in Company.objects.all()}
    found = [(record["action"], names[record["id"]]) for record in shop.records]
    shop.records.clear()
    return found


def test_a_webhook_of_a_view_tells_what_another_query_adds_and_takes_away(partner: Partner, clock: Clock) -> None:
    multan = make.make_hub("Multan")
    make.make_company("Airlift")
    cubix = make.make_company("Cubix", hub=multan)
    both = make.make_company("Devsinc", founded_year=2010)
    view = own_view(partner, "hub=lahore&ordering=-founded_year", name="Watched")
    with receiving() as shop:
        webhook, courier = make_webhook(shop, view=view, partner=partner), courier_to(shop, clock=clock)
        attend(courier, webhook)
        [payload] = shop.taken.values()
        assert payload["data"]["view"] == {"id": view.public_id, "slug": "watched", "name": "Watched"}
        assert payload["data"]["begins"]
        assert sorted(told(shop)) == [("entered", "Airlift"), ("entered", "Devsinc")]
        edit(both, {"summary": "New"}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert told(shop) == [("updated", "Devsinc")]
        edit(view, {"query": "hub=multan"}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert sorted(told(shop)) == [("entered", "Cubix"), ("left", "Airlift"), ("left", "Devsinc")]
        edit(view, {"description": "Said otherwise"}, source=Source.SYSTEM)
        make.make_view("hub=lahore", name="Another")
        edit(multan, {"slug": "city-of-saints"}, source=Source.SYSTEM)
        attend(courier, webhook)
        assert told(shop) == [("updated", "Cubix")]  # whose document names the hub
        edit(cubix, {"hub": "lahore"}, source=Source.SYSTEM)
        webhook = attend(courier, webhook)
        assert told(shop) == [("left", "Cubix")]
        assert (webhook.state, webhook.problem) == (State.ACTIVE, "")


def test_a_view_that_is_no_longer_public_ends_its_webhooks_and_says_so(partner: Partner, clock: Clock) -> None:
    view = own_view(partner, name="Watched")
    make.make_company("Airlift")
    with receiving() as shop:
        webhook, courier = make_webhook(shop, view=view, partner=partner), courier_to(shop, clock=clock)
        attend(courier, webhook)
        edit(view, {}, source=Source.SYSTEM, is_published=False)
        webhook = attend(courier, webhook)
    assert webhook.state == State.DISABLED
    assert "“Watched” is not public any more" in webhook.problem
    with pytest.raises(ProtectedError):
        view.delete()
