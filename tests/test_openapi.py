"""The schema is the service: what it says works, what works it says, and what it calls an answer is one.

Everything is asked of the starter directory, whose objects the examples name.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from companies.inbox import TOKEN
from companies.suggestions import Suggestion
from directory.api import listing
from directory.api.errors import CODES
from directory.api.introduction import EXAMPLES
from directory.api.schema import openapi
from tests.factories import make_suggestion
from tests.lists import VIEWSETS, walk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("suggestion")]

DOCUMENT = openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    p: methods["get"] for p, methods in DOCUMENT["paths"].items() if "get" in methods
}
SENT: dict[str, dict[str, Any]] = {
    p: methods["post"] for p, methods in DOCUMENT["paths"].items() if "post" in methods
}
SHAPING = {"fields", "omit", "include", "as_of"}


@pytest.fixture(scope="module")
def suggestion(starter_directory: None, shared_rows: None) -> None:
    """The one that the documentation's example names."""
    make_suggestion()
    Suggestion.objects.update(token=TOKEN.example)


def asked(operation: dict[str, Any], place: str = "query") -> dict[str, dict[str, Any]]:
    """Name → parameter of one place."""
    return {parameter["name"]: parameter for parameter in operation["parameters"] if parameter["in"] == place}


def example(parameter: dict[str, Any]) -> str:
    """A parameter's example as a query has it."""
    [value] = parameter["schema"]["examples"]
    values = value if isinstance(value, list) else [value]
    return ",".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def address(path: str, query: dict[str, str]) -> str:
    """The address of an operation's example, with ``query``."""
    for name, parameter in asked(OPERATIONS[path], "path").items():
        path = path.replace(f"{{{name}}}", quote(example(parameter)))
    return f"{path}?{urlencode(query)}" if query else path


def schema_of(response: Any, path: str, *, is_whole: bool = False) -> Any:
    """The schema that a response has to follow; ``is_whole`` allows nothing but whole documents."""
    media_type = response["Content-Type"].partition(";")[0]
    schema = declared(response, path)["content"][media_type]["schema"]
    return {**(whole(schema) if is_whole else schema), "components": DOCUMENT["components"]}


def declared(response: Any, path: str) -> dict[str, Any]:
    """What is said of such a response."""
    method = "post" if response.request["REQUEST_METHOD"] == "POST" else "get"
    found: dict[str, Any] = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]
    return found


def whole(schema: Any) -> Any:
    """``schema`` without what the query may make of a document."""
    if isinstance(schema, list):
        return [whole(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice.get("$ref", "") for choice in schema.get("anyOf", ()) if isinstance(choice, dict)]
    if len(choices) == 2 and choices[1] == f"{choices[0]}Shape":
        return {"$ref": choices[0]}
    return {name: whole(part) for name, part in schema.items()}


def check(response: Any, path: str, *, is_whole: bool = False) -> None:
    """The body and the headers of a response are as the schema says."""
    said = declared(response, path)
    if "json" in response["Content-Type"] and "ndjson" not in response["Content-Type"]:
        validator = Draft202012Validator(schema_of(response, path, is_whole=is_whole), format_checker=FormatChecker())
        errors = [f"{list(error.path)}: {error.message}"[:300] for error in validator.iter_errors(response.json())]
        assert not errors
    else:
        assert response["Content-Type"].partition(";")[0] in said["content"]
    if response.streaming:
        list(response.streaming_content)  # which gives its place to the next
    for name, header in said.get("headers", {}).items():
        value: Any = response[name]
        if header["schema"]["type"] == "integer":
            value = int(value)
        Draft202012Validator(header["schema"]).validate(value)


def examples() -> Iterator[tuple[str, dict[str, str]]]:
    """(path, query) of each documented example."""
    for path, operation in OPERATIONS.items():
        parameters = asked(operation)
        yield path, required(path)
        for name, parameter in parameters.items():
            if "examples" in parameter["schema"]:
                together = [name, *parameter.get("x-together", [])]
                yield path, required(path) | {other: example(parameters[other]) for other in together}


def required(path: str) -> dict[str, str]:
    return {name: example(p) for name, p in asked(OPERATIONS[path]).items() if p.get("required")}


INTRODUCTION = DOCUMENT["info"]["description"]
LINKS = re.findall(r"\]\((/[^)]*)\)", INTRODUCTION)
QUOTED = [query for query in re.findall(r"`([a-z_]+=[^`]+)`", INTRODUCTION) if query != "count=exact"]


@pytest.mark.parametrize("url", LINKS)
def test_every_link_of_the_introduction_leads_to_something(api: Client, url: str) -> None:
    response: Any = api.get(url)
    assert response.status_code == 200
    if response.streaming:
        assert b"".join(response.streaming_content).count(b"\n") > 1
    elif "json" in response["Content-Type"]:
        assert response.json()["results"]


@pytest.mark.parametrize("query", QUOTED)
def test_every_filter_that_the_introduction_quotes_works(api: Client, query: str) -> None:
    assert api.get(f"/api/v1/companies/?{query}").status_code == 200


def test_the_introduction_shows_its_examples() -> None:
    assert len(LINKS) >= len(EXAMPLES) >= 7
    assert len(QUOTED) >= 6


def test_every_operation_on_objects_is_described() -> None:
    assert [path for path, operation in OPERATIONS.items() if "description" not in operation] == [
        "/api/v1/",
        "/api/v1/openapi.json",
    ]


def test_parameters_asked_for_most_come_first_and_lookups_last() -> None:
    names = list(asked(OPERATIONS["/api/v1/companies/"]))
    assert names[:6] == ["q", "typo", "hub", "specialty", "ordering", "page_size"]
    lookups = ["__" in name for name in names]
    assert lookups == sorted(lookups)


def test_it_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def routes(patterns: list[Any], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", str(pattern.pattern).strip("^$"))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


@pytest.mark.security(40)
def test_it_has_every_route_and_no_other() -> None:
    existing = {route for route in routes(get_resolver().url_patterns) if route.startswith("/api/v1/")}
    assert set(DOCUMENT["paths"]) == existing


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


@pytest.mark.complaint(16)
@pytest.mark.parametrize("collection", VIEWSETS)
def test_its_filters_are_those_that_are_declared(collection: str) -> None:
    """Names, look-ups, arrays, enums."""
    view = VIEWSETS[collection]
    declared = view.filterset_class.parameters
    described = asked(OPERATIONS[f"/api/v1/{collection}/"])
    # Left out is what no value can be given of: facets and references that there are none of.
    assert set(declared) <= set(described) <= set(declared) | set(listing.PARAMETERS)
    assert set(listing.PARAMETERS) - set(described) <= {"facets", "facets_zero", "include"}
    for name, (filter_, lookup) in declared.items():
        parameter = described[name]
        schema = parameter["schema"]
        assert parameter["description"]
        assert schema["examples"]
        assert (schema.get("type") == "array") == (filter_.lookups[lookup] and lookup != "isnull")
        if schema.get("type") == "array":
            assert schema["items"]["example"] == schema["examples"][0][0]
            assert (parameter["style"], parameter["explode"]) == ("form", False)
        choices = getattr(filter_, "choices", getattr(getattr(filter_, "inner", None), "choices", None))
        if choices and lookup != "isnull":
            assert schema["items"]["enum"] == list(choices)
    assert described["ordering"]["schema"]["enum"] == [*view.orderings, *(["relevance"] if "q" in declared else [])]


@pytest.mark.parametrize(("path", "query"), list(examples()), ids=lambda value: str(value)[:60])
def test_every_example_works_as_it_says(api: Client, path: str, query: dict[str, str]) -> None:
    parameters = asked(OPERATIONS[path])
    for name in query:
        schema = parameters[name]["schema"]
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(*schema["examples"])
    if "page_size" in parameters and query.get("format") not in ("csv", "ndjson"):
        query = {"page_size": "3"} | query
    response = api.get(address(path, query))
    assert response.status_code == 200, response.content
    check(response, path, is_whole=not SHAPING & set(query))


FORMATS = [
    (path, media_type)
    for path, operation in OPERATIONS.items()
    for media_type in operation["responses"]["200"]["content"]
]


@pytest.mark.parametrize(("path", "media_type"), FORMATS, ids="{}".format)
def test_every_media_type_is_served(api: Client, path: str, media_type: str) -> None:
    response = api.get(address(path, required(path)), headers={"accept": media_type})
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, media_type)
    check(response, path, is_whole=True)
    if "304" not in OPERATIONS[path]["responses"]:
        assert "ETag" not in response
        return
    known = api.get(address(path, required(path)), headers={"accept": media_type, "if-none-match": response["ETag"]})
    assert known.status_code == 304
    for name in OPERATIONS[path]["responses"]["304"]["headers"]:
        assert known[name] == response[name]


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_refused_is_refused_as_it_says(api: Client, path: str) -> None:
    refused = [
        api.get(address(path, {"siez": "3"})),
        api.get(address(path, {str(n): "1" for n in range(1001)})),
        api.get(address(path, required(path)), headers={"accept": "image/png"}),
    ]
    if "{key}" in path:
        refused.append(api.get(path.replace("{key}", "nobody")))
    if "page" in asked(OPERATIONS[path]):
        refused.append(api.get(address(path, {"page": "1000"})))
    for response in refused:
        assert response.status_code >= 400
        check(response, path)


FORM = "application/x-www-form-urlencoded"
SENDABLE = [
    (path, media_type, example["value"])
    for path, operation in SENT.items()
    for media_type, content in operation["requestBody"]["content"].items()
    for example in content["examples"].values()
]


@pytest.mark.parametrize(("path", "media_type", "body"), SENDABLE, ids="{}".format)
def test_every_example_of_what_is_sent_is_taken(api: Client, path: str, media_type: str, body: Any) -> None:
    schema = SENT[path]["requestBody"]["content"][media_type]["schema"]
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(body)
    response = api.post(path, urlencode(body) if media_type == FORM else body, content_type=media_type)
    assert response.status_code in (200, 201), response.content
    check(response, path)


@pytest.mark.parametrize("path", SENT)
def test_what_is_sent_wrongly_is_refused_as_it_says(api: Client, path: str) -> None:
    refused = [
        api.post(path, {"unknown": 1}, content_type="application/json"),
        api.post(path, "{", content_type="application/json"),
        api.post(path, "{}", content_type="text/plain"),
        api.post(path, " " * 2**20, content_type="application/json"),
        api.post(f"{path}?siez=3", {}, content_type="application/json"),
        api.post(path, {}, content_type="application/json", headers={"accept": "image/png"}),
    ]
    for response in refused:
        assert response.status_code >= 400
        check(response, path)


@pytest.mark.parametrize("collection", VIEWSETS)
def test_every_document_is_as_it_says(api: Client, collection: str) -> None:
    for page in walk(api, f"/api/v1/{collection}/?page_size=200"):
        schema = {"$ref": f"#/components/schemas/{VIEWSETS[collection].queryset.model.__name__}"}
        validator = Draft202012Validator(
            schema | {"components": DOCUMENT["components"]}, format_checker=FormatChecker()
        )
        for document in page["results"]:
            validator.validate(document)


def test_it_says_of_each_code_where_it_may_be_met() -> None:
    named = {code for schema in DOCUMENT["components"]["schemas"].values() for code in codes_of(schema)}
    # Met by what none of today's addresses is: one that takes keys, or another method.
    assert named == set(CODES) - {"not_authenticated", "forbidden", "method_not_allowed"}


def codes_of(schema: dict[str, Any]) -> list[str]:
    properties = schema.get("properties", {})
    return properties["code"]["enum"] if "instance" in properties else []


def test_it_is_served_as_it_is(api: Client) -> None:
    response = api.get("/api/v1/openapi.json")
    assert response.json() == DOCUMENT
    assert api.get("/api/v1/openapi.json", headers={"if-none-match": response["ETag"]}).status_code == 304
    for collection in VIEWSETS:
        link = api.get(f"/api/v1/{collection}/")["Link"]
        assert '<http://127.0.0.1:8000/api/v1/openapi.json>; rel="service-desc"' in link


def test_an_unknown_value_of_every_list_says_which_there_are_or_where(api: Client) -> None:
    seen = set()
    for path, operation in OPERATIONS.items():
        parameters = asked(operation)
        for name, parameter in parameters.items():
            values = parameter["schema"].get("items", parameter["schema"]).get("enum")
            if not values:
                continue
            seen.add(name)
            together = {other: example(parameters[other]) for other in parameter.get("x-together", [])}
            answer = api.get(address(path, required(path) | together | {name: "atlantis"}))
            errors = answer.json()["errors"]
            [allowed] = [error["allowed"] for error in errors if error["parameter"] == name]
            if allowed.startswith("http"):
                [rows] = api.get(allowed).json()["facets"].values()
                allowed = ", ".join(row["value"] for row in rows)
            # An order of what a search finds goes with the search alone.
            assert set(values) - {"relevance"} <= set(allowed.split(", ")), (path, name)
    assert {"kind", "export_market__not", "ordering", "format", "facets", "group"} <= seen
