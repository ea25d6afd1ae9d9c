from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory.nightly import make_night
from directory.publishing import published_site


class Command(BaseCommand):
    help = "Write all that is published into files, to be taken whole (which the worker does every night)."

    def handle(self, *args: Any, **options: Any) -> None:
        if (site := published_site()) != settings.SITE_URL:
            raise CommandError(
                f"The documents are published for {site}, but SITE_URL is {settings.SITE_URL} here: give this command"
                " the PORT and SITE_URL of the server."
            )
        night = make_night(timezone.now())
        size = sum(file["bytes"] for file in night["files"])
        self.stdout.write(f"{len(night['files'])} files of revision {night['revision']}, {size:,} bytes.")
