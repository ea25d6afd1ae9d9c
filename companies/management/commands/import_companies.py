"""Import companies from a file: shows what it would do; with --apply it does it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tqdm import tqdm

from companies.background import carry_on
from companies.files import Refused
from companies.models import Company, Import
from companies.staged import Decision, State
from companies.staging import receive
from directory.uploads import LARGEST

# Rows of a kind that are shown one by one.
SHOWN = 20


class Command(BaseCommand):
    help = "Import companies from a CSV, XLSX or JSON file. Shows what it would do; with --apply it does it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="write what is certain; the admin has the rest")
        parser.add_argument("--publish", action="store_true", help="publish new companies instead of drafting them")
        parser.add_argument("--reason", default="", help="where the rows come from")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
            with transaction.atomic():
                batch = self.staged(path.name, content, options)
                transaction.set_rollback(not options["apply"])
        except (OSError, Refused) as error:
            raise CommandError(str(error)) from error
        if options["apply"]:
            self.apply(batch)

    def staged(self, name: str, content: bytes, options: dict[str, Any]) -> Import:
        batch = receive(name, content, by=None, reason=options["reason"])
        batch.status = Company.Status.PUBLISHED if options["publish"] else Company.Status.DRAFT
        batch.state = State.STAGING
        batch.save(update_fields=["status", "state"])
        carry_on(batch)
        if batch.state == State.FAILED:
            raise Refused(batch.problem)
        self.describe(batch)
        return batch

    def describe(self, batch: Import) -> None:
        fields = [f"{column} → {batch.mapping.get(column) or 'left out'}" for column in batch.columns]
        self.stdout.write(f"Columns: {', '.join(fields)}")
        counts = batch.counts
        self.stdout.write(
            f"{counts['all']} rows: {counts[Decision.CREATE]} new, {counts[Decision.UPDATE]} of known companies,"
            f" {counts[Decision.UNDECIDED]} to be decided, {counts[Decision.REFUSED]} refused"
        )
        for decision in (Decision.UNDECIDED, Decision.REFUSED):
            rows = batch.rows.filter(decision=decision).order_by("number")
            for row in rows[:SHOWN]:
                said = " ".join(row.reasons) or "; ".join(", ".join(reasons) for _, _, reasons in row.candidates)
                self.stdout.write(f"  row {row.number}, {row.patch.get('name', decision.label)}: {said}")
            if counts[decision] > SHOWN:
                self.stdout.write(f"  and {counts[decision] - SHOWN} more")

    def apply(self, batch: Import) -> None:
        batch.move(State.APPLYING)
        with tqdm(total=batch.rows.pending().count(), unit="rows", leave=False, disable=None) as bar:
            while batch.is_busy:
                carry_on(batch)
                bar.update(batch.rows.done().count() - bar.n)
        if batch.state == State.FAILED:
            raise CommandError(batch.problem)
        created = batch.rows.done().filter(decision=Decision.CREATE).count()
        self.stdout.write(
            f"Import {batch.pk}: {created} created, {batch.counts['done'] - created} matched,"
            f" {batch.counts[Decision.REFUSED]} refused,"
            f" {batch.counts[Decision.UNDECIDED]} to be decided in the admin"
        )
