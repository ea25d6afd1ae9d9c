"""Making keys and taking them back: what is made is told once, and what is revoked is refused at once."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from partners.keys import digest_of, name_of, new_key
from partners.limits import table
from partners.models import SLOTS, ApiKey, Partner


def free_slot(partner: Partner) -> int:
    """A place for another key, which nobody else takes before the transaction's end; expired keys make room.

    Raises ValidationError where the partner has as many keys as there may be.
    """
    keys = ApiKey.objects.filter(partner=Partner.objects.select_for_update().get(pk=partner.pk))
    keys.expired().update(revoked_at=F("expires_at"))
    taken = set(keys.unrevoked().values_list("slot", flat=True))
    if len(taken) == len(SLOTS):
        raise ValidationError("A partner has two keys at most: revoke one first.")
    return min(set(SLOTS) - taken)


@transaction.atomic
def issue(key: ApiKey, *, by: Any) -> str:
    """Save ``key``, which has a partner, and return the text of it, which is told nowhere else.

    Raises ValidationError where the partner has as many keys as there may be, or the key is for nothing.
    """
    text = new_key()
    key.name, key.digest = name_of(text), digest_of(text)
    key.slot, key.created_by = free_slot(key.partner), by
    key.full_clean()
    key.save()
    tell()
    return text


@transaction.atomic
def revoke(key: ApiKey) -> None:
    """Refuse ``key`` from now on, for good."""
    ApiKey.objects.unrevoked().filter(pk=key.pk).update(revoked_at=timezone.now())
    tell()


def tell() -> None:
    """Have all processes of this machine read keys anew; others do within partners.authentication.FRESH seconds."""
    transaction.on_commit(lambda: table().begin_generation())
