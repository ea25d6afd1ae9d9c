"""What sources say and no field has a place for: it is kept, counted, looked at, and placed once there is a place."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.imports import CompanyImporter
from companies.models import Company
from companies.placing import REASON, place_again
from companies.unplaced import UnplacedValue
from directory.models import Revision, Source
from directory.publishing import edit
from tests import factories as make
from tests.curators import make_member, signed_in

pytestmark = pytest.mark.django_db

LIST = "admin:companies_unplacedvalue_changelist"
ROWS = [
    {"name": "Devsinc", "city": "Lahore", "tags": "python;zkyc", "founded_year": "long ago"},
    {"name": "Cubix", "city": "Lahore", "tags": "zkyc"},
]


@pytest.fixture(scope="module")
def rows(shared_rows: None) -> None:
    make.lahore()
    make.make_specialty("Python")
    for _ in range(2):  # the same file again says nothing new
        assert sum(CompanyImporter(status="published").run(ROWS)) == len(ROWS)


def kept() -> list[tuple[str, str, str]]:
    return list(
        UnplacedValue.objects.order_by("company__name", "field").values_list("company__name", "field", "value")
    )


def test_what_finds_no_place_is_kept_once(rows: None) -> None:
    assert kept() == [
        ("Cubix", "specialties", "zkyc"),
        ("Devsinc", "founded_year", "long ago"),
        ("Devsinc", "specialties", "zkyc"),
    ]
    assert set(Company.objects.with_unplaced()) == set(Company.objects.all())


def test_it_is_placed_in_one_revision_once_there_is_a_place(rows: None) -> None:
    assert place_again(UnplacedValue.objects.all(), by=None) == 0
    identity = make.make_specialty("Digital identity")
    edit(identity, {"aliases": ["zKYC"]}, source=Source.ADMIN)
    before = Revision.objects.count()
    assert place_again(UnplacedValue.objects.all(), by=None) == 2
    assert kept() == [("Devsinc", "founded_year", "long ago")]
    assert {c.name for c in Company.objects.filter(specialties=identity)} == {"Devsinc", "Cubix"}
    devsinc = Company.objects.get(name="Devsinc")
    assert {specialty.name for specialty in devsinc.specialties.all()} == {"Python", "Digital identity"}
    assert Revision.objects.count() == before + 1
    assert Revision.objects.latest("pk").reason == REASON


def test_what_is_known_is_not_overwritten(rows: None) -> None:
    devsinc = Company.objects.get(name="Devsinc")
    UnplacedValue.objects.filter(field="founded_year").update(value="2001")
    edit(devsinc, {"founded_year": 2009}, source=Source.ADMIN)
    assert place_again(UnplacedValue.objects.filter(field="founded_year"), by=None) == 1
    devsinc.refresh_from_db()
    assert devsinc.founded_year == 2009


def test_each_number_of_the_quality_page_leads_to_the_values_that_it_counts(rows: None) -> None:
    client = signed_in(make_member("contributor"))
    page = client.get("/admin/quality/").content.decode()
    found = re.findall(
        r'<th scope="row">(\S+)</th><td>(\w+)</td><td class="number"><a href="([^"]+)">(\d+)</a>', page
    )
    assert [(value, name, count) for value, name, _, count in found] == [("zkyc", "specialties", "2")]
    listed = client.get(unescape(found[0][2]))
    assert listed.status_code == 200
    assert listed.context["cl"].result_count == 2


def test_an_editor_places_what_is_selected(rows: None) -> None:
    editor = signed_in(make_member("editor"))
    make.make_specialty("zKYC")
    selected = list(UnplacedValue.objects.values_list("pk", flat=True))
    asked = {"action": "place_again", "_selected_action": selected}
    answer = editor.post(reverse(LIST), asked, follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["Placed: 2. Still without a place: 1."]
    assert Revision.objects.latest("pk").by == editor.get(reverse(LIST)).wsgi_request.user


def test_too_many_are_not_placed_at_once(rows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companies.unplaced_admin.CHUNK", 2)
    make.make_specialty("zKYC")
    asked = {"action": "place_again", "_selected_action": list(UnplacedValue.objects.values_list("pk", flat=True))}
    page = signed_in(make_member("editor")).post(reverse(LIST), asked, follow=True)
    assert "At most 2 at once" in page.content.decode()
    assert len(kept()) == 3


def test_the_list_takes_as_many_queries_however_long_it_is(rows: None) -> None:
    client = signed_in(make_member("editor"))
    few = queries(client)
    UnplacedValue.objects.keep((Company.objects.latest("pk").pk, "specialties", f"v{n}") for n in range(20))
    assert queries(client) == few


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as found:
        client.get(reverse(LIST))
    return len(found)
