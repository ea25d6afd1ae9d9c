"""Filters together: random filters over random companies find what the same question asked in Python finds."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

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
Condition = tuple[str, str, Predicate]


def fold(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def below(slug: str) -> set[str]:
    """A specialty and its descendants."""
    return {slug}.union(*(below(child) for child, parent in PARENTS.items() if parent == slug))


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def one_of_several(name: str, values: list[Any]) -> st.SearchStrategy[Condition]:
    """A single-valued field: any of, none of, missing."""

    def conditions(chosen: list[Any]) -> st.SearchStrategy[Condition]:
        text = ",".join(map(str, chosen))
        return st.sampled_from(
            [
                (name, text, lambda facts: getattr(facts, name) in chosen),
                (f"{name}__not", text, lambda facts: getattr(facts, name) not in chosen),
                (f"{name}__isnull", "true", lambda facts: getattr(facts, name) in (None, "")),
            ]
        )

    return some(values).flatmap(conditions)


def any_or_all(name: str, field: str, values: list[str], widen: Callable[[str], set[str]]) -> Any:
    """A many-valued field: any of, all of, none of, missing."""

    def conditions(chosen: list[str]) -> st.SearchStrategy[Condition]:
        text, wanted = ",".join(chosen), [widen(value) for value in chosen]
        return st.sampled_from(
            [
                (name, text, lambda facts: any(w & getattr(facts, field) for w in wanted)),
                (f"{name}__all", text, lambda facts: all(w & getattr(facts, field) for w in wanted)),
                (f"{name}__not", text, lambda facts: not any(w & getattr(facts, field) for w in wanted)),
                (f"{name}__isnull", "false", lambda facts: bool(getattr(facts, field))),
            ]
        )

    return some(values).flatmap(conditions)


def compared(name: str, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Condition]:
    """The four comparisons: a range (or a number, a range of one) matches when it overlaps."""

    def conditions(number: int) -> st.SearchStrategy[Condition]:
        def ends(facts: Facts) -> tuple[float, float] | None:
            value = getattr(facts, name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if low is high is None:
                return None
            return (float("-inf") if low is None else low), (float("inf") if high is None else high)

        def test(compare: Callable[[float, float], bool]) -> Predicate:
            return lambda facts: (known := ends(facts)) is not None and compare(*known)

        return st.sampled_from(
            [
                (f"{name}__gte", str(number), test(lambda low, high: high >= number)),
                (f"{name}__gt", str(number), test(lambda low, high: high > number)),
                (f"{name}__lte", str(number), test(lambda low, high: low <= number)),
                (f"{name}__lt", str(number), test(lambda low, high: low < number)),
                (name, str(number), test(lambda low, high: low <= number <= high)),
                (f"{name}__not", str(number), lambda facts: not test(lambda a, b: a <= number <= b)(facts)),
            ]
        )

    return numbers.flatmap(conditions)


def text(word: str) -> st.SearchStrategy[Condition]:
    folded = fold(word)
    return st.sampled_from(
        [
            ("name", word, lambda facts: fold(facts.name) == folded),
            ("name__not", word, lambda facts: fold(facts.name) != folded),
            ("name__contains", word[1:], lambda facts: folded[1:] in fold(facts.name)),
            ("name__startswith", word, lambda facts: fold(facts.name).startswith(folded)),
        ]
    )


CONDITIONS = st.one_of(
    one_of_several("hub", HUBS),
    one_of_several("kind", ["startup", "established"]),
    one_of_several("founded_year", YEARS[1:]),
    any_or_all("specialty", "specialties", list(PARENTS), below),
    any_or_all("specialty__exact", "specialties", list(PARENTS), lambda slug: {slug}).filter(
        lambda condition: condition[0] == "specialty__exact"
    ),
    any_or_all("export_market", "export_markets", MARKETS, lambda code: {code}),
    compared("founded_year", st.sampled_from([-1, 1977, 2000, 99999])),
    compared("employees", st.integers(0, 60)),
    st.sampled_from([("women_led", str(b).lower(), lambda facts, b=b: facts.women_led is b) for b in (True, False)]),
    st.sampled_from(WORDS).flatmap(text),
)


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


@settings(max_examples=80, deadline=None)
@given(st.lists(FACTS, max_size=8), st.lists(st.lists(CONDITIONS, max_size=3), min_size=4, max_size=4))
def test_any_filters_together_find_what_python_finds(
    api: Client, vocabulary: dict[str, int], companies: list[Facts], queries: list[list[Condition]]
) -> None:
    """Complaints 1 and 14: no filter is ignored, no row is lost or repeated, and the count is the list's length."""
    with transaction.atomic():
        publish(companies, vocabulary)
        for conditions in queries:
            # The same parameter twice would be OR: the last one counts.
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
