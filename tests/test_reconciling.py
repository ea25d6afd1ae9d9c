"""Reconciliation, as OpenRefine asks for it: in both versions, by a client that is not ours, and nothing guessed."""

import json
import re
import urllib.request
from typing import Any
from urllib.parse import urlencode, urlsplit

import pandas
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from reconciler import reconcile

from companies.merging import merge_companies
from companies.models import Company
from directory.models import Source
from directory.publishing import publication
from tests import factories as make
from tests.browsing import Site, site
from tests.lists import assert_shortened
from tests.reconciliation import formed
from tests.test_errors import problem

__all__ = ["site"]

OLD, NEW = "/api/v1/reconcile/", "/api/v1/reconcile/draft/"
FORM = "application/x-www-form-urlencoded"
HOSTILE = "<script>alert(1)</script> & “Sons”"


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directory")]


@pytest.fixture(scope="module")
def directory(shared_rows: None) -> None:
    with publication(source=Source.SYSTEM):
        lahore, karachi = make.make_hub("Lahore"), make.make_hub("Karachi", aliases=["KHI"])
        learning = make.make_specialty("Machine learning", aliases=["ML"])
        make.make_industry("Healthcare")
        make.make_program("National Incubation Center", hub=karachi)
        devsinc = make.make_company(
            "Devsinc", website="https://devsinc.com/", hub=lahore, founded_year=2009, women_led=False,
            specialties=[learning], employees_min=500, verified_on="2026-05-01", export_markets=["US", "GB"],
        )  # fmt: skip
        make.make_identifier(devsinc, scheme="secp", value="0012345")
        make.make_credential(devsinc)
        make.make_office(devsinc, hub=karachi)
        for hub in (lahore, karachi):
            make.make_company("Apexia", hub=hub, website="")
        make.make_company("D", website="")
        make.make_company("Healthcare", website="")
        make.make_company("Hushhush", status="draft", website="https://hushhush.com/")
        make.make_company(HOSTILE, slug="hostile", website="https://hostile.com/", summary=HOSTILE)


def id_of(name: str, **fields: Any) -> str:
    return str(Company.objects.get(name=name, **fields).public_id)


def old(api: Client, **query: Any) -> list[dict[str, Any]]:
    """The candidates of a query of 0.2, as a form sends it."""
    response = api.post(OLD, urlencode({"queries": json.dumps({"q0": query})}), content_type=FORM)
    found: list[dict[str, Any]] = formed("0.2 results", response)["q0"]["result"]
    return found


def new(api: Client, *conditions: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """The candidates of a query of the draft."""
    sent = {"queries": [{"conditions": conditions, **query}]}
    [result] = formed("1.0 results", api.post(f"{NEW}match", sent, content_type="application/json"))["results"]
    found: list[dict[str, Any]] = result["candidates"]
    return found


def named(value: Any) -> dict[str, Any]:
    return {"matchType": "name", "propertyValue": value}


def having(name: str, value: Any, **rest: Any) -> dict[str, Any]:
    return {"matchType": "property", "propertyId": name, "propertyValue": value, **rest}


def brief(found: list[dict[str, Any]]) -> list[tuple[str, int, bool]]:
    return [(one["name"], one["score"], one["match"]) for one in found]


# What the service is


def test_both_manifests_are_of_their_form_and_lead_somewhere(api: Client) -> None:
    first, second = formed("0.2 manifest", api.get(OLD)), formed("1.0 manifest", api.get(NEW))
    assert first["batchSize"] == second["batchSize"] == 50
    assert [kind["id"] for kind in first["defaultTypes"]] == ["company", "specialty", "hub", "industry", "program"]
    key = id_of("Devsinc")
    views = [first["view"]["url"].replace("{{id}}", key), second["view"]["url"].replace("{id}", key)]
    assert views == [f"{settings.SITE_URL}/id/{key}/"] * 2 == [f"{first['identifierSpace']}{key}/"] * 2
    page = api.get(urlsplit(views[0]).path, follow=True)
    assert page.status_code == 200
    assert b"<h1>Devsinc</h1>" in page.content
    paths = [first["preview"]["url"].replace("{{id}}", key)]
    for name, suggest in first["suggest"].items():
        paths += [f"{suggest['service_url']}{suggest['service_path']}?prefix=d", f"{NEW}suggest/{name}?prefix="]
        paths.append(suggest["service_url"] + suggest["flyout_service_path"].replace("${id}", key))
    proposes = first["extend"]["propose_properties"]
    paths += [proposes["service_url"] + proposes["service_path"] + "?type=hub", f"{NEW}extend/propose?type=hub"]
    for path in paths:
        answer = api.get(path.removeprefix(settings.SITE_URL))
        assert answer.status_code == 200, path
        assert answer["Access-Control-Allow-Origin"] == "*"


def test_ids_of_all_kinds_lead_to_what_they_are_of(api: Client) -> None:
    hub = make.lahore()
    assert api.get(f"/id/{hub.public_id}/")["Location"] == f"/api/v1/hubs/{hub.public_id}/"
    assert api.get("/id/nobody/").status_code == 404
    with publication(source=Source.ADMIN):
        Company.objects.get(name="Devsinc").hide()
    assert api.get(f"/id/{id_of('Devsinc')}/", follow=True).status_code == 410


# Queries

QUERIES: list[tuple[dict[str, Any], list[tuple[str, int, bool]]]] = [
    ({"query": "Devsinc"}, [("Devsinc", 86, False)]),
    ({"query": "Devsinc, Lahore"}, [("Devsinc", 92, True)]),
    ({"query": "Devsinc", "properties": [{"pid": "hub", "v": "Lahore"}]}, [("Devsinc", 92, True)]),
    ({"query": "Devsinc", "properties": [{"pid": "hub", "v": "KHI"}]}, [("Devsinc", 74, False)]),
    ({"query": "Devsinc", "properties": [{"pid": "website", "v": "www.devsinc.com"}]}, [("Devsinc", 99, True)]),
    ({"query": "Dev", "properties": [{"pid": "secp", "v": "0012345"}]}, [("Devsinc", 99, True)]),
    ({"properties": [{"pid": "secp", "v": "0012345"}]}, [("Devsinc", 99, True)]),
    ({"query": "devsinc.com"}, [("Devsinc", 90, True)]),
    ({"query": "0012345"}, [("Devsinc", 99, True)]),
    ({"query": "id:Devsinc"}, [("Devsinc", 100, True)]),
    ({"query": "Devsinc, Lahore", "properties": [{"pid": "founded_year", "v": 2009}]}, [("Devsinc", 92, True)]),
    ({"query": "Devsinc, Lahore", "properties": [{"pid": "founded_year", "v": 1999}]}, [("Devsinc", 92, False)]),
    ({"query": "Devsinc, Lahore", "properties": [{"pid": "women_led", "v": False}]}, [("Devsinc", 92, True)]),
    ({"query": "Apexia"}, [("Apexia", 86, False), ("Apexia", 86, False)]),
    ({"query": "Apexia", "limit": 1}, [("Apexia", 86, False)]),
    ({"query": "Healthcare", "type": "industry"}, [("Healthcare", 100, True)]),
    ({"query": "Lahore"}, [("Lahore", 100, True)]),
    ({"query": "KHI", "type": ["hub"]}, [("Karachi", 100, True)]),
    ({"query": "Karach", "type": ["hub", "company"]}, [("Karachi", 70, False)]),
    ({"query": "ML"}, [("Machine learning", 100, True)]),
    ({"query": "Incubation", "type": "program"}, [("National Incubation Center", 60, False)]),
    ({"query": "D & G"}, []),
    ({"query": "Hushhush, Lahore"}, []),
    ({"query": "hushhush.com"}, []),
    ({"query": "devsinc", "type": "hub"}, []),
    ({"query": "۔۔۔"}, []),
    ({"query": "x", "type_strict": "any", "type": []}, []),
]  # fmt: skip


@pytest.mark.complaint(26)
@pytest.mark.parametrize(("query", "found"), QUERIES, ids=lambda value: json.dumps(value)[:60])
def test_a_query_has_these_candidates(api: Client, query: dict[str, Any], found: list[tuple[str, int, bool]]) -> None:
    """In both versions the same."""
    if query.get("query", "").startswith("id:"):
        query = query | {"query": id_of(query["query"].removeprefix("id:"))}
    assert brief(old(api, **query)) == found
    types = query.get("type", [])
    if isinstance(types, list) and len(types) > 1:
        return  # which the draft has no more
    conditions = [named(query["query"])] if "query" in query else []
    conditions += [having(one["pid"], one["v"]) for one in query.get("properties", ())]
    rest = {"type": types if isinstance(types, str) else types[0]} if types else {}
    rest |= {"limit": query["limit"]} if "limit" in query else {}
    assert brief(new(api, *conditions, **rest)) == found


def test_namesakes_of_different_kinds_are_told_apart_by_what_else_is_said(api: Client) -> None:
    def matches(**query: Any) -> dict[str, bool]:
        return {one["type"][0]["id"]: one["match"] for one in old(api, **query)}

    make.make_company("Unplaced", hub=None, website="")
    make.make_industry("Unplaced")
    assert matches(query="Unplaced") == {"company": False, "industry": True}
    assert matches(query="Unplaced", type="company") == {"company": False}
    in_lahore = [{"pid": "hub", "v": "lahore"}]
    assert matches(query="Healthcare", properties=in_lahore) == {"company": True, "industry": False}


@pytest.mark.parametrize("nothing", ["", " ", None, [], ["", None]])
def test_an_empty_cell_says_nothing(api: Client, nothing: Any) -> None:
    asked = {"query": "Devsinc", "properties": [{"pid": "hub", "v": "Lahore"}, {"pid": "website", "v": nothing}]}
    assert [one["match"] for one in old(api, **asked)] == [True]
    assert [
        one["match"] for one in new(api, named("Devsinc"), having("hub", "Lahore"), having("website", nothing))
    ] == [True]
    assert old(api, query="", properties=[{"pid": "website", "v": nothing}]) == []


def test_what_is_required_keeps_others_out(api: Client) -> None:
    def found(**rest: Any) -> list[str]:
        return [one["description"] for one in new(api, named("Apexia"), having("hub", **rest))]

    assert found(value="Lahore", required=True) == ["Lahore"]
    assert found(value=["Lahore", "KHI"], required=True) == ["Lahore", "Karachi"]
    assert found(value=["Lahore", "KHI"], required=True, matchQuantifier="all") == []
    assert found(value="Lahore", required=True, matchQuantifier="none") == ["Karachi"]
    [best, other] = new(api, named("Apexia"), having("hub", {"id": str(make.lahore().public_id)}))
    assert (best["description"], best["match"], other["match"]) == ("Lahore", True, False)
    assert best["features"] == [{"id": "hub", "name": "Hub agrees", "value": True}]


def test_a_merged_company_is_the_one_it_became(api: Client) -> None:
    drop, keep = make.make_company("Zed Soft"), Company.objects.get(name="Devsinc")
    merge_companies(keep=keep, drop=drop, choices={}, by=None)
    for found in (old(api, query=drop.public_id), new(api, {"matchType": "id", "propertyValue": drop.public_id})):
        assert brief(found) == [("Devsinc", 100, True)]
    sent = {"extend": json.dumps({"ids": [drop.public_id], "properties": [{"id": "name"}]})}
    rows = formed("0.2 extension", api.post(OLD, urlencode(sent), content_type=FORM))["rows"]
    assert rows == {drop.public_id: {"name": [{"str": "Devsinc"}]}}


def test_the_address_asks_as_the_form_does(api: Client) -> None:
    asked = urlencode({"queries": json.dumps({"a": {"query": "Devsinc, Lahore"}, "b": {"query": "KHI"}})})
    response = api.get(f"{OLD}?{asked}")
    assert formed("0.2 results", response) == api.post(OLD, asked, content_type=FORM).json()
    assert api.get(f"{OLD}?{asked}", headers={"if-none-match": response["ETag"]}).status_code == 304
    assert api.post(OLD, asked, content_type=FORM)["Cache-Control"] == "no-store"


def test_the_number_of_queries_does_not_grow(api: Client) -> None:
    several: list[dict[str, Any]] = [query for query, _ in QUERIES if "id:" not in query.get("query", "")]
    many = [*several, *({"query": f"Company {n}, Lahore"} for n in range(50 - len(several)))]
    counts = []
    for batch in ([*several], many, many):
        sent = urlencode({"queries": json.dumps({str(n): query for n, query in enumerate(batch)})})
        with CaptureQueriesContext(connection) as queries:
            formed("0.2 results", api.post(OLD, sent, content_type=FORM))
        counts.append(len(queries))
    # The first time the process learns the vocabulary.
    assert counts[1] == counts[2] == counts[0] - 4 == 15


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ([], ["/queries"]),
        ({}, ["/queries"]),
        ({"q": 1}, ["/queries/q"]),
        ({"q": {}}, ["/queries/q/query"]),
        ({"q": {"query": "x" * 501, "limit": 0, "type": "Q5", "lang": "en"}},
         ["/queries/q/lang", "/queries/q/limit", "/queries/q/query", "/queries/q/type"]),
        ({"q": {"query": "x", "limit": 2.5, "properties": [{"pid": "ceo", "v": []}, {"pid": "hub"}, {"x": 1}]}},
         ["/queries/q/limit", "/queries/q/properties/0/pid", "/queries/q/properties/1/v",
          "/queries/q/properties/2/pid", "/queries/q/properties/2/v", "/queries/q/properties/2/x"]),
    ],
)  # fmt: skip
def test_mistakes_in_queries_are_named(api: Client, sent: Any, pointers: list[str]) -> None:
    response = api.post(OLD, urlencode({"queries": json.dumps(sent)}), content_type=FORM)
    assert sorted(error["pointer"] for error in problem(response)["errors"]) == pointers


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ([], ["/queries"]),
        ({"queries": []}, ["/queries"]),
        ({"queries": [1, {}, {"conditions": []}]},
         ["/queries/0", "/queries/1/conditions", "/queries/2/conditions"]),
        ({"queries": [{"conditions": [{"matchType": "name"}, {"matchType": "x"}], "type": ["hub"]}]},
         ["/queries/0/conditions/0/propertyValue", "/queries/0/conditions/1/matchType", "/queries/0/type"]),
        ({"queries": [{"conditions": [having("hub", "x", required=1, matchQuantifier="some", matchQualifier="y")]}]},
         ["/queries/0/conditions/0/matchQualifier", "/queries/0/conditions/0/matchQuantifier",
          "/queries/0/conditions/0/required"]),
    ],
)  # fmt: skip
def test_mistakes_in_conditions_are_named(api: Client, sent: Any, pointers: list[str]) -> None:
    response = api.post(f"{NEW}match", json.dumps(sent), content_type="application/json")
    assert sorted(error["pointer"] for error in problem(response)["errors"]) == pointers


def test_no_more_than_the_manifest_says_at_once(api: Client) -> None:
    batch = {str(n): {"query": "x"} for n in range(51)}
    responses = [
        api.post(OLD, urlencode({"queries": json.dumps(batch)}), content_type=FORM),
        api.post(f"{NEW}match", {"queries": [{"conditions": [named("x")]}] * 51}, content_type="application/json"),
        api.post(OLD, "queries=" + "x" * 2**19, content_type=FORM),
    ]
    for response in responses:
        assert (response.status_code, problem(response)["code"]) == (413, "content_too_large")


@pytest.mark.parametrize(
    ("path", "parameter", "code"),
    [
        (f"{OLD}?callback=x", "callback", "unknown_parameter"),
        (f"{OLD}?queries=1&queries=2", "queries", "repeated_parameter"),
        (f"{OLD}?queries=1&extend=2", "extend", "conflicting_parameters"),
        (f"{OLD}suggest/entity", "prefix", "missing_parameter"),
        (f"{OLD}suggest/entity?prefix=x&limit=51", "limit", "invalid_value"),
        (f"{OLD}suggest/entity?prefix=x&cursor=-1", "cursor", "invalid_value"),
        (f"{OLD}suggest/entity?prefix=x&type=Q5", "type", "unknown_value"),
        (f"{OLD}suggest/entity?prefix={'x' * 201}", "prefix", "too_long"),
        (f"{OLD}suggest/entity?prefix=%C3%A9%00", "prefix", "invalid_value"),
        (f"{OLD}properties", "type", "missing_parameter"),
        (f"{OLD}preview", "id", "missing_parameter"),
        (f"{NEW}?versions=1", "versions", "unknown_parameter"),
    ],
)
def test_mistakes_in_addresses_are_named(api: Client, path: str, parameter: str, code: str) -> None:
    response = api.get(path)
    assert response.status_code == 400
    assert [(error["parameter"], error["code"]) for error in problem(response)["errors"]] == [(parameter, code)]


# Suggestions


def suggested(api: Client, path: str) -> list[tuple[str, str]]:
    return [(one["name"], one.get("description", "")) for one in formed("suggestions", api.get(path))["result"]]


def test_entities_are_suggested_by_their_beginning_or_id(api: Client) -> None:
    for root in (OLD, NEW):
        entity = f"{root}suggest/entity?prefix="
        assert suggested(api, f"{entity}devs") == [("Devsinc", "Lahore, devsinc.com")]
        assert suggested(api, f"{entity}{id_of('Devsinc')}") == [("Devsinc", "Lahore, devsinc.com")]
        assert suggested(api, f"{entity}KHI&type=hub") == [("Karachi", "Punjab")]
        assert suggested(api, f"{entity}hushh") == suggested(api, f"{entity}") == []
        both = suggested(api, f"{entity}apex")
        assert both == [("Apexia", "Karachi"), ("Apexia", "Lahore")] or len(both) == 2
        assert suggested(api, f"{entity}apex&limit=1") == both[:1]
        assert (
            suggested(api, f"{entity}apex&limit=1&offset=1") == suggested(api, f"{entity}apex&cursor=1") == both[1:]
        )
    widget = "&spell=always&exact=false&prefixed=true&type_strict=any&lang="
    assert suggested(api, f"{OLD}suggest/entity?prefix=devs{widget}") == [("Devsinc", "Lahore, devsinc.com")]
    assert api.get(f"{OLD}suggest/planet?prefix=x").status_code == 404


def test_properties_and_types_are_suggested(api: Client) -> None:
    assert suggested(api, f"{OLD}suggest/property?prefix=found") == [("Founded year", "")]
    assert suggested(api, f"{OLD}suggest/property?prefix=lat&type=company") == []
    assert suggested(api, f"{OLD}suggest/type?prefix=IND") == [("Industry", "")]
    assert len(suggested(api, f"{NEW}suggest/type?prefix=")) == 5
    proposed = formed("proposals", api.get(f"{NEW}extend/propose?type=company&limit=3"))
    assert (proposed["type"], proposed["limit"], len(proposed["properties"])) == ("company", 3, 3)
    flyout = formed("flyout", api.get(f"{OLD}flyout?id=hourly_rate.min"))
    assert flyout == {"id": "hourly_rate.min", "html": "<h1>Hourly rate, min</h1>\n"}


# Previews


def test_a_preview_may_be_framed_and_loads_nothing_but_its_stylesheet(api: Client) -> None:
    for _ in range(2):  # the second is answered from the cache
        page = api.get(f"{OLD}preview?id={id_of(HOSTILE)}", headers={"accept": "text/html"})
        assert page["Content-Type"] == "text/html; charset=utf-8"
        policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
        assert (policy["frame-ancestors"], policy["default-src"], policy["style-src"]) == ("*", "'none'", "'self'")
        assert "X-Frame-Options" not in page
        assert b"<script" not in page.content
        assert b"&lt;script&gt;" in page.content
    assert api.get(f"{NEW}preview?id=devsinc").content.count(b"2009") == 1
    flyout = formed("flyout", api.get(f"{OLD}flyout?id={id_of(HOSTILE)}"))
    assert "<script" not in flyout["html"]


@pytest.mark.parametrize("name", ["preview", "flyout"])
def test_nothing_is_shown_of_what_is_not_public(api: Client, name: str) -> None:
    gone = id_of("Apexia", slug="apexia")
    with publication(source=Source.ADMIN):
        Company.objects.get(slug="apexia").hide()
    for key in (id_of("Hushhush"), "hushhush", gone, "nobody", "0zzzzzz00"):
        response = api.get(f"{OLD}{name}?id={key}")
        assert (response.status_code, problem(response)["code"]) == (404, "not_found")
        assert response["Cache-Control"] == "no-store"


# Data extension


def test_values_are_those_of_the_document(api: Client) -> None:
    key, hub = id_of("Devsinc"), make.lahore()
    wanted = [
        *("name", "founded_year", "employees.min", "employees.max", "women_led", "export_markets", "verified_on"),
        *("hub", "offices", "specialties", "secp", "lei", "credentials", "latitude"),
    ]
    sent = {"ids": [key, hub.public_id, "nobody", id_of("Hushhush")], "properties": [{"id": name} for name in wanted]}
    first = formed("0.2 extension", api.get(f"{OLD}?{urlencode({'extend': json.dumps(sent)})}"))
    row = first["rows"][key]
    assert row["name"] == [{"str": "Devsinc"}]
    assert row["founded_year"] == [{"int": 2009}]
    assert (row["employees.min"], row["employees.max"]) == ([{"int": 500}], [])
    assert row["women_led"] == [{"str": "false"}]
    assert row["export_markets"] == [{"str": "US"}, {"str": "GB"}]
    assert row["verified_on"] == [{"date": "2026-05-01T00:00:00Z"}]
    assert row["hub"] == [{"id": hub.public_id, "name": "Lahore"}]
    assert [one["name"] for one in row["offices"] + row["specialties"]] == ["Karachi", "Machine learning"]
    assert (row["secp"], row["lei"], row["credentials"]) == ([{"str": "0012345"}], [], [{"str": "ISO 27001"}])
    assert first["rows"][hub.public_id]["latitude"] == [{"float": 31.5497}]
    for other in ("nobody", id_of("Hushhush")):
        assert set(map(str, first["rows"][other].values())) == {"[]"}
    assert {"id": "hub", "name": "Hub", "type": {"id": "hub", "name": "Hub"}} in first["meta"]
    second = formed("1.0 extension", api.post(f"{NEW}extend", sent, content_type="application/json"))
    assert second["meta"] == first["meta"]
    rows = {row["id"]: {one["id"]: one["values"] for one in row["properties"]} for row in second["rows"]}
    assert rows == first["rows"]


def test_every_property_of_every_type_has_a_form(api: Client) -> None:
    for kind, row in {"company": Company.objects.get(name="Devsinc"), "hub": make.lahore()}.items():
        proposed = formed("proposals", api.get(f"{OLD}properties?type={kind}"))["properties"]
        sent = {"ids": [row.public_id], "properties": [{"id": one["id"]} for one in proposed]}
        formed("1.0 extension", api.post(f"{NEW}extend", sent, content_type="application/json"))


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({}, ["/ids", "/properties"]),
        ({"ids": ["x"] * 201, "properties": [{"id": "ceo"}, {}]}, ["/ids", "/properties/0", "/properties/1"]),
    ],
)
def test_mistakes_in_extensions_are_named(api: Client, sent: Any, pointers: list[str]) -> None:
    response = api.post(f"{NEW}extend", sent, content_type="application/json")
    assert sorted(error["pointer"] for error in problem(response)["errors"]) == pointers


# A client that nobody here wrote


def test_the_documented_call_answers_as_it_says(site: Site) -> None:
    guide = (settings.BASE_DIR / "docs" / "partners.md").read_text()
    [(sent, shown)] = re.findall(r"--data-urlencode 'queries=(.+?)'\n```\n```json\n(.+?)\n```", guide)
    body = urlencode({"queries": sent}).encode()
    with urllib.request.urlopen(f"{site.url}{OLD}", body) as response:
        assert_shortened(json.loads(shown), json.load(response))


def test_a_client_of_others_reconciles_a_column(site: Site) -> None:
    frame = pandas.DataFrame({"name": ["Devsinc", "10Pearls", "D & G", "Devsinc Nobody Knows"]})
    frame["city"] = ["Lahore", "Karachi", "Lahore", "Lahore"]
    found = reconcile(
        frame["name"],
        type_id="company",
        property_mapping={"hub": frame["city"]},
        reconciliation_endpoint=f"{site.url}{OLD}",
    )
    rows = {row["input_value"]: row for row in found.to_dict("records")}
    assert (rows["Devsinc"]["name"], rows["Devsinc"]["match"], rows["Devsinc"]["type_id"]) == (
        "Devsinc",
        True,
        "company",
    )
    assert rows["10Pearls"]["match"]
    for nobody in ("D & G", "Devsinc Nobody Knows"):
        assert pandas.isna(rows[nobody]["id"])
