"""How raw text is read: one spelling for comparing, one for keeping, and the many ways to say nothing."""

import re
import unicodedata
from functools import lru_cache

# Arabic keyboards type yeh, alef maksura, kaf and heh where Urdu has letters of its own that look the same.
URDU_LETTERS = str.maketrans("\u064a\u0649\u0643\u0647", "\u06cc\u06cc\u06a9\u06c1")

# Without spaces and punctuation: "N.A.", "#N/A" and "n / a" are all one.
NOTHING = {
    *("na", "nil", "none", "null", "nan", "undefined", "unknown", "notknown", "missing", "blank", "empty"),
    *("tbd", "tba", "tbc", "notavailable", "notapplicable", "notspecified", "notprovided", "nodata", "xxx"),
}

SIGNS = re.compile(r"[\W_]")
# As many letters as no way of saying nothing has; what most texts are told from it by.
SOMETHING = re.compile(r"(?:[^a-zA-Z0-9]*[a-zA-Z0-9]){15}")

ZERO_WIDTH = {"\u200b", "\u2060", "\ufeff"}
SHORT = 100  # characters, of texts that are worth remembering
CONTROLS = dict.fromkeys([*range(32), 127], " ")


def squash(text: str) -> str:
    """The text as it is kept: NFC, no control characters (PostgreSQL refuses NUL), single spaces."""
    if text.isascii():  # as most is, which needs no looking at each sign
        return " ".join((text if text.isprintable() else text.translate(CONTROLS)).split())
    seen = (
        " " if unicodedata.category(sign) == "Cc" else sign
        for sign in unicodedata.normalize("NFC", text)
        if sign not in ZERO_WIDTH
    )
    return " ".join("".join(seen).split())


def fold(text: str) -> str:
    """The text as it is compared: NFKC, case and accents gone, single spaces."""
    return folded_before(text) if len(text) <= SHORT else folded(text)


def folded(text: str) -> str:
    if text.isascii():
        return squash(text).casefold()
    plain = unicodedata.normalize("NFKC", squash(text)).casefold()
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(sign))
    return squash(bare.translate(URDU_LETTERS))


# The same cities, tags and words come again and again in a table.
folded_before = lru_cache(maxsize=16_384)(folded)


def is_missing(text: str | None) -> bool:
    """Whether a cell says nothing: "", "-", "N/A", "#N/A", "nil", "?", a lone replacement character …"""
    if not text:
        return True
    if SOMETHING.match(text):
        return False
    letters = SIGNS.sub("", fold(text))
    return not letters or letters in NOTHING
