"""A thread of the worker that sends what webhooks are owed, so that a slow address holds no photograph up."""

import threading
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from retineye.clinic import webhooks

log = structlog.get_logger(__name__)


@dataclass
class Sender:
    """Looks for messages that are due until it is told to stop."""

    every_s: float = 2.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the message in hand, or leave it to its lease."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(webhooks.TIMEOUT_S)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self.every_s):
                try:
                    webhooks.deliver_due(timezone.now())
                except DatabaseError:
                    log.exception("database_refused")
                    connection.close()
                except Exception:
                    log.exception("sender_broke")
        finally:
            connection.close()
