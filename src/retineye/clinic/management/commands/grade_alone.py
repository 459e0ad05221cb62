"""Grade one photograph that has killed its workers, in a process that nothing else depends on."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from retineye.clinic.grade import grade_photograph


class Command(BaseCommand):
    """Grade one photograph."""

    help = "Grade one waiting photograph. The sweep starts this for a photograph whose workers have died."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the photograph's id."""
        parser.add_argument("photograph", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        """Grade it."""
        self.stdout.write(grade_photograph(options["photograph"], alone=True).value)
