"""Working lists: questions with their counts, views that are kept, and changes for many companies at once."""

import datetime
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from companies.links import DEAD_AFTER, LinkCheck
from companies.models import Company
from companies.questions import QUESTIONS
from companies.unplaced import UnplacedValue
from companies.workflow import Step
from directory.models import Revision, SavedView, Source
from directory.publishing import edit, publication
from directory.undoing import undo
from tests import factories as make
from tests.browsing import DESKTOP, PHONE, Site, assert_accessible, assert_fits, sign_in
from tests.curators import browser, make_member, signed_in
from tests.log import actions, document
from tests.test_admin import LIST, Form, act, errors, messages, submit, url_of
from tests.test_permissions import A, C, E

pytestmark = pytest.mark.django_db

ADD_VIEW = "admin:directory_savedview_add"


@pytest.fixture
def client() -> Client:
    return signed_in(make.make_curator())


@pytest.fixture
def five(monkeypatch: pytest.MonkeyPatch) -> dict[str, Company]:
    """Companies that differ in what they lack, on a fixed day."""
    monkeypatch.setattr("django.utils.timezone.localdate", lambda: datetime.date(2026, 11, 25))
    ai = make.make_specialty("Artificial intelligence", emerging=True)
    with publication(source=Source.SYSTEM):
        found = {
            "Arbisoft": make.make_company("Arbisoft", specialties=[ai], verified_on="2026-06-01", website=""),
            "Contour": make.make_company("Contour", hub=None, kind="", status="draft"),
            "Devsinc": make.make_company("Devsinc", verified_on="2025-01-01", website="", kind="startup"),
            "Folio3": make.make_company("Folio3", status="in_review", verified_on="2026-01-01"),
            "Tintash": make.make_company("Tintash", specialties=[ai], status="withdrawn", verified_on="2020-01-01"),
        }
        make.make_source(found["Arbisoft"])
    make.make_duplicate(found["Arbisoft"], found["Devsinc"])
    make.make_duplicate(found["Folio3"], found["Tintash"], state="not_duplicate", at=timezone.now())
    make.make_suggestion(found["Arbisoft"], summary="Software.")
    UnplacedValue.objects.keep([(found["Tintash"].pk, "specialties", "zkyc")])
    for name, failures in (("Folio3", DEAD_AFTER), ("Tintash", DEAD_AFTER - 1)):
        LinkCheck.objects.create(company=found[name], url=found[name].website, failures=failures)
    return found


def listed(client: Client, query: str) -> list[str]:
    response = client.get(f"{reverse(LIST)}?{query}")
    assert response.status_code == 200
    return [company.name for company in response.context["cl"].result_list]


def counted(client: Client, query: str = "") -> dict[str, dict[str, int]]:
    """Filter → choice → its count, as the page shows them."""
    changelist = client.get(f"{reverse(LIST)}?{query}").context["cl"]
    found: dict[str, dict[str, int]] = {}
    for spec in changelist.filter_specs:
        shown = [choice["display"].rsplit(" (", 1) for choice in spec.choices(changelist) if "(" in choice["display"]]
        found[spec.title] = {label: int(number.removesuffix(")")) for label, number in shown}
    return found


# Questions


ANSWERS = {
    "waiting_for": ["Folio3"],
    "to_verify": ["Devsinc"],
    "never_verified": ["Contour"],
    "without_website": ["Arbisoft", "Devsinc"],
    "without_specialty": ["Contour", "Devsinc", "Folio3"],
    "without_hub": ["Contour"],
    "without_source": ["Contour", "Devsinc", "Folio3", "Tintash"],
    "without_kind": ["Contour"],
    "emerging": ["Arbisoft", "Tintash"],
    "possible_duplicate": ["Arbisoft", "Devsinc"],
    "with_suggestion": ["Arbisoft"],
    "with_dead_link": ["Folio3"],
    "with_unplaced": ["Tintash"],
}


def test_each_question_is_answered_counted_and_linked(client: Client, five: dict[str, Company]) -> None:
    assert set(ANSWERS) == set(QUESTIONS)
    counts = counted(client)["question"]
    page = client.get(reverse(LIST)).content.decode()
    for name, companies in ANSWERS.items():
        assert listed(client, f"ask={name}") == companies, name
        assert counts[QUESTIONS[name].label] == len(companies), name
        assert f'"?ask={name}"' in page


def test_a_question_is_a_method_too(five: dict[str, Company]) -> None:
    assert {c.name for c in Company.objects.without_website()} == set(ANSWERS["without_website"])
    due = Company.objects.without_website().to_verify(datetime.date(2026, 11, 25))
    assert [c.name for c in due] == ["Devsinc"]


def test_several_questions_are_asked_together_and_taken_back(client: Client, five: dict[str, Company]) -> None:
    assert listed(client, "ask=without_website,without_specialty") == ["Devsinc"]
    counts = counted(client, "ask=without_website")["question"]
    assert (counts["No specialty"], counts["No hub"], counts["No website"]) == (1, 0, 2)
    page = client.get(f"{reverse(LIST)}?ask=without_website,without_specialty").content.decode()
    assert '"?ask=without_website"' in page


def test_a_choice_is_counted_under_what_the_others_say(client: Client, five: dict[str, Company]) -> None:
    """And under the search; its own filter's present choice does not count."""
    counts = counted(client, "status__exact=published&kind__exact=startup")
    assert counts["status"] == {"Draft": 0, "In review": 0, "Published": 1, "Withdrawn": 0}
    assert counts["kind"] == {"Startup": 1, "Established": 1}
    assert counts["question"]["No website"] == 1
    counts = counted(client, "q=arbisoft")
    assert counts["status"] == {"Draft": 0, "In review": 0, "Published": 1, "Withdrawn": 0}
    assert counts["hub"] == {"Lahore": 1, "-": 0}


@pytest.mark.parametrize("role", [C, E])
def test_what_waits_for_somebody_is_theirs(role: str, five: dict[str, Company]) -> None:
    client = browser(role)
    contour, bilal = five["Contour"], client.get(reverse(LIST)).wsgi_request.user
    Step.objects.create(company=contour, after="draft", by=bilal)  # type: ignore[misc]
    assert listed(client, "ask=waiting_for") == (["Contour"] if role == C else ["Contour", "Folio3"])


@pytest.mark.parametrize(
    "query", ["ask=nothing", "ask=without_hub,", "nothing=1", "hub__id__exact=x", "specialties__id__exact=x"]
)
def test_what_is_no_question_is_not_answered_with_all(client: Client, query: str) -> None:
    assert client.get(f"{reverse(LIST)}?{query}").status_code == 302


def test_all_counts_are_one_query(client: Client, five: dict[str, Company]) -> None:
    for query in ("", "ask=without_source,emerging&status__exact=published&women_led__isnull=True"):
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get(f"{reverse(LIST)}?{query}")
        assert len([q for q in found.captured_queries if "FILTER (WHERE" in q["sql"]]) == 1
        assert len(found) == 9


def test_another_hub_is_looked_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companies.admin.HomeFilter.most", 1)
    karachi, lahore = make.make_hub("Karachi"), make.lahore()
    make.make_company("Folio3", hub=karachi)
    make.make_company("Devsinc", hub=lahore)
    page = client.get(f"{reverse(LIST)}?ask=without_source&q=o").content.decode()
    assert page.count('class="admin-autocomplete"') == 1
    assert '<input type="hidden" name="ask" value="without_source">' in page
    # What is chosen is shown, whichever is first otherwise.
    for hub in (karachi, lahore):
        page = client.get(f"{reverse(LIST)}?hub__id__exact={hub.pk}").content.decode()
        assert f'aria-current="true">{hub} (1)' in page


def test_companies_are_listed_by_specialty_once_each(client: Client, five: dict[str, Company]) -> None:
    python, ai = make.make_specialty("Python"), make.make_specialty("Artificial intelligence")
    for name in ("Contour", "Folio3"):
        five[name].specialties.add(python, ai)
    query = f"specialties__id__exact={python.pk}"
    assert listed(client, query) == ["Contour", "Folio3"]
    page = client.get(f"{reverse(LIST)}?{query}").content.decode()
    assert f'aria-current="true">{python} (2)' in page
    assert listed(client, f"{query}&status__exact=draft") == ["Contour"]


# Saved views


# From one to the next


def test_saving_goes_on_through_the_list_as_it_is(client: Client) -> None:
    """In the list's order; what is saved may leave the list by that."""
    names = ["Zeta", "alpha", "Beta"]
    companies = {name: make.make_company(name, website="") for name in names}
    make.make_company("Gamma")
    filters = urlencode({"_changelist_filters": "ask=without_website&o=-1"})

    def walk(name: str) -> str:
        url = f"{url_of(companies[name])}?{filters}"
        assert "Save and next in list" in client.get(url).content.decode()
        response = submit(client, url, website=f"https://{name}.example/", _next="Save and next in list")
        assert response.status_code == 302
        return str(response["Location"])

    assert walk("Zeta") == f"{url_of(companies['Beta'])}?{filters}"
    assert walk("Beta") == f"{url_of(companies['alpha'])}?{filters}"
    assert walk("alpha") == f"{reverse(LIST)}?ask=without_website&o=-1"
    assert "Save and next" not in client.get(url_of(companies["Zeta"])).content.decode()
    for name in ("Beta", "alpha"):
        edit(companies[name], {"website": ""}, source=Source.ADMIN)
    assert walk("Zeta") == f"{url_of(companies['Beta'])}?{filters}", "a list that it left before"


def test_names_are_sorted_whatever_their_capitals(client: Client) -> None:
    for name in ("APPINSNAP", "Abq", "Éclair", "ebryx"):
        make.make_company(name)
    assert listed(client, "o=1") == ["Abq", "APPINSNAP", "ebryx", "Éclair"]


def test_a_list_of_nothing_says_what_to_do_and_deletion_is_its_last_action(client: Client) -> None:
    page = client.get(f"{reverse(LIST)}?ask=without_website&q=nobody").content.decode()
    assert "There is no such company. Try fewer or other words" in page
    assert list(client.get(reverse(LIST)).context["action_form"].fields["action"].choices)[-1][0] == "delete_selected"


def save(client: Client, name: str = "No website", query: str = "ask=without_website", **fields: Any) -> Any:
    return client.post(reverse(ADD_VIEW), {"kind": "company", "name": name, "query": query, **fields})


def test_a_view_is_saved_and_opened(client: Client, five: dict[str, Company]) -> None:
    page = client.get(f"{reverse(LIST)}?p=1&ask=without_website&o=-1").content.decode()
    assert 'name="query" value="ask=without_website&amp;o=-1"' in page
    response = save(client, query="o=-1&ask=without_website&p=1")
    assert response["Location"] == f"{reverse(LIST)}?ask=without_website&o=-1"
    assert listed(client, "ask=without_website&o=-1") == ["Devsinc", "Arbisoft"]
    page = client.get(response["Location"]).content.decode()
    assert 'href="?ask=without_website&amp;o=-1" aria-current="true">No website' in page
    assert "Save this view" not in page
    assert "No website</a>" not in client.get(reverse("admin:hubs_hub_changelist")).content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "required"),
        ({"query": ""}, "nothing to keep"),
        ({"query": "p=2"}, "nothing to keep"),
        ({"query": "nothing=1"}, "cannot be narrowed down like this"),
        ({"query": "ask=nothing"}, "cannot be narrowed down like this"),
        ({"query": "status__exact=%00"}, "cannot be narrowed down like this"),
        ({"query": "hub__companies__notes__contains=x"}, "cannot be narrowed down like this"),
        ({"kind": "user"}, "cannot be narrowed down like this"),
        ({"query": "q=" + "x" * 1000}, "1000 characters"),
        ({"name": "Mine"}, "You have a view of this name already."),
    ],
    ids=str,
)
def test_what_is_no_view_is_refused(client: Client, fields: dict[str, str], says: str) -> None:
    save(client, "Mine")
    assert says in errors(client.post(reverse(ADD_VIEW), {"kind": "company", "name": "x", "query": "q=x"} | fields))
    assert SavedView.objects.count() == 1


def test_views_are_of_any_kind_that_one_may_see(client: Client) -> None:
    response = client.post(reverse(ADD_VIEW), {"kind": "hub", "name": "Punjab", "query": "province__exact=PK-PB"})
    assert response["Location"] == f"{reverse('admin:hubs_hub_changelist')}?province__exact=PK-PB"
    nobody = make.make_curator("chand", is_superuser=False)
    assert save(signed_in(nobody)).status_code == 403


def test_a_view_is_its_owner_s_and_shared_if_they_say_so(five: dict[str, Company]) -> None:
    owner, other, administrator = (signed_in(make_member(role, role)) for role in (C, E, A))
    save(owner, "Secret", "q=secret")
    save(owner, "For all", shared="on")
    save(other, "For all", "q=other")
    secret, shared = SavedView.objects.get(name="Secret"), SavedView.objects.get(name="For all", shared=True)
    page = other.get(reverse(LIST)).content.decode()
    assert "Secret" not in page
    assert page.count(">For all") == 2
    for view in (secret, shared):
        assert other.post(url_of(view), {"name": "Mine"}).status_code in (302, 403)
        assert other.post(url_of(view, "delete"), {"post": "yes"}).status_code in (302, 403)
    assert set(SavedView.objects.values_list("name", flat=True)) == {"Secret", "For all"}
    assert "You have a view of this name already." in errors(owner.post(url_of(secret), {"name": "For all"}))
    assert owner.post(url_of(secret), {"name": "Mine"})["Location"].endswith("?q=secret")
    assert administrator.post(url_of(shared), {"name": "Everybody’s", "shared": "on"}).status_code == 302
    assert owner.post(url_of(secret, "delete"), {"post": "yes"}).status_code == 302
    assert set(SavedView.objects.values_list("name", flat=True)) == {"Everybody’s", "For all"}


# Bulk changes


def url_of_bulk(name: str, *companies: Company, **values: Any) -> str:
    asked = {"ids": ".".join(str(company.pk) for company in companies), "preview": 1, **values}
    return f"{reverse('admin:companies_company_bulk', args=[name])}?{urlencode(asked, doseq=True)}"


def facts(company: Company) -> dict[str, Any]:
    return document(Company.objects.get(pk=company.pk))


def names(terms: list[dict[str, str]]) -> list[str]:
    return [term["name"] for term in terms]


@pytest.fixture
def terms() -> dict[str, Any]:
    return {
        "karachi": make.make_hub("Karachi"),
        "games": make.make_specialty("Games"),
        "apps": make.make_specialty("Mobile apps"),
        "banking": make.make_industry("Banking"),
    }


def values_of(name: str, terms: dict[str, Any]) -> dict[str, Any]:
    return {
        "set_hub": {"hub": terms["karachi"].pk},
        "add_specialty": {"specialties": [terms["games"].pk, terms["apps"].pk]},
        "remove_specialty": {"specialties": terms["games"].pk},
        "add_industry": {"industries": terms["banking"].pk},
        "set_kind": {"kind": "startup"},
        "mark_verified": {"source": "https://www.secp.gov.pk/"},
    }.get(name, {})


# Change → field → before and after of a company that has games and a source.
CHANGES: dict[str, dict[str, tuple[Any, Any]]] = {
    "set_hub": {"hub": ("Lahore", "Karachi")},
    "add_specialty": {"specialties": (["Games"], ["Games", "Mobile apps"])},
    "remove_specialty": {"specialties": (["Games"], [])},
    "add_industry": {"industries": ([], ["Banking"])},
    "set_kind": {"kind": ("established", "startup")},
    "mark_verified": {"verified_on": (None, "2026-11-25"), "sources": (["2020-01-01"], ["2026-11-25"])},
}


def told(name: str, company: Company) -> dict[str, Any]:
    """The fields that a change concerns, briefly."""
    found = facts(company)
    brief: dict[str, Callable[[Any], Any]] = {
        "hub": lambda hub: hub["name"],
        "sources": lambda sources: [source["seen_on"] for source in sources],
        "specialties": names,
        "industries": names,
    }
    return {field: brief.get(field, lambda value: value)(found[field]) for field in CHANGES[name]}


@pytest.mark.parametrize("name", CHANGES)
def test_a_bulk_change_is_one_revision_and_one_undo_takes_it_back(
    client: Client, terms: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companies.bulk_page.timezone.localdate", lambda: datetime.date(2026, 11, 25))
    companies = [make.make_company(n, specialties=[terms["games"]]) for n in ("Arbisoft", "Devsinc")]
    for company in companies:
        make.make_source(company, seen_on="2020-01-01")
    before = [facts(company) for company in companies]
    last = Revision.objects.latest("pk").pk
    response = act(client, name, *companies, reason="Seen on their sites.", **values_of(name, terms))
    assert response["Location"] == reverse(LIST)
    revision = Revision.objects.get(pk__gt=last)
    assert (revision.reason, revision.source, str(revision.by)) == ("Seen on their sites.", "admin", "ayesha")
    assert actions(last) == [("company", company.slug, "updated") for company in companies]
    for company in companies:
        assert told(name, company) == {field: after for field, (_, after) in CHANGES[name].items()}
    assert LogEntry.objects.count() == 2
    link = reverse("admin:directory_revision_undo", args=[revision.pk])
    assert f'2 changed. <a href="{link}">Undo</a>' in messages(response)[0]
    undo(revision, by=None)
    for company, old in zip(companies, before, strict=True):
        now = facts(company)
        assert {**now, "revision": 0, "updated_at": 0} == {**old, "revision": 0, "updated_at": 0}


def test_the_preview_says_what_changes_and_why_the_rest_does_not(client: Client, terms: dict[str, Any]) -> None:
    arbisoft = make.make_company("Arbisoft", specialties=[terms["games"]])
    devsinc = make.make_company("Devsinc", hub=terms["karachi"])
    before = Revision.objects.latest("pk")
    page = client.get(url_of_bulk("set_hub", arbisoft, devsinc, hub=terms["karachi"].pk)).content.decode()
    assert "1 of 2 changes" in page
    assert "<del>Lahore</del></td><td><ins>Karachi</ins>" in page
    assert "Devsinc</a>: it is so already" in page
    page = client.get(url_of_bulk("add_specialty", arbisoft, specialties=terms["apps"].pk)).content.decode()
    assert "<del>—</del></td><td><ins>Mobile apps</ins>" in page
    page = client.get(url_of_bulk("withdraw", arbisoft)).content.decode()
    assert "<del>Published</del></td><td><ins>Withdrawn</ins>" in page
    assert Revision.objects.latest("pk") == before


def test_steps_in_bulk_are_kept_and_undone(client: Client) -> None:
    companies = [make.make_company(name) for name in ("Arbisoft", "Devsinc")]
    act(client, "withdraw", *companies, reason="Closed.")
    assert [(step.before, step.after, step.reason) for step in Step.objects.all()] == [
        ("published", "withdrawn", "Closed.")
    ] * 2
    undo(Revision.objects.latest("pk"), by=None)
    assert set(Company.objects.values_list("status", flat=True)) == {"published"}


def test_what_changed_meanwhile_is_left_alone_and_named(client: Client, terms: dict[str, Any]) -> None:
    arbisoft, devsinc, folio = (make.make_company(name) for name in ("Arbisoft", "Devsinc", "Folio3"))
    draft = make.make_company("Contour", status="draft")
    url = url_of_bulk("set_hub", arbisoft, devsinc, folio, draft, hub=terms["karachi"].pk)
    data = Form(client.get(url)).data | {"reason": "Moved."}
    edit(devsinc, {"founded_year": 2009}, source=Source.ADMIN)
    edit(draft, {"specialties": ["games"]}, source=Source.ADMIN)
    folio.delete()
    response = client.post(url, data)
    assert messages(response)[0].startswith("Set the hub: 1 changed.")
    assert messages(response)[1] == "Left alone – changed since you looked at it: Contour, Devsinc."
    assert facts(arbisoft)["hub"]["slug"] == "karachi"
    assert facts(devsinc)["hub"]["slug"] == "lahore"


def test_what_nobody_saw_is_not_changed(client: Client, terms: dict[str, Any]) -> None:
    company = make.make_company()
    url = url_of_bulk("set_hub", company, hub=terms["karachi"].pk)
    client.post(url, {"reason": "Moved."})
    data = Form(client.get(url)).data
    assert "required" in errors(client.post(url, data | {"reason": ""}))
    assert facts(company)["hub"]["slug"] == "lahore"


def test_another_change_than_the_one_that_was_shown_is_not_made(client: Client) -> None:
    company = make.make_company(kind="")
    data = Form(client.get(url_of_bulk("set_kind", company, kind="startup"))).data | {"reason": "Young."}
    response = client.post(url_of_bulk("set_kind", company, kind="established"), data)
    assert "Left alone" in messages(response)[1]
    assert facts(company)["kind"] is None


@pytest.mark.parametrize("value", ["abc", "²", "1\0", "9" * 30])
@pytest.mark.parametrize(("name", "field"), [("set_hub", "hub"), ("add_specialty", "specialties")])
def test_a_value_that_is_none_is_refused_on_its_field(client: Client, name: str, field: str, value: str) -> None:
    response = client.get(url_of_bulk(name, make.make_company(), **{field: value}))
    assert response.status_code == 200
    assert field in response.context["values"].errors


def test_a_number_that_no_hub_has_finds_nothing(client: Client) -> None:
    make.make_company()
    assert listed(client, f"hub__id__exact={'9' * 20}") == []


def test_a_company_that_may_not_be_so_keeps_nobody_else_from_it(client: Client, terms: dict[str, Any]) -> None:
    arbisoft, devsinc = (make.make_company(name) for name in ("Arbisoft", "Devsinc"))
    Company.objects.filter(pk=devsinc.pk).update(contact_email="nobody")
    response = act(client, "set_hub", arbisoft, devsinc, hub=terms["karachi"].pk)
    assert messages(response)[0].startswith("Set the hub: 1 changed.")
    assert "Devsinc" in messages(response)[1]
    assert "valid email" in messages(response)[1]
    assert facts(devsinc)["hub"]["slug"] == "lahore"


def test_a_contributor_changes_drafts_only(terms: dict[str, Any]) -> None:
    client = browser(C)
    draft, public = make.make_company("Contour", status="draft"), make.make_company("Devsinc")
    response = act(client, "set_hub", draft, public, hub=terms["karachi"].pk)
    assert messages(response) == [
        "Set the hub: 1 changed.",
        "Left alone – it is or was public: that is for those who publish: Devsinc.",
    ]
    draft.refresh_from_db()
    assert draft.hub == terms["karachi"]
    assert client.get(url_of_bulk("publish", draft)).status_code == 403
    assert client.post(url_of_bulk("publish", draft), {"reason": "x"}).status_code == 403


def test_the_list_comes_back_as_it_was(client: Client, terms: dict[str, Any]) -> None:
    company = make.make_company(kind="")
    chosen = {"action": "set_kind", "_selected_action": company.pk, "index": 0}
    url = client.post(f"{reverse(LIST)}?ask=without_kind&o=-1", chosen)["Location"]
    assert parse_qs(urlsplit(url).query)["_changelist_filters"] == ["ask=without_kind&o=-1"]
    url += "&preview=1&kind=startup"
    done = client.post(url, Form(client.get(url)).data | {"reason": "Young."})
    assert done["Location"] == f"{reverse(LIST)}?ask=without_kind&o=-1"


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=x", "?ids=-1", "?ids=" + "1." * 200 + "1", "?ids=" + "9" * 30])
def test_a_bulk_change_of_nonsense_is_no_page(client: Client, query: str) -> None:
    assert client.get(reverse("admin:companies_company_bulk", args=["publish"]) + query).status_code == 404


def test_a_change_that_there_is_not_is_no_page(client: Client) -> None:
    assert client.get(reverse("admin:companies_company_bulk", args=["nothing"]) + "?ids=1").status_code == 404


def test_a_preview_costs_the_same_for_one_and_for_many(client: Client, terms: dict[str, Any]) -> None:
    """Session, user, second factor, the hub and its label; companies and what their documents have of others."""
    companies = [make.make_company(f"Company {n}", specialties=[terms["games"]]) for n in range(6)]
    for number in (1, 6):
        with CaptureQueriesContext(connection) as found:
            client.get(url_of_bulk("set_hub", *companies[:number], hub=terms["karachi"].pk))
        assert len(found) == 13


# In a browser


def number_of(page: Page, question: str) -> int:
    text = page.get_by_role("link", name=re.compile(f"^{question} \\(")).inner_text()
    return int(text.rsplit("(", 1)[1].removesuffix(")"))


def check(page: Page) -> None:
    """What is shown is readable by everybody, on a desk and on a phone."""
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_accessible(page)
    assert_fits(page)
    page.set_viewport_size(DESKTOP)


def test_a_curator_fixes_several_companies_from_the_list(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(reverse(LIST))
    before = number_of(page, "No kind")
    page.get_by_role("link", name=re.compile(r"^No kind \(")).click()
    check(page)
    page.get_by_text("Save this view").click()
    page.get_by_label("Name", exact=True).fill("What are they?")
    page.get_by_label("For all curators").check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="What are they? shared")).to_have_attribute("aria-current", "true")

    for box in page.locator("input.action-select").all()[:3]:
        box.check()
    page.locator("select[name=action]").select_option(label="Set the kind…")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("3 companies selected.")).to_be_visible()
    page.get_by_label("Kind").select_option("established")
    page.get_by_role("button", name="Show what it changes").click()
    expect(page.get_by_role("heading", name="3 of 3 change")).to_be_visible()
    page.get_by_label("Kind").select_option("startup")  # which is not what was shown
    expect(page.get_by_role("button", name="Set the kind")).to_be_disabled()
    page.get_by_role("button", name="Show what it changes").click()
    expect(page.get_by_role("button", name="Set the kind")).to_be_enabled()
    check(page)
    page.get_by_label("Why").fill("Their own sites say so.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Set the kind: 3 changed.")).to_be_visible()
    assert number_of(page, "No kind") == before - 3

    page.get_by_role("link", name="Undo", exact=True).click()
    page.get_by_label("Why").fill("They did not.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("was undone")).to_be_visible()
    page.goto(reverse(LIST))
    page.get_by_role("link", name="What are they? shared").click()
    assert number_of(page, "No kind") == before


def test_a_hub_is_looked_up_with_the_keyboard_alone(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(f"{reverse(LIST)}bulk/set_hub/?ids=1.2")
    page.get_by_role("combobox", name="Hub").focus()
    page.keyboard.press("Enter")
    page.get_by_role("searchbox", name="Hub").fill("gujranw")
    expect(page.locator(".select2-results__option")).to_have_text(["Gujranwala"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Hub: Gujranwala")).to_be_focused()
    check(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="of 2 change")).to_be_visible()
