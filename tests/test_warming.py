"""Each web process makes its bitmaps ready by itself, and gunicorn tells it to."""

import threading
from unittest.mock import MagicMock

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from gunicorn.app.wsgiapp import WSGIApplication
from pytest_django import DjangoAssertNumQueries

from directory import hooks, warming
from directory.api.bitmaps import BitmapIndex
from directory.api.facets import FacetSet
from directory.serving import gunicorn_command
from tests.factories import make_company
from tests.lists import VIEWSETS
from tests.test_writers import own_connection


def test_gunicorn_warms_each_of_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", gunicorn_command()[2:])
    assert WSGIApplication().cfg.post_worker_init is hooks.post_worker_init


def test_a_process_is_warmed_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = threading.Event()
    monkeypatch.setattr(warming, "keep_warm", warmed.set)
    monkeypatch.setattr(hooks, "PAUSE", 0)
    hooks.post_worker_init(None)
    assert warmed.wait(60)


@pytest.mark.django_db(transaction=True)
def test_the_first_facets_find_their_bitmaps_ready(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The newest revision, the page, and whether the bitmaps are of today."""
    make_company()
    failures: list[BaseException] = []
    thread = own_connection(warming.warm, failures)
    thread.start()
    thread.join()
    assert not failures
    assert {viewset.facets for viewset in VIEWSETS.values()} <= set(FacetSet.known)
    assert all(facets.index.state for facets in FacetSet.known)
    with django_assert_num_queries(3):
        assert api.get("/api/v1/companies/?facets=kind&count=exact").json()["count"] == 1


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_cannot_be_reached_is_left_to_requests(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: BitmapIndex) -> None:
        raise error("gone\naway")

    monkeypatch.setattr(BitmapIndex, "renew", fail)
    monkeypatch.setattr(warming, "connection", MagicMock())
    warming.warm()
    assert caplog.messages == ["The bitmaps could not be made ready: gone away"]
