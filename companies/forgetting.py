"""Forgetting: the mail address of somebody who wants that is taken out of all that curators keep, earlier states too.

No document ever shows one from here; where somebody wrote it into a public text, it is edited like any other fact.
"""

import datetime
import re
from typing import Any

from django.db.models import Model, Q

from companies.models import Company, Merge
from companies.suggestions import Suggestion
from companies.unplaced import UnplacedValue
from companies.workflow import Step
from directory.models import Revision, Source
from directory.publishing import publication

INSTEAD = "(…)"  # shorter than any address, so that it fits wherever one did
ADDRESSES: list[tuple[type[Model], str]] = [(Company, "contact_email"), (Suggestion, "email")]
TEXTS: list[tuple[type[Model], str]] = [
    (Company, "notes"),
    (Merge, "reason"),
    (Step, "reason"),
    (Revision, "reason"),
    (UnplacedValue, "value"),
]


def forget(address: str) -> int:
    """Take ``address``, in whatever case, out of everything; how many rows had it."""
    with publication(source=Source.SYSTEM):
        found = sum(
            model._default_manager.filter(**{f"{field}__iexact": address}).update(**{field: ""})
            for model, field in ADDRESSES
        )
        for model, field in TEXTS:
            for row in model._default_manager.filter(**{f"{field}__icontains": address}):
                model._default_manager.filter(pk=row.pk).update(**{field: without(getattr(row, field), address)})
                found += 1
        return found + sum(forget_in(merge, address) for merge in kept_in_merges(address))


def forget_senders(before: datetime.datetime) -> int:
    """Drop who sent the suggestions that were decided before a time; of how many."""
    decided = Suggestion.objects.filter(decided_at__lt=before).exclude(email="", sender="")
    return decided.update(email="", sender="")


def kept_in_merges(address: str) -> Any:
    sides = ("private_before", "private_after")
    keys = ("contact_email", "notes")
    kept = (Q(**{f"{side}__{key}__icontains": address}) for side in sides for key in keys)
    return Merge.objects.filter(Q(*kept, _connector=Q.OR))


def forget_in(merge: Merge, address: str) -> int:
    for private in (merge.private_before, merge.private_after):
        for key, value in private.items():
            private[key] = "" if value.lower() == address.lower() else without(value, address)
    merge.save(update_fields=["private_before", "private_after"])
    return 1


def without(text: str, address: str) -> str:
    return re.sub(re.escape(address), INSTEAD, text, flags=re.IGNORECASE)
