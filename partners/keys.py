"""Keys: what a partner's programs send to be known.

``dir_`` and eight characters, by which people and the log name a key; then a secret of 130 random bits and two check
digits (ISO 7064, mod 97-10), so that a mistyped key is told from a wrong one without asking the database. Only its
SHA-256 is kept: a secret that nobody chose needs no slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from directory.ids import ALPHABET, check_digits

PREFIX = "dir_"
ID_LENGTH, SECRET_LENGTH = 8, 26
PATTERN = re.compile(rf"({PREFIX}[{ALPHABET}]{{{ID_LENGTH}}})_([{ALPHABET}]{{{SECRET_LENGTH}}})([0-9]{{2}})")


# Python's digits to the base of 32 are others than Crockford's.
AS_PYTHON_WRITES = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")


class Malformed(ValueError):
    """It is no key of ours, or a mistyped one."""


def new_key() -> str:
    """A key that there was never before."""
    name = PREFIX + random_text(ID_LENGTH)
    secret = random_text(SECRET_LENGTH)
    return f"{name}_{secret}{digits_of(name, secret)}"


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def digits_of(name: str, secret: str) -> str:
    return check_digits(int((name.removeprefix(PREFIX) + secret).translate(AS_PYTHON_WRITES), len(ALPHABET)))


def name_of(key: str) -> str:
    """The part of a key that is no secret; raises Malformed, which says nothing of what was sent."""
    match = PATTERN.fullmatch(key)
    if match is None or match[3] != digits_of(match[1], match[2]):
        raise Malformed
    return match[1]


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
