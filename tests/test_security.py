"""The security checklist: each of its lines has tests that are marked with its number."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import get_resolver
from rest_framework.serializers import ValidationError

from companies.models import Company
from directory.models import Source, kinds
from directory.publishing import edit, serializer_class
from tests import factories as make
from tests import front_end
from tests.curators import signed_in
from tests.test_admin import url_of
from tests.test_architecture import APPS, SOURCES, module
from tests.test_complaints import marked
from tests.test_conflicts import opened
from tests.test_openapi import routes
from tests.test_settings import PRODUCTION

STATIC = sorted(path for app in APPS for path in (settings.BASE_DIR / app).rglob("static/**/*") if path.is_file())
SCRIPTS = [path for path in STATIC if path.suffix == ".js"]

LINES = {
    1: "Django finds nothing to fix in a production deployment",
    2: "What is unsafe stops the start: keys, hosts, origins, accounts that everybody tries",
    3: "HTTPS for two years, cookies of this host alone, sessions that end",
    4: "The API refuses plain http instead of redirecting it",
    5: "Every answer has the security headers and says its type and charset",
    6: "No page runs a script but files of ours",
    7: "UTC; nothing of a development server is left, and TRACE is refused",
    8: "A client's address is what our own proxies say",
    9: "The web's role in the database owns nothing, and waits for nothing for long",
    10: "A key is shown once, kept as a digest, and never in an address or a log",
    11: "Each address has an entry: which keys it takes, and that it takes no wrong one",
    12: "An unknown key and a wrong secret cannot be told apart",
    13: "Nobody gets a page of the admin without a second factor, which nothing leads around",
    14: "Who guesses is locked out, counted exactly; poor passwords are refused",
    15: "Each address and action of the admin asks for its permission, object by object",
    16: "What is not published is nowhere",
    17: "Serializers list their fields, and nobody writes others",
    18: "All that costs has a limit: pages, values, lengths, bodies, addresses, copies",
    19: "No input is an error of ours",
    20: "Only http and https addresses are kept, and texts are shown as texts",
    21: "Linked data may stand inside a script",
    22: "No cell of an export is a formula",
    23: "Files that are imported are bounded, known by their content, and run nothing",
    24: "SQL takes values as parameters, and orders and filters from a list",
    25: "Other sites read what is public, without credentials, and nothing else",
    26: "Nothing is changed by reading, or by another site's form",
    27: "An error tells strangers its number and nothing of our inside",
    28: "An address to be asked is refused before anybody is asked, unless it is plain",
    29: "Names are resolved once, and certificates have to be theirs",
    30: "Addresses that are not of the public internet are denied",
    31: "A name that leads elsewhere the second time gains nothing",
    32: "Redirects, proxies of the environment and huge bodies lead nowhere",
    33: "A receiver that is slow or dead holds up no other",
    34: "A receiver proves itself first, and is left alone when it says so or fails for three days",
    35: "Each delivery is signed, also while one secret takes the other's place",
    36: "What is committed is sent, once and in order, and what is rolled back is not",
    37: "Suggestions of strangers are limited, and seen by curators only until they decide",
    38: "A limit is exact by eight threads and over two processes",
    39: "The log has what is to be found again, and no secret; nobody forges a line",
    40: "Every address of the API has a version, a description and an owner, and says in time that it will go",
    41: "Nothing in a page is from elsewhere",
    42: "What is installed is locked by its bytes, and its licences are known",
    43: "A backup is restored in a drill; what is old leaves history and logs; what a sender sent may be deleted",
}


def test_each_line_has_its_tests() -> None:
    assert marked("security") == set(LINES) == set(range(1, 44))


# 17


@pytest.mark.security(17)
@pytest.mark.django_db
@pytest.mark.parametrize("name", ["id", "status", "revision", "document", "updated_at", "notes", "by", "pk", "steps"])
def test_what_nobody_writes_is_not_written(name: str) -> None:
    company = make.make_company(founded_year=2004)
    before = Company.objects.filter(pk=company.pk).values().get()
    patch = {name: "withdrawn", "founded_year": 2004}
    with suppress(ValidationError):
        edit(company, patch, source=Source.SUGGESTION)
    assert Company.objects.filter(pk=company.pk).values().get() == before


@pytest.mark.security(17)
def test_no_serializer_takes_all_there_is() -> None:
    """Nor leaves out a few: a new column is shown and written only where somebody says so."""
    for model in kinds().values():
        nested = [serializer_class(model)()]
        for serializer in nested:
            meta: Any = getattr(serializer, "Meta", None)
            assert meta is None or (isinstance(meta.fields, (list, tuple)) and not hasattr(meta, "exclude"))
            children = (getattr(field, "child", field) for field in getattr(serializer, "fields", {}).values())
            nested += [child for child in children if hasattr(child, "fields")]


# 24

# Where a statement is put together as it is executed → of what. No request has a part in any of it.
COMPOSED = {
    "companies.dictionary.recount": "the counting that triggers do, too",
    "directory.api.bitmaps.execute": "what the ORM compiled, with places for values",
    "directory.api.exports.__init__": "what the ORM compiled, with places for values",
    "directory.api.statements.execute": "what the ORM compiled, with places for values",
    "directory.api.related.documents_of": "the table of a kind",
    "directory.buckets.execute": "constants of that module",
    "directory.copying.copy_rows": "the table and the columns of a model",
    "directory.publishing.put_documents": "the table of a kind",
    "directory.snapshot.__init__": "the tables of the kinds",
    "directory.waiting.listen": "the name of a channel",
}
EXECUTING = re.compile(r"(cursor|connection)\.(execute|executemany|copy)|.*\.(raw|extra)|RawSQL")


def composed(node: ast.AST, inside: str) -> Iterator[str]:
    """The functions below ``node`` that execute something else than a text or a constant of a module."""
    for child in ast.iter_child_nodes(node):
        name = f"{inside}.{child.name}" if isinstance(child, ast.FunctionDef) else inside
        if (
            isinstance(child, ast.Call)
            and child.args
            and EXECUTING.fullmatch(ast.unparse(child.func).removeprefix("self."))
        ):
            statement = child.args[0]
            is_constant = isinstance(statement, ast.Name) and statement.id.isupper()
            if not (is_constant or isinstance(statement, ast.Constant)):
                yield name
        yield from composed(child, name)


@pytest.mark.security(24)
def test_statements_are_texts_or_known_to_be_put_together_of_what_is_ours() -> None:
    found = {name for path in SOURCES for name in composed(ast.parse(path.read_text()), module(path))}
    assert found == set(COMPOSED)


# The rest


PRODUCTION_ONLY = """
import json
from directory import settings
print(json.dumps({name: getattr(settings, name, None) for name in dir(settings) if name.isupper()}, default=str))
"""


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of a production deployment."""
    run = subprocess.run(
        [sys.executable, "-c", PRODUCTION_ONLY],
        cwd=settings.BASE_DIR,
        env={"PATH": os.defpath, "DATA_DIR": str(tmp_path_factory.mktemp("data"))} | PRODUCTION,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.security(3)
def test_cookies_and_browsers_stay_with_https(production: dict[str, Any]) -> None:
    assert production["SECURE_HSTS_SECONDS"] >= 365 * 24 * 60 * 60
    assert production["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    for cookie in ("SESSION", "CSRF"):
        assert production[f"{cookie}_COOKIE_SECURE"]
        assert production[f"{cookie}_COOKIE_NAME"].startswith("__Host-")
        assert getattr(settings, f"{cookie}_COOKIE_SAMESITE") == "Lax"
        assert getattr(settings, f"{cookie}_COOKIE_HTTPONLY")
        assert (getattr(settings, f"{cookie}_COOKIE_PATH"), getattr(settings, f"{cookie}_COOKIE_DOMAIN")) == (
            "/",
            None,
        )


@pytest.mark.security(7)
def test_nothing_of_a_development_server_is_left(production: dict[str, Any]) -> None:
    assert not production["DEBUG"]
    assert (production["TIME_ZONE"], production["USE_TZ"]) == ("UTC", True)
    assert not [app for app in production["INSTALLED_APPS"] if re.search("admindocs|debug|browsable|silk", app)]
    assert production["REST_FRAMEWORK"]["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]


@pytest.mark.security(8)
def test_no_part_believes_a_forwarded_address_by_itself(production: dict[str, Any]) -> None:
    assert production["REST_FRAMEWORK"]["NUM_PROXIES"] == production["TRUSTED_PROXIES"] == 1
    assert production["AXES_CLIENT_IP_CALLABLE"] == "directory.lockout.client_address"
    readers = [module(path) for path in SOURCES if re.search("X_FORWARDED_FOR|x-forwarded-for", path.read_text())]
    assert readers == ["directory.lockout"]


@pytest.mark.security(20)
@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "https:///x", "//a.example"]
)
def test_the_database_keeps_http_addresses_only(url: str) -> None:
    company = make.make_company()
    with pytest.raises(IntegrityError), transaction.atomic():
        Company.objects.filter(pk=company.pk).update(website=url)


@pytest.mark.security(20)
def test_what_templates_show_is_escaped() -> None:
    """What is marked as safe is named here, with what makes it so."""
    safe = {
        "mfa/totp/activate_form.html": "the picture of a key, drawn by a library",
    }
    found = {
        str(path).partition("/templates/")[2]
        for app in APPS
        for path in (settings.BASE_DIR / app).rglob("templates/**/*.*")
        if re.search(r"\|\s*safe\b|autoescape off|\|\s*safeseq", path.read_text())
    }
    assert found == set(safe)


@pytest.mark.security(20, 41)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_texts_and_fetch_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"""(import|from|fetch\(|src\s*=)\s*["'`]https?:""", text)


@pytest.mark.security(41)
def test_front_end_files_are_ours_or_of_packages_and_listed() -> None:
    """None is taken from elsewhere into the repository; those of packages are listed by version and SHA-256.

    `python -m tests.front_end` writes the list anew once somebody has looked at what a new version brings.
    """
    assert (settings.BASE_DIR / "docs" / "front-end.csv").read_text() == front_end.written()
    for path in STATIC:
        assert not re.search(r"\.min\.|vendor|[-.]\d+\.\d+", str(path.relative_to(settings.BASE_DIR))), path
        if path.suffix in (".css", ".js"):
            assert not re.search(
                r"@import|url\(\s*['\"]?(https?:)?//|@license|copyright", path.read_text(), re.IGNORECASE
            )
    templates = [path for app in APPS for path in (settings.BASE_DIR / app).rglob("templates/**/*.html")]
    for path in templates:
        assert not re.search(
            r"""<(script|link|img|iframe)[^>]+(src|rel="stylesheet"[^>]* href)="(https?:)?//""", path.read_text()
        )


@pytest.mark.security(25)
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/companies/company/", "/account/sign-in/", "/account/code/"])
def test_no_other_site_reads_the_pages_of_curators(path: str) -> None:
    for client in (Client(), signed_in(make.make_curator())):
        response = client.get(path, headers={"Origin": "https://elsewhere.example"})
        assert not [name for name in response.headers if name.startswith("Access-Control")]
        assert "no-store" in response["Cache-Control"] or response.status_code == 302


@pytest.mark.security(25)
@pytest.mark.django_db
def test_any_site_reads_what_is_public_without_credentials(api: Client) -> None:
    make.make_company()
    for path in (
        "/api/v1/companies/",
        "/api/v1/companies/nobody/",
        "/api/v1/changes/",
        "/embed/directory-listings.js",
        "/.well-known/api-catalog",
    ):
        response = api.get(path, headers={"Origin": "https://elsewhere.example", "Cookie": "sessionid=x"})
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response
        assert not response.cookies


@pytest.mark.security(25)
@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/embed/", "/companies/systems-limited/", "/feed.atom", "/sitemap.xml", "/embed/badge/systems-limited.svg"],
)
def test_what_a_shared_cache_stores_sets_no_cookie(path: str) -> None:
    """Not even for a browser whose session is over, or nobody's."""
    make.make_company()
    response = Client(HTTP_COOKIE="sessionid=nobody; csrftoken=x").get(path)
    assert response.status_code == 200
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.security(26)
@pytest.mark.django_db
def test_another_site_s_form_changes_nothing() -> None:
    company, ayesha = make.make_company(), make.make_curator()
    form = opened(signed_in(ayesha), url_of(company)) | {"name": "Forged"}
    client = signed_in(ayesha, enforce_csrf_checks=True)
    for url, data in ((url_of(company), form), (url_of(company, "delete"), {"post": "yes"})):
        client.post(url, data | {"csrfmiddlewaretoken": "x" * 64}, headers={"Origin": "https://elsewhere.example"})
    assert Company.objects.get(pk=company.pk).name == "Systems Limited"


@pytest.mark.security(26, 40)
def test_the_api_has_versions_and_knows_no_session() -> None:
    """So that no session writes through it, and no form of another site does."""
    below = [route for route in routes(get_resolver().url_patterns) if route.startswith("/api")]
    assert [route for route in below if not route.startswith("/api/v1/")] == ["/api/"]  # what is routed nowhere
    assert settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] == []
    assert "directory.transport.leave_cookies" in settings.MIDDLEWARE
