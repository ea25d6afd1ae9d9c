"""Queries that views keep: filters and an order of the list of companies, spelt as the list itself spells them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import QueryDict

from companies.filters import CompanyFilters
from companies.views import CompanyViewSet
from directory.api.errors import InvalidQuery, Mistake, Problem
from directory.api.listing import PARAMETERS, Listing
from directory.api.selection import split

# What a view keeps beside filters; everything else is up to whoever asks.
ORDER = "ordering"
# What stands before a query in an address.
ADDRESS = re.compile(r"^[^=&?]*\?")


def canonical(text: str, revision: int) -> str:
    """A query of the list, or the list's whole address, as a view keeps it; raises Problem for what is wrong."""
    query = followed(QueryDict(ADDRESS.sub("", text.strip())), revision)
    if shaping := [name for name in query if name in PARAMETERS and name != ORDER]:
        detail = "A view says which companies, and in which order; this is up to whoever asks."
        raise InvalidQuery([Mistake("unknown_parameter", detail, name) for name in shaping])
    return urlsplit(Listing(CompanyViewSet(), query, revision).url()).query


def filters_of(query: str, revision: int) -> str:
    """The filters of a view's query, in today's slugs and without its order."""
    asked = followed(QueryDict(query), revision)
    asked.pop(ORDER, None)
    return asked.urlencode()


def followed(query: QueryDict, revision: int) -> QueryDict:
    """The query with today's slugs in the place of old ones."""
    today = query.copy()
    for name, given in query.lists():
        declared, lookup = CompanyFilters.parameters.get(name, (None, ""))
        if declared and lookup != "isnull":
            values = split_kindly(given, several=declared.lookups[lookup])
            today.setlist(name, [declared.follow(value, revision) for value in values])
    return today


def split_kindly(given: list[str], *, several: bool) -> list[str]:
    """The values of a parameter; as they stand where they are wrong, which the list itself is to say."""
    try:
        return split(given, several=several)
    except Mistake:
        return given


def in_words(problem: Problem) -> list[str]:
    """What is wrong with a query, a sentence for each mistake."""
    return [sentence(mistake) for mistake in problem.errors] or [str(problem.detail)]


def sentence(mistake: dict[str, Any]) -> str:
    meant = mistake.get("did_you_mean")
    hint = f" Perhaps {' or '.join(f'“{word}”' for word in meant)}?" if meant else ""
    return f"{mistake['parameter']}: {mistake['detail']}{hint}"
