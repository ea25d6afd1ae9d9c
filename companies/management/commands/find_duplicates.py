"""Look for companies that are in the directory twice, as the worker does every night."""

from typing import Any

from django.core.management.base import BaseCommand

from companies.duplicates import find_duplicates
from companies.models import Duplicate


class Command(BaseCommand):
    help = "Bring the queue of duplicates up to date, which the worker does every night."

    def handle(self, *args: Any, **options: Any) -> None:
        found = find_duplicates()
        waiting = Duplicate.objects.open().count()
        self.stdout.write(f"Pairs: {found.new} new, {found.gone} gone, {waiting} waiting for a decision.")
