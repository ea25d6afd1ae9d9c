"""Drop what is older than it is to be kept; the worker does so every night."""

import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from companies.forgetting import forget_senders
from directory.retention import prune_history, prune_notes
from partners.retention import prune_deliveries, prune_usage


class Command(BaseCommand):
    help = "Drop what is older than HISTORY_DAYS from the log, and than LOG_DAYS from what is noted beside it."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        logs = now - datetime.timedelta(days=settings.LOG_DAYS)
        versions = prune_history(now - datetime.timedelta(days=settings.HISTORY_DAYS))
        notes = prune_notes(logs) + prune_usage(logs.date()) + prune_deliveries(now)
        senders = forget_senders(logs)
        if options["verbosity"]:
            self.stdout.write(f"{versions} versions, {notes} notes and the senders of {senders} suggestions dropped.")
