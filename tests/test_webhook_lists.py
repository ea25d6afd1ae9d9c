"""A webhook of a list: what it told from nothing is the list as it is now, whatever happened on the way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from companies.models import Company, Specialty
from directory.models import Source
from directory.publishing import edit, publication
from partners import parcels
from partners.models import PublicView
from partners.webhooks import Webhook
from tests import factories as make
from tests.hosts import reply
from tests.receiving import Clock, Receiver, receiving
from tests.test_webhooks import attend, clock, courier_to, listed_by, make_webhook

__all__ = ["clock"]

pytestmark = pytest.mark.django_db

QUERIES = ["hub=lahore", "specialty=software", "founded_year__gte=2010", "q=studio", "specialty__not=software"]
NUMBER = 5
which = st.integers(0, NUMBER - 1)
# Something that happens: what, to which company, and how.
happenings = st.one_of(
    st.tuples(st.just("founded_year"), which, st.sampled_from([None, 1999, 2015])),
    st.tuples(st.just("hub"), which, st.sampled_from([None, "lahore", "multan"])),
    st.tuples(st.just("name"), which, st.sampled_from(["Studio", "Workshop"])),
    st.tuples(st.just("specialties"), which, st.sampled_from([[], ["software"], ["games"], ["games", "cloud"]])),
    st.tuples(st.just("status"), which, st.sampled_from(["published", "withdrawn"])),
    st.tuples(st.just("parent"), st.just(0), st.sampled_from([None, "software"])),
    st.tuples(st.just("rename"), st.just(0), st.sampled_from(["Software", "Programs"])),
    st.tuples(st.just("ask"), st.just(0), st.sampled_from([*QUERIES, "hub=lahore&ordering=-founded_year"])),
    st.tuples(st.just("deliver"), st.just(0), st.sampled_from(["taken", "refused", "answer lost"])),
    st.tuples(st.just("replay"), st.just(0), st.none()),
)


def happen(what: str, company: Company, how: Any) -> None:
    if what == "ask":
        edit(PublicView.objects.get(), {"query": how}, source=Source.SYSTEM)
    elif what == "status":
        with publication(source=Source.SYSTEM):
            Company.objects.filter(pk=company.pk).update(status=how)
    elif what in ("parent", "rename"):
        slug, field = ("games", "parent") if what == "parent" else ("software", "name")
        edit(Specialty.objects.get(slug=slug), {field: how}, source=Source.SYSTEM)
    else:
        edit(company, {what: how}, source=Source.SYSTEM)


def deliver(receiver: Receiver, attend_it: Callable[[], Webhook], how: str) -> None:
    receiver.mood = None if how == "taken" else reply(500)
    receiver.takes_all_the_same = how == "answer lost"
    Webhook.objects.filter(next_attempt__isnull=False).update(next_attempt="2026-11-01T00:00Z")
    attend_it()


@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.sampled_from(QUERIES),
    by_view=st.booleans(),
    remembers=st.booleans(),
    happened=st.lists(happenings, max_size=14),
)
@example(
    query="hub=lahore",
    by_view=False,
    remembers=True,
    happened=[("deliver", 0, "answer lost"), ("hub", 0, "multan"), ("deliver", 0, "taken")],
)
@example(
    query="hub=lahore",
    by_view=True,
    remembers=True,
    happened=[("hub", 0, "multan"), ("deliver", 0, "taken"), ("ask", 0, "q=studio"), ("deliver", 0, "answer lost")],
)
@example(
    query="specialty=software",
    by_view=False,
    remembers=False,
    happened=[("specialties", n, ["games"]) for n in range(NUMBER)]
    + [("deliver", 0, "taken"), ("parent", 0, "software"), ("deliver", 0, "answer lost"), ("parent", 0, None)],
)
def test_replayed_from_nothing_it_is_the_list(
    query: str,
    by_view: bool,
    remembers: bool,
    happened: list[tuple[str, int, Any]],
    api: Client,
    clock: Clock,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parcels, "LIMIT", 2)
    with transaction.atomic(), receiving(remembers=remembers) as shop:
        forget()
        make.make_hub("Multan")
        for name in ("Software", "Games", "Cloud"):
            make.make_specialty(name)
        companies = [make.make_company(f"Studio {n}", founded_year=2000 + 3 * n) for n in range(NUMBER)]
        view = make.make_view(query)
        asked: dict[str, Any] = {"view": view} if by_view else {"query": query}
        webhook, courier = make_webhook(shop, **asked), courier_to(shop, clock=clock)

        def attend_it() -> Webhook:
            return attend(courier, webhook)

        for what, number, how in happened:
            if what == "deliver":
                deliver(shop, attend_it, how)
            elif what == "replay":
                webhook.refresh_from_db()
                webhook.replay(0)
                webhook.save()
            else:
                happen(what, companies[number], how)
        deliver(shop, attend_it, "taken")
        assert not Webhook.objects.due(clock.now).exists()
        view.refresh_from_db()
        assert shop.held == listed_by(api, view.query if by_view else query)
        transaction.set_rollback(True)
