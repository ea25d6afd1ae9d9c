"""Load the starter directory, the facts that come with the project."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from companies.imports import CompanyImporter, Importer, TableImporter
from companies.models import Company, Industry, Specialty
from hubs.models import Hub, Indicator, Program

REASON = "The starter directory"


def importers() -> dict[str, Importer]:
    """File → importer, in the order in which rows name each other."""
    tables: dict[str, Any] = {"hubs": Hub, "industries": Industry, "specialties": Specialty, "programs": Program}
    return {
        **{name: TableImporter(model, reason=REASON) for name, model in tables.items()},
        "indicators": TableImporter(Indicator, reason=REASON),
        "companies": CompanyImporter(status=Company.Status.PUBLISHED, reason=REASON),
    }


class Command(BaseCommand):
    help = "Load the starter directory: hubs, industries, specialties, programs, indicators, companies."

    def handle(self, *args: Any, **options: Any) -> None:
        starter = settings.BASE_DIR / "starter"
        refused = 0
        for name, importer in importers().items():
            self.load(starter / f"{name}.csv", importer)
            refused += len(importer.report.refused)
        if refused:
            raise CommandError(f"{refused} rows were refused: see above.")

    def load(self, path: Path, importer: Importer) -> None:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        with tqdm(total=len(rows), desc=f"Loading {path.stem}", unit="rows", leave=False, disable=None) as bar:
            for done in importer.run(rows):
                bar.update(done)
        report = importer.report
        self.stdout.write(
            f"{path.stem}: {report.created} new, {report.updated} added to, {report.unchanged} as they were"
        )
        for number, reason in report.refused:
            self.stderr.write(f"  {path.name}, row {number}: {reason}")
        unplaced = defaultdict(list)
        for _, (column, value) in report.unplaced:
            unplaced[column].append(value)
        for column, values in unplaced.items():
            self.stdout.write(f"  {column}: {len(values)} left out, as nothing here fits them: {'; '.join(values)}")
