"""Put right what a dead worker or a lost message left behind; sweeping twice does no harm."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from retineye.accounts import audit
from retineye.clinic import queue, standing
from retineye.clinic.failures import DIED
from retineye.clinic.grade import DEATHS, remember_failure
from retineye.clinic.models import Photograph, State

log = structlog.get_logger(__name__)

LOST_AFTER = timedelta(seconds=15)
"""A photograph that waits longer, and that no message names, is announced again."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    lapsed: int
    """Claims of dead workers that were taken back."""
    announced: int
    """Photographs whose message was lost."""
    alone: int
    """Photographs that were given a process of their own."""
    failed: int
    """Photographs that killed every process that touched them."""
    sealed: int
    """Audit events that were sealed."""


def try_alone(photograph_id: UUID) -> None:
    """Start a process that grades this one photograph; should it die, no other photograph waits for it."""
    subprocess.Popen(  # noqa: S603  our own program and an id
        [sys.executable, "-m", "django", "grade_alone", str(photograph_id)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def sweep(now: datetime, *, alone: Callable[[UUID], None] = try_alone) -> Swept:
    """Put everything right that can be at this moment.

    1. Take back claims whose lease has run out: the photograph waits again, or has failed if it died alone too.
    2. Announce what waits without a message; what has died too often gets a process of its own.
    3. Seal the audit, and forget old messages.
    """
    lapsed, failed = _take_back(now)
    announced, tried = _announce(now, alone)
    swept = Swept(lapsed, announced, tried, failed, audit.seal())
    queue.forget(now)
    if lapsed or announced or tried or failed:
        log.warning("swept", lapsed=lapsed, announced=announced, alone=tried, failed=failed)
    return swept


def _take_back(now: datetime) -> tuple[int, int]:
    lapsed = failed = 0
    dead = Photograph.objects.filter(state=State.GRADING, lease_until__lt=now).select_related("exam__patient")
    for photograph in dead[:_BATCH]:
        # The lease is looked at again in the UPDATE: its worker may have renewed it since.
        claim = Photograph.objects.filter(
            pk=photograph.pk, state=State.GRADING, attempt=photograph.attempt, lease_until__lt=now
        )
        if photograph.lapses >= DEATHS:
            failed += _give_up(photograph, claim.update)
        else:
            # Back-dated, so that the step after this one announces it in the same sweep.
            lapsed += claim.update(
                state=State.WAITING, lease_until=None, lapses=F("lapses") + 1, nudged_at=now - 2 * LOST_AFTER
            )
    return lapsed, failed


def _give_up(photograph: Photograph, update: Callable[..., int]) -> int:
    with transaction.atomic():
        exam = standing.lock(photograph.exam_id)
        if not update(state=State.FAILED, failure=DIED, lease_until=None):
            return 0
        standing.refresh(exam)
        remember_failure(photograph, DIED)
    return 1


def _announce(now: datetime, alone: Callable[[UUID], None]) -> tuple[int, int]:
    waiting = Photograph.objects.filter(state=State.WAITING, nudged_at__lt=now - LOST_AFTER).order_by("nudged_at")
    found = list(waiting.values_list("pk", "lapses", "via")[:_BATCH])
    named = queue.announced(pk for pk, *_ in found) if found else set()
    announced = tried = 0
    for pk, lapses, via in found:
        deadly = lapses >= DEATHS
        if pk in named and not deadly:
            continue
        with transaction.atomic():
            # Of two sweeps at one moment the count lets one announce it.
            mine = Photograph.objects.filter(pk=pk, state=State.WAITING, nudged_at__lt=now - LOST_AFTER)
            if not mine.update(nudged_at=now):
                continue
            if not deadly:
                queue.enqueue(pk, via=via)
                announced += 1
        if deadly:
            alone(pk)
            tried += 1
    return announced, tried
