"""A script that is writing while a curator saves: what was typed comes back."""

import psycopg
import pytest
from django.db import connection

from tests import factories as make
from tests.curators import signed_in
from tests.test_admin import errors, url_of
from tests.test_conflicts import TYPED, opened, opened_again, same
from tests.test_writers import database_url


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("button", ["_save", "_preview"])
def test_a_script_that_is_at_it_keeps_the_input(button: str) -> None:
    """A script does not wait for the writers' lock, but for the row, as its curator does."""
    client, company = signed_in(make.make_curator()), make.make_company()
    form = opened(client, url_of(company)) | TYPED | {button: "x"}
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 100")
    try:
        with psycopg.connect(database_url()) as script:
            script.execute("UPDATE companies_company SET founded_year = 1999 WHERE id = %s", [company.pk])
            response = client.post(url_of(company), form)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    assert "Somebody else is writing just now. Nothing was saved: try again." in errors(response)
    assert client.post(url_of(company), opened_again(response)).status_code == 302
    assert (same(company).founded_year, same(company).summary) == (1999, "Typed for an hour.")
