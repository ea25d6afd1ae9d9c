"""Public views: a query under a name, its address, feeds and embeds, and what becomes of it when others change."""

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import orjson
import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.db import IntegrityError
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.serializers import ValidationError

from companies.models import Company
from directory.constraints import violation
from directory.models import Source, Version
from directory.publishing import edit, publication
from directory.undoing import undo
from partners.models import PublicView
from partners.public_views import HIDDEN
from tests.curators import make_member, signed_in
from tests.factories import make_company, make_curator, make_hub, make_specialty, make_view
from tests.lists import mistakes, slugs
from tests.test_admin import url_of
from tests.test_conflicts import opened

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
SURFACES = ["/api/v1/views/{}/", "/views/{}/feed.atom", "/views/{}/feed.json"]
BY_PARAMETER = ["/embed/?view={}", "/embed/fragment/?view={}"]


def withdraw(row: Any) -> None:
    with publication(source=Source.ADMIN):
        type(row).objects.get(pk=row.pk).hide()


def test_further_filters_narrow_it_and_an_order_replaces_its_own(api: Client) -> None:
    lahore = make_hub("Lahore")
    make_company("Younger", hub=lahore, founded_year=2020)
    make_company("Older", hub=lahore, founded_year=2001)
    make_company("Elsewhere", hub=make_hub("Karachi"), founded_year=2020)
    make_view("hub=lahore&ordering=-founded_year")

    def shown(query: str) -> list[str]:
        return slugs([api.get(f"/api/v1/views/shown/?{query}").json()])

    assert shown("") == ["younger", "older"]
    assert shown("ordering=founded_year") == ["older", "younger"]
    assert shown("founded_year__gte=2010") == ["younger"]
    assert shown("hub=lahore") == ["younger", "older"]
    assert shown("hub__not=lahore") == []
    wrong = mistakes(api, "views/shown/?hub=karachi&siez=3&page=0")
    assert wrong == [
        ("hub", "conflicting_parameters"),
        ("siez", "unknown_parameter"),
        ("page", "invalid_value"),
    ]


def test_a_better_query_is_answered_at_once(api: Client) -> None:
    make_company("In Lahore", hub=make_hub("Lahore"))
    make_company("In Karachi", hub=make_hub("Karachi"))
    view = make_view("hub=lahore")
    paths = [path.format("shown") for path in (*SURFACES, *BY_PARAMETER)]
    before = [api.get(path) for path in paths]
    edit(view, {"query": "hub=karachi"}, source=Source.ADMIN)
    for path, old in zip(paths, before, strict=True):
        new = api.get(path, headers={"if-none-match": old["ETag"]})
        assert (b"In Lahore" in old.content, b"In Karachi" in old.content) == (True, False)
        assert (b"In Lahore" in new.content, b"In Karachi" in new.content) == (False, True)


# Its address


@pytest.mark.parametrize("path", SURFACES)
def test_an_address_follows_its_view(api: Client, path: str) -> None:
    make_company("Listed", hub=make_hub("Lahore"))
    view = make_view("hub=lahore", slug="first")
    edit(view, {"slug": "second"}, source=Source.ADMIN)
    moved: Any = api.get(f"{path.format('first')}?kind__isnull=false")
    assert moved.status_code == 308
    assert moved["Location"].removeprefix(settings.SITE_URL) == f"{path.format('second')}?kind__isnull=false"
    assert api.get(path.format("second")).status_code == 200
    assert api.get(path.format(view.public_id), follow=True).status_code == 200
    withdraw(view)
    for slug, status in (("first", 410), ("second", 410), (view.public_id, 410), ("never", 404)):
        answer = api.get(path.format(slug))
        assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")
        assert b"Listed" not in answer.content


@pytest.mark.parametrize("path", BY_PARAMETER)
def test_an_embed_follows_its_view(api: Client, path: str) -> None:
    make_company("Listed", hub=make_hub("Lahore"))
    view = make_view("hub=lahore", slug="first", name="First & foremost")
    edit(view, {"slug": "second"}, source=Source.ADMIN)
    for key in ("first", "second", view.public_id):
        answer = api.get(path.format(key))
        assert answer.status_code == 200
        assert b"Listed" in answer.content
        assert b"First &amp; foremost" in answer.content
    assert b"view: This parameter is given once only." in api.get(path.format("first") + "&view=second").content
    withdraw(view)
    assert api.get(path.format("second")).status_code == 410
    assert api.get(path.format("never")).status_code == 404


def test_a_slip_in_the_address_is_told_what_may_have_been_meant(api: Client) -> None:
    make_hub("Lahore")
    make_view("hub=lahore", slug="ai-in-lahore", name="AI in Lahore")
    assert api.get("/api/v1/views/ai-in-lahor/").json()["did_you_mean"] == ["ai-in-lahore"]


def test_oembed_shows_a_view_by_either_address(api: Client) -> None:
    make_hub("Lahore")
    make_view("hub=lahore", name="Lahore’s own", slug="shown")
    answers = [
        api.get(f"/embed/oembed/?url={quote(settings.SITE_URL + path, safe='')}").json()
        for path in ("/embed/?view=shown&theme=dark", "/api/v1/views/shown/?theme=dark")
    ]
    assert answers[0] == answers[1]
    assert answers[0]["title"] == "Lahore’s own"
    assert f'src="{settings.SITE_URL}/embed/?view=shown&amp;theme=dark"' in answers[0]["html"]
    assert api.get(f"/embed/oembed/?url={settings.SITE_URL}/api/v1/views/never/").status_code == 404


# What nobody is to see


@pytest.mark.parametrize("path", [*SURFACES, *BY_PARAMETER])
def test_what_is_not_published_is_not_in_it(api: Client, path: str) -> None:
    lahore = make_hub("Lahore")
    make_company("Listed", hub=lahore)
    make_company("Drafted", hub=lahore, status=Company.Status.DRAFT)
    withdraw(make_company("Withdrawn", hub=lahore))
    make_view("hub=lahore")
    answer = api.get(path.format("shown"))
    assert b"Listed" in answer.content
    assert b"Drafted" not in answer.content
    assert b"Withdrawn" not in answer.content


def test_a_view_that_is_not_published_is_nowhere(api: Client) -> None:
    make_company("Listed", hub=make_hub("Lahore"))
    edit(PublicView(), {"name": "Secret", "query": "hub=lahore"}, source=Source.ADMIN)
    for path in (*SURFACES, *BY_PARAMETER):
        assert api.get(path.format("secret")).status_code == 404
    for path in ("/api/v1/views/", "/api/v1/changes/"):
        assert b"Secret" not in api.get(path).content


# What a view may ask


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("hub=lahore", "hub=lahore"),
        (" ?ordering=-name&hub=lahore ", "hub=lahore&ordering=-name"),
        ("http://127.0.0.1:8000/api/v1/companies/?hub=lahore&hub=karachi", "hub=lahore,karachi"),
        ("q=what?&founded_year__gte=2015", "founded_year__gte=2015&q=what%3F"),
        ("export_market=us", "export_market=US"),
        ("hub=lhr", "hub=lahore"),
    ],
)
def test_a_query_is_kept_as_the_list_spells_it(given: str, kept: str) -> None:
    hub = make_hub("Lhr")
    edit(hub, {"name": "Lahore", "slug": "lahore"}, source=Source.ADMIN)
    make_hub("Karachi")
    assert make_view(given).query == kept


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("hub=lahor", "hub: There is no hub “lahor”. Perhaps “lahore”?"),
        ("siez=3", "siez: There is no parameter “siez”."),
        ("hub=lahore&page_size=5", "page_size: A view says which companies"),
        ("hub=lahore&format=csv&fields=name", "format: A view says which companies"),
        ("ordering=size", "ordering: “size” is not one of"),
        ("name=" + "x" * 201, "name: A value is longer than 200 characters."),
        ("", "blank"),
        ("?", "A view asks for something"),
    ],
)
def test_what_the_list_would_refuse_is_no_view(query: str, said: str) -> None:
    make_hub("Lahore")
    with pytest.raises(ValidationError) as refused:
        make_view(query)
    assert said in str(refused.value)
    assert not PublicView.objects.exists()


def test_the_database_keeps_views_that_ask_for_something() -> None:
    with pytest.raises(IntegrityError) as refused, publication(source=Source.ADMIN):
        PublicView.objects.create(name="Everything", query="")
    assert "asks for something" in str(violation(refused.value))


def test_a_query_follows_a_hub_that_is_called_otherwise(api: Client) -> None:
    lahore = make_hub("Lahore")
    make_company("Listed", hub=lahore)
    make_view("hub=lahore")
    edit(lahore, {"name": "Greater Lahore", "slug": "greater-lahore"}, source=Source.ADMIN)
    answer = api.get("/api/v1/views/shown/").json()
    assert slugs([answer]) == ["listed"]
    assert answer["meta"]["query"]["applied"] == {"hub": ["greater-lahore"]}
    assert slugs([api.get("/api/v1/views/shown/?hub=lahore").json()]) == ["listed"]


def test_a_view_of_what_is_gone_says_so_and_is_mended(api: Client) -> None:
    hub = make_hub("Lahore")
    make_company("Listed", hub=make_hub("Karachi"))
    view = make_view("hub=lahore")
    withdraw(hub)
    answer: Any = api.get("/api/v1/views/shown/?page_size=5")
    problem = answer.json()
    assert (answer.status_code, problem["code"], answer["Retry-After"]) == (503, "broken_view", "3600")
    assert [(error["parameter"], error["code"]) for error in problem["errors"]] == [("hub", "unknown_value")]
    assert answer["Cache-Control"] == "no-store"
    for path in (*SURFACES[1:], *BY_PARAMETER):
        answer = api.get(path.format("shown"))
        assert (answer.status_code, answer["Retry-After"]) == (503, "3600")
        assert "There is no hub “lahore”." in answer.content.decode()
    page = signed_in(make_curator()).get("/admin/partners/publicview/").content.decode()
    assert "Broken. hub: There is no hub “lahore”." in page
    edit(view, {"query": "hub=karachi"}, source=Source.ADMIN)
    assert slugs([api.get("/api/v1/views/shown/").json()]) == ["listed"]


# Feeds


def test_a_feed_has_what_changed_last_first_under_ids_that_stay(api: Client) -> None:
    lahore = make_hub("Lahore")
    older = make_company("Older", hub=lahore, specialties=[make_specialty("AI")], website="https://older.example/")
    make_company("Newer", hub=lahore)
    view = make_view("hub=lahore&ordering=name", description="What is new & good")
    edit(older, {"name": "Oldest", "slug": "oldest", "summary": "<b>Bold</b>"}, source=Source.ADMIN)

    atom = ElementTree.fromstring(api.get("/views/shown/feed.atom").content)
    entries = list(atom.iter(f"{ATOM}entry"))
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Oldest", "Newer"]
    assert atom.findtext(f"{ATOM}subtitle") == "What is new & good"
    feed: Any = orjson.loads(api.get("/views/shown/feed.json").content)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"{settings.SITE_URL}/views/shown/feed.json"
    assert feed["home_page_url"] == f"{settings.SITE_URL}/embed/?view=shown"
    first = feed["items"][0]
    assert (first["title"], first["content_text"]) == ("Oldest", "<b>Bold</b> (Lahore)")
    assert (first["tags"], first["external_url"]) == (["AI"], "https://older.example/")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert ids == [item["id"] for item in feed["items"]]
    assert ids[0] == f"{settings.SITE_URL}/api/v1/companies/{older.public_id}/"
    assert api.get(str(ids[0]).removeprefix(settings.SITE_URL)).status_code == 200

    edit(view, {"slug": "renamed"}, source=Source.ADMIN)
    renamed = ElementTree.fromstring(api.get("/views/renamed/feed.atom").content)
    assert renamed.findtext(f"{ATOM}id") == atom.findtext(f"{ATOM}id")


def test_a_feed_of_a_view_changed_when_a_company_did_or_the_view(api: Client) -> None:
    company = make_company("Listed", hub=make_hub("Lahore"))
    view = make_view("hub=lahore")
    seen = []
    for changed, values in [
        (company, {"summary": "Edited"}),
        (view, {"query": "hub=lahore&ordering=name"}),
        (company, {"summary": "Edited again"}),
    ]:
        edit(changed, values, source=Source.ADMIN)
        feed = ElementTree.fromstring(api.get("/views/shown/feed.atom").content)
        seen.append(feed.findtext(f"{ATOM}updated"))
        changed.refresh_from_db()
        assert seen[-1] == orjson.loads(str(changed.document))["updated_at"]
    assert len(set(seen)) == 3


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json", "/views/shown/feed.atom", "/views/shown/feed.json"])
def test_a_feed_is_asked_for_again_by_its_etag(api: Client, path: str) -> None:
    make_company("Listed", hub=make_hub("Lahore"))
    make_view("hub=lahore")
    answer = api.get(f"{path}?kind=established")
    assert "stale-if-error" in answer["Cache-Control"]
    assert api.get(f"{path}?kind=established", headers={"if-none-match": answer["ETag"]}).status_code == 304
    make_hub("Multan")  # which is in no feed
    assert api.get(f"{path}?kind=established", headers={"if-none-match": answer["ETag"]}).status_code == 304
    for query in ("format=csv", "fields=name", "siez=3"):
        assert api.get(f"{path}?{query}").status_code == 400
    assert api.get(path.replace("atom", "rss").replace("json", "rss")).status_code == 404


# Its place in the log


def test_a_change_of_a_view_is_in_the_log_and_can_be_undone(api: Client) -> None:
    make_company("In Lahore", hub=make_hub("Lahore"))
    make_hub("Karachi")
    view = make_view("hub=lahore")
    edit(view, {"query": "hub=karachi"}, source=Source.ADMIN)
    records = api.get("/api/v1/changes/?kind=publicview").json()["results"]
    assert [record["document"]["query"] for record in records] == ["hub=lahore", "hub=karachi"]
    newest = Version.objects.latest("pk").revision
    undo(newest, by=None)
    assert slugs([api.get("/api/v1/views/shown/").json()]) == ["in-lahore"]


# Curators


FORM = {"name": "Of Lahore", "slug": "", "description": "", "query": "?hub=lahore", "is_published": "on"}
ADD = "/admin/partners/publicview/add/"


def test_an_editor_sees_what_a_view_finds_before_it_is_one(api: Client) -> None:
    lahore = make_hub("Lahore")
    for name in ("Arbisoft", "Devsinc"):
        make_company(name, hub=lahore)
    make_company("Elsewhere", hub=make_hub("Karachi"))
    browser = signed_in(make_member("editor"))
    page = browser.post(ADD, {**FORM, "_preview": "Preview"}).content.decode()
    assert "The query finds 2 companies now: Arbisoft, Devsinc." in page
    assert not PublicView.objects.exists()
    wrong = browser.post(ADD, {**FORM, "query": "hub=lahor", "_preview": "Preview"}).content.decode()
    assert "hub: There is no hub “lahor”. Perhaps “lahore”?" in wrong
    assert "The query finds" not in wrong
    assert browser.post(ADD, FORM).status_code == 302
    view = PublicView.objects.get()
    assert (view.slug, view.query, view.made_by and view.made_by.username) == ("of-lahore", "hub=lahore", "bilal")
    assert slugs([api.get("/api/v1/views/of-lahore/").json()]) == ["arbisoft", "devsinc"]
    assert "Works" in browser.get("/admin/partners/publicview/").content.decode()


def test_an_editor_is_told_that_what_is_not_public_has_no_address(
    api: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_hub("Lahore")
    browser = signed_in(make_member("editor"))

    def told(url: str, form: dict[str, str]) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            response: Any = browser.post(url, form)
        return " ".join(str(message) for message in get_messages(response.wsgi_request))

    assert HIDDEN in told(ADD, {name: value for name, value in FORM.items() if name != "is_published"})
    view = PublicView.objects.get()
    for surface in (*SURFACES, *BY_PARAMETER):
        assert api.get(surface.format(view.slug)).status_code == 404, surface
    said = told(url_of(view), opened(browser, url_of(view)) | {"is_published": "on"})
    assert "was changed successfully" in said
    assert HIDDEN not in said
    assert api.get(SURFACES[0].format(view.slug)).status_code == 200


def test_a_contributor_makes_none() -> None:
    make_hub("Lahore")
    assert signed_in(make_member("contributor")).post(ADD, FORM).status_code == 403
    assert not PublicView.objects.exists()


def test_the_list_of_views_names_those_that_are_published(api: Client) -> None:
    make_hub("Lahore")
    make_view("hub=lahore", description="Of Lahore")
    make_view(name="Drafted", is_published=False)
    answer = api.get("/api/v1/views/?name__startswith=sho").json()
    [row] = answer["results"]
    assert row["query"] == "hub=lahore"
    assert row["description"] == "Of Lahore"
    assert api.get(row["url"]).status_code == 200
    assert slugs([api.get("/api/v1/views/").json()]) == ["shown"]
    exported: Any = api.get("/api/v1/views/?format=csv&fields=name")
    assert b"".join(exported.streaming_content) == b"name\r\nShown\r\n"
