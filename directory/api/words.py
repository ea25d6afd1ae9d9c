"""Words: a text as it is searched for, without accents, case and punctuation."""

import re
from collections.abc import Sequence

from django.db import connection

MARKS, OTHERS = re.compile("['`]"), re.compile("[^a-z0-9]+")
PLAIN = re.compile("[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
LANGUAGES = re.compile(r"(^|[^a-z0-9])\.net($|[^a-z0-9])")


def words_of(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text, as the database's ``directory_words`` has them.

    It is asked, once for all texts, only where one of them is not plain ASCII: the rules for the rest of the world's
    letters are its own.
    """
    different = dict.fromkeys(texts)
    foreign = [text for text in different if not text.isascii()]
    known = dict(zip(foreign, folded(foreign), strict=True)) if foreign else {}
    words = {text: (known[text] if text in known else plain(text)).split() for text in different}
    return [words[text] for text in texts]


def folded(texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT directory_words(value) FROM unnest(%s::text[]) WITH ORDINALITY AS t (value, n)", [texts]
        )
        return [row[0] for row in cursor.fetchall()]


def plain(text: str) -> str:
    """``directory_words`` for ASCII alone."""
    if PLAIN.fullmatch(text):
        return text.lower()
    text = MARKS.sub("", text.lower()).replace("c++", " cplusplus ").replace("c#", " csharp ")
    return OTHERS.sub(" ", LANGUAGES.sub(r"\1 dotnet \2", text))
