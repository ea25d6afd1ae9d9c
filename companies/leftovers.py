"""What the rows of an import say and no field takes: counted, with what may have been meant, before it is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from django.db import connection
from rapidfuzz import fuzz, process

from companies.imports import read_vocabularies
from companies.staged import Import, ImportRow
from companies.vocabulary import Vocabulary, term_key

# Values that the page counts one by one.
MOST = 30
# Out of 100; “Lahor” is “Lahore” by 91, “Pyton” is “Python” by 91, “React” is not “Redis” by 60.
ALIKE = 80
# What is shorter is like too many words.
SHORTEST = 4
COUNT = f"""
    SELECT said ->> 0, said ->> 1, count(*)
    FROM {ImportRow._meta.db_table}, jsonb_array_elements(unplaced) AS said
    WHERE batch_id = %s AND decision NOT IN ('skip', 'refused')
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s
"""  # noqa: S608 - a table of ours


class Leftover(NamedTuple):
    """A value that no field takes, the rows that say it, and what may have been meant; empty where nobody knows."""

    column: str
    value: str
    rows: int
    guess: str


class Guesser:
    """Says what may have been meant by a value, by the field that its column is read as."""

    def __init__(self, batch: Import) -> None:
        self.mapping = batch.mapping

    @cached_property
    def names(self) -> dict[str, dict[str, str]]:
        """Field → what its terms are called; read when the first value asks for it."""
        known = read_vocabularies()
        hubs, terms = names(known.hubs), names(known.specialties) | names(known.industries)
        return {"hub": hubs, "offices": hubs, "specialties": terms, "industries": terms}

    def guess(self, column: str, value: str) -> str:
        """The name of the term whose name or alias is the most like ``value``, if one is like it."""
        known = self.names.get(self.mapping.get(column, ""))
        key = term_key(value)
        if not known or len(key) < SHORTEST:
            return ""
        found = process.extractOne(key, known.keys(), scorer=fuzz.ratio, score_cutoff=ALIKE)
        return known[found[0]] if found else ""


def names(vocabulary: Vocabulary) -> dict[str, str]:
    """What each term is called → its name."""
    return {
        term_key(text): term.name
        for term in vocabulary.terms
        for text in (*term.aliases, term.name)
        if len(text) >= SHORTEST
    }


def most_frequent(batch: Import, guesser: Guesser) -> list[Leftover]:
    """What most rows say, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [batch.pk, MOST])
        counted = cursor.fetchall()
    return [Leftover(column, value, rows, guesser.guess(column, value)) for column, value, rows in counted]


def left_out_lines(batch: Import) -> Iterator[list[str]]:
    """[row, company, column, value, what may have been meant] of all that is left out of rows that go in."""
    guesser = Guesser(batch)
    for row in batch.rows.with_leftovers().order_by("number").iterator(chunk_size=1000):
        name = row.patch.get("name", "")
        for column, value in row.unplaced:
            yield [str(row.number), name, column, value, guesser.guess(column, value)]
        for reason in row.reasons:
            column, _, value = reason.partition(": ")
            yield [str(row.number), name, column, value, ""]
