"""Depth: however long a list is, it has no end before its end, and an index leads to any of its pages."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from companies.models import ORDERINGS
from tests.factories import make_hub, make_indicator, make_industry, make_program, make_specialty
from tests.lists import DECLARED, VIEWSETS, slugs, walk

pytestmark = pytest.mark.django_db

# More rows than any cap that complaints tell of.
MANY = 10_050


@pytest.fixture(scope="module")
def many(shared_rows: None) -> None:
    """Companies with a stub for a document, written in bulk: publishing so many would take minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO companies_company (name, slug, legal_name, aliases, kind, operating_status, summary,"
            " description, website, domain, shares_domain, export_markets, status, notes, contact_email, created_at,"
            " founded_year, employees_min, hourly_rate_min, verified_on)"
            " SELECT 'Company ' || mod(n, 997), 'many-' || n, '', '{}', '', '', '', '', '', '', false, '{}',"
            " 'published', '', '', '2026-01-01'::timestamptz + mod(n, 500) * interval '1 hour',"
            " 1950 + mod(n, 70), nullif(mod(n, 300), 0), nullif(mod(n, 90), 0), '2026-01-01'::date + mod(n, 300)"
            " FROM generate_series(1, %s) AS n",
            [MANY],
        )
        cursor.execute("SELECT set_config('directory.publishing', 'on', true)")
        cursor.execute(
            "UPDATE companies_company SET revision = 1, document = json_build_object('slug', slug)::text,"
            " updated_at = created_at"
        )
        cursor.execute("SELECT set_config('directory.publishing', '', true)")
        cursor.execute("ANALYZE companies_company")


def plan(api: Client, url: str) -> tuple[list[dict[str, Any]], str]:
    """(the nodes of the page query's plan, the next page's address)."""
    statements: list[Any] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        following = api.get(url).json()["next"]
    ((sql, params),) = [statement for statement in statements if "page.*" in statement[0]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        waiting = [cursor.fetchone()[0][0]["Plan"]]
    nodes = []
    while waiting:
        nodes.append(waiting.pop())
        waiting += nodes[-1].get("Plans", [])
    return nodes, following


def assert_an_index_answers(api: Client, collection: str, ordering: str) -> None:
    table = VIEWSETS[collection].queryset.model._meta.db_table
    url = f"/api/v1/{collection}/?ordering={ordering}&page_size=2"
    for is_deep in (False, True):
        nodes, url = plan(api, url)
        assert not [node for node in nodes if "Sort" in node["Node Type"]], (ordering, nodes)
        (scan,) = (node for node in nodes if node.get("Relation Name") == table)
        assert scan["Node Type"] == "Index Scan"
        # Row by row up to the cursor would be a filter; only a condition on the index goes straight there.
        assert ("ROW(" in scan.get("Index Cond", "")) == is_deep


def look_up_in_order() -> None:
    """Tell the planner not to sort: few rows, or many dead ones, are faster sorted than looked up."""
    with connection.cursor() as cursor:
        for method in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{method} = off")


@pytest.fixture
def three_of_each(db: None) -> None:
    for n in range(3):
        make_hub(f"Hub {n}")
        make_industry(f"Industry {n}")
        make_specialty(f"Specialty {n}")
        make_program(f"Program {n}")
        make_indicator(f"Figure {n}", period=f"{n}")


def test_every_ordering_has_its_index(api: Client, three_of_each: None) -> None:
    """Before there are companies whose documents are stubs: of some others, the names are looked for in them."""
    look_up_in_order()
    for collection, ordering in DECLARED:
        if collection != "companies":
            assert_an_index_answers(api, collection, ordering)


@pytest.mark.complaint(5)
def test_a_long_list_has_no_end_before_its_end(api: Client, many: None) -> None:
    """Neither row 1,000 nor row 10,000 is the last."""
    pages = list(walk(api, "/api/v1/companies/?page_size=200&count=exact"))
    assert len(set(slugs(pages))) == len(slugs(pages)) == pages[0]["count"] == MANY
    assert len(slugs([api.get(f"/api/v1/companies/?page_size=1&page={MANY}").json()])) == 1


def test_the_planner_chooses_each_ordering_s_index(api: Client, many: None) -> None:
    """At ten thousand rows an index is chosen of itself."""
    for ordering in ORDERINGS["company"]:
        assert_an_index_answers(api, "companies", ordering)


def test_a_comparison_of_what_is_ordered_by_is_where_the_index_begins(api: Client, many: None) -> None:
    """The oldest of the youngest come first without all the older ones being read."""
    look_up_in_order()
    for ordering in ("founded_year", "-founded_year", "founded_year,name", "-founded_year,name"):
        url = f"/api/v1/companies/?founded_year__gte=2000&founded_year__lt=2002&ordering={ordering}"
        nodes, _ = plan(api, f"{url}&page_size=2")
        (scan,) = (node for node in nodes if node.get("Relation Name") == "companies_company")
        assert scan["Index Cond"].count("founded_year") == 2
        assert api.get(f"{url}&count=exact").json()["count"] == sum(n % 70 in (50, 51) for n in range(1, MANY + 1))
