"""Formats: what is asked for is what comes, and a whole result is whole, of one moment, and harmless to open."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.models import Company
from directory.api import exports
from directory.api.rendering import FORMATS, choose_format
from directory.models import Revision, Source
from directory.publishing import edit, publication
from tests.factories import (
    lahore,
    make_company,
    make_credential,
    make_hub,
    make_indicator,
    make_industry,
    make_office,
    make_program,
    make_source,
    make_specialty,
)
from tests.lists import VIEWSETS, mistakes, walk
from tests.log import document

pytestmark = pytest.mark.django_db

LIST, DETAIL = "/api/v1/companies/", "/api/v1/companies/systems/"
OFFERED = {"json", "csv", "ndjson", "jsonld", "geojson"}
PLACELESS = {"specialties", "industries"}
DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0", "'=1", "\t=1", "\r=1", "\n=1", "＝1+1"]


@pytest.fixture(scope="module")
def company(shared_rows: None) -> Company:
    company = make_company(
        "Systems",
        specialties=[make_specialty("Data"), make_specialty("A|B\\C")],
        industries=[make_industry()],
        programs=[make_program()],
        aliases=["سسٹمز", 'S "L", Lahore', "=1+1"],
        description="One line\nand another; <b>&",
        employees_min=500,
        founded_year=1977,
        export_markets=["US", "GB"],
        women_led=False,
        legal_name="Systems (Pvt.) Ltd.",
    )
    make_office(company, hub=make_hub("Karachi", province="PK-SD", latitude=24.86, longitude=67.0))
    make_office(company, address="")
    make_credential(company)
    make_source(company, facts=["name", "hub|x"])
    return company


@pytest.fixture
def five(company: Company) -> list[str]:
    """The slugs of five companies as they were entered, so that chunks of two are three."""
    with publication(source=Source.SYSTEM):
        for name in ("Arbisoft", "Devsinc", "Netsol", "Zameen"):
            make_company(name)
    return ["systems", "arbisoft", "devsinc", "netsol", "zameen"]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 2)


def read(api: Client, url: str, **headers: str) -> str:
    response: Any = api.get(url, headers=headers)
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


def hang_up(response: Any) -> None:
    """What the server does when the client has gone, without closing the connection, which is the test's."""
    for close in response._resource_closers[:]:
        close()


def head(api: Client, url: str, **headers: str) -> Any:
    """A response of which nobody reads the body."""
    response = api.get(url, headers=headers)
    hang_up(response)
    return response


def lines(text: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """(documents, last line) of NDJSON."""
    *documents, last = map(orjson.loads, text.splitlines())
    return documents, last


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cursors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
        found: int = cursor.fetchone()[0]
    return found


# Which one


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json;charset=utf-8", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV; header=absent", "csv"),
        ("text/*", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl", "ndjson"),
        ("application/ld+json", "jsonld"),
        ("application/geo+json", "geojson"),
        ("text/csv, application/json", "json"),
        ("text/csv, application/json;q=0.9", "csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "json"),
        ("*/*, application/json;q=0", "csv"),
        ("*/*;q=0.1, application/ld+json;q=0.2", "jsonld"),
        ("application/*;q=0.5, application/geo+json;q=0", "json"),
        ("text/csv;q=2, text/csv;q=, text/csv;q=nan, application/ld+json;q=0.001", "jsonld"),
        ("nonsense, ;;;, application/geo+json", "geojson"),
        ("text/html", None),
        ("application/xml;q=0.9", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("json", None),
    ],
)
def test_the_format_is_what_the_client_prefers(
    api: Client, company: Company, accept: str, chosen: str | None
) -> None:
    response = head(api, LIST, accept=accept)
    if chosen is None:
        assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")
        assert response["Content-Type"] == "application/problem+json; charset=utf-8"
        return
    assert response["Content-Type"] == FORMATS[chosen].media_type
    assert "Accept" in response["Vary"]
    # The parameter decides, whatever is accepted.
    again = head(api, f"{LIST}?format={chosen}", accept="text/html")
    assert again["Content-Type"] == response["Content-Type"]


@pytest.mark.parametrize("collection", VIEWSETS)
def test_what_has_no_place_has_no_geojson_and_a_detail_is_no_stream(
    api: Client, company: Company, collection: str
) -> None:
    make_indicator()
    url = f"/api/v1/{collection}/"
    slug = api.get(url).json()["results"][0]["slug"]
    placed = OFFERED - ({"geojson"} if collection in PLACELESS else set())
    for address, offered in (
        (url, placed),
        (f"{url}{slug}/", placed - {"csv", "ndjson"}),
        (f"{url}{slug}/history/", {"json"}),
    ):
        for name, found in FORMATS.items():
            expected = 200 if name in offered else 400
            assert head(api, f"{address}?format={name}").status_code == expected, (address, name)
            negotiated = head(api, address, accept=found.names[0]).status_code
            assert negotiated == (200 if name in offered else 406), (address, name)


@pytest.mark.complaint(1)
def test_a_format_that_nobody_knows_is_refused(api: Client, company: Company) -> None:
    assert mistakes(api, "companies/?format=xml") == [("format", "unknown_value")]
    assert mistakes(api, "companies/?format=json&format=csv") == [("format", "repeated_parameter")]
    assert mistakes(api, "companies/?format=") == [("format", "empty_value")]
    assert mistakes(api, "companies/systems/?format=csv") == [("format", "unknown_value")]


@pytest.mark.complaint(1)
@pytest.mark.parametrize("name", ["csv", "ndjson"])
def test_a_whole_result_has_no_pages(api: Client, company: Company, name: str) -> None:
    """Not the first page, and not all in spite of what was asked."""
    cursor = "x" * 5
    query = f"companies/?format={name}&page_size=5&page=1&count=exact"
    assert mistakes(api, query) == [(p, "conflicting_parameters") for p in ("page_size", "page", "count")]
    assert ("cursor", "conflicting_parameters") in mistakes(api, f"companies/?format={name}&cursor={cursor}")
    assert mistakes(api, f"companies/?format={name}&facets=kind") == [("facets", "conflicting_parameters")]
    accepted = api.get(f"{LIST}?page_size=5", headers={"accept": FORMATS[name].names[0]})
    assert accepted.json()["errors"][0]["parameter"] == "page_size"


def test_json_ld_has_no_fields_of_ours(api: Client, company: Company) -> None:
    assert mistakes(api, "companies/?format=jsonld&fields=name&include=hub") == [
        ("fields", "conflicting_parameters"),
        ("include", "conflicting_parameters"),
    ]


# Whole results


@pytest.mark.parametrize("ordering", ["", "&ordering=-name"])
def test_what_a_search_finds_is_streamed_in_its_order(api: Client, five: list[str], ordering: str) -> None:
    make_company("Net Solutions", summary="Netsol's neighbour")
    query = f"{LIST}?q=netsol{ordering}"
    walked = [row for page in walk(api, f"{query}&page_size=1") for row in page["results"]]
    documents, _ = lines(read(api, f"{query}&format=ndjson"))
    assert documents == walked
    assert len(walked) == 2


@pytest.mark.parametrize("name", ["csv", "ndjson"])
def test_a_rename_moves_no_line_of_a_whole_result(api: Client, five: list[str], name: str) -> None:
    """Two exports can be compared line by line: without another order, they are in that in which things came."""
    before = read(api, f"{LIST}?format={name}&fields=slug,name").splitlines()
    company = Company.objects.order_by("pk")[1]
    with publication(source=Source.SYSTEM):
        company.name = "Zzz"
        company.save()
    after = read(api, f"{LIST}?format={name}&fields=slug,name").splitlines()
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert len(before) == 6
    assert changed == ([2] if name == "csv" else [1, 5])


def canonical(response: Any) -> str:
    found = re.search(r'<([^>]+)>; rel="canonical"', response["Link"])
    assert found
    return found[1].removeprefix("http://127.0.0.1:8000")


def texts(value: Any, path: list[str]) -> Any:
    """What the cell of a column is to say of a document: a text, or a list for each list on the way."""
    if isinstance(value, list):
        found = [texts(item, path) for item in value]
        return found if found != [""] else []
    if path:
        return texts(value[path[0]] if value else None, path[1:])
    return (
        {None: "", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, int | float) or isinstance(value, bool)
        else str(value)
    )


def told(cell: str, like: Any) -> Any:
    """A cell read back as docs/api.md says, into lists where ``like`` has them."""
    if not isinstance(like, list):
        return cell.removeprefix("'")
    items = [re.sub(r"\\(.)", r"\1", item) for item in re.findall(r"(?:^|\|)((?:[^|\\]|\\.)*)", cell)] if cell else []
    inner = next(iter(like), "")
    return [told(item, inner) for item in items]


@pytest.mark.parametrize("collection", VIEWSETS)
def test_csv_read_back_says_what_the_documents_say(api: Client, company: Company, collection: str) -> None:
    make_company("Bare", hub=None)
    make_indicator(value="-5.5", note="-5.5")
    text = read(api, f"/api/v1/{collection}/?format=csv&ordering=name")
    documents = [row for page in walk(api, f"/api/v1/{collection}/?ordering=name") for row in page["results"]]
    rows = cells(text)
    assert text.count("\r\n") >= len(documents) + 1
    assert not text.startswith("\ufeff")
    assert len(rows) == len(documents)
    for row, found in zip(rows, documents, strict=True):
        for column, cell in row.items():
            expected = texts(found, column.split("."))
            number = isinstance(found.get(column), int | float)
            assert (cell if number else told(cell, expected)) == expected, (column, cell)


def test_a_column_is_there_for_each_field_that_was_asked_for(api: Client, company: Company) -> None:
    query = "fields=name,hub(name,province),specialties(name),employees&include=hub&format=csv"
    text = read(api, f"{LIST}?{query}")
    assert text.splitlines() == [
        "name,employees.min,employees.max,hub.name,hub.province,specialties.name",
        "Systems,500,,Lahore,PK-PB,A\\|B\\\\C|Data",
    ]
    [line], last = lines(read(api, f"{LIST}?{query.replace('csv', 'ndjson')}"))
    assert line["hub"] == {"name": "Lahore", "province": "PK-PB"}
    assert last["rows"] == 1


@pytest.mark.security(22)
@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_is_a_formula(api: Client, company: Company, text: str) -> None:
    """SECURITY 22: neither alone nor as an item of a list, in any column that a stranger's words may reach."""
    trimmed = text.strip()
    other = make_company(trimmed, description=text, aliases=["first", trimmed], hub=make_hub(trimmed))
    make_source(other, reference=trimmed, facts=[trimmed])
    rows = cells(read(api, f"{LIST}?format=csv&id={other.public_id}"))
    [row] = rows
    for column, cell in row.items():
        for item in cell.split("|"):
            assert not item.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")), (column, cell)
    assert row["description"].removeprefix("'") == text
    assert row["name"].removeprefix("'") == trimmed


def test_a_number_is_no_formula(api: Client) -> None:
    """SECURITY 22: a minus before digits that are a number is left alone, so that sums still work."""
    make_indicator(value="-5.5", unit="-percent")
    [row] = cells(read(api, "/api/v1/indicators/?format=csv"))
    assert (row["value"], row["unit"]) == ("-5.5", "'-percent")


# How it is sent


@pytest.mark.parametrize("name", ["csv", "ndjson"])
@pytest.mark.usefixtures("small_chunks")
def test_rows_come_before_all_are_read(api: Client, five: list[str], name: str) -> None:
    """Constant memory: a server-side cursor gives some rows at a time, and they are sent before it gives more."""
    response: Any = api.get(f"{LIST}?format={name}")
    assert response.streaming
    chunks = iter(response.streaming_content)
    first = next(chunks)
    assert cursors() == 1
    assert [slug for slug in five if f"/{slug}/".encode() in first] == five[:2]
    rest = b"".join(chunks)
    assert [slug for slug in five if f"/{slug}/".encode() in rest] == five[2:]
    assert cursors() == 0


@pytest.mark.complaint(9)
@pytest.mark.parametrize(
    "query", ["format=csv", "format=ndjson", "format=ndjson&fields=slug,hub(summary)&include=hub"]
)
@pytest.mark.usefixtures("small_chunks")
def test_a_stream_is_of_one_moment(api: Client, five: list[str], query: str) -> None:
    """What is published while it is sent is in none of its rows."""
    revision = Revision.objects.current()
    response: Any = api.get(f"{LIST}?{query}")
    chunks = iter(response.streaming_content)
    text = next(chunks)
    edit(Company.objects.get(slug="zameen"), {"name": "Zzz", "summary": "Edited meanwhile"}, source=Source.ADMIN)
    edit(lahore(), {"summary": "Edited meanwhile"}, source=Source.ADMIN)
    make_company("Zz Newcomer")
    text += b"".join(chunks)
    assert b"meanwhile" not in text
    assert b"newcomer" not in text
    assert b"zameen" in text
    assert response["Directory-Revision"] == str(revision)
    if "ndjson" in query:
        assert lines(text.decode())[1] == {"rows": 5, "revision": revision}


@pytest.mark.complaint(9)
def test_a_stream_begins_anew_when_something_was_published_before_its_first_row(
    api: Client, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vocabulary, what is included, the header and the rows are of one revision."""
    original: Callable[..., Any] = exports.related_documents
    edits = iter(["Walled"])

    def edited_after(*args: Any) -> Any:
        found = original(*args)
        for summary in edits:
            edit(lahore(), {"summary": summary}, source=Source.ADMIN)
        return found

    monkeypatch.setattr(exports, "related_documents", edited_after)
    response: Any = api.get(f"{LIST}?format=ndjson&fields=hub(summary)&include=hub")
    documents, last = lines(b"".join(response.streaming_content).decode())
    assert documents == 5 * [{"hub": {"summary": "Walled"}}]
    assert last["revision"] == int(response["Directory-Revision"]) == Revision.objects.current()


@pytest.mark.parametrize("read_first", [0, 1])
@pytest.mark.usefixtures("small_chunks")
def test_who_goes_away_leaves_nothing_open(api: Client, five: list[str], read_first: int) -> None:
    outside = connection.savepoint_ids[:]
    for _ in range(5):  # more often than there may be downloads at once
        response: Any = api.get(f"{LIST}?format=csv")
        chunks = iter(response.streaming_content)
        for _ in range(read_first):
            next(chunks)
        assert cursors() == 1
        hang_up(response)
        assert cursors() == 0
        assert connection.savepoint_ids == outside


@pytest.mark.usefixtures("small_chunks")
def test_a_stream_that_fails_is_cut_off_rather_than_ended(
    api: Client, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes the connection on an exception, so that half a result never looks like a whole one."""
    response: Any = api.get(f"{LIST}?format=csv")
    chunks = iter(response.streaming_content)
    next(chunks)
    [stream] = [c.__self__ for c in response._resource_closers if isinstance(c.__self__, exports.Stream)]
    stream.cursor.close()
    with pytest.raises(Exception, match="cursor"):
        list(chunks)
    hang_up(response)
    assert cursors() == 0
    assert len(cells(read(api, f"{LIST}?format=csv"))) == 5


def test_what_fails_before_the_first_row_is_a_problem(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, size: int) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("django.db.backends.postgresql.base.ServerSideCursor.fetchmany", fail)
    for _ in range(5):
        response = api.get(f"{LIST}?format=csv")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response["Content-Type"] == "application/problem+json; charset=utf-8"
    assert cursors() == 0


def test_a_download_has_a_name_a_licence_and_no_length(api: Client, company: Company) -> None:
    revision = Revision.objects.current()
    for name, media_type in (("csv", "text/csv; charset=utf-8; header=present"), ("ndjson", "application/x-ndjson")):
        url = f"{LIST}?hub=lahore&format={name}"
        response = api.get(url)
        assert response["Content-Type"] == media_type
        assert response["Content-Disposition"] == f'attachment; filename="companies-{revision}.{name}"'
        assert response["Directory-Revision"] == str(revision)
        assert canonical(response) == url
        assert 'rel="license"' in response["Link"]
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Content-Length" not in response
        hang_up(response)
        without_body: Any = api.head(url)
        assert (without_body.status_code, b"".join(without_body.streaming_content)) == (200, b"")
        assert without_body.headers == response.headers


@pytest.mark.complaint(17)
def test_a_known_download_is_not_sent_again_until_something_changes(
    api: Client, company: Company, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The revision and the query say what the bytes are, so that nothing is read to find out."""
    urls = [
        f"{LIST}?format=csv",
        f"{LIST}?format=ndjson",
        f"{LIST}?format=csv&kind=startup",
        f"{LIST}?format=csv&fields=name",
    ]
    etags = {}
    for url in urls:
        response = api.get(url)
        etags[url] = response["ETag"]
        hang_up(response)
    assert len(set(etags.values())) == len(urls)
    api.get(LIST)  # a process that knows a revision
    for url, etag in etags.items():
        with django_assert_num_queries(1):
            known = api.get(url, headers={"if-none-match": etag})
        assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
    spelt_otherwise = api.get(f"{LIST}?kind=startup&format=csv", headers={"if-none-match": etags[urls[2]]})
    assert spelt_otherwise.status_code == 304
    make_company("Newcomer")
    assert read(api, urls[0], **{"if-none-match": etags[urls[0]]}).count("/newcomer/") == 1


@pytest.mark.complaint(13)
def test_the_cost_of_a_download(
    api: Client, five: list[str], small_chunks: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The newest revision, the cursor's statement, and here a savepoint with its release."""
    with django_assert_num_queries(4):
        read(api, f"{LIST}?format=csv")
    with django_assert_num_queries(5):  # … and all hubs
        read(api, f"{LIST}?format=csv&include=hub")


@pytest.mark.security(18)
def test_as_many_downloads_as_leave_threads_for_others(api: Client, five: list[str]) -> None:
    """SECURITY 18."""
    waiting: list[Any] = []
    while (response := api.get(f"{LIST}?format=csv")).status_code == 200:
        waiting.append(response)
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "busy", "5")
    assert 1 <= len(waiting) <= 32
    for response in reversed(waiting):
        hang_up(response)
    assert len(cells(read(api, f"{LIST}?format=csv"))) == 5


# JSON-LD and GeoJSON


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


@pytest.mark.parametrize("collection", VIEWSETS)
def test_linked_data_are_things_with_types_and_addresses(api: Client, company: Company, collection: str) -> None:
    make_indicator(hub=lahore())
    url = f"/api/v1/{collection}/"
    response = api.get(f"{url}?format=jsonld")
    body = orjson.loads(response.content)
    documents = api.get(url).json()["results"]
    assert body["@context"] == "https://schema.org"
    assert [node["@id"] for node in body["@graph"]] == [found["url"] for found in documents]
    assert all(node["@type"] for found in body["@graph"] for node in nodes(found))
    assert not [value for node in nodes(body) for value in node.values() if value in (None, "", [], {})]
    for found in documents:
        detail = orjson.loads(api.get(f"{url}{found['slug']}/?format=jsonld").content)
        assert detail.pop("@context") == "https://schema.org"
        assert detail in body["@graph"]


def test_a_company_is_an_organization(api: Client, company: Company) -> None:
    found = orjson.loads(api.get(DETAIL, headers={"accept": "application/ld+json"}).content)
    site = "http://127.0.0.1:8000/api/v1"
    assert found == {
        "@context": "https://schema.org",
        "@type": "Organization",
        "@id": f"{site}/companies/systems/",
        "identifier": [{"@type": "PropertyValue", "propertyID": "directory", "value": company.public_id}],
        "name": "Systems",
        "legalName": "Systems (Pvt.) Ltd.",
        "alternateName": ["سسٹمز", 'S "L", Lahore', "=1+1"],
        "url": "https://systems.example/",
        "description": "One line\nand another; <b>&",
        "foundingDate": "1977",
        "numberOfEmployees": {"@type": "QuantitativeValue", "minValue": 500},
        "location": {"@type": "City", "@id": f"{site}/hubs/lahore/", "name": "Lahore"},
        "knowsAbout": [
            {"@type": "DefinedTerm", "@id": f"{site}/specialties/abc/", "name": "A|B\\C"},
            {"@type": "DefinedTerm", "@id": f"{site}/specialties/data/", "name": "Data"},
        ],
        "areaServed": ["US", "GB"],
        "memberOf": [
            {
                "@type": "Organization",
                "@id": f"{site}/programs/national-incubation-center/",
                "name": "National Incubation Center",
            }
        ],
    }


@pytest.mark.security(21)
@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "a&b", "a\u2028b\u2029c", "]]>"])
def test_linked_data_may_stand_inside_a_script(api: Client, text: str) -> None:
    """SECURITY 21."""
    company = make_company(text, description=text)
    for url in (f"{LIST}?format=jsonld", f"{LIST}{company.slug}/?format=jsonld"):
        content = api.get(url).content
        assert not [c for c in ("<", ">", "&", "\u2028", "\u2029") if c.encode() in content]
        assert text in {node.get("name") for node in nodes(orjson.loads(content))}


def test_a_map_has_a_point_for_each_company_at_its_hub(api: Client, company: Company) -> None:
    make_company("Homeless", hub=None)
    body = orjson.loads(api.get(f"{LIST}?format=geojson&fields=name&ordering=-name&count=exact").content)
    assert (body["type"], body["count"], body["next"], body["previous"]) == ("FeatureCollection", 2, None, None)
    assert body["meta"]["license"]["id"] == "CC-BY-4.0"
    systems, homeless = body["features"]
    assert systems == {
        "type": "Feature",
        "id": company.public_id,
        # East, then north (RFC 7946).
        "geometry": {"type": "Point", "coordinates": [74.3436, 31.5497]},
        "properties": {"name": "Systems"},
    }
    assert (homeless["geometry"], homeless["properties"]) == (None, {"name": "Homeless"})


@pytest.mark.parametrize("collection", sorted(set(VIEWSETS) - PLACELESS))
def test_every_place_is_on_the_map(api: Client, company: Company, collection: str) -> None:
    make_indicator(hub=lahore())
    url = f"/api/v1/{collection}/"
    body = orjson.loads(api.get(f"{url}?format=geojson").content)
    documents = api.get(url).json()["results"]
    assert [feature["properties"] for feature in body["features"]] == documents
    for feature in body["features"]:
        longitude, latitude = feature["geometry"]["coordinates"]
        assert 23 < latitude < 38 < 60 < longitude < 78
        detail = orjson.loads(api.get(f"{url}{feature['properties']['slug']}/?format=geojson").content)
        assert detail == feature


def test_pages_of_a_map_are_linked(api: Client, five: list[str]) -> None:
    seen, url = [], f"{LIST}?format=geojson&page_size=2"
    while url:
        body = orjson.loads(api.get(url).content)
        seen += [feature["properties"]["slug"] for feature in body["features"]]
        url = body["next"]
    assert seen == sorted(five)


def test_a_map_follows_its_hub(api: Client, company: Company) -> None:
    """The cache is the directory's revision, so what a company says of its hub is never out of date."""
    point = api.get(f"{DETAIL}?format=geojson")
    assert api.get(f"{DETAIL}?format=geojson", headers={"if-none-match": point["ETag"]}).status_code == 304
    edit(lahore(), {"longitude": 74.5}, source=Source.ADMIN)
    moved = api.get(f"{DETAIL}?format=geojson", headers={"if-none-match": point["ETag"]})
    assert orjson.loads(moved.content)["geometry"]["coordinates"] == [74.5, 31.5497]
    assert document(company)["hub"] == {"slug": "lahore", "name": "Lahore"}


def test_an_accept_header_is_understood_once(api: Client, company: Company) -> None:
    choose_format.cache_clear()
    for kind in ("startup", "established"):
        api.get(f"{LIST}?kind={kind}", headers={"accept": "application/json;q=0.5"})
    assert choose_format.cache_info().misses == 1
