"""Size: what is asked of fifty thousand companies is found by an index, whatever part of a name it is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import Client

from companies.dictionary import recount
from tests.plans import plans

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("many")]

MANY = 50_000
LARGE = ("companies_company", "companies_word")


@contextmanager
def unindexed(cursor: CursorWrapper) -> Iterator[None]:
    """The indexes are made behind what is written, in a quarter of the time; only the unique ones stay."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'companies_company' AND indexdef NOT LIKE 'CREATE UNIQUE%'"
    )
    definitions = dict(cursor.fetchall())
    cursor.execute(f"DROP INDEX {', '.join(definitions)}")
    yield
    cursor.execute("; ".join(definitions.values()))


@pytest.fixture(scope="module")
def many(shared_rows: None) -> None:
    """Companies of which no two are called alike and ten say the same, undone behind the module.

    Publishing them would take minutes, and computing what each is found by a quarter of one: so ten share it.
    """
    with connection.cursor() as cursor, unindexed(cursor):
        cursor.execute("SET LOCAL session_replication_role = replica")  # in which no trigger fires
        for column in ("name_key", "search"):
            cursor.execute(f"ALTER TABLE companies_company ALTER {column} DROP EXPRESSION")
        cursor.execute(
            "WITH said AS MATERIALIZED (SELECT n, document, company_search(document) AS search"
            " FROM generate_series(0, %s) AS n, LATERAL (SELECT json_build_object('slug', n, 'name',"
            " 'Company ' || n, 'legal_name', null, 'aliases', '{}'::text[], 'domain', null, 'specialties',"
            " '{}'::text[], 'industries', '{}'::text[], 'hub', null, 'summary', 'number' || n, 'description',"
            " null, 'id', n, 'url', '')::text AS document) AS made)"
            " INSERT INTO companies_company (name, name_key, slug, legal_name, aliases, kind, operating_status,"
            " summary, description, website, domain, shares_domain, export_markets, status, notes, contact_email,"
            " revision, updated_at, document, search)"
            " SELECT letters, letters, 'many-' || row, '', '{}', '', '', '', '', '', '', false, '{}', 'published',"
            " '', '', 1, now(), document, search"
            " FROM generate_series(1, %s) AS row JOIN said ON said.n = mod(row, %s),"
            " LATERAL (SELECT translate(left(md5(row::text), 8), '0123456789', 'ghijklmnop') AS letters) AS called",
            [MANY // 10 - 1, MANY, MANY // 10],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    recount()
    with connection.cursor() as cursor:
        # All rows, 300 for each unit of the target: of a sample it would be chance whether one of the names that
        # statistics keep has the very letters in it.
        cursor.execute(f"SET LOCAL default_statistics_target = {MANY // 300 + 1}")
        cursor.execute("ANALYZE companies_company, companies_word")
        cursor.execute("RESET default_statistics_target")


@pytest.mark.complaint(27)
@pytest.mark.parametrize(
    ("lookup", "index"), [("contains", "company_name_trigrams"), ("startswith", "company_by_name")]
)
@pytest.mark.parametrize("rest", ["", "&count=exact", "&ordering=-founded_year", "&page=1"])
def test_a_part_of_a_name_is_found_by_its_letters(api: Client, lookup: str, index: str, rest: str) -> None:
    """Accents and case, which do not matter, keep neither trigrams nor the order of names from being used."""
    explained = plans(api, f"/api/v1/companies/?name__{lookup}=Çkca{rest}")
    assert any(re.search(rf"using {index} |on {index} ", plan) for plan in explained), explained
    assert not any("Seq Scan on companies_company" in plan for plan in explained), explained


@pytest.mark.complaint(27)
@pytest.mark.parametrize("text", ["number17", "numbr17", "company 17 -number18", '"company 17"'])
def test_a_search_is_answered_by_indexes(api: Client, text: str) -> None:
    """It reads neither the table through nor the dictionary."""
    explained = plans(api, f"/api/v1/companies/?q={text}")
    assert any("on company_search" in plan for plan in explained)
    assert not any(f"Seq Scan on {table}" in plan for table in LARGE for plan in explained), explained
    assert any("on word_keys" in plan for plan in explained) == ('"' not in text)


@pytest.mark.complaint(27)
@pytest.mark.parametrize("text", ["ckca", "number17"])
def test_suggestions_and_guesses_are_found_by_indexes(api: Client, text: str) -> None:
    explained = plans(api, f"/api/v1/suggest/?kind=company&q={text}")
    assert not any(f"Seq Scan on {table}" in plan for table in LARGE for plan in explained), explained
