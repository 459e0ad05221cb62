"""`retineye manage deliver`: send signed results to their destinations, until told to stop."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone

from retineye.exchange.outbox import deliver_next, find_due

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 5.0


class Command(BaseCommand):
    """Keep the outbox empty."""

    help = "Send signed results to the destinations, until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for one turn alone."""
        parser.add_argument("--once", action="store_true", help="End as soon as nothing is due.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, send what is due, and wait. A database that does not answer is asked again a moment later."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            try:
                find_due(timezone.now())
                while not stopping.is_set() and deliver_next(timezone.now()):
                    pass
            except DatabaseError:
                log.exception("database_refused")
                connection.close()
            if options["once"]:
                return
            stopping.wait(_LOOK_EVERY_S)
