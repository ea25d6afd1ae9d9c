"""The admin: every model is in it, every page costs the same however much there is, and saving publishes."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import directory.curating
from companies.links import LinkCheck
from companies.merging import merge_companies
from companies.models import Company, Specialty
from companies.unplaced import UnplacedValue
from companies.workflow import Step
from directory.models import Mark, Revision, SavedView, Source
from directory.narrowing import MOST_OPTIONS
from directory.publishing import WRITERS_LOCK, publication
from hubs.models import Hub
from partners.models import Usage
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.log import actions, document, marked

pytestmark = pytest.mark.django_db

OURS = ("directory", "hubs", "companies", "partners")
LIST = "admin:companies_company_changelist"
CHANGE = "admin:companies_company_change"


@pytest.fixture
def client() -> Client:
    return signed_in(make.make_curator())


class Form(HTMLParser):
    """What a browser would send if the form were submitted as it stands."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.data: dict[str, Any] = {}
        self.writing: str | None = None
        self.choosing: str | None = None
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        attributes = dict(found)
        name = attributes.get("name")
        if tag == "input" and name and attributes.get("type") != "submit":
            if attributes.get("type") != "checkbox" or "checked" in attributes:
                self.data[name] = attributes.get("value") or ""
        elif tag == "textarea":
            self.writing = name
            self.data[name or ""] = ""
        elif tag == "select":
            self.choosing = name
        elif tag == "option" and "selected" in attributes and self.choosing:
            self.data.setdefault(self.choosing, []).append(attributes.get("value") or "")

    def handle_data(self, text: str) -> None:
        if self.writing:
            self.data[self.writing] += text

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.writing:
            self.data[self.writing] = self.data[self.writing].removeprefix("\n")
            self.writing = None


def submit(client: Client, url: str, **changes: Any) -> Any:
    """Open the page, change some fields, press Save."""
    data = {key: value for key, value in Form(client.get(url)).data.items() if "__prefix__" not in key}
    return client.post(url, data | changes)


def act(client: Client, action: str, *companies: Company, reason: str = "Seen.", **values: Any) -> Any:
    """Choose an action of the list, look at the preview, give the reason, go on; what is answered at last."""
    chosen = {"action": action, "_selected_action": [company.pk for company in companies], "index": 0}
    response = client.post(reverse(LIST), chosen)
    if "/bulk/" not in response.get("Location", ""):
        return response
    url = f"{response['Location']}&{urlencode({'preview': 1, **values}, doseq=True)}"
    return client.post(url, Form(client.get(url)).data | {"reason": reason})


def url_of(obj: Any, view: str = "change") -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{view}", args=[obj.pk])


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def errors(response: Any) -> str:
    """What the page complains about, as text."""
    assert response.status_code == 200
    found = re.findall(r'<ul class="errorlist.*?</ul>', response.content.decode(), re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(found)).split())


def messages(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def make_everything() -> None:
    """At least one row of each of our models."""
    make.make_company(
        "10Pearls",
        specialties=[make.make_specialty()],
        industries=[make.make_industry()],
        programs=[make.make_program()],
    )
    make.make_indicator()
    for part in (make.make_office, make.make_credential, make.make_identifier, make.make_source):
        part(Company.objects.get())
    Step.objects.create(company=Company.objects.get(), after="published")
    LinkCheck.objects.create(company=Company.objects.get(), url="https://10pearls.com/")
    UnplacedValue.objects.create(company=Company.objects.get(), field="specialties", value="zkyc")
    merge_companies(keep=Company.objects.get(), drop=make.make_company("10 Pearls"), choices={}, by=None)
    make.make_import()
    make.make_duplicate(*Company.objects.order_by("pk")[:2])
    make.make_suggestion()
    make.make_delivery()
    make.make_view()
    Mark.objects.create(kind="company", object_id=1)
    owner = User.objects.filter(username="dua").first() or make.make_curator("dua", is_superuser=False)
    SavedView.objects.create(user=owner, kind="company", name="Lahore", query="q=lahore", shared=True)
    apps.get_model("directory", "Log").objects.get_or_create(pk=1)
    key, _ = make.make_key()
    Usage.objects.create(key=key, day="2026-03-31", requests=1)


# Every model


def test_every_model_is_registered() -> None:
    """But the many-to-many rows, which are edited as a company's field, sums that nobody reads by themselves, and
    when duplicates were last looked for, which stands above their list."""
    ours = {m for m in apps.get_models() if m._meta.app_label in OURS and not m._meta.proxy}
    sums = {apps.get_model("directory", "Bucket"), apps.get_model("partners", "Member")}
    assert ours - sums - {apps.get_model("companies", "DuplicateSearch")} <= set(admin.site._registry)


def test_the_first_page_counts_what_waits_in_one_query() -> None:
    company = make.make_company("Zorvex")
    make.make_suggestion(company, summary="Buses")
    make.make_duplicate(company, make.make_company("Zorvexx"))
    make.make_import()
    editor = make_member("editor")
    SavedView.objects.create(user=editor, name="Mine", kind="company", query="ask=without_hub")
    titles = {
        "Companies waiting for me": 0,
        "Open suggestions": 1,
        "Possible duplicates": 1,
        "Imports that wait": 1,
    }
    response = signed_in(editor).get("/admin/")
    assert {one.title: number for one, number in response.context["work"]} == titles
    assert "?ask=without_hub" in response.content.decode()
    for one, number in response.context["work"]:
        listed = signed_in(editor).get(f"/admin/{one.path}")
        assert listed.context["cl"].result_count == number
    editor.get_all_permissions()
    with CaptureQueriesContext(connection) as captured:
        admin.site.counted(editor)  # type: ignore[attr-defined]
    assert len(captured) == 1


@pytest.mark.parametrize(("role", "is_shown"), [("editor", False), ("administrator", True)])
def test_the_machinery_stands_apart_and_for_administrators(role: str, is_shown: bool) -> None:
    apps_shown = signed_in(make_member(role)).get("/admin/").context["app_list"]
    machinery = [model["name"] for app in apps_shown if app["app_label"] == "machinery" for model in app["models"]]
    elsewhere = [model["name"] for app in apps_shown if app["app_label"] != "machinery" for model in app["models"]]
    assert ("Words" in machinery, "Words" in elsewhere) == (is_shown, False)
    assert "Companies" in elsewhere


def test_the_log_cannot_be_edited(client: Client) -> None:
    make_everything()
    for name in ("revision", "version", "mark", "address", "log"):
        row = apps.get_model("directory", name).objects.first()
        assert client.post(url_of(row), {}).status_code == 403, name
        assert client.post(url_of(row, "delete"), {"post": "yes"}).status_code == 403, name


@pytest.mark.security(26)
def test_reading_opens_no_publication(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    company = make.make_company()

    def refuse(**_: Any) -> None:
        raise AssertionError("a page that only reads opened a publication")

    monkeypatch.setattr(directory.curating, "publication", refuse)
    urls = [reverse(LIST), reverse("admin:companies_company_add"), url_of(company), url_of(company, "delete")]
    for url in urls:
        assert client.get(url).status_code == 200


# Constant cost


def fill(number: int) -> None:
    """``number`` companies, each with a hub, a specialty, an industry, a program and an office of its own."""
    with publication(source=Source.SYSTEM):
        for n in range(Specialty.objects.count(), Specialty.objects.count() + number):
            hub = make.make_hub(f"Hub {n:03}")
            company = make.make_company(
                f"Company {n:03}",
                hub=hub,
                specialties=[make.make_specialty(f"Specialty {n:03}", emerging=True)],
                industries=[make.make_industry(f"Industry {n:03}")],
                programs=[make.make_program(f"Program {n:03}", hub=hub)],
            )
            make.make_office(company, hub=hub)
            make.make_credential(company)
            make.make_identifier(company, value=f"{n:07}")
            make.make_source(company)
            make.make_indicator(f"Firms in {hub}", hub=hub)


def page(client: Client, name: str) -> str:
    model = apps.get_model(name.removesuffix(" form"))
    if not name.endswith(" form"):
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return url_of(model._default_manager.order_by("pk").first())


# Of each: session, user, second factor. Of a list: how many, the rows. Of a form: the row, the label of each choice.
QUERIES = {
    "companies.company": 9,  # + all counts, hubs and specialties to filter by, saved views
    # + specialties, industries, programs; offices, credentials, identifiers, sources; a label for each of the first
    # three, the hub and the program's hub; the company and the hub of the office's row; its steps, its link check
    "companies.company form": 19,
    "companies.specialty": 6,  # + saved views, as in every list of what is published
    "companies.specialty form": 4,
    "companies.industry": 6,
    "companies.office": 6,  # + hubs to filter by
    "companies.office form": 8,  # + company and hub, and their labels
    "companies.identifier": 5,
    "companies.credential": 5,
    "companies.source": 5,
    "hubs.hub": 6,
    "hubs.hub form": 4,
    "hubs.program": 7,  # + hubs to filter by
    "hubs.indicator": 9,  # + hubs to filter by, the earliest and latest period, the periods to choose from
    "directory.revision": 6,  # + curators to filter by
    "directory.version": 5,
    "directory.address": 5,
}


def test_query_counts(client: Client, forget: Callable[[], None]) -> None:
    for number in (3, 27):
        fill(number)
        ContentType.objects.get_for_models(*apps.get_models())  # asked for once a process
        counts = {}
        for name in QUERIES:
            url = page(client, name)
            forget()
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            counts[name] = len(queries)
        assert counts == QUERIES


def test_no_form_grows_with_the_vocabulary(client: Client) -> None:
    fill(3)
    urls = [page(client, name) for name in QUERIES if name.endswith(" form")]
    before = [len(client.get(url).content) for url in urls]
    fill(40)
    # Tokens against forgery differ in value, not in length.
    assert [len(client.get(url).content) for url in urls] == before


def test_a_filter_offers_a_hundred_at_most(client: Client) -> None:
    with publication(source=Source.SYSTEM):
        for n in range(120):
            hub = make.make_hub(f"Hub {n:03}")
            make.make_company(f"Company {n:03}", hub=hub)
            make.make_program(f"Program {n:03}", hub=hub)
    for url, most in ((reverse(LIST), 12), (reverse("admin:hubs_program_changelist"), MOST_OPTIONS)):
        assert client.get(url).content.decode().count("?hub__id__exact=") == most


# Saving publishes


def test_saving_publishes_once_under_the_curators_name(client: Client) -> None:
    company = make.make_company("10Pearls", founded_year=2004)
    before = Revision.objects.latest("pk")
    office = {"offices-TOTAL_FORMS": "1", "offices-0-hub": str(company.hub_id), "offices-0-address": "Arfa Tower"}
    response = submit(client, url_of(company), founded_year="2005", **office)
    assert response.status_code == 302
    revision = Revision.objects.get(pk__gt=before.pk)
    assert revision.by is not None
    assert (revision.source, revision.by.username) == ("admin", "ayesha")
    assert revision.reason == "Changed Founded year. Added office “10Pearls in Lahore”."
    assert actions(before.pk) == [("company", "10pearls", "updated")]
    assert document(company)["founded_year"] == 2005
    assert document(company)["offices"][0]["address"] == "Arfa Tower"
    assert not marked()


def test_saving_what_is_there_writes_no_revision(client: Client) -> None:
    company = make.make_company(
        aliases=["SYSTEMS LTD", "Systems, Inc."],
        export_markets=["US", "GB"],
        specialties=[make.make_specialty()],
        industries=[make.make_industry()],
        programs=[make.make_program()],
    )
    for part in (make.make_office, make.make_credential, make.make_identifier, make.make_source):
        part(company)
    before = Revision.objects.latest("pk")
    for row in (company, company.hub, *company.specialties.all(), make.make_indicator(), company.offices.get()):
        before = Revision.objects.latest("pk")
        assert submit(client, url_of(row)).status_code == 302
        assert Revision.objects.latest("pk") == before, row


def test_adding_publishes(client: Client) -> None:
    hub = make.make_hub()
    added = {
        "name": "Arbisoft",
        "website": "https://arbisoft.com/",
        "hub": hub.pk,
        "status": "published",
        "unsourced": "on",
    }
    response = submit(client, reverse("admin:companies_company_add"), **added)
    assert response.status_code == 302
    assert document(Company.objects.get(slug="arbisoft"))["domain"] == "arbisoft.com"


def test_a_draft_stays_private_until_it_is_published(client: Client) -> None:
    draft = make.make_company(status="draft")
    before = Revision.objects.latest("pk").pk
    submit(client, url_of(draft), summary="Banking software.")
    assert actions(before) == []
    act(client, "publish", draft)
    assert actions(before) == [("company", "systems-limited", "created")]
    assert Revision.objects.latest("pk").reason == "Seen."
    act(client, "withdraw", draft, reason="Does not exist.")
    assert actions(before)[1:] == [("company", "systems-limited", "withdrawn")]


def test_deleting_leaves_a_tombstone_without_the_name(client: Client) -> None:
    company = make.make_company("Netsol Technologies")
    before = Revision.objects.latest("pk").pk
    assert client.post(url_of(company, "delete"), {"post": "yes"}).status_code == 302
    assert actions(before) == [("company", "netsol-technologies", "withdrawn")]
    assert Revision.objects.latest("pk").reason == "Deleted."


def test_renaming_a_hub_publishes_its_companies(client: Client) -> None:
    company = make.make_company()
    submit(client, url_of(company.hub), name="Lahore (Punjab)")
    assert document(company)["hub"]["name"] == "Lahore (Punjab)"


def test_an_action_on_thousands_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    monkeypatch.setattr(directory.curating, "CHUNK", 1)
    companies = [make.make_company(name) for name in ("Arbisoft", "Devsinc")]
    before = Revision.objects.latest("pk")
    with django_capture_on_commit_callbacks(execute=True):
        chosen = {"action": "withdraw", "_selected_action": companies[0].pk, "index": 0, "select_across": "1"}
        response = client.post(reverse(LIST), chosen)
    assert messages(response) == ["At most 1 at once: filter the list first."]
    assert Revision.objects.latest("pk") == before


def test_no_browser_cuts_what_is_pasted(client: Client) -> None:
    company = make.make_company()
    make.make_source(company)
    assert "maxlength" not in page_of(client, url_of(company))


def test_who_gives_a_name_that_makes_no_slug_is_told(
    client: Client, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = submit(client, reverse("admin:companies_company_add"), name="سسٹمز لمیٹڈ")
    company = Company.objects.get()
    assert f"so its slug is “{company.slug}”: give it a better one." in " ".join(messages(response))


# What cannot be done now


def test_a_hub_in_use_cannot_be_deleted_and_the_page_names_its_users(client: Client) -> None:
    company = make.make_company("Devsinc")
    response = client.get(url_of(company.hub, "delete"))
    assert "Devsinc" in response.content.decode()
    client.post(url_of(company.hub, "delete"), {"post": "yes"})
    assert Hub.objects.filter(slug="lahore").exists()


@pytest.mark.django_db(transaction=True)
def test_a_curator_who_meets_another_writer_is_told_and_keeps_the_input(client: Client) -> None:
    company = make.make_company()
    # Curators wait for seconds; the test need not.
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 100")
    parameters: Any = connection.get_connection_params()
    own = ("cursor_factory", "context", "prepare_threshold")
    try:
        with psycopg.connect(**{k: v for k, v in parameters.items() if k not in own}) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
            response = submit(client, url_of(company), summary="Typed for an hour.")
            deleting = client.post(url_of(company, "delete"), {"post": "yes"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    assert "Somebody else is writing just now. Nothing was saved: try again." in errors(response)
    assert Form(response).data["summary"] == "Typed for an hour."
    assert messages(deleting) == ["Somebody else is writing just now. Nothing was saved: try again."]
    assert Company.objects.filter(pk=company.pk, summary="").exists()


# Finding


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("caf", ["cafe-teknik"]),
        ("TEKNIK cafe", ["cafe-teknik"]),
        ("کیفے", ["cafe-teknik"]),
        ("teknik.pk", ["cafe-teknik"]),
        ("cafe-teknik", ["cafe-teknik"]),
        ("nothing of the kind", []),
        ("%", []),
    ],
)
def test_companies_are_found_however_they_are_written(client: Client, text: str, found: list[str]) -> None:
    make.make_company("Café Teknik", slug="cafe-teknik", aliases=["کیفے"], website="https://teknik.pk/")
    make.make_company("Devsinc")
    response = client.get(reverse(LIST), {"q": text})
    assert [company.slug for company in response.context["cl"].result_list] == found


def test_an_id_finds_its_company(client: Client) -> None:
    company = make.make_company("Devsinc")
    make.make_company("Arbisoft")
    response = client.get(reverse(LIST), {"q": company.public_id})
    assert list(response.context["cl"].result_list) == [company]


@pytest.mark.complaint(23)
def test_choices_are_looked_up_not_listed(client: Client) -> None:
    hub = make.make_hub("Gujranwala")
    lookup = {"app_label": "companies", "model_name": "company", "field_name": "hub", "term": "gujr"}
    response = client.get(reverse("admin:autocomplete"), lookup)
    assert response.json()["results"] == [{"id": str(hub.pk), "text": "Gujranwala"}]
    form = client.get(reverse("admin:companies_company_add")).content.decode()
    assert "Gujranwala" not in form


def test_what_is_called_just_so_is_looked_up_first() -> None:
    """By name or alias, then what begins so, then what has a word that does, then what contains it."""
    named: dict[str, list[str]] = {
        **{"Blockchain": [], "Generative AI": [], "Ruby on Rails": [], "AI ethics": []},
        **{"Artificial intelligence": ["a.i.", "AI"], "Speech": ["aid for ears"], "Data": []},
    }
    for name, aliases in named.items():
        make.make_specialty(name, aliases=aliases)
    lookup = {"app_label": "companies", "model_name": "company", "field_name": "specialties", "term": "ai "}
    answer = signed_in(make.make_curator()).get(reverse("admin:autocomplete"), lookup).json()
    first = ["Artificial intelligence", "AI ethics", "Speech", "Generative AI", "Blockchain", "Ruby on Rails"]
    assert [result["text"] for result in answer["results"]] == first


# Who may


@pytest.mark.security(15)
def test_staff_see_and_change_only_what_they_may() -> None:
    company = make.make_company()
    reader = make.make_curator("bilal", is_superuser=False)
    reader.user_permissions.add(Permission.objects.get(codename="view_company"))
    client = signed_in(reader)
    assert client.get(url_of(company)).status_code == 200
    assert client.post(url_of(company), {"name": "Mine"}).status_code == 403
    assert client.post(url_of(company, "delete"), {"post": "yes"}).status_code == 403
    assert client.get(url_of(company.hub)).status_code == 403
    act(client, "withdraw", company)
    company.refresh_from_db()
    assert (company.name, company.status) == ("Systems Limited", "published")


def test_nobody_signed_out_gets_in() -> None:
    company = make.make_company()
    response = Client().post(url_of(company), {"name": "Mine"})
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/?next=")
    assert Client().get(response["Location"])["Location"].startswith("/account/sign-in/?next=")


# Nonsense


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        "companies/company/?status__exact=%00",
        "companies/company/?name_key__regex=(",
        "companies/company/add/?hub=abc",
        "companies/company/add/?specialties=a,b",
        "directory/version/?kind=%00",
        "hubs/hub/?province__exact=%00",
    ],
)
def test_nonsense_in_an_address_is_answered_with_a_message(client: Client, path: str) -> None:
    response = client.get(f"/admin/{path}")
    assert response.status_code == 302
    assert "does not belong there" in messages(response)[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changes", [{"hub": "abc"}, {"specialties": "abc"}, {"offices-0-hub": "abc"}], ids=str)
def test_nonsense_in_a_form_saves_nothing(client: Client, changes: dict[str, str]) -> None:
    company = make.make_company()
    make.make_office(company)
    before = Revision.objects.latest("pk")
    submit(client, url_of(company), founded_year="1999", **changes)
    assert Revision.objects.latest("pk") == before
    assert Company.objects.filter(pk=company.pk, founded_year=None).exists()


@pytest.mark.security(18)
def test_a_form_has_no_more_parts_than_it_may(client: Client) -> None:
    company = make.make_company()
    response = submit(client, url_of(company), **{"offices-TOTAL_FORMS": "999999999"})
    assert response.content.decode().count('id="offices-') < 250
