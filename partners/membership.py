"""Which companies a query finds, and how they differ from those that a receiver was told of.

Filters ask rows, so what matches is asked of the rows as they are when a delivery is made, and never of the log. A
company that changes again meanwhile is in the log behind the delivery's place, and is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.http import QueryDict

from companies.filters import CompanyFilters
from companies.models import Company
from directory.api.caching import current_revision
from directory.api.errors import InvalidQuery
from directory.api.listing import spelt
from directory.api.pagination import count_statement
from directory.api.selection import Selection
from directory.api.statements import Slot, Statement

if TYPE_CHECKING:
    from partners.webhooks import Webhook

KIND = "company"
# The kinds whose changes may make companies match or not without a change of their own: a hub's place, a specialty's
# parent.
DECIDING = tuple(Company.follows)

UPDATED, ENTERED, LEFT = "updated", "entered", "left"
# What becomes of a company for a receiver, and its primary key.
Event = tuple[str, int]


def canonical(query: str) -> str:
    """The one spelling of a list's filters; raises InvalidQuery, also for what does not filter."""
    return spelt(read_query(query, current_revision()).applied)


def read_query(query: str, revision: int) -> Selection:
    """What ``query`` asks for in the words of ``revision``; raises InvalidQuery."""
    selection: Selection = CompanyFilters.select(QueryDict(query.strip().lstrip("?")).lists(), (), revision)
    if selection.mistakes:
        raise InvalidQuery(selection.mistakes)
    return selection


class Membership:
    """The companies that match a webhook's query now, beside those that its receiver holds."""

    def __init__(self, webhook: Webhook, revision: int) -> None:
        """Raises Problem where the query means nothing any more, or its view is gone."""
        self.webhook = webhook
        self.selection = read_query(webhook.asked(revision), revision)
        conditions = [CompanyFilters.condition(Company, *form) for form in self.selection.form]
        self.matching = count_statement(Company).given(conditions)

    def is_decided_by(self, kinds: Iterable[str]) -> bool:
        """Whether changes of ``kinds`` may make other companies match. What a search finds is relative to all."""
        return self.selection.search is not None or not set(DECIDING).isdisjoint(kinds)

    def events_of(self, touched: list[int]) -> list[Event]:
        """What becomes of the companies that changed, in their order."""
        matching = self.matching.sql
        match = set(self.ask(f"SELECT id FROM ({matching}) AS found (id) WHERE id = ANY(%s)", [touched]))  # noqa: S608 - the ORM's SQL
        held = set(self.webhook.members.filter(object_id__in=touched).values_list("object_id", flat=True))
        found = {pk: UPDATED if pk in held else ENTERED for pk in match}
        found |= dict.fromkeys(held - match, LEFT)
        return [(found[pk], pk) for pk in touched if pk in found]

    def differences(self, most: int) -> list[Event]:
        """What the receiver holds and should not, then what it should and does not; ``most`` of them at most."""
        held = "SELECT object_id FROM partners_member WHERE webhook_id = %s"
        webhook, matching = self.webhook.pk, self.matching.sql
        left = self.ask(f"{held} EXCEPT ({matching}) ORDER BY 1 LIMIT %s", [most], before=[webhook])
        rest = most - len(left)
        entered = self.ask(f"({matching}) EXCEPT {held} ORDER BY 1 LIMIT %s", [webhook, rest]) if rest else []
        return [(LEFT, pk) for pk in left] + [(ENTERED, pk) for pk in entered]

    def ask(self, sql: str, after: list[Any], before: Iterable[Any] = ()) -> list[int]:
        """The keys that ``sql`` finds: ``before`` and ``after`` are the parameters around those of the query."""
        given = {**{f"before.{n}": value for n, value in enumerate(before)}}
        given |= {f"after.{n}": value for n, value in enumerate(after)}
        slots = {
            place: tuple(Slot(name) for name in given if name.startswith(place)) for place in ("before", "after")
        }
        statement = Statement(sql, (*slots["before"], *self.matching.params, *slots["after"]))
        return [pk for (pk,) in statement.execute(self.selection.values | given)]
