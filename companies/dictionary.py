"""The dictionary: every word that published companies are found by, and the words that a misspelt one may stand for.

Triggers keep it in the transaction that publishes, so that it is always of the revision that is read, costs an edit
only the words that it changes, and need not fit into any process's memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from rapidfuzz.distance import OSA

# Shorter words have too many neighbours: "bank" is one letter away from five others.
SHORTEST = 4
# From this length on, two letters may be wrong.
LONG = 8
# Neighbours that a misspelt word is taken for.
MOST = 8

# What is counted are the words themselves, not what names are found by besides.
COUNTED = "left(word, 1) NOT IN ('~', '+', '=')"
LEXEMES = "SELECT unnest(tsvector_to_array(search)) AS word, {change} AS change FROM {rows}"


def counting(*changes: str) -> str:
    """The statement that adds up ``changes`` by words; in their order, lest two writers wait for each other."""
    return f"""
        INSERT INTO companies_word AS known (word, companies)
        SELECT word, sum(change) FROM ({" UNION ALL ".join(changes)}) AS lexemes
        WHERE {COUNTED} GROUP BY word HAVING sum(change) <> 0 ORDER BY word
        ON CONFLICT (word) DO UPDATE SET companies = known.companies + EXCLUDED.companies;
    """  # noqa: S608 - names of ours


def dictionary_triggers() -> list[pgtrigger.Trigger]:
    """The triggers on companies that keep the dictionary."""
    gone, come = LEXEMES.format(change=-1, rows="old_rows"), LEXEMES.format(change=1, rows="new_rows")
    publishing = "IF current_setting('directory.publishing', true) IS DISTINCT FROM 'on' THEN RETURN NULL; END IF;"
    return [
        pgtrigger.Trigger(
            name="count_words_update",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
            func=f"{publishing} {counting(gone, come)} RETURN NULL;",
        ),
        pgtrigger.Trigger(
            name="count_words_delete",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Delete,
            referencing=pgtrigger.Referencing(old="old_rows"),
            func=f"{counting(gone)} RETURN NULL;",
        ),
        pgtrigger.Trigger(
            name="count_words_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Truncate,
            func="DELETE FROM companies_word; RETURN NULL;",
        ),
    ]


class Word(models.Model):
    """A word, and how many published companies are found by it."""

    word = models.TextField(primary_key=True, db_collation="C")
    companies = models.IntegerField()
    # What is left of its beginning with each letter taken away in turn: two words that differ by a slip share one.
    keys = models.GeneratedField(
        expression=models.Func(models.F("word"), function="company_word_keys"),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )

    class Meta:
        ordering = ["word"]
        indexes = [GinIndex(fields=["keys"], name="word_keys")]

    def __str__(self) -> str:
        return self.word


def recount() -> None:
    """Count all words anew: after the companies came in behind the triggers' back."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE companies_word")
        cursor.execute(counting(LEXEMES.format(change=1, rows="companies_company")))


NEIGHBOURS = """
    SELECT asked.word, near.word, near.companies
    FROM unnest(%s::text[]) AS asked (word)
    JOIN companies_word AS near ON near.keys && company_word_keys(asked.word)
    WHERE near.companies > 0
    AND length(near.word) - length(asked.word) BETWEEN -2 AND %s
    AND NOT EXISTS (
        SELECT FROM companies_word AS longer
        WHERE longer.companies > 0 AND longer.word >= asked.word AND longer.word < asked.word || U&'\\+10FFFF'
    )
"""


def neighbours(words: Iterable[str], *, longer_by: int = 2) -> dict[str, list[str]]:
    """Word → the words it may be a slip for, for each that is neither a known word nor the beginning of one.

    A slip is a letter too many, too few, another one, or two that changed places; long words may have two slips.
    Of nearer and farther words only the nearest are taken, of many the most common. With more than 2 to be
    ``longer_by``, a word may be a slip for the beginning of another, which somebody is still typing.
    """
    asked = [word for word in dict.fromkeys(words) if len(word) >= SHORTEST and not word.isdigit()]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(NEIGHBOURS, [asked, longer_by])
        candidates = cursor.fetchall()
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for word, near, companies in candidates:
        slips = distance(word, near, is_beginning=longer_by > 2)
        if slips <= allowed(min(len(word), len(near))):
            found[word].append((slips, -companies, near))
    return {
        word: [near for slips, _, near in sorted(ranked) if slips == min(ranked)[0]][:MOST]
        for word, ranked in found.items()
    }


def distance(word: str, near: str, *, is_beginning: bool = False) -> int:
    """How many slips ``word`` is from ``near`` or, if it ``is_beginning``, from what that begins with; at most 3."""
    # “systm” is one slip from “system”, so it also stands for “systems”.
    spelt = {near, near.removesuffix("s")}
    if is_beginning:
        spelt |= {near[: len(word) + more] for more in (-1, 0, 1)}
    return min(OSA.distance(word, other, score_cutoff=2) for other in spelt)


def allowed(length: int) -> int:
    """The slips that a word of so many letters may have."""
    return 0 if length < SHORTEST else 1 if length < LONG else 2
