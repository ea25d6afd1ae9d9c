"""What every test of the API starts from."""

import gc
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test import Client
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from directory import log
from directory.api import caching, groupings, pagination, related, vocabulary
from directory.api.facets import FacetSet
from directory.models import Source
from directory.publishing import publication
from partners import authentication, counting, limits
from tests.browsing import browse, chromium, page, site
from tests.served import served, started

__all__ = ["browse", "chromium", "page", "served", "site", "started"]


MEMORY = "/dev/shm"  # of Linux

# What takes longest begins first, so that no process is left with it when the others are done. The first of these
# is not served: meanwhile another process makes the first start, for which all that are served wait.
LONG = [
    f"test_{name}.py"
    for name in (
        "schemathesis",
        "serve",
        "permissions",
        "following",
        "working_lists",
        "openapi",
        "torture",
        "restoring",
        "edit_page_browsed",
        "conflicts_browsed",
        "webhooks_browsed",
        "admin",
        "workflow",
    )
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_collection_finish() -> None:
    """What is there now stays to the end, so that the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def forget() -> Callable[[], None]:
    """Make the process one that has just started.

    Every test begins so: a rolled-back revision's number must not answer for another test's directory.
    """

    def forget() -> None:
        for cache in (
            caching.answers,
            pagination.counts,
            related.documents,
            vocabulary.vocabularies,
            groupings.terms,
            log.ends,
        ):
            cache.entries.clear()
            cache.revision, cache.weight = -1, 0
        for facets in FacetSet.known:
            facets.index.state = None

    forget()
    return forget


@pytest.fixture(autouse=True, scope="session")
def limits_file() -> Iterator[None]:
    """Requests are counted apart from those of a directory that is served beside the tests.

    In memory where a folder is that: each test begins with a file of holes, which a disk takes long to fill.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as folder:
        settings.LIMITS_FILE = Path(folder) / "limits"
        yield


@pytest.fixture(autouse=True, scope="session")
def files_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """So are nightly files written."""
    settings.FILES_DIR = tmp_path_factory.mktemp("files")


@pytest.fixture(autouse=True, scope="session")
def static_files() -> Iterator[None]:
    """The packages' static files are looked for once, and not again by the middleware of each test's client."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    files: dict[str, Any] = {}

    def add(middleware: WhiteNoiseMiddleware) -> None:
        if not files:
            look(middleware)
            files.update(middleware.files)
        middleware.files.update(files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(autouse=True, scope="session")
def passwords() -> Iterator[None]:
    """Passwords are hashed as they are in production, only not as often: that is what makes it slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1000)
        yield


@pytest.fixture(autouse=True)
def count_nothing() -> Iterator[None]:
    """Nobody has asked for anything yet; what a test counts is not written down behind it."""
    limits.table().memory.madvise(mmap.MADV_REMOVE)
    for stocks in limits.table().stocks:
        stocks.clear()
    authentication.keys.entries.clear()
    yield
    counting.usage.taken()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database, which nobody else is using when it is to go."""
    yield
    with django_db_blocker.unblock():
        connection.close()  # a test that ends sessions may have ended this one
        end_other_sessions()


def end_other_sessions() -> None:
    """Have the database to ourselves: on a busy machine a session ends late."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def api() -> Client:
    """Requests as they arrive; an exception is answered as in production."""
    return Client(HTTP_HOST="127.0.0.1", raise_request_exception=False)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests do not close the connection that the rows are on, as Django's own client keeps them from it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="session")
def starter_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of a second database, with what a new directory starts with."""
    creation, empty = connection.creation, connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        end_other_sessions()
        creation.clone_test_db("starter", verbosity=0)
        with database(name := creation.get_test_db_clone_settings("starter")["NAME"]):
            with publication(source=Source.IMPORT):
                call_command("load_starter")
            call_command("load_starter_views")
    yield name
    with django_db_blocker.unblock():
        creation.destroy_test_db(empty, suffix="starter", verbosity=0)


@contextmanager
def database(name: str) -> Iterator[None]:
    """Connect to another database."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


@pytest.fixture(scope="module")
def starter_directory(starter_database: str) -> Iterator[None]:
    """What a new directory starts with, for a whole module."""
    with database(starter_database):
        yield


@pytest.fixture(scope="module")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for a whole module, undone behind it: for rows that its tests share.

    The tests themselves are marked ``django_db``, which undoes what each of them adds.
    The first test with a browser is in another module: from it on, Django has another connection for this thread.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
