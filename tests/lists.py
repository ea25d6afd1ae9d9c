"""What tests ask of lists."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from django.test import Client

from directory.urls import router

# The collections by their path segment, but for views: their addresses lead to companies, see test_views.py.
VIEWSETS: dict[str, Any] = {prefix: viewset for prefix, viewset, _ in router.registry if prefix != "views"}
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


def search(api: Client, text: str, rest: str = "") -> dict[str, Any]:
    response = api.get(f"/api/v1/companies/?q={quote(text, safe='')}{rest}")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def found(api: Client, text: str, rest: str = "") -> list[str]:
    return slugs([search(api, text, rest)])


def assert_shortened(shown: Any, actual: Any) -> None:
    """Objects may leave keys out; what they show is the answer, primary keys of another database aside."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            if key != "id":
                assert_shortened(value, actual[key])
    elif isinstance(shown, list):
        assert len(shown) == len(actual)
        for one, other in zip(shown, actual, strict=True):
            assert_shortened(one, other)
    else:
        assert shown == actual
