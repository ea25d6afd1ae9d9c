"""What tests ask of lists."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.test import Client

from directory.urls import router

# The collections by their path segment.
VIEWSETS: dict[str, Any] = {prefix: viewset for prefix, viewset, _ in router.registry}
# Every (collection, ordering) there is.
DECLARED = [(prefix, ordering) for prefix, viewset in VIEWSETS.items() for ordering in viewset.orderings]


def walk(api: Client, url: str | None, link: str = "next") -> Iterator[dict[str, Any]]:
    """The page at ``url`` and all that its links lead to, one after the other."""
    seen = set()
    while url:
        assert url not in seen, "the links lead in a circle"
        seen.add(url)
        response = api.get(url)
        assert response.status_code == 200, response.content
        yield (page := response.json())
        url = page[link]


def slugs(pages: Iterable[dict[str, Any]]) -> list[str]:
    return [row["slug"] for page in pages for row in page["results"]]


def mistakes(api: Client, query: str) -> list[tuple[str, str]]:
    """(parameter, code) of each mistake that a refused query is told of."""
    response = api.get(f"/api/v1/{query}")
    assert response.status_code == 400, response.content
    return [(error["parameter"], error["code"]) for error in response.json()["errors"]]
