from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from directory.accounts import reset_second_factor
from directory.lockout import unlock


class Command(BaseCommand):
    help = "Let somebody sign in again who is locked out, or who has lost the device of their second factor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--second-factor", action="store_true", help="take it away: the next sign-in sets up another"
        )

    def handle(self, *args: Any, username: str, second_factor: bool, **options: Any) -> None:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account {username}.")
        found = unlock(username)
        self.stdout.write(f"{username} is unlocked." if found else f"{username} was not locked out.")
        if second_factor:
            reset_second_factor(user)
            self.stdout.write(f"{username} has no second factor any more, and is signed out everywhere.")
