"""The facts that a source may vouch for: the fields of a company's public document, but for its sources."""

import re
from collections.abc import Iterable, Iterator

from django.core.exceptions import ValidationError

from directory.api.errors import similar

FACTS = (
    *("name", "slug", "legal_name", "aliases", "kind", "operating_status", "summary", "description", "website"),
    *("founded_year", "employees", "hourly_rate", "hub", "offices", "specialties", "industries", "export_markets"),
    *("women_led", "research_and_development", "credentials", "identifiers", "programs", "verified_on"),
)


def check_facts(facts: Iterable[str]) -> None:
    """Raises django.core.exceptions.ValidationError that names each of ``facts`` that is none."""
    if unknown := [fact for fact in facts if fact not in FACTS]:
        raise ValidationError([said_of(fact) for fact in unknown])


def said_of(text: str) -> str:
    near = similar(key_of(text), FACTS)
    meant = f"Did you mean {' or '.join(near)}?" if near else f"These are: {', '.join(FACTS)}."
    return f"“{text}” is no field of a company. {meant}"


def read_facts(text: str) -> list[str]:
    """Facts as people list them, by key or label, in any case: "Founded year, hub" is founded_year and hub.

    What is none stays as it was written, for ``check_facts()`` to name.
    """
    return list(dict.fromkeys(fact for part in re.split(r"[,;\n]", text) for fact in read_part(part.strip())))


def read_part(part: str) -> Iterator[str]:
    """One fact with spaces in it, or several that only spaces part."""
    words = part.split()
    if (key := key_of(part)) in FACTS:
        yield key
    elif all(key_of(word) in FACTS for word in words):
        yield from map(key_of, words)
    else:
        yield part


def key_of(text: str) -> str:
    """The name of the field that a label of a form stands for; two of a range's ends are one field."""
    key = re.sub(r"[\W_]+", "_", text.strip().lower()).strip("_")
    whole = re.sub(r"_(min|max)$", "", key)
    return whole if whole in FACTS else key
