"""Curators decide on suggestions field by field, and nobody's later change is lost by it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.serializers import ValidationError

from companies.merging import facts, merge_companies
from companies.models import Company
from companies.reviewing import Decision, decide, fields, fingerprint, target
from companies.suggestions import Suggestion
from companies.workflow import Step
from directory.models import Revision, Source
from directory.publishing import edit
from tests import factories as make
from tests.curators import make_member, signed_in
from tests.log import document

pytestmark = pytest.mark.django_db

QUEUE = "/admin/companies/suggestion/"
YES, NO = Decision(True), Decision(False, "Its site says otherwise")


@pytest.fixture
def curator() -> User:
    return make.make_curator()


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    company = make.make_company("Systems Limited", founded_year=1977, employees_min=100, employees_max=400)
    make.make_source(company, reference="https://old.example/", facts=["name"])
    company.refresh_from_db()
    return company


def seen(suggestion: Suggestion) -> str:
    company = target(suggestion)
    return fingerprint(fields(suggestion, facts(company) if company else {}))


def said(suggestion: Suggestion, by: User, status: str = "draft", **decisions: Decision) -> Suggestion:
    return decide(suggestion, decisions, seen=seen(suggestion), by=by, status=status)


def test_what_is_accepted_is_written_with_its_evidence(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976, summary="Software", kind="startup")
    suggestion.evidence = ["https://new.example/", "https://old.example/"]
    suggestion.save()
    decided = said(suggestion, curator, founded_year=YES, summary=YES, kind=NO)
    after = document(company)
    assert (after["founded_year"], after["summary"], after["kind"]) == (1976, "Software", "established")
    vouched = {source["reference"]: source["facts"] for source in after["sources"]}
    assert vouched == {
        "https://old.example/": ["founded_year", "name", "summary"],
        "https://new.example/": ["founded_year", "summary"],
    }
    revision = Revision.objects.first()
    assert revision is not None
    assert (revision.source, revision.by, revision.reason) == ("suggestion", curator, f"Suggestion {suggestion.pk}")
    assert (decided.state, decided.decided_by) == ("partly", curator)


def test_its_sender_reads_what_was_decided_and_why(api: Client, company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976, kind="startup")
    said(suggestion, curator, founded_year=YES, kind=NO)
    response = api.get(f"/api/v1/suggestions/{suggestion.token}/")
    told = response.json()
    assert told["status"] == "partly"
    assert told["decided_at"]
    assert told["fields"] == [
        {"field": "kind", "status": "rejected", "reason": "Its site says otherwise"},
        {"field": "founded_year", "status": "accepted", "reason": None},
    ]
    assert curator.username not in response.content.decode()


def test_a_new_company_is_a_draft_or_published(api: Client, curator: User) -> None:
    make.lahore()
    for status in ("draft", "published"):
        suggestion = make.make_suggestion(name=f"Sehat {status}", hub="lahore", founded_year=1999)
        decided = said(suggestion, curator, status, name=YES, hub=YES, founded_year=NO)
        made = decided.company
        assert made is not None
        assert (made.name, made.hub and made.hub.slug, made.founded_year) == (f"Sehat {status}", "lahore", None)
        assert (made.status, made.is_public) == (status, status == "published")
        assert list(Step.objects.filter(company=made).values_list("before", "after")) == [("", status)]
        told = api.get(f"/api/v1/suggestions/{suggestion.token}/").json()
        assert (told["company"] is not None) == made.is_public


def test_without_a_name_there_is_no_company(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(name="Sehat", founded_year=1999)
    with pytest.raises(ValidationError):
        said(suggestion, curator, name=NO, founded_year=YES)
    assert list(Company.objects.all()) == [company]
    suggestion.refresh_from_db()
    assert suggestion.is_open


def test_fields_that_do_not_overlap_are_rebased(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976, employees={"max": 500})
    edit(company, {"summary": "Software", "employees": {"min": 200, "max": 400}}, source=Source.ADMIN)
    standings = {one.name: (one.standing, one.result) for one in fields(suggestion, facts(company))}
    assert standings == {"founded_year": ("clean", 1976), "employees": ("clean", {"min": 200, "max": 500})}
    said(suggestion, curator, founded_year=YES, employees=YES)
    after = document(company)
    assert (after["summary"], after["founded_year"], after["employees"]) == (
        "Software", 1976, {"min": 200, "max": 500},
    )  # fmt: skip


def test_fields_that_overlap_are_stale(api: Client, company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976, aliases=["Systems"])
    edit(company, {"founded_year": 1978, "aliases": ["Systems"]}, source=Source.ADMIN)
    standings = {one.name: one.standing for one in fields(suggestion, facts(company))}
    assert standings == {"founded_year": "stale", "aliases": "same"}
    with pytest.raises(ValidationError, match="Accept or reject it"):
        said(suggestion, curator)
    assert said(suggestion, curator, founded_year=NO).state == "partly"
    assert document(company)["founded_year"] == 1978


def test_what_was_overtaken_altogether_is_stale(company: Company, curator: User) -> None:
    overtaken = make.make_suggestion(company, founded_year=1976)
    chosen = make.make_suggestion(company, founded_year=1975)
    edit(company, {"founded_year": 1978}, source=Source.ADMIN)
    assert said(overtaken, curator, founded_year=NO).state == "stale"
    assert said(chosen, curator, founded_year=YES).state == "accepted"
    assert document(company)["founded_year"] == 1975
    assert said(make.make_suggestion(company, founded_year=1970), curator, founded_year=NO).state == "rejected"


def test_nobody_decides_on_what_they_did_not_see(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976)
    then = seen(suggestion)
    edit(company, {"founded_year": 1978}, source=Source.ADMIN)
    with pytest.raises(ValidationError, match="changed meanwhile"):
        decide(suggestion, {"founded_year": YES}, seen=then, by=curator)
    said(suggestion, curator, founded_year=YES)
    with pytest.raises(ValidationError, match="Somebody else"):
        said(suggestion, curator, founded_year=NO)


def test_what_the_database_refuses_leaves_everything_as_it_is(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, website="https://taken.example/")
    make.make_company("Other", website="https://taken.example/")
    with pytest.raises(ValidationError):
        said(suggestion, curator, website=YES)
    suggestion.refresh_from_db()
    assert suggestion.is_open


def test_it_follows_its_company_into_a_merge(company: Company, curator: User) -> None:
    other = make.make_company("Systems Pvt")
    suggestion = make.make_suggestion(other, summary="Software")
    merge_companies(keep=company, drop=other, choices={}, by=curator)
    said(suggestion, curator, summary=YES)
    assert document(company)["summary"] == "Software"
    assert suggestion.pk in company.suggestions.values_list("pk", flat=True)


# The pages


def page_of(suggestion: Suggestion) -> str:
    return reverse("admin:companies_suggestion_change", args=[suggestion.pk])


def form(suggestion: Suggestion, **decisions: str) -> dict[str, str]:
    answers = {"seen": seen(suggestion), "status": "draft"}
    for name, decision in decisions.items():
        answers[f"decision-{name}"], _, answers[f"reason-{name}"] = decision.partition(" ")
    return answers


def test_the_queue_begins_with_those_that_wait_longest(company: Company, curator: User) -> None:
    done, first, second = (make.make_suggestion(name=f"Company {word}") for word in ("A", "B", "C"))
    said(done, curator, name=YES)
    text = signed_in(curator).get(QUEUE, {"state": "all"}).content.decode()
    places = [text.index(f"Company {word}") for word in ("B", "C", "A")]
    assert places == sorted(places)
    assert (first.pk, second.pk) < (second.pk, first.pk)


def test_the_queue_asks_as_much_whatever_its_length(
    company: Company, curator: User, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(curator)
    for number in range(8):
        make.make_suggestion(company, founded_year=1900 + number)
        with django_assert_max_num_queries(12):
            assert client.get(QUEUE).status_code == 200


def test_after_a_decision_comes_the_next_and_the_list_has_what_is_open(company: Company, curator: User) -> None:
    first, second, third = (make.make_suggestion(company, founded_year=1900 + n) for n in range(3))
    client = signed_in(curator)

    def decided(suggestion: Suggestion) -> str:
        return client.post(page_of(suggestion), form(suggestion, founded_year="reject No"))["Location"]

    assert decided(second) == page_of(third)
    assert decided(third) == page_of(first)
    assert list(client.get(QUEUE).context["cl"].result_list) == [first]
    assert client.get(QUEUE, {"state": "all"}).context["cl"].result_count == 3
    assert decided(first) == QUEUE


@pytest.mark.security(20)
def test_nothing_that_was_sent_is_taken_for_html_or_followed_with_a_referrer(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, summary="<script>alert(1)</script>")
    suggestion.evidence = ['https://a.example/?"><script>x</script>']
    suggestion.save()
    text = signed_in(curator).get(page_of(suggestion)).content.decode()
    assert "<script>alert" not in text
    assert "<script>x" not in text
    assert 'rel="noopener noreferrer nofollow"' in text


def test_a_form_that_is_refused_comes_back_as_it_was(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(company, founded_year=1976, kind="startup")
    client = signed_in(curator)
    answer = client.post(page_of(suggestion), form(suggestion, founded_year="reject", kind="accept Fine"))
    text = answer.content.decode()
    assert (answer.status_code, "Say why" in text, 'value="Fine"' in text) == (200, True, True)
    assert text.count("checked") == 2
    answer = client.post(page_of(suggestion), form(suggestion, founded_year="reject No", kind="accept Fine"))
    assert answer.status_code == 302
    assert (document(company)["kind"], Suggestion.objects.get().state) == ("startup", "partly")
    assert client.get(page_of(suggestion)).status_code == 200


@pytest.mark.security(15)
def test_contributors_look_and_decide_only_on_what_they_may_edit(company: Company) -> None:
    client = signed_in(make_member("contributor"))
    published, new = make.make_suggestion(company, founded_year=1976), make.make_suggestion(name="Sehat")
    assert "an editor decides" in client.get(page_of(published)).content.decode()
    assert client.post(page_of(published), form(published, founded_year="accept")).status_code == 403
    assert client.post(page_of(new), form(new, name="accept") | {"status": "published"}).status_code == 403
    assert client.post(page_of(new), form(new, name="accept")).status_code == 302
    assert Company.objects.get(name="Sehat").status == "draft"
    assert document(company)["founded_year"] == 1977
    editor = signed_in(make_member("editor", "chand"))
    assert editor.post(page_of(published), form(published, founded_year="accept")).status_code == 302


def test_a_new_company_that_may_be_there_already_is_pointed_out(company: Company, curator: User) -> None:
    suggestion = make.make_suggestion(name="SYSTEMS limited")
    text = signed_in(curator).get(page_of(suggestion)).content.decode()
    assert "It may be here already" in text
