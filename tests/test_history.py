"""History: what an object was at any moment, what changed it, and nothing that was never public."""

import datetime
from typing import Any

import orjson
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from directory.models import Revision, Source, Version
from directory.publishing import edit, publication
from hubs.models import Hub
from tests.factories import (
    lahore,
    make_company,
    make_curator,
    make_hub,
    make_indicator,
    make_industry,
    make_program,
    make_specialty,
)
from tests.lists import VIEWSETS, mistakes, walk
from tests.log import document

pytestmark = pytest.mark.django_db

COMPANY = "/api/v1/companies/systems/"
HISTORY = f"{COMPANY}history/"
SECRETS: dict[str, Any] = {"notes": "owes us money", "contact_email": "owner@systems.example"}


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    """A company with three versions: created, updated, renamed."""
    company = make_company("Systems", slug="systems-pk", founded_year=1976, **SECRETS)
    edit(
        company,
        {"founded_year": 1977, "employees": {"min": 500, "max": None}},
        source=Source.SUGGESTION,
        by=make_curator("ayesha"),
        reason="their accountant told me on the phone",
    )
    edit(company, {"slug": "systems"}, source=Source.ADMIN)
    return company


def revisions() -> list[int]:
    return list(Version.objects.filter(kind="company").order_by("pk").values_list("revision_id", flat=True))


def withdraw(company: Company, status: str = "withdrawn") -> None:
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=company.pk).update(status=status)


def test_history_says_what_each_change_made_of_it(api: Client, company: Company) -> None:
    body = api.get(HISTORY).json()
    created, updated, renamed = revisions()
    site = "http://127.0.0.1:8000/api/v1/companies"
    assert (body["next"], body["previous"]) == (None, None)
    assert body["meta"]["query"]["canonical"] == f"{site}/systems/history/"
    times = [entry.pop("published_at") for entry in body["results"]]
    assert times == sorted(times, reverse=True)
    assert document(company)["updated_at"] >= times[0] >= document(company)["created_at"]
    assert body["results"] == [
        {
            "revision": renamed,
            "source": "admin",
            "action": "renamed",
            "url": f"{site}/systems/?as_of={renamed}",
            "changes": [
                {"field": "slug", "old": "systems-pk", "new": "systems"},
                {"field": "url", "old": f"{site}/systems-pk/", "new": f"{site}/systems/"},
            ],
        },
        {
            "revision": updated,
            "source": "suggestion",
            "action": "updated",
            "url": f"{site}/systems/?as_of={updated}",
            "changes": [
                {"field": "founded_year", "old": 1976, "new": 1977},
                {"field": "employees", "old": None, "new": {"min": 500, "max": None}},
            ],
        },
        {
            "revision": created,
            "source": "system",
            "action": "created",
            "url": f"{site}/systems/?as_of={created}",
            "changes": [],
        },
    ]


@pytest.mark.complaint(9)
def test_an_object_is_what_its_versions_say_it_was(api: Client, company: Company) -> None:
    """Each moment's document is the one that was published then, whole."""
    make_industry()
    for version in Version.objects.filter(kind="company"):
        found = api.get(f"{COMPANY}?as_of={version.revision_id}")
        assert found.json() == orjson.loads(str(version.document))
        assert found["Link"].startswith(f"<http://127.0.0.1:8000{COMPANY}?as_of={version.revision_id}>")
    newest = Revision.objects.current()
    assert api.get(f"{COMPANY}?as_of={newest}").json() == api.get(COMPANY).json()
    for entry in api.get(HISTORY).json()["results"]:
        assert api.get(entry["url"].removeprefix("http://127.0.0.1:8000")).status_code == 200


def test_a_time_and_a_date_are_moments_too(api: Client, company: Company) -> None:
    first, second, third = Revision.objects.filter(versions__kind="company").order_by("pk")
    at = second.created_at.isoformat().replace("+00:00", "Z")
    assert api.get(f"{COMPANY}?as_of={at}").json()["revision"] == second.pk
    just_before = (third.created_at - datetime.timedelta(microseconds=1)).isoformat().replace("+", "%2B")
    assert api.get(f"{COMPANY}?as_of={just_before}").json()["revision"] == second.pk
    # A bare date is its first moment: nothing had been published then.
    today = first.created_at.date().isoformat()
    early = api.get(f"{COMPANY}?as_of={today}")
    assert (early.status_code, early.json()["code"]) == (404, "not_found")
    with_plus = at.replace("Z", "+00:00")  # which nobody escaped
    assert api.get(f"{COMPANY}?as_of={with_plus}").json()["revision"] == second.pk


def test_before_it_existed_there_is_an_explanation(api: Client, company: Company) -> None:
    response = api.get(f"{COMPANY}?as_of=1")
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert f"first revision is {revisions()[0]} of 20" in response.json()["detail"]


def test_what_was_withdrawn_then_is_gone_then(api: Client, company: Company) -> None:
    withdraw(company)
    then = Revision.objects.current()
    for url in (COMPANY, HISTORY, f"{COMPANY}?as_of={revisions()[0]}", f"{COMPANY}similar/"):
        response = api.get(url)
        assert (response.status_code, response.json()["code"]) == (410, "gone"), url
        assert response.json()["successor"] is None
    withdraw(company, "published")
    assert api.get(COMPANY).status_code == 200
    response = api.get(f"{COMPANY}?as_of={then}")
    assert (response.status_code, response.json()["code"]) == (410, "gone")
    assert f"withdrawn in revision {then} of 20" in response.json()["detail"]
    again, tombstone, *_ = api.get(HISTORY).json()["results"]
    assert (again["action"], again["changes"]) == ("created", [])
    assert (tombstone["action"], tombstone["changes"], tombstone["url"]) == ("withdrawn", [], None)


def test_what_was_merged_leads_to_its_successor(api: Client, company: Company) -> None:
    other = make_company("Systems Private")
    revision = Revision.objects.create(source=Source.ADMIN)
    with publication(source=Source.ADMIN):
        Company.objects.filter(pk=other.pk).update(status="withdrawn")
    Version.objects.create(
        revision=revision,
        kind="company",
        object_id=other.pk,
        slug=other.slug,
        action="merged",
        successor=company.public_id,
    )
    for rest in ("", "history/", "similar/", "?as_of=1&fields=name"):
        response = api.get(f"/api/v1/companies/{other.slug}/{rest}")
        assert response.status_code == 308
        assert response["Location"] == f"/api/v1/companies/{company.public_id}/{rest}"


def test_an_old_address_keeps_what_was_asked_of_it(api: Client, company: Company) -> None:
    for rest in ("history/", "history/?page_size=2", "similar/", "?as_of=1", "?fields=name,hub(name)&format=json"):
        response = api.get(f"/api/v1/companies/systems-pk/{rest}")
        assert (response.status_code, response["Location"]) == (308, f"{COMPANY}{rest}")
    for rest in ("history/", "similar/"):
        assert api.get(f"/api/v1/companies/nobody/{rest}").status_code == 404
    assert (
        api.get(f"/api/v1/companies/{company.public_id}/history/").json()["results"]
        == (api.get(HISTORY).json()["results"])
    )


def test_nothing_private_is_told(api: Client, company: Company) -> None:
    """Neither who edited it, nor why, nor what was never in a document; and a private edit is no version."""
    edit(company, {}, source=Source.ADMIN, reason="A private edit", notes="still owes us", status="published")
    urls = [HISTORY, f"{HISTORY}?page_size=1", f"{COMPANY}similar/"]
    urls += [f"{COMPANY}?as_of={revision}" for revision in revisions()]
    for url in urls:
        text = api.get(url).content.decode()
        assert not [word for word in (*SECRETS.values(), "owes", "ayesha", "accountant", "reason") if word in text]
    assert len(api.get(HISTORY).json()["results"]) == 3


def test_what_has_become_private_is_private_in_the_past_too(api: Client, company: Company) -> None:
    """A field that the serializer no longer shows is still in old documents: those of an object, and of its hub."""
    for obj, kind in ((company, "company"), (lahore(), "hub")):
        old = document(obj) | {"telephone": "042-111", "name": "Old"}
        old["hub"] = {**(old.get("hub") or {}), "telephone": "042-112"} if kind == "company" else None
        revision = Revision.objects.create(source=Source.SYSTEM)
        Version.objects.create(
            revision=revision,
            kind=kind,
            object_id=obj.pk,
            slug=obj.slug,
            action="updated",
            document=orjson.dumps(old).decode(),
        )
    for rest in ("history/", f"?as_of={revision.pk}", f"?as_of={revision.pk}&include=hub", "?as_of=1&format=jsonld"):
        text = api.get(f"{COMPANY}{rest}").content.decode()
        assert "042-11" not in text
        assert "telephone" not in text
    assert api.get(f"{COMPANY}?as_of={revision.pk}").json()["name"] == "Old"


@pytest.mark.complaint(9)
def test_a_past_document_takes_shapes_and_formats(api: Client, company: Company) -> None:
    """What is included, and where it is on the map, is of that moment as well."""
    before = Revision.objects.current()
    edit(Hub.objects.get(slug="lahore"), {"summary": "Walled", "longitude": 74.5}, source=Source.ADMIN)
    query = f"as_of={before}&fields=founded_year,hub(name,summary)&include=hub"
    assert api.get(f"{COMPANY}?{query}").json() == {"founded_year": 1977, "hub": {"name": "Lahore", "summary": None}}
    now = query.replace(str(before), str(Revision.objects.current()))
    assert api.get(f"{COMPANY}?{now}").json()["hub"]["summary"] == "Walled"

    def longitude(query: str) -> float:
        found: float = orjson.loads(api.get(f"{COMPANY}?format=geojson{query}").content)["geometry"]["coordinates"][0]
        return found

    assert (longitude(f"&as_of={before}"), longitude("")) == (74.3436, 74.5)
    linked = orjson.loads(api.get(f"{COMPANY}?format=jsonld&as_of={revisions()[0]}").content)
    assert linked["foundingDate"] == "1976"


@pytest.mark.complaint(1)
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("as_of=", "empty_value"),
        ("as_of=0", "invalid_value"),
        ("as_of=-1", "invalid_value"),
        ("as_of=999999", "invalid_value"),
        ("as_of=" + "9" * 40, "invalid_value"),
        ("as_of=2999-01-01", "invalid_value"),
        ("as_of=2026-02-30", "invalid_value"),
        ("as_of=yesterday", "invalid_value"),
        ("as_of=1%00", "invalid_value"),
        ("as_of=1&as_of=2", "repeated_parameter"),
    ],
)
def test_a_moment_that_cannot_be_is_refused(api: Client, company: Company, query: str, code: str) -> None:
    assert mistakes(api, f"companies/systems/?{query}") == [("as_of", code)]


@pytest.mark.complaint(1)
def test_other_endpoints_know_no_moment_and_history_no_filters(api: Client, company: Company) -> None:
    assert mistakes(api, "companies/?as_of=1") == [("as_of", "unknown_parameter")]
    assert mistakes(api, "companies/systems/history/?as_of=1&page_size=0&fields=name") == [
        ("as_of", "unknown_parameter"),
        ("fields", "unknown_parameter"),
        ("page_size", "invalid_value"),
    ]
    assert mistakes(api, "companies/systems/history/?page=1")[0] == ("page", "unknown_parameter")
    assert mistakes(api, "companies/systems/similar/?page_size=51&cursor=x&fields=nmae") == [
        ("cursor", "unknown_parameter"),
        ("page_size", "invalid_value"),
        ("fields", "unknown_value"),
    ]


@pytest.mark.complaint(6)
@pytest.mark.parametrize("size", [1, 2, 3, 200])
def test_a_long_history_is_walked_version_by_version(api: Client, company: Company, size: int) -> None:
    for year in range(1980, 1985):
        edit(company, {"founded_year": year}, source=Source.ADMIN)
        edit(lahore(), {"summary": str(year)}, source=Source.ADMIN)  # another's versions in between
    pages = list(walk(api, f"{HISTORY}?page_size={size}"))
    walked = [entry["revision"] for page in pages for entry in page["results"]]
    assert walked == sorted(revisions(), reverse=True)
    back = list(walk(api, pages[-1]["previous"], "previous"))
    assert [page["results"] for page in reversed(back)] == [page["results"] for page in pages[:-1]]
    years = [change["old"] for page in pages for entry in page["results"] for change in entry["changes"]]
    assert years[:5] == [1983, 1982, 1981, 1980, 1977]
    other = make_company("Arbisoft")
    cursor = (pages[0]["next"] or "cursor=x").rpartition("cursor=")[2]
    assert mistakes(api, f"companies/{other.slug}/history/?cursor={cursor}") == [("cursor", "invalid_cursor")]


@pytest.mark.parametrize("collection", VIEWSETS)
def test_every_collection_has_a_history(api: Client, collection: str) -> None:
    before = Revision.objects.current()
    with publication(source=Source.SYSTEM):
        make_company(
            "Arbisoft", hub=make_hub("Karachi"), specialties=[make_specialty()], industries=[make_industry()]
        )
    make_program()
    make_indicator()
    rows = api.get(f"/api/v1/{collection}/?revision__gt={before}").json()["results"]
    assert rows
    for row in rows:
        url = f"/api/v1/{collection}/{row['slug']}/"
        [entry] = api.get(f"{url}history/").json()["results"]
        assert (entry["action"], entry["revision"]) == ("created", row["revision"])
        assert api.get(f"{url}?as_of={row['revision']}").json() == row


# The newest revision, the object; then
#   as_of            whether that is still kept, its version at that moment
#   … and include    all versions of that moment of each kind
#   history          a page of versions
#   similar          the bitmaps, since the first in a process, and whether they are still of today; the companies
COSTS = {
    f"{COMPANY}?as_of=REVISION": 4,
    f"{COMPANY}?as_of=REVISION&include=hub": 5,
    HISTORY: 3,
    f"{HISTORY}?page_size=1": 3,
    f"{COMPANY}similar/": 5,
    f"{COMPANY}similar/?include=hub": 6,
}


@pytest.mark.complaint(13)
@pytest.mark.parametrize("url", COSTS)
def test_the_cost_of_the_past(
    api: Client, company: Company, url: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for year in range(1980, 1990):
        edit(company, {"founded_year": year}, source=Source.ADMIN)
    asked = url.replace("REVISION", str(revisions()[2]))
    with django_assert_num_queries(COSTS[url]):
        response = api.get(asked)
    assert response.status_code == 200
    assert response["Directory-Revision"] == str(Revision.objects.current())
    with django_assert_num_queries(1):
        assert api.get(asked, headers={"if-none-match": response["ETag"]}).status_code == 304
