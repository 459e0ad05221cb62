"""Nudge workers. The row is the truth, a message only a nudge: the engine may lose, double or delay it.

This is the one file that knows which engine carries the messages: the database, or a broker (`broker.py`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django_tasks import TaskResultStatus, task
from django_tasks_db.models import DBTaskResult
from django_tasks_db.utils import exclusive_transaction

from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Photograph, State

BROKERED = settings.RETINEYE_QUEUE == "celery"
if BROKERED:
    # An extra that a clinic's PC does without.
    from retineye.clinic import broker

log = structlog.get_logger(__name__)

QUEUE = "grading"
_KEPT = timedelta(days=1)
_LATER = -10
"""Priority of what nobody waits for."""
_LATER_DOORS = frozenset({"batch", "import"})


@task(queue_name=QUEUE)
def grade(photograph_id: str) -> str:
    """Grade the photograph that a message names, and say how it went."""
    return grade_photograph(UUID(photograph_id)).value


def enqueue(photograph_id: UUID, *, via: str = "") -> None:
    """Tell the workers of a photograph, once the caller's transaction has committed.

    What came with an archive, by its door, waits until no patient does.
    """
    later = via in _LATER_DOORS
    if BROKERED:
        transaction.on_commit(lambda: broker.send(photograph_id, later=later))
        return
    (grade.using(priority=_LATER) if later else grade).enqueue(str(photograph_id))


def announced(photograph_ids: Iterable[UUID]) -> set[UUID]:
    """Give those of the photographs that a message still waits for.

    A message that some worker holds does not count: whoever took it has claimed the photograph too, or is dead.
    """
    if BROKERED:
        return _announced_by_broker(photograph_ids)
    wanted = {str(photograph_id) for photograph_id in photograph_ids}
    waiting = _messages().filter(status=TaskResultStatus.READY).values_list("args_kwargs", flat=True)
    return {UUID(one["args"][0]) for one in waiting if one["args"][0] in wanted}


def _announced_by_broker(photograph_ids: Iterable[UUID]) -> set[UUID]:
    # A broker does not say whose messages it holds, but how many. While it holds one for each that waits none is
    # missing; and so the queue never grows much longer than what waits, however often a sweep looks.
    held = broker.depth()
    everything = set(photograph_ids)
    if held is None or held >= Photograph.objects.filter(state=State.WAITING).count():
        return everything
    return set()


def take_one(worker: str) -> bool:
    """Take the message that has waited longest and do what it says; False where there is none.

    A broker hands its messages out itself: see `run`.
    """
    if BROKERED:
        return False
    ready = DBTaskResult.objects.ready().filter(queue_name=QUEUE)
    # Looked at without a lock first: an idle worker asks five times a second and must not hold up who writes.
    if not ready.exists():
        return False
    with exclusive_transaction(ready.db):
        message = ready.get_locked()
        if message is None:
            return False
        message.claim(worker)
    try:
        message.set_successful(grade.func(*message.args_kwargs["args"]))
    except Exception as exc:
        log.exception("message_failed", message=str(message.pk))
        message.set_failed(exc)
    return True


def reachable() -> bool:
    """Say whether messages can be sent; the database engine's go where the rows go."""
    return not BROKERED or broker.depth() is not None


def run() -> None:
    """Take what the broker hands out, until told to stop."""
    broker.run()


def forget(now: datetime) -> int:
    """Drop messages that were dealt with, or were held by a worker that died, more than a day ago."""
    if BROKERED:
        return 0
    old = Q(finished_at__lt=now - _KEPT) | Q(status=TaskResultStatus.RUNNING, started_at__lt=now - _KEPT)
    return _messages().filter(old).delete()[0]


def _messages() -> QuerySet[DBTaskResult[..., str]]:
    return DBTaskResult.objects.filter(queue_name=QUEUE)
