"""Resolving: what other people's lists of companies are of, and that nothing is guessed or given away."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from companies.merging import merge_companies
from companies.models import Company
from companies.resolving import OUTCOMES
from directory.models import Source
from directory.publishing import edit, publication
from tests import factories as make
from tests.test_errors import problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directory")]

URL = "/api/v1/resolve/"
STEM = "529900T8BM49AURSDO"
LEI = f"{STEM}{98 - int(''.join(str(int(letter, 36)) for letter in f'{STEM}00')) % 97:02d}"
IDENTIFIERS = {
    "secp": "0012345", "ntn": "7654321-0", "pseb": "Z-25-12345/24", "pasha": "P-77", "lei": LEI,
    "wikidata": "Q4242", "linkedin": "devsinc", "github": "devsinc-hq",
}  # fmt: skip


@pytest.fixture(scope="module")
def directory(shared_rows: None) -> None:
    """A company of each standing."""
    with publication(source=Source.SYSTEM):
        lahore, karachi = make.make_hub("Lahore"), make.make_hub("Karachi", aliases=["KHI", "کراچی"])
        devsinc = make.make_company("Devsinc", website="https://devsinc.com/", aliases=["Systemsphere"], hub=lahore)
        for scheme, value in IDENTIFIERS.items():
            make.make_identifier(devsinc, scheme=scheme, value=value)
        make.make_company("Arbisoft", slug="arbi", website="https://arbisoft.com/")
        for hub in (lahore, karachi):
            make.make_company("Apexia", hub=hub, website="")
        for name in ("Orchard", "Vineyard"):
            make.make_company(name, website="https://bigholding.com/", shares_domain=True)
        make.make_company("Ravi Cloud", website="https://ravi-hosting.net/")
        make.make_company("D", website="")
        make.make_company("Two Registers", website="")
        make.make_identifier(Company.objects.get(name="Two Registers"), scheme="ntn", value="0099999")
        make.make_identifier(devsinc, scheme="secp", value="0099999")
        draft = make.make_company("Hushhush", status="draft", website="https://hushhush.com/")
        make.make_identifier(draft, scheme="secp", value="7777777")
        for name in ("Airlift", "Cubix", "Zed Soft", "Elder Zed", "Lost One", "Lost Heir"):
            make.make_company(name, website=f"https://{name.lower().replace(' ', '')}.com/")
    edit(Company.objects.get(name="Arbisoft"), {"slug": "arbisoft"}, source=Source.ADMIN)
    for drop, keep in (("Elder Zed", "Zed Soft"), ("Zed Soft", "Cubix"), ("Lost One", "Lost Heir")):
        one, other = Company.objects.get(name=keep), Company.objects.get(name=drop)
        merge_companies(keep=one, drop=other, choices={}, by=None)
    for name in ("Airlift", "Lost Heir"):
        with publication(source=Source.ADMIN):
            Company.objects.get(name=name).hide()


def send(api: Client, content: Any, **headers: str) -> Any:
    body = content if isinstance(content, (str, bytes)) else json.dumps(content)
    return api.post(URL, body, content_type="application/json", headers=headers)


def resolved(api: Client, *inputs: Any) -> list[dict[str, Any]]:
    response = send(api, {"inputs": inputs})
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    assert [result["input"] for result in results] == list(inputs)
    return results


def id_of(name: str) -> str:
    return str(Company.objects.filter(name=name).earliest("pk").public_id)


KNOWN: list[tuple[Any, str, str | None, str]] = [
    ("id:Devsinc", "exact", "devsinc", "id"),
    ("devsinc", "exact", "devsinc", "slug"),
    ("http://127.0.0.1:8000/api/v1/companies/devsinc/", "exact", "devsinc", "slug"),
    ("http://127.0.0.1:8000/companies/arbi/", "alias", "arbisoft", "slug"),
    ("arbi", "alias", "arbisoft", "slug"),
    ("devsinc.com", "exact", "devsinc", "domain"),
    ("HTTPS://www.careers.DevsInc.com:8443/jobs?x=1", "exact", "devsinc", "domain"),
    ("ravi-hosting.net", "exact", "ravi-cloud", "domain"),
    ("0012345", "exact", "devsinc", "secp"),
    ("SECP: 0012345", "exact", "devsinc", "secp"),
    ("CUIN 0012345", "exact", "devsinc", "secp"),
    ("7654321", "exact", "devsinc", "ntn"),
    ("7654321-0", "exact", "devsinc", "ntn"),
    ("NTN 7654321", "exact", "devsinc", "ntn"),
    ("Z-25-12345/24", "exact", "devsinc", "pseb"),
    ("p@sha: p-77", "exact", "devsinc", "pasha"),
    (LEI, "exact", "devsinc", "lei"),
    ("Q4242", "exact", "devsinc", "wikidata"),
    ("https://www.wikidata.org/wiki/Q4242", "exact", "devsinc", "wikidata"),
    ("https://pk.linkedin.com/company/Devsinc/about/", "exact", "devsinc", "linkedin"),
    ("linkedin.com/company/devsinc", "exact", "devsinc", "linkedin"),
    ("github.com/devsinc-hq", "exact", "devsinc", "github"),
    ("Devsinc, Lahore", "exact", "devsinc", "name"),
    ("Devsinc (Pvt.) Ltd. in Lahore", "exact", "devsinc", "name"),
    ("Apexia, KHI", "exact", "apexia-2", "name"),
    ("Apexia, کراچی", "exact", "apexia-2", "name"),
    ("Systemsphere, Lahore", "alias", "devsinc", "name"),
    ("Zed Soft, Lahore", "alias", "cubix", "name"),
    ({"name": "Devsinc", "hub": "lahore"}, "exact", "devsinc", "name"),
    ({"name": "Devsinc Pakistan", "website": "devsinc.com", "hub": None}, "exact", "devsinc", "domain"),
    ({"website": "https://devsinc.com"}, "exact", "devsinc", "domain"),
    ({"identifiers": [{"scheme": "linkedin", "value": "Devsinc"}]}, "exact", "devsinc", "linkedin"),
    ({"name": "Anything", "identifiers": [{"scheme": "ntn", "value": "7654321"}]}, "exact", "devsinc", "ntn"),
    ("id:Zed Soft", "merged", "cubix", "id"),
    ("id:Elder Zed", "merged", "cubix", "id"),
    ("elder-zed", "merged", "cubix", "slug"),
    ("id:Airlift", "gone", None, "id"),
    ("airlift", "gone", None, "slug"),
    ("id:Lost One", "gone", None, "id"),
    ("Devsinc", "ambiguous", None, "name"),
    ("Devsinc, Karachi", "ambiguous", None, "name"),
    ("Apexia", "ambiguous", None, "name"),
    ("bigholding.com", "ambiguous", None, "domain"),
    ("0099999", "ambiguous", None, "secp"),
    ("id:Hushhush", "none", None, "id"),
    ("hushhush", "none", None, "slug"),
    ("hushhush.com", "none", None, "domain"),
    ("7777777", "none", None, "secp"),
    ("Hushhush, Lahore", "none", None, "name"),
    ("airlift.com", "none", None, "domain"),
    ("Airlift, Lahore", "none", None, "name"),
    ("D & G", "none", None, "name"),
    ("D&G, Lahore", "none", None, "name"),
    ("1111111", "none", None, "secp"),
    ("nowhere.com", "none", None, "domain"),
    ("facebook.com/devsinc", "none", None, "domain"),
    ("https://[broken/", "none", None, "domain"),
    ("lei: 5299", "none", None, "lei"),
    ("Best Software House in Lahore", "none", None, "name"),
    ("Node.js", "none", None, "name"),
    ("۔۔۔", "none", None, "name"),
]  # fmt: skip


@pytest.mark.complaint(22)
@pytest.mark.complaint(26)
@pytest.mark.parametrize(("given", "outcome", "slug", "by"), KNOWN, ids=lambda value: str(value)[:40])
def test_an_input_is_what_it_says(api: Client, given: Any, outcome: str, slug: str | None, by: str) -> None:
    if isinstance(given, str) and given.startswith("id:"):
        given = id_of(given.removeprefix("id:"))
    [result] = resolved(api, given)
    company = result["company"]
    assert (result["outcome"], company and company["slug"], result["by"]) == (outcome, slug, by)
    assert result["reasons"] or outcome == "ambiguous"
    assert bool(result["candidates"]) == (outcome == "ambiguous")
    assert (result["score"] is None) == (slug is None)
    assert result["successor"] == (id_of("Cubix") if outcome == "merged" else None)
    if company:
        assert company == {
            "id": id_of(company["name"]) if company["name"] != "Apexia" else company["id"],
            "slug": slug,
            "name": Company.objects.get(slug=slug).name,
            "url": f"http://127.0.0.1:8000/api/v1/companies/{slug}/",
        }


def test_every_outcome_is_in_the_table() -> None:
    assert {outcome for _, outcome, *_ in KNOWN} == set(OUTCOMES)


def test_what_is_ambiguous_says_between_whom_and_why(api: Client) -> None:
    namesakes, elsewhere, owners, numbers = resolved(api, "Apexia", "Devsinc, Karachi", "bigholding.com", "0099999")
    assert [one["slug"] for one in namesakes["candidates"]] == ["apexia", "apexia-2"]
    assert {one["score"] for one in namesakes["candidates"]} == {0.86}
    [candidate] = elsewhere["candidates"]
    assert candidate["reasons"] == ["the same name: “Devsinc”", "but other hubs, karachi and lahore"]
    assert [one["slug"] for one in owners["candidates"]] == ["orchard", "vineyard"]
    assert {one["slug"] for one in numbers["candidates"]} == {"devsinc", "two-registers"}


def test_what_is_missing_is_told_of_what_is_not_certain(api: Client) -> None:
    """A name alone may be many; a place that nobody knows is told from a company that nobody knows."""
    given = {"inputs": ["Apexia", "Devsinc, Lahor", "Apexia, Lahore"]}
    alone, misplaced, placed = api.post(URL, given, content_type="application/json").json()["results"]
    assert alone["outcome"] == "ambiguous"
    assert "add its city" in alone["reasons"][0]
    assert misplaced["outcome"] == "none"
    assert misplaced["reasons"][-1] == "“Lahor” is no place of the directory"
    assert placed["outcome"] == "exact"


def test_a_name_without_its_city_is_not_certain_where_none_is_known(api: Client) -> None:
    make.make_company("Motive", hub=None, website="https://motivecloud.com")
    alone, placed, by_website = resolved(api, "Motive", "Motive, Karachi", "motivecloud.com")
    assert [one["outcome"] for one in (alone, placed, by_website)] == ["ambiguous", "ambiguous", "exact"]
    assert "add its city" in alone["reasons"][0]
    assert "knows no city" in placed["reasons"][0]


def test_an_id_that_leads_nowhere_says_why(api: Client) -> None:
    right = id_of("Devsinc")
    wrong = right[:7] + f"{(int(right[7:]) + 1) % 100:02d}"
    hub = str(make.lahore().public_id)
    mistyped, other = resolved(api, wrong, hub)
    assert (mistyped["outcome"], other["outcome"]) == ("none", "none")
    assert "mistyped" in mistyped["reasons"][0]
    assert "form of a hub's" in other["reasons"][0]


def test_an_id_is_read_as_people_copy_it(api: Client) -> None:
    assert [one["outcome"] for one in resolved(api, f"  {id_of('Devsinc').upper()} ")] == ["exact"]


@pytest.mark.complaint(26)
def test_a_draft_changes_nothing(api: Client) -> None:
    """What is not public neither answers nor keeps others from being alone."""
    make.make_company("Devsinc", status="draft", website="")
    make.make_company("Arbisoft", status="draft", website="")
    results = resolved(api, "Devsinc, Lahore", "Arbisoft, Lahore", "arbisoft-2")
    assert [one["outcome"] for one in results] == ["exact", "exact", "none"]
    assert "Hushhush" not in json.dumps(resolved(api, "Hushhush", "hushhush.com", "7777777")[0]["candidates"])


def test_the_number_of_queries_does_not_grow(api: Client) -> None:
    """The revision and the hubs; old slugs; companies, versions, merges and what they became; identifiers, domains,
    keys of names and who has them; the companies that may be meant, their identifiers, and those that are."""
    several = [
        id_of("Devsinc"), "arbi", id_of("Elder Zed"), "airlift", "devsinc.com", "0012345", "Apexia, KHI",
        {"name": "Devsinc", "hub": "lahore", "identifiers": [{"scheme": "lei", "value": LEI}]},
    ]  # fmt: skip
    many = [*several, *(f"Company {n}, Lahore" for n in range(150)), *(f"domain-{n}.com" for n in range(42))]
    counts = []
    for inputs in (several, many):
        with CaptureQueriesContext(connection) as queries:
            assert len(resolved(api, *inputs)) == len(inputs)
        counts.append(len(queries))
    assert len(many) == 200
    # The first time the process learns the hubs.
    assert counts == [14, 13]


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "no object": ([], [""]),
    "nothing": ({}, ["/inputs"]),
    "no inputs": ({"inputs": []}, ["/inputs"]),
    "too many": ({"inputs": ["x"] * 201}, ["/inputs"]),
    "another field": ({"inputs": ["x"], "limit": 3}, ["/limit"]),
    "types": ({"inputs": ["x", 3, None, [], ["x"]]}, ["/inputs/1", "/inputs/2", "/inputs/3", "/inputs/4"]),
    "texts": ({"inputs": ["", " ", "x" * 501]}, ["/inputs/0", "/inputs/1", "/inputs/2"]),
    "an empty object": ({"inputs": [{}, {"hub": "lahore"}, {"name": None}]}, ["/inputs/0", "/inputs/1", "/inputs/2"]),
    "fields": (
        {"inputs": [{"name": 3, "website": "", "ceo": "x", "identifiers": "x"}]},
        ["/inputs/0/ceo", "/inputs/0/identifiers", "/inputs/0/name", "/inputs/0/website"],
    ),
    "identifiers": (
        {"inputs": [{"identifiers": ["x", {"scheme": "x", "value": "1"}, {"scheme": "lei", "value": "1"},
                                     {"scheme": "lei", "value": 1}, {"scheme": "lei"}]}]},
        ["/inputs/0/identifiers/0", "/inputs/0/identifiers/1/scheme", "/inputs/0/identifiers/2/value",
         "/inputs/0/identifiers/3/value", "/inputs/0/identifiers/4"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "pointers"), REFUSED.values(), ids=REFUSED)
def test_mistakes_are_named_where_they_are(api: Client, content: Any, pointers: list[str]) -> None:
    response = send(api, content)
    assert response.status_code == 400
    told = problem(response)
    assert told["code"] == "invalid_input"
    assert sorted(error["pointer"] for error in told["errors"]) == pointers


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ('{"inputs": ["\\u0000"]}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        (" " * (256 * 1024 + 1), "application/json", 413),
        ("inputs=devsinc", "application/x-www-form-urlencoded", 415),
    ],
)
def test_bodies_that_cannot_be_read(api: Client, body: str, content_type: str, status: int) -> None:
    response = api.post(URL, body, content_type=content_type)
    assert response.status_code == status
    problem(response)


def test_it_is_kept_by_nobody_and_asked_from_any_page(api: Client) -> None:
    response = send(api, {"inputs": ["devsinc"]})
    assert (response["Cache-Control"], response["Access-Control-Allow-Origin"]) == ("no-store", "*")
    assert "ETag" not in response
    assert api.options(URL)["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    refused = api.get(URL)
    assert (refused.status_code, refused["Allow"]) == (405, "POST, OPTIONS")
    assert api.post(f"{URL}?limit=3", "{}", content_type="application/json").status_code == 400
