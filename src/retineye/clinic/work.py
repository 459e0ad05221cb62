"""The worker: take photographs from the queue one after another, and sweep between them."""

import os
import threading
import time
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from retineye.accounts import answers
from retineye.clinic import batch, drift, queue, recall, retention, single, webhooks
from retineye.clinic.arrivals import file_next
from retineye.clinic.escalation import escalate
from retineye.clinic.orphans import remove_orphans
from retineye.clinic.sender import Sender
from retineye.clinic.sweep import sweep
from retineye.clinic.uploads import expire

log = structlog.get_logger(__name__)


@dataclass
class Worker:
    """A loop that ends between two photographs when it is told to stop."""

    name: str
    parent: int | None = None
    """Process id of the service that started this worker; when that is gone the worker ends too."""
    idle_s: float = 0.2
    sweep_every_s: float = 10.0
    orphans_every_s: float = 3600.0
    escalate_every_s: float = 300.0
    database_pause_s: float = 1.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _sweep_at: float = 0.0
    _orphans_at: float = 0.0
    _escalate_at: float = 0.0

    def stop(self) -> None:
        """Have the loop end after the photograph that it is at."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop. A database that does not answer is asked again a moment later."""
        log.info("worker_started", worker=self.name)
        sender = Sender()
        sender.start()
        try:
            self._work()
        finally:
            sender.stop()
        log.info("worker_stopped", worker=self.name)

    def _work(self) -> None:
        while not self._stopping.is_set() and not self._orphaned():
            try:
                self._sweep_when_due()
                # By turns: neither patients nor programs wait behind a long row of the other.
                busy = queue.take_one(self.name) | single.take_one() | batch.take_line() | file_next(timezone.now())
            except DatabaseError:
                log.exception("database_refused", worker=self.name)
                connection.close()
                self._stopping.wait(self.database_pause_s)
                continue
            if not busy:
                self._stopping.wait(self.idle_s)

    def _orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _sweep_when_due(self) -> None:
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + self.sweep_every_s
            sweep(timezone.now())
        if now >= self._escalate_at:
            self._escalate_at = now + self.escalate_every_s
            escalate(timezone.now())
        if now >= self._orphans_at:
            self._orphans_at = now + self.orphans_every_s
            try:
                remove_orphans(timezone.now())
                expire(timezone.now())
                retention.purge()
                recall.fill_due()
                drift.refresh(timezone.now())
                for forget in (answers.forget, webhooks.forget, single.forget, batch.forget_pictures):
                    forget(timezone.now())
            except OSError:
                log.exception("store_refused", worker=self.name)
