"""What a name may be, whoever gives it: a curator, an import or a suggestion."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError

# Control characters, line and paragraph separators, what turns the direction of the text around it, and letters and
# marks that are nothing to look at; but not the two joiners (U+200C and U+200D), with which Urdu is written.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\U000e0000-\U000e007f]"
)


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
