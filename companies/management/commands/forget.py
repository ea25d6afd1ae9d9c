from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from companies.forgetting import forget


class Command(BaseCommand):
    help = "Take somebody's mail address out of all that curators keep, earlier states too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        try:
            validate_email(address)  # or a piece of text would be taken out everywhere
        except ValidationError as error:
            raise CommandError(f"{address} is no mail address.") from error
        self.stdout.write(f"It was in {forget(address)} rows.")
