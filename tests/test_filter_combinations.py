"""Filters together: random filters over random companies find what the same question asked in Python finds."""

import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from companies.facets import COMPANY_FACETS
from companies.models import Company, CompanySpecialty
from directory.models import Source
from directory.publishing import publication
from tests.factories import make_hub, make_specialty

pytestmark = pytest.mark.django_db


HUBS = ["lahore", "karachi"]
PARENTS = {"data": None, "learning": "data", "language": "learning", "mobile": None}
MARKETS = ["US", "GB", "AE"]
WORDS = ["Café", "CAFE", "Zêta", "Über", "a_b", "5%"]
YEARS = [None, 1977, 2007, 2015]
ENDS = [(None, None), (1, 9), (10, 49), (10, None), (None, 20), (500, None)]


@dataclass(frozen=True)
class Facts:
    """What a random company is."""

    name: str
    kind: str
    founded_year: int | None
    employees: tuple[int | None, int | None]
    hub: str | None
    women_led: bool | None
    specialties: frozenset[str]
    export_markets: frozenset[str]


FACTS = st.builds(
    Facts,
    name=st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join),
    kind=st.sampled_from(["", "startup", "established"]),
    founded_year=st.sampled_from(YEARS),
    employees=st.sampled_from(ENDS),
    hub=st.sampled_from([None, *HUBS]),
    women_led=st.sampled_from([None, True, False]),
    specialties=st.frozensets(st.sampled_from(list(PARENTS))),
    export_markets=st.frozensets(st.sampled_from(MARKETS)),
)

Predicate = Callable[[Facts], bool]
# Parameter, value, and whether a company meets it.
Condition = tuple[str, str, Predicate]
Choice = tuple[Any, ...]


def fold(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def below(slug: str) -> set[str]:
    """A specialty and its descendants."""
    return {slug}.union(*(below(child) for child, parent in PARENTS.items() if parent == slug))


def one_of_several(name: str, chosen: Choice) -> list[Condition]:
    """A single-valued field: any of, none of."""
    text = ",".join(map(str, chosen))
    return [
        (name, text, lambda facts: getattr(facts, name) in chosen),
        (f"{name}__not", text, lambda facts: getattr(facts, name) not in chosen),
    ]


def missing(name: str, field: str) -> list[Condition]:
    return [
        (f"{name}__isnull", "true", lambda facts: getattr(facts, field) in (None, "", frozenset())),
        (f"{name}__isnull", "false", lambda facts: getattr(facts, field) not in (None, "", frozenset())),
    ]


def any_or_all(name: str, field: str, chosen: Choice, widen: Callable[[str], set[str]]) -> list[Condition]:
    """A many-valued field: any of, all of, none of."""
    text, wanted = ",".join(chosen), [widen(value) for value in chosen]

    def met(facts: Facts) -> list[bool]:
        return [bool(any_of & getattr(facts, field)) for any_of in wanted]

    return [
        (name, text, lambda facts: any(met(facts))),
        (f"{name}__all", text, lambda facts: all(met(facts))),
        (f"{name}__not", text, lambda facts: not any(met(facts))),
    ]


def compared(name: str, number: int) -> list[Condition]:
    """A range (or a number, a range of one) matches a comparison when some number in it does."""

    def ends(facts: Facts) -> tuple[float, float]:
        value = getattr(facts, name)
        low, high = value if isinstance(value, tuple) else (value, value)
        if low is high is None:
            return float("nan"), float("nan")  # which compares false with everything
        return (float("-inf") if low is None else low), (float("inf") if high is None else high)

    return [
        (f"{name}__gte", str(number), lambda facts: ends(facts)[1] >= number),
        (f"{name}__gt", str(number), lambda facts: ends(facts)[1] > number),
        (f"{name}__lte", str(number), lambda facts: ends(facts)[0] <= number),
        (f"{name}__lt", str(number), lambda facts: ends(facts)[0] < number),
        (name, str(number), lambda facts: ends(facts)[0] <= number <= ends(facts)[1]),
        (f"{name}__not", str(number), lambda facts: not ends(facts)[0] <= number <= ends(facts)[1]),
    ]


def spelt(word: str) -> list[Condition]:
    folded = fold(word)
    return [
        ("name", word, lambda facts: fold(facts.name) == folded),
        ("name__not", word, lambda facts: fold(facts.name) != folded),
        ("name__contains", word[1:], lambda facts: folded[1:] in fold(facts.name)),
        ("name__startswith", word, lambda facts: fold(facts.name).startswith(folded)),
    ]


def some_of(values: list[Any]) -> list[Choice]:
    return [*combinations(values, 1), *combinations(values, 2)]


def every_condition() -> Iterator[list[Condition]]:
    for name, values in (("hub", HUBS), ("kind", ["startup", "established"]), ("founded_year", YEARS[1:])):
        yield from (one_of_several(name, chosen) for chosen in some_of(values))
        yield missing(name, name)
    for chosen in some_of(list(PARENTS)):
        yield any_or_all("specialty", "specialties", chosen, below)
        yield any_or_all("specialty__exact", "specialties", chosen, lambda slug: {slug})[:1]
    for chosen in some_of(MARKETS):
        yield any_or_all("export_market", "export_markets", chosen, lambda code: {code})
    yield from (missing(*names) for names in (("specialty", "specialties"), ("export_market", "export_markets")))
    yield from (compared("founded_year", number) for number in (-1, 1977, 2000, 99999))
    yield from (compared("employees", number) for number in (0, 1, 9, 10, 20, 49, 60, 500))
    yield from map(spelt, WORDS)
    yield [("women_led", "true", lambda facts: facts.women_led is True)]
    yield [("women_led", "false", lambda facts: facts.women_led is False)]


CONDITIONS = [condition for conditions in every_condition() for condition in conditions]


@pytest.fixture(scope="module")
def vocabulary(shared_rows: None) -> dict[str, int]:
    """Slug → primary key of the random companies' hubs and specialties."""
    pks = {slug: make_hub(slug.capitalize()).pk for slug in HUBS}
    for slug, parent in PARENTS.items():
        pks[slug] = make_specialty(slug.capitalize(), parent_id=parent and pks[parent]).pk
    return pks


def publish(companies: list[Facts], pks: dict[str, int]) -> None:
    with publication(source=Source.SYSTEM):
        made = Company.objects.bulk_create(
            Company(
                name=facts.name,
                slug=f"random-{number}",
                kind=facts.kind,
                founded_year=facts.founded_year,
                employees_min=facts.employees[0],
                employees_max=facts.employees[1],
                hub_id=facts.hub and pks[facts.hub],
                women_led=facts.women_led,
                export_markets=sorted(facts.export_markets),
                status="published",
            )
            for number, facts in enumerate(companies)
        )
        CompanySpecialty.objects.bulk_create(
            CompanySpecialty(company=company, specialty_id=pks[slug])
            for company, facts in zip(made, companies, strict=True)
            for slug in facts.specialties
        )


@pytest.mark.complaint(1, 14)
@settings(max_examples=50, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=12), st.randoms(use_true_random=True))
def test_any_filters_together_find_what_python_finds(
    api: Client, vocabulary: dict[str, int], companies: list[Facts], rng: random.Random
) -> None:
    """No filter is ignored, no row is lost or repeated, and the count is the list's length.

    It is so whether bitmaps count and choose the page, count alone or, in a process that has none yet, do neither.
    """
    with transaction.atomic():
        publish(companies, vocabulary)
        index = COMPANY_FACETS.index
        index.state = rng.choice([None, index.read(None)])
        if rng.random() < 0.5:
            index.renew()
        for _ in range(16):
            # The same parameter twice would be OR: the last one counts.
            conditions = rng.choices(CONDITIONS, k=rng.choice([1, 2, 2, 3]))
            chosen = {parameter: (value, predicate) for parameter, value, predicate in conditions}
            query = {parameter: value for parameter, (value, _) in chosen.items()}
            answer = api.get("/api/v1/companies/", {**query, "count": "exact"}).json()
            expected = sorted(
                f"random-{number}"
                for number, facts in enumerate(companies)
                if all(predicate(facts) for _, predicate in chosen.values())
            )
            assert sorted(row["slug"] for row in answer["results"]) == expected, query
            assert answer["count"] == len(expected)
        transaction.set_rollback(True)
