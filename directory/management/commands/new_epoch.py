"""After a backup was restored: the log is another one, so that nobody goes on with what was lost."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from directory.models import Log
from directory.publishing import lock_writers


class Command(BaseCommand):
    help = "Give the log a new epoch after a backup was restored: cursors from before are void, copies start over."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            lock_writers()
            log, _ = Log.objects.update_or_create(pk=1, defaults={"epoch": uuid.uuid4()})
        self.stdout.write(f"The log has the epoch {log.epoch}. Start the server (again) now.")
