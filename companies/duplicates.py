"""Duplicates: pairs of the directory's companies that may be one, looked for by a machine and decided by people."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from companies.matching import Facts, Match, Matcher
from companies.models import Company, Duplicate, DuplicateSearch

# Companies in memory at once, which all that come after them pass by.
CHUNK = 50_000
# Companies read, and pairs written, at a time.
PAGE = 1000
# Others that one company is a pair with at most.
MOST = 50


class Pair(NamedTuple):
    first: int
    second: int
    match: Match


class Found(NamedTuple):
    """What a search did to the queue: pairs put into it, and those taken out of which nothing says any more that they
    are one."""

    new: int
    gone: int


def find_duplicates(*, chunk: int = CHUNK) -> Found:
    """Bring the queue up to date. What somebody decided stays decided.

    At most ``chunk`` companies are held in memory.
    """
    started = timezone.now()
    pairs = find_pairs(chunk)
    new = 0
    while batch := list(islice(pairs, PAGE)):
        new += keep_pairs(batch, started)
    gone, _ = Duplicate.objects.open().filter(seen_at__lt=started).delete()
    DuplicateSearch.objects.update_or_create(pk=1, defaults={"ended_at": timezone.now(), "new": new, "gone": gone})
    return Found(new, gone)


def find_pairs(chunk: int) -> Iterator[Pair]:
    """Every two companies that match, once."""
    last: int | None = 0
    while last is not None:
        matcher, after, last = Matcher(), last, None
        for pk, facts in islice(companies(after), chunk):
            matcher.add(pk, facts)
            last = pk
        for pk, facts in matcher.facts.items():
            yield from pairs_of(pk, facts, matcher)
        for pk, facts in companies(last) if last is not None else ():
            yield from pairs_of(pk, facts, matcher)


def pairs_of(pk: int, facts: Facts, matcher: Matcher) -> Iterator[Pair]:
    for match in matcher.match(facts, limit=MOST):
        if match.pk < pk:
            yield Pair(match.pk, pk, match)


def companies(after: int) -> Iterator[tuple[int, Facts]]:
    """The companies whose primary key is greater than ``after``, in their order."""
    while page := list(Company.objects.for_matching().filter(pk__gt=after).order_by("pk")[:PAGE]):
        for company in page:
            yield company.pk, Facts.of(company)
        after = page[-1].pk


@transaction.atomic
def keep_pairs(pairs: Iterable[Pair], now: datetime.datetime) -> int:
    """Put ``pairs`` into the queue, or refresh those that are open; returns how many are new.

    Since the pairs were found, some of their companies may have been deleted or merged.
    """
    found = {(pair.first, pair.second): pair.match for pair in pairs}
    ends = {pk for pair in found for pk in pair}
    present = set(Company.objects.for_matching().filter(pk__in=ends).values_list("pk", flat=True))
    known = {
        (duplicate.first_id, duplicate.second_id): duplicate
        for duplicate in Duplicate.objects.filter(first__in={first for first, _ in found}, second__in=ends)
    }
    new: list[Duplicate] = []
    again: list[Duplicate] = []
    for (first, second), match in found.items():
        duplicate = known.get((first, second)) or Duplicate(first_id=first, second_id=second)
        duplicate.score, duplicate.reasons, duplicate.seen_at = match.score, list(match.reasons), now
        if duplicate.pk is None:
            new += [duplicate] if {first, second} <= present else []
        elif duplicate.state == Duplicate.State.OPEN:
            again.append(duplicate)
    Duplicate.objects.bulk_create(new, ignore_conflicts=True)
    Duplicate.objects.bulk_update(again, ["score", "reasons", "seen_at"])
    return len(new)
