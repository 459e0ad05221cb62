"""`retineye manage file_arrivals`: file what machines brought, until told to stop."""

import os
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone

from retineye.clinic.arrivals import file_next

log = structlog.get_logger(__name__)

_IDLE_S = 0.2
_DATABASE_PAUSE_S = 1.0


class Command(BaseCommand):
    """File arrivals in a process of its own: a picture that kills its decoder takes no listener with it."""

    help = "File what machines brought under patient and eye, until SIGTERM; the one in hand is finished first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for a process that a listener keeps beside it, and for one turn alone."""
        parser.add_argument("--parent", type=int, help="End when this process, which started the filing, is gone.")
        parser.add_argument("--once", action="store_true", help="End as soon as nothing waits.")

    def handle(self, *args: Any, **options: Any) -> None:
        """File one after another. A database that does not answer is asked again a moment later."""
        stopping = threading.Event()

        def stop(signum: int, frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        parent = options["parent"]
        while not stopping.is_set() and (parent is None or os.getppid() == parent):
            try:
                busy = file_next(timezone.now())
            except DatabaseError:
                log.exception("database_refused")
                connection.close()
                stopping.wait(_DATABASE_PAUSE_S)
                continue
            if not busy:
                if options["once"]:
                    return
                stopping.wait(_IDLE_S)
