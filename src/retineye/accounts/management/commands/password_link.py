"""Make a link for a new password, where no administrator can: for whoever runs the server."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from retineye.accounts import passwords


class Command(BaseCommand):
    """Print the path of a link at which the person chooses a new password, within a day."""

    help = "Make a one-time link for a new password, and print its path."

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for whom, and whether the second factor is lost too."""
        parser.add_argument("email")
        parser.add_argument("--no-second-factor", action="store_true", help="Remove app, passkeys and recovery codes.")

    def handle(self, *args: Any, email: str, no_second_factor: bool, **options: Any) -> None:
        """Make it."""
        path = passwords.server_link(email, drop_second_factor=no_second_factor)
        if path is None:
            raise CommandError("Nobody with an open account signs in with this e-mail address.")
        self.stdout.write(f"Open this on the service within a day: {path}")
