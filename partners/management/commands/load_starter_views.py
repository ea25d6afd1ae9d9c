"""Load the views that the starter directory comes with; behind its companies, whose vocabulary their queries name."""

import csv
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from directory.models import Source
from directory.publishing import edit
from partners.models import PublicView


class Command(BaseCommand):
    help = "Load the views of the starter directory that are not there yet."

    def handle(self, *args: Any, **options: Any) -> None:
        with (settings.BASE_DIR / "starter" / "views.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        new = [row for row in rows if not PublicView.objects.filter(slug=row["slug"]).exists()]
        for row in new:
            edit(PublicView(), row, source=Source.IMPORT, reason="The starter directory", **PublicView.shown_by)
        self.stdout.write(f"views: {len(new)} new, {len(rows) - len(new)} as they were")
