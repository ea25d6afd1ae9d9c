"""Disconnecting: who goes away while a whole result is sent leaves nothing open."""

import socket
import time
from urllib.parse import urlsplit

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from directory.models import Source
from directory.publishing import publication
from tests.factories import make_company


@pytest.mark.django_db(transaction=True)
def test_a_client_that_disconnects_leaves_no_transaction_open(live_server: LiveServer) -> None:
    """Over a real socket that the server has filled: the next request finds the connection as it was."""
    with publication(source=Source.SYSTEM):
        for number in range(200):
            make_company(f"Company {number}", hub=None, description="x" * 100_000)
    client = socket.create_connection(urlsplit(live_server.url).netloc.split(":"))  # type: ignore[arg-type]
    client.sendall(b"GET /api/v1/companies/?format=ndjson HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert open_transactions() == 1
    client.close()
    give_up = time.monotonic() + 60
    while open_transactions():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def open_transactions() -> int:
    """How many other connections have a transaction open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend'"
        )
        found: int = cursor.fetchone()[0]
    return found
