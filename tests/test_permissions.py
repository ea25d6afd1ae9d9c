"""Who may do what: every address and every action of the admin by every role, on the server and not in the looks.

Each role may do what the ones before it may, so the tables name the first that may. What is in no table fails.
"""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from companies.bulk import BULKS
from companies.roles import give_roles
from companies.workflow import PUBLISH
from tests import factories as make
from tests.curators import make_somebody, signed_in
from tests.test_admin import OURS, make_everything, url_of

pytestmark = pytest.mark.django_db

ROLES = ["anonymous", "staff", "contributor", "editor", "administrator", "superuser"]
C, E, A, S, NOBODY = "contributor", "editor", "administrator", "superuser", "nobody"
# Model → the first role that may view, add, change, delete; and take each action.
MODELS: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
    "companies.company": (
        C,
        C,
        C,
        E,
        {name: E if bulk.permission == PUBLISH else C for name, bulk in BULKS.items()} | {"merge": E},
    ),
    "companies.industry": (C, E, E, E, {}),
    "companies.specialty": (C, E, E, E, {}),
    "companies.office": (C, C, C, C, {}),
    "companies.credential": (C, C, C, C, {}),
    "companies.identifier": (C, C, C, C, {}),
    "companies.source": (C, C, C, C, {}),
    "companies.import": (E, E, E, NOBODY, {}),
    "companies.importrow": (E, NOBODY, NOBODY, NOBODY, {}),
    "companies.merge": (C, NOBODY, NOBODY, NOBODY, {}),
    "companies.duplicate": (C, NOBODY, NOBODY, NOBODY, {"not_duplicate": E}),
    "companies.step": (C, NOBODY, NOBODY, NOBODY, {}),
    "companies.suggestion": (C, NOBODY, C, A, {}),
    "companies.linkcheck": (C, NOBODY, NOBODY, NOBODY, {}),
    "companies.unplacedvalue": (C, NOBODY, NOBODY, E, {"place_again": E}),
    "companies.word": (C, NOBODY, NOBODY, NOBODY, {}),
    "hubs.hub": (C, E, E, E, {}),
    "hubs.program": (C, E, E, E, {}),
    "hubs.indicator": (C, E, E, E, {}),
    "partners.publicview": (C, E, E, E, {}),
    "directory.revision": (C, NOBODY, NOBODY, NOBODY, {}),
    "directory.version": (C, NOBODY, NOBODY, NOBODY, {}),
    "directory.savedview": (C, C, A, A, {}),  # but each may change their own
    "directory.mark": (A, NOBODY, NOBODY, NOBODY, {}),
    "directory.address": (A, NOBODY, NOBODY, NOBODY, {}),
    "directory.log": (A, NOBODY, NOBODY, NOBODY, {}),
    "partners.webhook": (A, NOBODY, NOBODY, NOBODY, {}),
    "partners.delivery": (A, NOBODY, NOBODY, NOBODY, {}),
    "partners.partner": (A, A, A, NOBODY, {}),
    "partners.apikey": (A, A, A, NOBODY, {}),
    "partners.usage": (A, NOBODY, NOBODY, NOBODY, {}),
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
    "quality": ("/admin/quality/", [302, 403, 200, 200, 200, 200]),
    "autocomplete": (
        "/admin/autocomplete/?app_label=companies&model_name=company&field_name=hub&term=lah",
        [302, 403, 200, 200, 200, 200],
    ),
    "companies_company_alike": ("/admin/companies/company/alike/?name=systems", [302, 403, 200, 200, 200, 200]),
    "companies_company_merge": ("/admin/companies/company/merge/", [302, 403, 403, 404, 404, 404]),
    # Link checks are switched off here, so nobody may ask for one.
    "companies_company_check_link": ("/admin/companies/company/0/check-link/", [302, 403, 403, 403, 403, 403]),
    "companies_company_bulk": ("/admin/companies/company/bulk/set_hub/?ids=0", [302, 403, 200, 200, 200, 200]),
    "companies_import_refused": ("/admin/companies/import/0/refused/", [302, 403, 403, 404, 404, 404]),
    "companies_import_left_out": ("/admin/companies/import/0/left-out/", [302, 403, 403, 404, 404, 404]),
    "companies_import_progress": ("/admin/companies/import/0/progress/", [302, 403, 403, 404, 404, 404]),
    "companies_duplicate_look": ("/admin/companies/duplicate/look/", [302, 403, 403, 405, 405, 405]),
    "companies_merge_undo": ("/admin/companies/merge/0/undo/", [302, 403, 403, 404, 404, 404]),
    "partners_webhook_of_partner": ("/admin/partners/webhook/of/0/", [302, 403, 403, 403, 404, 404]),
    "partners_webhook_look_after": ("/admin/partners/webhook/0/look-after/", [302, 403, 403, 403, 404, 404]),
    "directory_revision_undo": ("/admin/directory/revision/0/undo/", [302, 403, 403, 404, 404, 404]),
    "auth_user_password_change": ("/admin/auth/user/{curator}/password/", [302, 403, 403, 403, 403, 200]),
    None: ("/admin/nothing/here/", [302, 404, 404, 404, 404, 404]),  # type: ignore[dict-item]
}
VIEWS = ["changelist", "add", "history", "delete", "change", None]  # None: an old address that redirects


def may(role: str, first: str) -> bool:
    return first != NOBODY and ROLES.index(role) >= ROLES.index(first)


@pytest.fixture
def pages_of_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are rendered for contributors here, and for superusers in another test: others see no more than these."""
    if request.getfixturevalue("role") in (E, A, S):
        monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")


@pytest.fixture(scope="module", autouse=True)
def rows(shared_rows: None) -> None:
    """At least one row of every model, for all tests here."""
    give_roles(apps)
    make_everything()
    make.make_curator()
    make.make_delivery()
    AccessAttempt.objects.create(username="x", ip_address="192.0.2.1", failures_since_start=1)
    Group.objects.get_or_create(name="a group of nobody")


@pytest.fixture(scope="module")
def users(rows: None) -> dict[str, User]:
    return {role: make_somebody(role, role) for role in ROLES if role != "anonymous"}


@pytest.fixture(scope="module")
def browsers(users: dict[str, User]) -> dict[str, Client]:
    return {"anonymous": Client()} | {role: signed_in(user) for role, user in users.items()}


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


@pytest.mark.security(15)
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


@pytest.mark.security(15)
@pytest.mark.parametrize("role", ROLES)
def test_pages_of_the_site(role: str, browsers: dict[str, Client]) -> None:
    client, curator = browsers[role], User.objects.get(username="ayesha")
    for url, answers in PAGES.values():
        assert client.get(url.format(curator=curator.pk)).status_code == answers[ROLES.index(role)], url


@pytest.mark.usefixtures("pages_of_few")
@pytest.mark.security(15)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("label", MODELS)
def test_pages_of_a_model(label: str, role: str, browsers: dict[str, Client]) -> None:
    view, add, change, delete, _ = MODELS[label]
    name = f"admin:{label.replace('.', '_')}"
    client, row = browsers[role], row_of(label)
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


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_every_page_opens(model: Any, browsers: dict[str, Client]) -> None:
    client, model_admin = browsers[S], admin.site._registry[model]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert client.get(reverse(f"{name}_changelist")).status_code == 200
    assert client.get(reverse(f"{name}_changelist"), {"q": "lahore"}).status_code == 200
    response = client.get(reverse(f"{name}_add"))
    may_add = model_admin.has_add_permission(response.wsgi_request)
    assert response.status_code == (200 if may_add else 403)
    row = model._default_manager.first()
    assert row is not None or model._meta.app_label not in OURS, f"make_everything() makes no {model.__name__}"
    if row is not None:
        response = client.get(url_of(row))
        assert response.status_code == 200
        may_delete = model_admin.has_delete_permission(response.wsgi_request)
        assert client.get(url_of(row, "delete")).status_code == (200 if may_delete else 403)
        assert client.get(url_of(row, "history")).status_code == 200


@pytest.mark.security(15)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("label", MODELS)
def test_actions_of_a_model(label: str, role: str, users: dict[str, User], browsers: dict[str, Client]) -> None:
    """Each is offered to whom it is for, and does nothing for others who send it all the same."""
    view, _, _, delete, actions = MODELS[label]
    client, row = browsers[role], row_of(label)
    url = reverse(f"admin:{label.replace('.', '_')}_changelist")
    expected = {action for action, first in (actions | {"delete_selected": delete}).items() if may(role, first)}
    if may(role, view):
        request = RequestFactory().get(url)
        request.user = users[role]
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


@pytest.mark.security(15)
@pytest.mark.parametrize("label", PUBLIC)
def test_a_contributor_deletes_nothing_of_a_published_company_in_bulk(
    label: str, browsers: dict[str, Client]
) -> None:
    row = row_of(label)
    url = reverse(f"admin:{label.replace('.', '_')}_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "index": 0, "post": "yes"}
    assert browsers[C].post(url, chosen).status_code in (302, 403)
    assert type(row)._default_manager.filter(pk=row.pk).exists()
