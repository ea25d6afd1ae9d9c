"""Forgetting: after the command, a mail address is in no column of any table of ours."""

from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from companies.merging import merge_companies, undo_merge
from companies.models import Company
from directory.models import Source
from directory.publishing import edit
from tests import factories as make

ADDRESS = "bilal.khan@example.com"


def tables_with(text: str) -> list[str]:
    """Every table of ours with a row that has ``text`` in any column."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text ILIKE %s", [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


@pytest.mark.security(43)
@pytest.mark.django_db
def test_an_address_goes_from_everything(capsys: pytest.CaptureFixture[str]) -> None:
    keep = make.make_company("Cubix")
    drop = make.make_company("Cubix IT", contact_email="Bilal.Khan@example.com", notes=f"Ask {ADDRESS}.")
    merge_companies(keep=keep, drop=drop, choices={}, by=None, reason=f"{ADDRESS} says so")
    edit(keep, {"summary": "Games"}, source=Source.ADMIN, reason=f"Mail of {ADDRESS}")
    suggestion = make.make_suggestion(keep, founded_year=1999)
    type(suggestion).objects.update(email=ADDRESS)
    company = make.make_company("Another", contact_email="bilal@example.com")
    assert {"companies_company", "companies_merge", "companies_step"} <= set(tables_with(ADDRESS))
    call_command("forget", ADDRESS)
    assert tables_with(ADDRESS) == []
    assert Company.objects.get(pk=company.pk).contact_email == "bilal@example.com"
    call_command("forget", ADDRESS)
    assert capsys.readouterr().out.splitlines()[-1] == "It was in 0 rows."


@pytest.mark.django_db
def test_a_merge_can_be_undone_all_the_same() -> None:
    keep, drop = make.make_company("Cubix"), make.make_company("Cubix IT", contact_email=ADDRESS)
    merge = merge_companies(keep=keep, drop=drop, choices={}, by=None)
    call_command("forget", ADDRESS)
    undo_merge(merge, by=None)
    assert set(Company.objects.values_list("status", "contact_email")) == {("published", "")}


@pytest.mark.parametrize("text", ["e", "example.com", ""])
def test_what_is_no_address_is_refused(text: Any) -> None:
    with pytest.raises(CommandError, match="no mail address"):
        call_command("forget", text)
