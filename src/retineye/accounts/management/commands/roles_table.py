"""`retineye manage roles_table`: print the table of docs/roles.md."""

from typing import Any

from django.core.management.base import BaseCommand

from retineye.accounts.roles_table import markdown


class Command(BaseCommand):
    """Print it."""

    help = "Print who may do what, as a table in Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print."""
        self.stdout.write(markdown())
