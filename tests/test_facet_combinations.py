"""Facets and statistics of random filters over random companies count what the same question asked in Python counts.

Complaint 15: choosing a value leaves the counts of its facet's other values as they were.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from companies.countries import COUNTRIES
from companies.facets import COMPANY_FACETS
from tests.test_filter_combinations import (
    CONDITIONS,
    FACTS,
    HUBS,
    PARENTS,
    Facts,
    Predicate,
    below,
    publish,
    vocabulary,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.django_db

COMPANIES = "/api/v1/companies/"
SIZES = {"1-9": (None, 9), "10-49": (10, 49), "50-249": (50, 249), "250-999": (250, 999), "1000+": (1000, None)}
DECADES: dict[str, tuple[int | None, int | None]] = {
    "before-1980": (None, 1979),
    **{f"{year}s": (year, year + 9) for year in range(1980, 2030, 10)},
    "since-2030": (2030, None),
}


def overlapping(field: str, low: int | None, high: int | None) -> Predicate:
    def overlaps(facts: Facts) -> bool:
        value = getattr(facts, field)
        least, most = value if isinstance(value, tuple) else (value, value)
        if least is most is None:
            return False
        return (high is None or least is None or least <= high) and (low is None or most is None or most >= low)

    return overlaps


# Facet → value → whether a company has it.
ORACLE: dict[str, dict[str, Predicate]] = {
    "hub": {hub: lambda facts, hub=hub: facts.hub == hub for hub in HUBS},  # type: ignore[misc]
    "specialty": {
        slug: lambda facts, slug=slug: bool(below(slug) & facts.specialties)  # type: ignore[misc]
        for slug in PARENTS
    },
    "kind": {
        kind: lambda facts, kind=kind: facts.kind == kind  # type: ignore[misc]
        for kind in ("startup", "established")
    },
    "size": {name: overlapping("employees", *ends) for name, ends in SIZES.items()},
    "founded_decade": {name: overlapping("founded_year", *ends) for name, ends in DECADES.items()},
    "export_market": {
        code: lambda facts, code=code: code in facts.export_markets  # type: ignore[misc]
        for code in COUNTRIES
    },
    "women_led": {
        "true": lambda facts: facts.women_led is True,
        "false": lambda facts: facts.women_led is False,
    },
}
OWN = {
    "size": {"employees__gte", "employees__lte"},
    "founded_decade": {"founded_year__gte", "founded_year__lte"},
}


def chosen(rng: random.Random, *, most: int) -> tuple[dict[str, str], dict[str, Callable[[Facts], bool]]]:
    """A query of some conditions, and parameter → what it asks of a company."""
    conditions = rng.choices(CONDITIONS, k=rng.randint(0, most))
    query = {parameter: value for parameter, value, _ in conditions}
    return query, {parameter: predicate for parameter, _, predicate in conditions}


def found_by(api: Client, url: str) -> int:
    """How many the list at ``url`` has, counted by SQL and by hand."""
    query: dict[str, Any] = {
        name: values[0] for name, values in parse_qs(urlsplit(url).query).items() if not name.startswith("facets")
    }
    answer = api.get(COMPANIES, {**query, "count": "exact", "page_size": 200}).json()
    assert answer["count"] == len(answer["results"])
    return int(answer["count"])


@pytest.mark.complaint(15)
@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=12), st.randoms(use_true_random=True))
def test_each_facet_counts_what_its_addresses_give(
    api: Client,
    vocabulary: dict[str, int],  # noqa: F811
    companies: list[Facts],
    rng: random.Random,
) -> None:
    """For any filters over any companies."""
    with transaction.atomic():
        COMPANY_FACETS.index.state = None  # which the undone example before this one has left
        publish(companies, vocabulary)
        for _ in range(4):
            query, predicates = chosen(rng, most=3)
            asked = {"facets": ",".join(ORACLE), "facets_zero": "true", "count": "exact"}
            answer = api.get(COMPANIES, {**query, **asked}).json()
            for facet, values in ORACLE.items():
                own = OWN.get(facet, {facet})
                others = [predicate for parameter, predicate in predicates.items() if parameter not in own]
                rest = [facts for facts in companies if all(predicate(facts) for predicate in others)]
                shown = {row["value"]: row for row in answer["facets"][facet]}
                expected = {value: sum(map(has, rest)) for value, has in values.items()}
                assert {value: row["count"] for value, row in shown.items()} == expected, (query, facet)
                if facet not in OWN:
                    selected = {value for value, row in shown.items() if row["selected"]}
                    assert selected == set(query.get(facet, "").split(",")) - {""}
                followed = [row for row in shown.values() if row["count"] and not row["selected"]]
                for row in rng.sample(followed, k=min(3, len(followed))):
                    assert found_by(api, row["url"]) == row["count"], (query, row)
            matching = [f for f in companies if all(predicate(f) for predicate in predicates.values())]
            assert answer["count"] == len(matching)
        transaction.set_rollback(True)


MEDIANS: dict[str, Callable[[Facts], int | None]] = {
    "founded_year": lambda facts: facts.founded_year,
    "employees_min": lambda facts: facts.employees[0],
    "hourly_rate_min": lambda facts: None,
}


def groups_of(facts: Facts, names: Sequence[str]) -> list[tuple[str | None, ...]]:
    """The groups that a company is in."""
    if not names:
        return [()]
    if names[0] == "founded_year":
        own: list[str | None] = [str(facts.founded_year)] if facts.founded_year else []
    else:
        own = [value for value, has in ORACLE[names[0]].items() if has(facts)]
    return [(value, *rest) for value in own or [None] for rest in groups_of(facts, names[1:])]


def figures(companies: list[Facts]) -> dict[str, Any]:
    known = {name: [one for facts in companies if (one := read(facts)) is not None] for name, read in MEDIANS.items()}
    medians = {name: statistics.median(numbers) if numbers else None for name, numbers in known.items()}
    return {"count": len(companies), "median": medians, "known": {name: len(one) for name, one in known.items()}}


@settings(max_examples=25, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=12), st.randoms(use_true_random=True))
def test_statistics_are_what_python_counts(
    api: Client,
    vocabulary: dict[str, int],  # noqa: F811
    companies: list[Facts],
    rng: random.Random,
) -> None:
    with transaction.atomic():
        COMPANY_FACETS.index.state = None
        publish(companies, vocabulary)
        for _ in range(8):
            query, predicates = chosen(rng, most=2)
            names = rng.sample([*ORACLE, "founded_year"], k=rng.choice([1, 2]))
            answer = api.get("/api/v1/stats/", {**query, "group": ",".join(names)}).json()
            found = [facts for facts in companies if all(predicate(facts) for predicate in predicates.values())]
            grouped: dict[tuple[str | None, ...], list[Facts]] = {}
            for facts in found:
                for values in groups_of(facts, names):
                    grouped.setdefault(values, []).append(facts)
            shown = {
                tuple(row[name] and row[name]["value"] for name in names): {
                    "count": row["count"],
                    "median": row["median"],
                    "known": row["known"],
                }
                for row in answer["results"]
            }
            assert len(shown) == len(answer["results"])
            assert shown == {values: figures(within) for values, within in grouped.items()}, (query, names)
            assert {name: answer[name] for name in ("count", "median", "known")} == figures(found)
        transaction.set_rollback(True)
