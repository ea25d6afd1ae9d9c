"""Filters of days and moments."""

import datetime

from django.utils.dateparse import parse_date, parse_datetime

from directory.api.errors import Mistake
from directory.api.filters import COMPARISONS, PHRASES
from directory.api.numbers import Number

MOMENTS = PHRASES | {"gte": "then or later", "gt": "later", "lte": "then or earlier", "lt": "earlier"}


class Date(Number):
    phrases = MOMENTS
    schema = {"type": "string", "format": "date"}
    example = "2024-03-31"

    def parse(self, raw: str, revision: int) -> datetime.date:
        try:
            parsed = parse_date(raw)
        except ValueError:
            parsed = None
        if parsed is None:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a date such as 2026-03-31.")
        return parsed


class Time(Number):
    """A moment (RFC 3339); a bare date is its first moment in UTC."""

    lookups = dict.fromkeys(COMPARISONS, False)
    phrases = MOMENTS
    schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    example = "2024-03-31T09:00:00Z"

    def parse(self, raw: str, revision: int) -> datetime.datetime:
        try:
            # A plus sign that nobody escaped arrives as a space.
            parsed = parse_datetime(raw.replace(" ", "+") if raw.count(" ") == 1 and "T" in raw else raw)
            if "T" not in raw and (date := parse_date(raw)):
                parsed = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
            # PostgreSQL knows fewer offsets than Python; a time without one is nobody's.
            parsed = parsed.astimezone(datetime.UTC) if parsed and parsed.tzinfo else None
        except (ValueError, OverflowError):
            parsed = None
        if parsed is None:
            raise Mistake("invalid_value", f"“{raw[:40]}” is not a time such as 2026-03-31T09:00:00Z.")
        return parsed
