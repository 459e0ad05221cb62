"""`retineye work`: grade what waits, until told to stop."""

import os
import signal
import socket
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retineye.clinic import queue
from retineye.clinic.checks import NO_PACK_STATUS, pack_status
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
        """See that there is a pack, then work."""
        if queue.BROKERED:
            # Not opened here: the processes that grade are copies of this one, and a network's threads are not copied.
            status = pack_status(fresh=True)
            if not status.ok:
                raise CommandError(f"The worker does not start: {status.message}", returncode=NO_PACK_STATUS)
            queue.run()
            return
        try:
            open_grader()
        except PackError as exc:
            raise CommandError(f"The worker does not start: {exc}", returncode=NO_PACK_STATUS) from exc
        take_turns(options["parent"])


def take_turns(parent: int | None) -> None:
    """Run the loop of the worker in this process until it is told to stop."""
    worker = Worker(name=f"{socket.gethostname()[:40]}-{os.getpid()}", parent=parent)

    def stop(signum: int, frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()
