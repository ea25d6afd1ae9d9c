"""Reconnecting: a connection that the database has ended is made again."""

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.factories import make_company
from tests.lists import slugs
from tests.test_caching import LIST


def end_own_session() -> None:
    """As when the database is restarted: the connection is still kept."""
    pid = connection.connection.info.backend_pid
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_is_made_again_for_a_new_question(api: Client) -> None:
    """It is the first statement that finds out, whichever that is."""
    make_company("Systems Limited")
    api.get(LIST)
    end_own_session()
    assert slugs([api.get(f"{LIST}?page_size=3").json()]) == ["systems-limited"]
