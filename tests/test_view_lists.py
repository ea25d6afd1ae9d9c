"""Views answer as the list of companies does: the same companies, counts, facets and bytes of whole results."""

import random
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from companies.filters import CompanyFilters
from partners.models import PublicView
from tests.factories import make_view
from tests.lists import slugs, walk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter_directory")]

QUERIES = [
    "hub=lahore&specialty=artificial-intelligence",
    "hub=lahore,karachi&specialty__all=artificial-intelligence,data-science",
    "hub__not=islamabad&website__isnull=false&ordering=-founded_year,name",
    "founded_year__gte=2015&ordering=-founded_year",
    "q=machine learning karachi",
    "q=arbisfot&typo=on",
    "near=31.55,74.34&radius_km=10&emerging=true",
    "name__contains=tech&kind__isnull=true",
    "ordering=-updated_at",
    "slug=devsinc,arbisoft",
    "specialty__exact=data-science&hub__isnull=false",
    "hub=lahore&name=nobody is called so",
]
# What may be asked of a view, and of the list.
SHAPES = [
    "",
    "count=exact&page_size=3",
    "page=1&page_size=2",
    "facets=kind,size&page_size=1",
    "fields=name,hub(name)",
    "format=geojson",
    "format=jsonld",
    "format=csv&omit=description",
    "format=ndjson",
]


def content(response: Any) -> Any:
    """What was answered, without that it was a view, and of lines all."""
    assert response.status_code == 200, response.content
    if response.streaming:
        return b"".join(response.streaming_content)
    answer = response.json()
    answer.pop("next", None)
    answer.pop("previous", None)
    answer.get("meta", {}).pop("view", None)
    answer.get("meta", {}).get("query", {}).pop("canonical", None)
    return answer


def assert_equal(api: Client, view: PublicView, shape: str) -> None:
    """The view answers as the list does with the view's query."""
    query = PublicView.objects.get(pk=view.pk).query
    shown = content(api.get(f"/api/v1/views/{view.slug}/?{shape}"))
    listed = content(api.get(f"/api/v1/companies/?{query}&{shape}"))
    assert shown == listed


@pytest.mark.parametrize("query", QUERIES)
def test_a_view_answers_as_the_list_does(api: Client, query: str) -> None:
    view = make_view(query)
    for shape in SHAPES:
        assert_equal(api, view, shape)


@pytest.mark.parametrize("seed", range(12))
def test_any_query_that_the_list_takes_makes_such_a_view(api: Client, seed: int) -> None:
    rng = random.Random(seed)
    alone = [name for name, (declared, _) in CompanyFilters.parameters.items() if not declared.together]
    query: dict[str, str] = {}
    for name in rng.sample(alone, 2):
        declared, lookup = CompanyFilters.parameters[name]
        example = declared.parameter(lookup).example
        values = example if isinstance(example, list) else [example]
        query[name] = ",".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
    view = make_view(urlencode(query))
    assert_equal(api, view, "count=exact&page_size=5")


def test_its_pages_stay_in_the_view_and_meet_each_company_once(api: Client) -> None:
    make_view("hub=lahore&ordering=-founded_year")
    first = api.get("/api/v1/views/shown/?page_size=20&count=exact&kind__isnull=true").json()
    assert first["meta"]["view"].items() >= {"slug": "shown", "name": "Shown"}.items()
    assert first["next"].startswith(f"{settings.SITE_URL}/api/v1/views/shown/?kind__isnull=true&page_size=20&")
    pages = list(walk(api, "/api/v1/views/shown/?page_size=20"))
    expected = slugs(walk(api, "/api/v1/companies/?hub=lahore&ordering=-founded_year&page_size=200"))
    assert slugs(pages) == expected
    assert len(pages) > 3
    assert {page["meta"]["view"]["slug"] for page in pages} == {"shown"}
    canonical = api.get("/api/v1/views/shown/")["Link"]
    assert f'<{settings.SITE_URL}/api/v1/views/shown/>; rel="canonical"' in canonical


@pytest.mark.parametrize("shape", ["", "format=csv", "format=geojson&page_size=1&ordering=name"])
def test_its_answers_lead_to_feeds_of_the_same_companies(api: Client, shape: str) -> None:
    make_view("hub=lahore")
    answer = api.get(f"/api/v1/views/shown/?founded_year__gte=2015&{shape}")
    content(answer)
    feeds = re.findall(r'<([^>]+)>; rel="alternate"; type="([^"]+)"', answer["Link"])
    expected = slugs(walk(api, "/api/v1/companies/?hub=lahore&founded_year__gte=2015&ordering=-updated_at"))
    for address, media_type in feeds:
        feed = api.get(address.removeprefix(settings.SITE_URL))
        assert feed["Content-Type"] == f"{media_type}; charset=utf-8"
    items = feed.json()["items"]
    assert [item["url"].split("/")[-2] for item in items] == expected[: len(items)]
    assert len(feeds) == 2
    assert items
