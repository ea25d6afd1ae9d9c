"""What every test of the API starts from."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from directory.api import caching, pagination, vocabulary


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """A rolled-back revision's number must not answer for another test's directory."""
    for cache in (caching.answers, pagination.counts, vocabulary.vocabularies):
        cache.entries.clear()
        cache.revision, cache.weight = -1, 0


@pytest.fixture(scope="session")
def api() -> Client:
    """Requests as they arrive; an exception is answered as in production."""
    return Client(HTTP_HOST="127.0.0.1", raise_request_exception=False)


@pytest.fixture(scope="module")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for a whole module, undone behind it: for rows that its tests share and only read."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def own_rows(shared_rows: None) -> Iterator[None]:
    """The shared rows, to which one test may add its own."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
