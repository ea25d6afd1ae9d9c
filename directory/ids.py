"""Public ids: short, safe to copy by hand, and never given twice.

An id is ``0``, six characters of Crockford's base32 and two check digits (ISO 7064, mod 97-10), as ROR's are:
``0jhs0kv07``. It is the primary key and the kind in another notation, so it needs no column, no index and no
look-up, and it is as unique as the sequence behind the primary key. Slugs never have this form.
"""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
VALUES = {character: value for value, character in enumerate(ALPHABET)} | {"o": 0, "i": 1, "l": 1}
KINDS = 16
BITS = 30
SPACE = 2**BITS
# Any odd number permutes the space; this one (2**30 divided by the golden ratio, made odd) puts neighbours far
# apart, so that a slip of the hand rarely lands on another company.
SPREAD = 663608941
GATHER = pow(SPREAD, -1, SPACE)

# What a slug may not look like, as SQL and Python both read it.
PATTERN = r"^0[0-9a-z]{6}[0-9]{2}$"


def check_digits(number: int) -> str:
    """The two digits behind ``number`` by which a slip of the hand is noticed."""
    return f"{98 - number * 100 % 97:02d}"


def encode(kind_number: int, pk: int) -> str:
    """The public id of primary key ``pk`` (1 to 2**26 - 1) of the kind numbered ``kind_number`` (0 to 15)."""
    number = pk * KINDS + kind_number
    if not (0 <= kind_number < KINDS and 0 < number < SPACE):
        raise OverflowError(f"no public id for kind {kind_number}, key {pk}")
    rest = spread = number * SPREAD % SPACE
    characters = ""
    for _ in range(6):
        rest, value = divmod(rest, 32)
        characters = ALPHABET[value] + characters
    return f"0{characters}{check_digits(spread)}"


def decode(text: str) -> tuple[int, int]:
    """(kind number, primary key) of a public id as a person may have typed it; ValueError where it is none."""
    text = text.lower()
    if len(text) != 9 or text[0] != "0" or not (text[7:].isascii() and text[7:].isdigit()):
        raise ValueError(f"{text!r} is not a public id")
    spread = 0
    for character in text[1:7]:
        if character not in VALUES:
            raise ValueError(f"{text!r} is not a public id")
        spread = spread * 32 + VALUES[character]
    if text[7:] != check_digits(spread):
        raise ValueError(f"{text!r} is mistyped: its check digits do not fit")
    pk, kind_number = divmod(spread * GATHER % SPACE, KINDS)
    return kind_number, pk
