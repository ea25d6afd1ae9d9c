"""Publish what was changed outside the application, or everything, or see what would differ."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from directory.models import kinds
from directory.publishing import check, publish_all, sweep


class Command(BaseCommand):
    help = "Publish what was changed outside the application (the sweep, which serve runs by itself)."

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--all", action="store_true", help="render everything anew and publish what differs")
        choice.add_argument("--check", action="store_true", help="render everything and only report what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            self.publish_all()
        elif options["check"]:
            differing = [f"{kind} {public_id}" for kind, public_id in check()]
            if differing:
                raise CommandError("These documents differ from their objects:\n" + "\n".join(differing))
            self.stdout.write("Every document is what rendering its object gives.")
        else:
            self.stdout.write(f"{sweep()} marks swept.")

    def publish_all(self) -> None:
        total = sum(model._default_manager.count() for model in kinds().values())
        with tqdm(total=total, desc="Publishing", unit="objects", leave=False, disable=None) as bar:
            for done in publish_all():
                bar.update(done)
        self.stdout.write(f"{total} objects rendered.")
