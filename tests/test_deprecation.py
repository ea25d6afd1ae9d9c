"""Every address is known, and what will go says so in time: in its answers and in OpenAPI.

Nothing of the directory is deprecated yet: the routes here are of this test alone.
"""

import datetime
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path
from openapi_spec_validator import OpenAPIV31SpecValidator

from directory.api.deprecation import WHOLE, Deprecated
from directory.api.endpoints import Endpoint
from directory.api.operations import Operation
from directory.api.parameters import Parameter
from directory.api.schema import endpoints, openapi
from tests.test_architecture import APPS

pytestmark = pytest.mark.security(40)

# Packages whose pages are below addresses of ours.
OTHERS = (
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.views.generic",
    "allauth",
)
SINCE = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
PAGE = "https://directory.example/docs/old/"
OLD = Deprecated(SINCE, SINCE + datetime.timedelta(days=365), "ask /new/.", PAGE)
SOONER = Deprecated(SINCE - datetime.timedelta(days=1), SINCE + datetime.timedelta(days=200), "say “size”.", PAGE)


class Answering(Endpoint):
    """Says yes."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        known = {name: Parameter("How many.", {"type": "integer"}, 3) for name in ("size", "siez")}
        return Operation("Says yes", {"application/json": {"type": "boolean"}}, known, "As it always did.")

    def get(self, request: Any) -> HttpResponse:
        response = HttpResponse(b"true", content_type="application/json")
        response["Link"] = '<https://directory.example/>; rel="canonical"'
        response.revision = request.revision  # type: ignore[attr-defined]
        return response


class Going(Answering):
    deprecated = {WHOLE: OLD, "siez": SOONER}


class Keeping(Answering):
    deprecated = {"siez": SOONER}


urlpatterns = [path("api/v1/going/", Going.as_view()), path("api/v1/keeping/", Keeping.as_view())]


def callbacks(patterns: list[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from callbacks(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern.callback


def test_every_address_is_answered_by_what_somebody_here_owns() -> None:
    modules = {getattr(view, "cls", view).__module__ for view in callbacks(get_resolver().url_patterns)}
    assert {module for module in modules if not module.startswith((*APPS, *OTHERS))} == set()


def test_every_endpoint_is_of_a_version_and_in_the_guide() -> None:
    guide = "".join((settings.BASE_DIR / "docs" / name).read_text() for name in ("api.md", "partners.md"))
    for address, view, action in endpoints():
        collection = re.sub(r"^/api/v1/", "", address).partition("/")[0]
        assert address.startswith("/api/v1/")
        assert f"/{collection}" in guide or f"`{collection}`" in guide, address
        assert view.operation(action).summary


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("going/", OLD),
        ("going/?size=3", OLD),
        ("keeping/", None),
        ("keeping/?size=3", None),
        ("keeping/?siez=3", SOONER),
    ],
)
def test_an_answer_tells_what_will_go(api: Client, address: str, told: Deprecated | None) -> None:
    for _ in range(2):  # the second is one that was kept
        response = api.get(f"/api/v1/{address}")
        known = api.get(f"/api/v1/{address}", headers={"if-none-match": response["ETag"]})
        assert (response.status_code, known.status_code) == (200, 304)
        for answer in (response, known):
            if told is None:
                assert not {"Deprecation", "Sunset"} & set(answer.headers)
                continue
            assert answer["Deprecation"] == f"@{int(told.since.timestamp())}"
            assert parsedate_to_datetime(answer["Sunset"]) == told.sunset
            assert answer["Link"].endswith(f', <{PAGE}>; rel="deprecation"; type="text/html"')
            assert {"ETag", "Deprecation", "Sunset"} <= set(answer["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_of_several_the_first_to_go_counts(api: Client) -> None:
    response = api.get("/api/v1/going/?siez=3")
    assert response["Deprecation"] == f"@{int(SOONER.since.timestamp())}"
    assert parsedate_to_datetime(response["Sunset"]) == SOONER.sunset
    assert response["Link"].count("deprecation") == 1


@pytest.mark.urls(__name__)
def test_openapi_says_so() -> None:
    document = openapi()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    going, keeping = (document["paths"][f"/api/v1/{name}/"]["get"] for name in ("going", "keeping"))
    assert going["deprecated"]
    assert going["description"] == "As it always did. Deprecated since 2027-01-01, goes on 2028-01-01: ask /new/."
    assert "deprecated" not in keeping
    for operation in (going, keeping):
        [siez] = [parameter for parameter in operation["parameters"] if parameter.get("deprecated")]
        assert siez["name"] == "siez"
        assert siez["description"].endswith("goes on 2027-07-20: say “size”.")
        assert {"Deprecation", "Sunset", "ETag"} <= set(operation["responses"]["200"]["headers"])


def test_nothing_goes_at_short_notice() -> None:
    with pytest.raises(ValueError, match="180 days"):
        Deprecated(SINCE, SINCE + datetime.timedelta(days=30), "", PAGE)
