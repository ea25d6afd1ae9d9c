"""Pages for people: what is documented and explained, without a script or a style that a strict policy would stop."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from jsonschema import Draft202012Validator

from directory.api.errors import CODES
from directory.api.schema import openapi, problem_schema
from tests.lists import VIEWSETS

pytestmark = pytest.mark.django_db

PAGES = ["/docs/", "/problems/", "/problems/invalid_query/", "/problems/no_such_problem/"]


def policy(response: Any) -> dict[str, list[str]]:
    directives = [directive.split() for directive in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in directives}


@pytest.mark.security(6, 41)
@pytest.mark.parametrize("url", PAGES)
def test_a_page_runs_nothing_but_files_of_ours(api: Client, url: str) -> None:
    response = api.get(url)
    html, allowed = response.content.decode(), policy(response)
    assert "unsafe-eval" not in str(allowed)
    assert allowed.get("script-src", allowed["default-src"]) == ["'self'"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:", html)
    if url != "/docs/":  # Swagger UI's own
        assert allowed.get("style-src", allowed["default-src"]) == ["'self'"]
        assert not re.search(r"<style|\sstyle=", html)
    for address in re.findall(r'(?:src|href)="([^"]+)"', html):
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address
        else:
            assert address.startswith("/")
            assert api.get(address).status_code == 200, address


@pytest.mark.parametrize("code", CODES)
def test_a_problem_s_page_shows_such_an_answer(api: Client, code: str) -> None:
    html = unescape(api.get(f"/problems/{code}/").content.decode())
    shown = json.loads(html.split("utf-8\n\n")[1].split("</code>")[0])
    assert (shown["code"], shown["status"]) == (code, CODES[code].status)
    if code != "invalid_input":  # whose mistakes have pointers: nothing takes input yet
        schema = {**problem_schema(CODES[code].status, [code]), "components": openapi()["components"]}
        Draft202012Validator(schema).validate(shown)


def test_the_landing_page_says_what_there_is(api: Client) -> None:
    page = api.get("/api/v1/").json()
    assert {entry["name"] for entry in page["collections"]} == set(VIEWSETS)
    for entry in page["collections"]:
        assert entry["description"].endswith(".")
        assert api.get(entry["url"]).status_code == 200
    for name in ("documentation", "openapi", "problems"):
        assert api.get(page[name]).status_code == 200
