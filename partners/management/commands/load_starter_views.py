"""Load the views that the starter directory comes with; behind its companies, whose vocabulary their queries name."""

import csv
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from companies.imports import TableImporter
from partners.models import PublicView


class Command(BaseCommand):
    help = "Load the views of the starter directory."

    def handle(self, *args: Any, **options: Any) -> None:
        importer = TableImporter(PublicView, reason="The starter directory")
        importer.private = PublicView.shown_by
        with (settings.BASE_DIR / "starter" / "views.csv").open(encoding="utf-8", newline="") as file:
            for _ in importer.run(list(csv.DictReader(file))):
                pass
        if importer.report.refused:
            raise CommandError(f"A view was refused: {importer.report.refused}")
        self.stdout.write(f"views: {importer.report.created} new, {importer.report.unchanged} as they were")
