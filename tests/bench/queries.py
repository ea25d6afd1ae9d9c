"""What is asked: `python -m tests.bench.queries windows`, with DATA_DIR naming the database, writes it as JSON.

A filtered query asks for one to three facts of a company drawn at random, so that common values are asked for as
often as they are common. Every page is full.
"""

from __future__ import annotations

import base64
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import django
import orjson
from django.db.models import QuerySet
from django.http import QueryDict

django.setup()

from companies.models import ORDERINGS, Company  # noqa: E402
from companies.views import CompanyViewSet  # noqa: E402
from directory.api.caching import current_revision  # noqa: E402
from directory.api.listing import Listing  # noqa: E402
from directory.api.pagination import PAGE_SIZE, Page, plain  # noqa: E402
from tests.bench.plain import PlainFilters  # noqa: E402
from tests.bench.texts import Texts  # noqa: E402

DRAWN = 1_000  # companies whose facts are asked for
DEEPEST = 2_000  # rows into a filtered list
WINDOW = 100  # pages of each ordering and depth


def facts(company: Company, rng: random.Random) -> dict[str, str]:
    """Parameters that select this company among others, each with its value."""

    def one(values: list[str]) -> str:
        return rng.choice(values) if values else ""

    found = {
        "name__startswith": company.name[:2],
        "kind": company.kind,
        "operating_status__not": "closed" if company.operating_status != "closed" else "",
        "founded_year__gte": company.founded_year,
        "employees__gte": company.employees_min,
        "hourly_rate__lte": company.hourly_rate_min,
        "hub": company.hub and company.hub.slug,
        "office": one([office.hub.slug for office in company.offices.all()]),
        "specialty": one([specialty.slug for specialty in company.specialties.all()]),
        "industry": one([industry.slug for industry in company.industries.all()]),
        "export_market": one(company.export_markets),
        "women_led": "" if company.women_led is None else str(company.women_led).lower(),
        "credential_kind": one([credential.kind for credential in company.credentials.all()]),
        "verified_on__gte": company.verified_on,
    }
    return {name: str(value) for name, value in found.items() if value}


def filtered(wanted: int) -> list[dict[str, str]]:
    """So many different queries: the list's own form, those that plain DRF and bare SQL read, and a company's slug.

    Half are first pages, half stand behind a row at a random depth: one whose sort key differs from the next row's,
    since DRF's cursor knows the first key only.
    """
    rng = random.Random(2)
    drawn = Company.objects.published().filter(pk__in=rng.sample(range(1, newest() + 1), DRAWN)).for_document()
    companies = list(drawn.order_by("pk"))
    queries: dict[str, dict[str, str]] = {}
    while len(queries) < wanted:
        company = rng.choice(companies)
        known = facts(company, rng)
        # The hub and the specialty are what people ask for first.
        weights = [4 if name in ("hub", "specialty") else 1 for name in known]
        chosen = sorted(set(rng.choices(list(known), weights, k=rng.choice((1, 2, 2, 3)))))
        query = {name: known[name] for name in chosen}
        ordering = ORDERINGS["company"][rng.choice(["name", *ORDERINGS["company"]])]
        asked = query | {"ordering": ordering.name}
        keys = list(rows(asked).order_by(*ordering.order_by()).values_list(*ordering.keys)[:DEEPEST])
        if len(keys) < PAGE_SIZE:
            continue
        for values in (None, deep_row(keys, rng)):
            of = dict.fromkeys(("list", "drf", "sql"), urlencode(asked, safe=",")) | {"slug": company.slug}
            if values:
                of["list"] = behind(asked, values)
                of["drf"] += "&" + urlencode({"cursor": base64.b64encode(urlencode({"p": values[0]}).encode())})
                of["sql"] += "&" + urlencode({"cursor": base64.urlsafe_b64encode(orjson.dumps(plain(values)))})
            queries[of["list"]] = of
    return list(queries.values())[:wanted]


def rows(asked: dict[str, str]) -> QuerySet[Any]:
    """The companies that a query selects."""
    return PlainFilters(asked, Company.objects.published()).qs


def behind(asked: dict[str, str], row: Sequence[Any]) -> str:
    """The query of the page behind ``row``, as a “next” link gives it."""
    listing = Listing(CompanyViewSet(), QueryDict(urlencode(asked)), current_revision())
    page = Page(current_revision(), None, [], after=plain(row))
    return urlsplit(listing.links(page)["next"]).query


def deep_row(keys: list[Any], rng: random.Random) -> Any:
    """The sort keys of a row with a full page behind it, if there is one that DRF's cursor can name."""
    last = len(keys) - PAGE_SIZE - 1
    for _ in range(20 if last > 0 else 0):
        position = rng.randrange(last)
        if keys[position][0] != keys[position + 1][0]:
            return keys[position]
    return None


def windows() -> Iterator[dict[str, Any]]:
    """Per declared ordering, with no filter and with a common one: what to ask for its first and deep pages.

    Deep pages stand behind companies drawn at random, so they lie evenly between the list's beginning and its end.
    """
    rng = random.Random(3)
    for ordering in ORDERINGS["company"].values():
        for query in ({}, {"hub": "karachi"}):
            asked = query | {"ordering": ordering.name}
            drawn = rows(asked).filter(pk__in=rng.sample(range(1, newest() + 1), 20 * WINDOW))
            keys = rng.sample(list(drawn.values_list(*ordering.keys)), WINDOW)
            deep = [behind(asked, row) for row in keys]
            for depth, queries in (("first", [urlencode(asked)]), ("deep", deep)):
                yield {"what": [ordering.name, urlencode(query) or "none", depth], "queries": queries}


def newest() -> int:
    return Company.objects.latest("pk").pk


if __name__ == "__main__":
    kinds: dict[str, Callable[..., list[Any]]] = {
        "filtered": filtered,
        "windows": lambda: list(windows()),
        "texts": lambda: list(Texts().kinds()),
    }
    kind, *counts = sys.argv[1:]
    made = kinds[kind](*map(int, counts))
    sys.stdout.buffer.write(orjson.dumps(made))
