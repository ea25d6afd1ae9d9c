"""Suggestions that come at once: no more are taken than when they come one by one."""

import threading

import pytest
from django.db import connection

from companies.proposing import FROM_ONE_SENDER, TooMany, receive
from companies.suggestions import Suggestion
from tests.test_suggestions import name


@pytest.mark.security(37)
@pytest.mark.django_db(transaction=True)
def test_the_limit_is_exact_however_many_come_at_once() -> None:
    results: list[bool] = []
    start = threading.Barrier(8)

    def work(thread: int) -> None:
        start.wait()
        for number in range(3):
            try:
                receive(Suggestion(**name(number), base={}, proposed={"name": f"{thread}"}, sender="somebody"))
                results.append(True)
            except TooMany:
                results.append(False)
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(True), len(results)) == (FROM_ONE_SENDER, 24)
    assert Suggestion.objects.count() == FROM_ONE_SENDER
