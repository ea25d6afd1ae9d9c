"""What every test of the API starts from."""

from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from directory.api import caching, pagination, vocabulary


@pytest.fixture(autouse=True)
def forget() -> Callable[[], None]:
    """Make the process one that has just started.

    Every test begins so: a rolled-back revision's number must not answer for another test's directory.
    """

    def forget() -> None:
        for cache in (caching.answers, pagination.counts, vocabulary.vocabularies):
            cache.entries.clear()
            cache.revision, cache.weight = -1, 0

    forget()
    return forget


@pytest.fixture(scope="session")
def api() -> Client:
    """Requests as they arrive; an exception is answered as in production."""
    return Client(HTTP_HOST="127.0.0.1", raise_request_exception=False)


@pytest.fixture(scope="module")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for a whole module, undone behind it: for rows that its tests share.

    The tests themselves are marked ``django_db``, which undoes what each of them adds.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
