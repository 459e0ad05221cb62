"""`retineye work`: grade what waits, until told to stop."""

import os
import signal
import socket
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.clinic.checks import NO_PACK_STATUS
from retineye.clinic.grade import open_grader
from retineye.clinic.work import Worker
from retineye.grading.errors import PackError


class Command(BaseCommand):
    """Start a worker, if there is a pack that can be trusted."""

    help = "Take photographs from the queue and grade them, until SIGTERM; the one in hand is finished first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for a worker that a service keeps beside it."""
        parser.add_argument("--parent", type=int, help="End when this process, which started the worker, is gone.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the pack, then work."""
        try:
            open_grader()
        except PackError as exc:
            raise CommandError(f"The worker does not start: {exc}", returncode=NO_PACK_STATUS) from exc
        worker = Worker(name=f"{socket.gethostname()[:40]}-{os.getpid()}", parent=options["parent"])

        def stop(signum: int, frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker.run()
