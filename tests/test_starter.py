"""The starter directory: enough companies, each with its sources, placed, and loaded the same however often.

The README's calls are made here too, because their answers come out of it.
"""

import json
import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from companies.models import Company, Specialty
from directory.models import Mark, Revision, kinds
from hubs.models import Hub
from tests.lists import assert_shortened

README = (settings.BASE_DIR / "README.md").read_text()
CALLS = re.findall(r"```\ncurl '?http://127\.0\.0\.1:8000(/\S+?)'?\n```\n```json\n(.*?)```", README, re.DOTALL)


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter_directory")]


def test_there_are_companies_of_three_hubs() -> None:
    assert Company.objects.published().count() >= 600
    for slug in ("karachi", "lahore", "islamabad"):
        assert Company.objects.published().filter(hub__slug=slug).count() >= 50
    assert {hub.slug for hub in Hub.objects.filter(notable=True)} == {"karachi", "lahore", "islamabad"}


def test_every_kind_has_documents_and_nothing_waits_for_publication() -> None:
    assert all(model._default_manager.published().exists() for model in kinds().values())
    assert not Mark.objects.exists()


def test_every_company_has_its_sources() -> None:
    assert not Company.objects.filter(sources=None).exists()


def test_emerging_fields_are_marked() -> None:
    emerging = set(Specialty.objects.filter(emerging=True).values_list("slug", flat=True))
    assert {"artificial-intelligence", "blockchain", "internet-of-things"} <= emerging


def test_loading_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = Revision.objects.current()
    call_command("load_starter")
    assert Revision.objects.current() == before
    assert "companies: 0 new, 0 added to, 620 as they were" in capsys.readouterr().out


def test_the_readme_has_three_calls() -> None:
    assert len(CALLS) == 3


@pytest.mark.parametrize(("path", "answer"), CALLS, ids=[path for path, _ in CALLS])
def test_calls_of_the_readme_answer_as_it_says(path: str, answer: str) -> None:
    assert_shortened(json.loads(answer), Client(HTTP_HOST="127.0.0.1:8000").get(path).json())
