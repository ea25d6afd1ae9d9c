"""Publish what was changed outside the application, or everything, or see what would differ."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from directory.models import kinds
from directory.publishing import check, publish_all, published_site, sweep

SHOWN = 50


class Command(BaseCommand):
    help = "Publish what was changed outside the application (the sweep, which serve runs by itself)."

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--all", action="store_true", help="render everything anew and publish what differs")
        choice.add_argument("--check", action="store_true", help="render everything and only report what differs")

        parser.add_argument("--moved", action="store_true", help="the site moved: render links for today's SITE_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["moved"] and (site := published_site()) != settings.SITE_URL:
            raise CommandError(
                f"The documents are published for {site}, but SITE_URL is {settings.SITE_URL} here. Give this command"
                " the PORT, SITE_URL and DATABASE_URL of the server; if the site has really moved, --moved."
            )
        if options["all"]:
            self.publish_all()
        elif options["check"]:
            differing = [f"{kind} {public_id}" for kind, public_id in check()]
            if differing:
                shown = "\n".join([*differing[:SHOWN], *(["…"] if len(differing) > SHOWN else [])])
                raise CommandError(f"{len(differing)} documents differ from their objects:\n{shown}")
            self.stdout.write("Every document is what rendering its object gives.")
        else:
            self.stdout.write(f"{sweep()} marks swept.")

    def publish_all(self) -> None:
        total = sum(model._default_manager.count() for model in kinds().values())
        with tqdm(total=total, desc="Publishing", unit="objects", leave=False, disable=None) as bar:
            for done in publish_all():
                bar.update(done)
        self.stdout.write(f"{total} objects rendered.")
