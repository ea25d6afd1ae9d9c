"""The groups, and the steps that a company takes from a draft to the public and back, each open to whom it is for."""

import datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.urls import reverse

from companies.models import Company, Office
from companies.roles import ROLES as GROUPS
from companies.roles import give_roles
from companies.workflow import STEPS, Step
from directory.models import Revision
from tests import factories as make
from tests.curators import browser
from tests.log import document
from tests.test_admin import Form, act, errors, messages, submit, url_of
from tests.test_conflicts import opened
from tests.test_permissions import C, E

pytestmark = pytest.mark.django_db


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


REASON = "Seen on their website."
STATUSES = Company.Status.values
OPEN_TO = {"contributor": [False], "editor": [False, True], "superuser": [False, True]}


@pytest.fixture(scope="module")
def companies(shared_rows: None) -> None:
    """One of each status for each attempt."""
    for attempt in ("form", "bulk"):
        for status in STATUSES:
            make.make_company(f"Arbisoft {attempt}", status=status)


@pytest.fixture(scope="module")
def forms() -> dict[tuple[str, str], dict[str, Any]]:
    """Role and status → what the form of such a company sends, as it was opened first."""
    return {}


@pytest.mark.parametrize("role", OPEN_TO)
@pytest.mark.parametrize(
    ("before", "after"),
    [(before, after) for before in ["", *STATUSES] for after in STATUSES if before != after],
)
@pytest.mark.usefixtures("companies")
def test_a_step_is_open_to_whom_it_is_for(
    role: str, before: str, after: str, forms: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """In the form and in bulk."""
    client = browser(role)
    is_open = STEPS.get((before, after)) in OPEN_TO[role]

    def save(url: str, **fields: str) -> Any:
        if (role, before) not in forms:
            forms[role, before] = opened(client, url)
        return client.post(url, forms[role, before] | {"status": after, "reason": REASON, "unsourced": "on"} | fields)

    if not before:
        response = save(reverse("admin:companies_company_add"), name="Arbisoft", website="https://arbisoft.com/")
        assert (response.status_code == 302) == is_open
        assert Company.objects.filter(name="Arbisoft").exists() == is_open
        assert [(s.before, s.after, s.by.username, s.reason) for s in Step.objects.all() if s.by] == (
            [("", after, "bilal", REASON)] if is_open else []
        )
        return
    action = {"draft": "send_back", "in_review": "send_to_review", "published": "publish", "withdrawn": "withdraw"}
    for attempt in ("form", "bulk"):
        company = Company.objects.get(name=f"Arbisoft {attempt}", status=before)
        if attempt == "bulk":
            act(client, action[after], company, reason=REASON)
        elif role == C and before in ("published", "withdrawn"):
            assert client.post(url_of(company), {"status": after}).status_code == 403
        else:
            save(url_of(company))
        company.refresh_from_db()
        assert company.status == (after if is_open else before), attempt
        taken = [(step.before, step.after, str(step.by), step.reason) for step in company.steps.all()]
        assert taken == ([(before, after, "bilal", REASON)] if is_open else []), attempt


def test_a_step_is_kept_with_its_edit_or_not_at_all() -> None:
    client, company = browser(E), make.make_company(status="in_review")
    response = submit(client, url_of(company), status="published", founded_year="1492")
    assert "founding year" in errors(response)
    assert not Step.objects.exists()
    submit(client, url_of(company), status="published", founded_year="1977", reason=REASON, unsourced="on")
    assert Revision.objects.latest("pk").reason == REASON
    assert document(company)["founded_year"] == 1977
    page = client.get(url_of(company)).content.decode()
    assert f"In review → Published, by bilal. {REASON}" in page


def test_what_others_have_to_know_needs_a_reason() -> None:
    client, company = browser(E), make.make_company()
    assert "Say why" in errors(submit(client, url_of(company), status="withdrawn"))
    assert "required" in errors(act(client, "withdraw", company, reason=""))
    company.refresh_from_db()
    assert company.status == "published"


def test_bulk_leaves_alone_what_has_no_such_step() -> None:
    client = browser(C)
    companies = [make.make_company(name, status=status) for name, status in (("A", "draft"), ("B", "withdrawn"))]
    response = act(client, "send_to_review", *companies)
    assert messages(response) == [
        "Send to review: 1 changed.",
        "Left alone – it is or was public: that is for those who publish: B.",
    ]


@pytest.mark.security(15)
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
    monkeypatch.setattr("django.utils.timezone.localdate", lambda: datetime.date(2026, 11, 25))
    company = make.make_company(**fields)
    response = browser(C).get(reverse("admin:companies_company_changelist"), {"ask": "to_verify"})
    assert (company in response.context["cl"].result_list) == is_due
