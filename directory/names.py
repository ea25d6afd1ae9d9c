"""What a name may be, whoever gives it: a curator, an import or a suggestion."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError

# Control characters, line and paragraph separators, and what turns the direction of the text around it.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def fault_of(name: str) -> str:
    """What is wrong with a name, in a sentence; empty where nothing is."""
    if found := UNSEEN.search(name):
        return f"It has an invisible character in it (U+{ord(found[0]):04X}), which a name has not: type it anew."
    if not any(sign.isalnum() for sign in name):
        return "A name has a letter or a digit in it."
    return ""


def check_names(names: str | Iterable[str]) -> None:
    """Raises ValidationError where a name, or one of a list, is none; an empty one is not its affair."""
    for name in [names] if isinstance(names, str) else names:
        if name and (fault := fault_of(name)):
            raise ValidationError(fault)
