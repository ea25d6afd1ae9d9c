"""How long it is kept what partners did: see directory.retention."""

import datetime

from partners.models import Delivery, Usage
from partners.webhooks import KEPT_FOR


def prune_usage(before: datetime.date) -> int:
    return Usage.objects.filter(day__lt=before).delete()[0]


def prune_deliveries(now: datetime.datetime) -> int:
    """Those of webhooks that nothing is sent to any more; the others' are dropped with each attempt."""
    return Delivery.objects.filter(at__lt=now - KEPT_FOR).delete()[0]
