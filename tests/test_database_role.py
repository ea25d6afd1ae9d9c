"""The web's own role in the database: what docs/running.md grants is enough for all that it does, and no more."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from companies.merging import merge_companies, undo_merge
from companies.models import Company
from directory.models import Revision
from directory.undoing import undo
from tests import factories as make
from tests.curators import signed_in
from tests.test_admin import submit, url_of

RUNNING = (settings.BASE_DIR / "docs" / "running.md").read_text()
[GRANTS] = re.findall(r"```sql\n(.*?)```", RUNNING, re.DOTALL)

# The last is PostgreSQL 15's, of programs.
REFUSAL = "permission denied|must be owner|must be superuser or have privileges of the pg_execute_server_program role"


@pytest.fixture
def web(db: None) -> Iterator[None]:
    """What the owner has made before, and from then on the role that the documentation makes."""
    make.make_company("Cubix", founded_year=2004)
    make.make_company("Cubix IT", summary="Apps")
    make.make_curator()
    with connection.cursor() as cursor:
        for statement in GRANTS.replace("DATABASE directory", f"DATABASE {connection.settings_dict['NAME']}").split(
            ";"
        ):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("SET LOCAL ROLE web")
    yield
    if not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.security(9)
@pytest.mark.usefixtures("web")
def test_the_web_owns_nothing_and_creates_nothing() -> None:
    assert one("SELECT current_user") == "web"
    assert one("SELECT count(*) FROM pg_class WHERE relowner = 'web'::regrole") == 0
    assert not one("SELECT has_schema_privilege('public', 'CREATE')")
    assert not one("SELECT has_database_privilege(current_database(), 'CREATE')")
    assert not one(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = 'web'"
    )


@pytest.mark.security(9)
@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE companies_company",
        "ALTER TABLE directory_version DISABLE TRIGGER ALL",
        "TRUNCATE directory_version",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'x', now())",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "COPY companies_company TO PROGRAM 'true'",
    ],
)
def test_the_web_changes_no_table_itself(statement: str) -> None:
    with pytest.raises(ProgrammingError, match=REFUSAL), transaction.atomic():
        one(statement)


@pytest.mark.security(9)
@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    "path",
    [
        *("", "companies/?q=cubx&facets=hub&count=exact", "companies/cubix/", "companies/cubix/history/", "stats/"),
        *("companies/?format=csv", "companies/cubix/similar/", "suggest/?q=cub", "changes/", "snapshot/", "digest/"),
    ],
)
def test_the_web_reads(api: Client, path: str) -> None:
    response: Any = api.get(f"/api/v1/{path}")
    assert response.status_code == 200
    assert b"".join(response) if response.streaming else response.content


@pytest.mark.security(9)
@pytest.mark.usefixtures("web")
def test_the_web_writes(api: Client) -> None:
    suggestion = {"company": "cubix", "patch": {"founded_year": 2005}}
    assert api.post("/api/v1/suggestions/", suggestion, content_type="application/json").status_code == 201
    keep, drop = Company.objects.get(slug="cubix"), Company.objects.get(slug="cubix-it")
    client = signed_in(make.make_curator("bilal"))
    assert submit(client, url_of(keep), founded_year="2006").status_code == 302
    assert api.get("/api/v1/companies/cubix/").json()["founded_year"] == 2006
    undo(Revision.objects.latest("pk"), by=None)
    undo_merge(merge_companies(keep=keep, drop=drop, choices={}, by=None), by=None)
    assert client.post(url_of(drop, "delete"), {"post": "yes"}).status_code == 302
    assert one("SELECT current_user") == "web"


@pytest.mark.security(9)
def test_the_web_waits_for_nothing_for_long() -> None:
    """What its connections are opened with, in a process that answers requests."""
    script = (
        "import directory.wsgi; from django.db import connections; print(connections.settings['default']['OPTIONS'])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={"PATH": os.defpath, "DATABASE_URL": "postgresql://web@db.example/directory"},
        capture_output=True,
        text=True,
        check=True,
    )
    for limit in ("statement_timeout=", "lock_timeout=10s", "idle_in_transaction_session_timeout=60s"):
        assert limit in found.stdout
