"""What companies are fetched by that may be one: the keys of the database's ``company_match_keys``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson
from django.db import connection

from companies.queries import LEGAL
from companies.spelling import GENERIC
from directory.api.words import plain

LEGAL_WORDS = LEGAL | {"and"}
TAIL = (GENERIC | {"brand", "developments"}) - {"&", "an", "and", "on", "to"}
# What stands before a slogan or a remark.
BEGINNING = re.compile(r"(?s).+?(?=[|(:,/]| -|- )")
KEYS = """
    SELECT company_match_keys('', '', ARRAY(SELECT jsonb_array_elements_text(names)), 1)
    FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS asked (names, n)
    ORDER BY n
"""


def keys_of(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    """The keys that each list of names is looked for by.

    The database is asked, once, only for lists that are not plain ASCII: other letters are its own affair.
    """
    foreign = [n for n, texts in enumerate(lists) if not all(map(str.isascii, texts))]
    known = dict(zip(foreign, asked([lists[n] for n in foreign]), strict=True)) if foreign else {}
    return [known[n] if n in known else plain_keys(texts) for n, texts in enumerate(lists)]


def asked(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(KEYS, [orjson.dumps(lists).decode()])
        return [keys for (keys,) in cursor.fetchall()]


def plain_keys(texts: Iterable[str]) -> list[str]:
    """``company_match_keys`` with a spread of 1, for ASCII alone."""
    keys: dict[str, None] = {}
    every = dict.fromkeys(texts)
    signed = [text for text in every if not text.replace(" ", "").isalnum()]
    for text in [*every, *(found[0] for text in signed if (found := BEGINNING.match(text)))]:
        own = keys_of_one(text)
        if own and own[0] not in keys:
            keys |= dict.fromkeys(own)
    return list(keys)


@lru_cache(maxsize=4096)  # a name is among all that something is called, and among what has a stem
def keys_of_one(text: str) -> tuple[str, ...]:
    whole, stem = whole_and_stem(plain(text).split())
    return (f"={whole}", f"~{stem}", *halves(stem)) if whole else ()


def whole_and_stem(words: list[str]) -> tuple[str, str]:
    """All words run together, and the same without those of a trade or a place at the end."""
    whole = stem = ""
    for word in words:
        if word in LEGAL_WORDS or (word == "the" and not whole):
            continue
        whole += word
        if not stem or word not in TAIL:
            stem = whole
    return whole or "".join(words), stem


def halves(stem: str) -> Iterable[str]:
    """A slip leaves one of these intact, whichever letter it adds, takes away or changes."""
    for length in range(max(len(stem) - 1, 5), len(stem) + 2):
        begin = length // 2
        yield f"<{length}:{stem[:begin]}"
        yield f">{length}:{stem[len(stem) - (length - begin - 1) :]}"
