"""Placing what found no place before: the vocabulary has grown since, by another name of a specialty or a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from companies.additions import additions
from companies.cleaning import clean_company
from companies.imports import read_vocabularies
from companies.merging import facts, locked
from companies.unplaced import UnplacedValue
from directory.models import Source
from directory.publishing import edit, publication

REASON = "What a source says of it has a place now"


def place_again(values: Iterable[UnplacedValue], *, by: User | None) -> int:
    """Add to their companies those ``values`` that have a place by now, in one revision; how many these are.

    As an import does, it adds to what is known and overwrites nothing.
    """
    of: dict[int, list[UnplacedValue]] = defaultdict(list)
    for value in values:
        of[value.company_id].append(value)
    placed: list[UnplacedValue] = []
    with publication(source=Source.ADMIN, by=by, reason=REASON):
        vocabularies = read_vocabularies()
        for pk in sorted(of):
            company = locked(pk)
            patch: dict[str, Any] = {}
            for value in of[pk]:
                clean = clean_company({"name": company.name, value.field: value.value}, vocabularies)
                if clean.unplaced:
                    continue
                placed.append(value)
                for name in clean.patch.keys() - {"name", "legal_name", "aliases"}:
                    found = clean.patch[name]
                    patch[name] = [*patch.get(name, []), *found] if isinstance(found, list) else found
            if added := additions(facts(company), patch):
                edit(company, added, source=Source.ADMIN)
        UnplacedValue.objects.filter(pk__in=[value.pk for value in placed]).delete()
    return len(placed)
