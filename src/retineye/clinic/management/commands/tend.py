"""`retineye manage tend`: everything that a worker does beside the messages of a broker."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from retineye.clinic.management.commands.work import take_turns


class Command(BaseCommand):
    """Sweep, send, and grade what no broker carries."""

    help = "Sweep, send, grade what programs and archives bring, until SIGTERM. Run two of it beside Celery workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for one that a service keeps beside it."""
        parser.add_argument("--parent", type=int, help="End when this process, which started it, is gone.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the loop."""
        take_turns(options["parent"])
