"""Who may do what: every address and every action of the admin by every role, on the server and not in the looks.

Each role may do what the ones before it may, so the tables name the first that may. What is in no table fails.
"""

import datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from companies.models import Company, Office
from companies.roles import ROLES as GROUPS
from companies.roles import give_roles
from companies.workflow import STEPS, Step
from directory.models import Revision
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.log import document
from tests.test_admin import Form, act, errors, make_everything, messages, submit, url_of

pytestmark = pytest.mark.django_db

ROLES = ["anonymous", "staff", "contributor", "editor", "administrator", "superuser"]
C, E, A, S, NOBODY = "contributor", "editor", "administrator", "superuser", "nobody"
# Model → the first role that may view, add, change, delete; and take each action.
MODELS: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
    "companies.company": (C, C, C, E, {"send_to_review": C, "send_back": C, "publish": E, "withdraw": E, "merge": E}),
    "companies.industry": (C, E, E, E, {}),
    "companies.specialty": (C, E, E, E, {}),
    "companies.office": (C, C, C, C, {}),
    "companies.credential": (C, C, C, C, {}),
    "companies.identifier": (C, C, C, C, {}),
    "companies.source": (C, C, C, C, {}),
    "companies.merge": (C, NOBODY, NOBODY, NOBODY, {}),
    "companies.step": (C, NOBODY, NOBODY, NOBODY, {}),
    "companies.word": (C, NOBODY, NOBODY, NOBODY, {}),
    "hubs.hub": (C, E, E, E, {}),
    "hubs.program": (C, E, E, E, {}),
    "hubs.indicator": (C, E, E, E, {}),
    "directory.revision": (C, NOBODY, NOBODY, NOBODY, {}),
    "directory.version": (C, NOBODY, NOBODY, NOBODY, {}),
    "directory.mark": (A, NOBODY, NOBODY, NOBODY, {}),
    "directory.address": (A, NOBODY, NOBODY, NOBODY, {}),
    "directory.log": (A, NOBODY, NOBODY, NOBODY, {}),
    "auth.user": (A, A, A, A, {}),
    "auth.group": (A, A, A, A, {}),
    "axes.accessattempt": (A, NOBODY, NOBODY, A, {}),
    "mfa.authenticator": (A, NOBODY, NOBODY, A, {}),
    "procrastinate.procrastinatejob": (S, NOBODY, NOBODY, NOBODY, {"retry": S, "cancel": S, "abort": S}),
}
# What belongs to a company that is published is not for those who only draft.
PUBLIC = {"companies.company": E, **dict.fromkeys(["companies.office", "companies.credential"], E)}
PUBLIC |= dict.fromkeys(["companies.identifier", "companies.source"], E)
# Page → its address, and what each role of ROLES is answered.
PAGES: dict[str, tuple[str, list[int]]] = {
    "index": ("/admin/", [302, 200, 200, 200, 200, 200]),
    "login": ("/admin/login/", [302, 302, 302, 302, 302, 302]),
    "logout": ("/admin/logout/", [302, 405, 405, 405, 405, 405]),
    "password_change": ("/admin/password_change/", [302, 200, 200, 200, 200, 200]),
    "password_change_done": ("/admin/password_change/done/", [302, 200, 200, 200, 200, 200]),
    "jsi18n": ("/admin/jsi18n/", [302, 200, 200, 200, 200, 200]),
    "app_list": ("/admin/companies/", [302, 404, 200, 200, 200, 200]),
    "autocomplete": (
        "/admin/autocomplete/?app_label=companies&model_name=company&field_name=hub&term=lah",
        [302, 403, 200, 200, 200, 200],
    ),
    "companies_company_merge": ("/admin/companies/company/merge/", [302, 403, 403, 404, 404, 404]),
    "companies_merge_undo": ("/admin/companies/merge/0/undo/", [302, 403, 403, 404, 404, 404]),
    "directory_revision_undo": ("/admin/directory/revision/0/undo/", [302, 403, 403, 404, 404, 404]),
    "auth_user_password_change": ("/admin/auth/user/{curator}/password/", [302, 403, 403, 403, 403, 200]),
    None: ("/admin/nothing/here/", [302, 404, 404, 404, 404, 404]),  # type: ignore[dict-item]
}
VIEWS = ["changelist", "add", "history", "delete", "change", None]  # None: an old address that redirects


def may(role: str, first: str) -> bool:
    return first != NOBODY and ROLES.index(role) >= ROLES.index(first)


def browser(role: str) -> Client:
    if role == "anonymous":
        return Client()
    if role == "staff":
        return signed_in(make.make_curator("bilal", is_superuser=False))
    return signed_in(make.make_curator("bilal") if role == S else make_member(role))


def rows() -> None:
    make_everything()
    make.make_curator()
    AccessAttempt.objects.create(username="x", ip_address="192.0.2.1", failures_since_start=1)
    Group.objects.get_or_create(name="a group of nobody")


def row_of(label: str) -> Any:
    """One of the model's rows that nobody signed in here depends on; None where there is none."""
    model = apps.get_model(label)
    if model is User:
        # Superusers are another matter, of which test_signin.py tells.
        return User.objects.filter(username="chand").first() or make.make_curator("chand", is_superuser=False)
    if model is Group:
        return Group.objects.get(name="a group of nobody")
    if model is Authenticator:
        return signed_in(row_of("auth.user")) and Authenticator.objects.get(user__username="chand")
    return model._default_manager.order_by("pk").first()


# Every address


def patterns(resolver: URLResolver) -> list[URLPattern]:
    found: list[URLPattern] = []
    for pattern in resolver.url_patterns:
        found += patterns(pattern) if isinstance(pattern, URLResolver) else [pattern]
    return found


def test_every_address_and_action_has_an_entry() -> None:
    [site] = [p for p in get_resolver().url_patterns if isinstance(p, URLResolver) and p.namespace == "admin"]
    expected: list[str | None] = list(PAGES)
    for label in MODELS:
        expected += [view and f"{label.replace('.', '_')}_{view}" for view in VIEWS]
    assert sorted(str(p.name) for p in patterns(site)) == sorted(map(str, expected))
    for model, model_admin in admin.site._registry.items():
        actions = {getattr(action, "__name__", action) for action in model_admin.actions or ()}
        assert actions == set(MODELS[model._meta.label_lower][4])
    assert [name for name, _ in admin.site.actions] == ["delete_selected"]


@pytest.mark.parametrize("role", ROLES)
def test_pages_of_the_site(role: str) -> None:
    rows()
    client, curator = browser(role), User.objects.get(username="ayesha")
    for url, answers in PAGES.values():
        assert client.get(url.format(curator=curator.pk)).status_code == answers[ROLES.index(role)], url


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("label", MODELS)
def test_pages_of_a_model(label: str, role: str) -> None:
    rows()
    view, add, change, delete, _ = MODELS[label]
    name = f"admin:{label.replace('.', '_')}"
    client, row = browser(role), row_of(label)
    refused = 302 if role == "anonymous" else 403

    def check(method: str, url: str, first: str, data: Any = None) -> None:
        response = getattr(client, method)(url, data or {})
        if may(role, first):
            assert response.status_code in (200, 302), (method, url)
            assert "/login/" not in response.get("Location", "")
        else:
            assert response.status_code == refused, (method, url)

    check("get", reverse(f"{name}_changelist"), view)
    check("get", reverse(f"{name}_add"), add)
    check("post", reverse(f"{name}_add"), add)
    if row is None:
        assert label == "procrastinate.procrastinatejob"
        return
    if label in PUBLIC:  # whose row is of a published company
        change = delete = PUBLIC[label]
    check("get", url_of(row), view)
    check("get", url_of(row, "history"), view)
    check("post", url_of(row), change)
    check("get", url_of(row, "delete"), delete)
    before = apps.get_model(label)._default_manager.count()
    check("post", url_of(row, "delete"), delete, {"post": "yes"})
    if not may(role, delete):
        assert apps.get_model(label)._default_manager.count() == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("label", MODELS)
def test_actions_of_a_model(label: str, role: str) -> None:
    """Each is offered to whom it is for, and does nothing for others who send it all the same."""
    rows()
    view, _, _, delete, actions = MODELS[label]
    client, row = browser(role), row_of(label)
    url = reverse(f"admin:{label.replace('.', '_')}_changelist")
    response = client.get(url)
    expected = {action for action, first in (actions | {"delete_selected": delete}).items() if may(role, first)}
    if may(role, view):
        request = response.wsgi_request
        model: type[models.Model] = apps.get_model(label)
        assert set(admin.site._registry[model].get_actions(request)) == expected
    if row is None:
        return
    before = list(type(row)._default_manager.order_by("pk").values())
    for action in {*actions, "delete_selected"} - expected:
        chosen = {"action": action, "_selected_action": [row.pk], "index": 0, "post": "yes", "reason": "x"}
        assert client.post(url, chosen).status_code in (200, 302, 403), action
        after = list(type(row)._default_manager.order_by("pk").values())
        assert after == before, action


@pytest.mark.parametrize("label", PUBLIC)
def test_a_contributor_deletes_nothing_of_a_published_company_in_bulk(label: str) -> None:
    rows()
    row = row_of(label)
    url = reverse(f"admin:{label.replace('.', '_')}_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "index": 0, "post": "yes"}
    assert browser(C).post(url, chosen).status_code in (302, 403)
    assert type(row)._default_manager.filter(pk=row.pk).exists()


# The groups


def test_the_groups_are_what_the_table_says_and_making_them_again_changes_nothing() -> None:
    def now() -> dict[str, set[str]]:
        return {
            group.name: {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()}
            for group in Group.objects.filter(name__in=GROUPS)
        }

    give_roles(apps)
    assert now() == {role: set(labels) for role, labels in GROUPS.items()}
    permissions = apps.get_model("auth", "Permission").objects
    before = permissions.count()
    give_roles(apps)
    assert now() == {role: set(labels) for role, labels in GROUPS.items()}
    assert permissions.count() == before


# The workflow


def add_company(client: Client, status: str, **fields: str) -> Any:
    url = reverse("admin:companies_company_add")
    return submit(client, url, **{"name": "Arbisoft", "website": "https://arbisoft.com/", "status": status} | fields)


REASON = "Seen on their website."
OPEN_TO = {"contributor": [False], "editor": [False, True], "superuser": [False, True]}


@pytest.mark.parametrize("role", OPEN_TO)
@pytest.mark.parametrize("after", Company.Status.values)
@pytest.mark.parametrize("before", ["", *Company.Status.values])
def test_a_step_is_open_to_whom_it_is_for(role: str, before: str, after: str) -> None:
    """In the form and in bulk."""
    client = browser(role)
    is_open = STEPS.get((before, after)) in OPEN_TO[role]
    if not before:
        response = add_company(client, after, reason=REASON)
        assert (response.status_code == 302) == is_open
        assert Company.objects.exists() == is_open
        assert [(s.before, s.after, s.by.username, s.reason) for s in Step.objects.all() if s.by] == (
            [("", after, "bilal", REASON)] if is_open else []
        )
        return
    if before == after:
        return
    action = {"draft": "send_back", "in_review": "send_to_review", "published": "publish", "withdrawn": "withdraw"}
    for attempt in ("form", "bulk"):
        company = make.make_company(f"Arbisoft {attempt}", status=before)
        if attempt == "bulk":
            act(client, action[after], company, reason=REASON)
        elif role == C and before in ("published", "withdrawn"):
            assert client.post(url_of(company), {"status": after}).status_code == 403
        else:
            submit(client, url_of(company), status=after, reason=REASON)
        company.refresh_from_db()
        assert company.status == (after if is_open else before), attempt
        taken = [(step.before, step.after, str(step.by), step.reason) for step in company.steps.all()]
        assert taken == ([(before, after, "bilal", REASON)] if is_open else []), attempt


def test_a_step_is_kept_with_its_edit_or_not_at_all() -> None:
    client, company = browser(E), make.make_company(status="in_review")
    response = submit(client, url_of(company), status="published", founded_year="1492")
    assert "founding year" in errors(response)
    assert not Step.objects.exists()
    submit(client, url_of(company), status="published", founded_year="1977", reason=REASON)
    assert Revision.objects.latest("pk").reason == REASON
    assert document(company)["founded_year"] == 1977
    page = client.get(url_of(company)).content.decode()
    assert f"In review → Published, by bilal. {REASON}" in page


def test_what_others_have_to_know_needs_a_reason(django_capture_on_commit_callbacks: Any) -> None:
    client, company = browser(E), make.make_company()
    assert "Say why" in errors(submit(client, url_of(company), status="withdrawn"))
    with django_capture_on_commit_callbacks(execute=True):
        response = act(client, "withdraw", company)
    assert messages(response) == ["Say why, in the field beside the action. Nothing was changed."]
    company.refresh_from_db()
    assert company.status == "published"


def test_bulk_leaves_alone_what_has_no_such_step(django_capture_on_commit_callbacks: Any) -> None:
    client = browser(C)
    companies = [make.make_company(name, status=status) for name, status in (("A", "draft"), ("B", "withdrawn"))]
    with django_capture_on_commit_callbacks(execute=True):
        response = act(client, "send_to_review", *companies)
    assert messages(response) == ["In review: 1. Left as they are, for this step is not open to them: 1."]


def test_a_contributor_moves_no_part_to_a_published_company() -> None:
    client = browser(C)
    public, draft = make.make_company("Devsinc"), make.make_company("Arbisoft", status="draft")
    part = make.make_office(draft)
    response = submit(client, url_of(part), company=str(public.pk))
    assert "Select a valid choice" in errors(response)
    url = reverse("admin:companies_office_add")
    assert "Select a valid choice" in errors(submit(client, url, company=str(public.pk), hub=str(public.hub_id)))
    assert submit(client, url_of(part), address="Johar Town").status_code == 302
    assert Office.objects.get().company == draft


def test_a_contributor_s_form_of_a_published_company_is_for_looking_at() -> None:
    client, company = browser(C), make.make_company()
    make.make_office(company)
    data = Form(client.get(url_of(company))).data
    assert not {"name", "status", "reason", "offices-0-address"} & set(data)


# When it is to be checked again


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({}, True),
        ({"verified_on": "2025-11-24"}, True),
        ({"verified_on": "2026-01-01"}, False),
        ({"verified_on": "2026-01-01", "verify_by": "2026-11-24"}, True),
        ({"verified_on": "2026-01-01", "verify_by": "2026-11-26"}, False),
        ({"verified_on": "2025-01-01", "verify_by": "2027-01-01"}, False),
        # The day was set before it was checked.
        ({"verified_on": "2026-06-01", "verify_by": "2026-05-01"}, False),
        ({"verify_by": "2027-01-01"}, False),
        ({"status": "draft"}, False),
    ],
)
def test_what_is_to_be_verified(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], is_due: bool) -> None:
    monkeypatch.setattr("companies.admin.timezone.localdate", lambda: datetime.date(2026, 11, 25))
    make.make_company(**fields)
    response = browser(C).get(reverse("admin:companies_company_changelist"), {"to_verify": "1"})
    assert len(response.context["cl"].result_list) == is_due
