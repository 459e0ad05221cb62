"""Send a photograph's message through a broker, RabbitMQ or Redis, to workers on other machines.

Chosen by RETINEYE_QUEUE=celery. As with the database's own queue the row is the truth: a message that the broker loses
is sent again by the sweep, and one that comes twice finds nothing to claim.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from celery import Celery
from django.conf import settings
from kombu import Queue
from kombu.exceptions import KombuError

from retineye.clinic.grade import grade_photograph

log = structlog.get_logger(__name__)

NOW: Final = "retineye-now"
"""Somebody waits for it."""
LATER: Final = "retineye-later"
"""It came with an archive: nobody sits before it."""
_ANSWER_S: Final = 3


def _queue(name: str, url: str) -> Queue:
    # Quorum queues keep their messages on most of the brokers, so that one of three may die.
    kind = {"x-queue-type": "quorum"} if url.startswith("amqp") else None
    return Queue(name, routing_key=name, durable=True, queue_arguments=kind)


def _transport(url: str) -> dict[str, Any]:
    if url.startswith("amqp"):
        return {"confirm_publish": True, "max_retries": 1, "connect_timeout": _ANSWER_S}
    return {
        "socket_connect_timeout": _ANSWER_S,
        "socket_timeout": 30,
        "max_retries": 1,
        # With Redis the queues are asked in this order: what came with an archive waits until nobody else does.
        "queue_order_strategy": "priority",
        "visibility_timeout": 3600,
    }


def make_app(url: str) -> Celery:
    """Give Celery as the service uses it."""
    app = Celery("retineye", broker=url, set_as_current=False)
    app.conf.update(
        task_queues=[_queue(NOW, url), _queue(LATER, url)],
        task_default_queue=NOW,
        task_ignore_result=True,
        # The message is taken back by the broker where its worker dies, one at a time, and none is hoarded.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_time_limit=settings.RETINEYE_GRADE_LIMIT_S,
        task_publish_retry=False,
        broker_connection_timeout=_ANSWER_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport(url),
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        accept_content=["json"],
        task_serializer="json",
    )
    return app


app = make_app(settings.RETINEYE_BROKER_URL)


@app.task(name="retineye.grade")  # type: ignore[untyped-decorator]
def grade(photograph_id: str) -> str:
    """Grade the photograph that a message names. Each process opens the pack once, at its first photograph."""
    try:
        return grade_photograph(UUID(photograph_id)).value
    except Exception:
        # Celery would write down what the error says, and that may quote a row. The sweep tells of it again.
        log.exception("message_failed", photograph=photograph_id)
        return "failed"


def send(photograph_id: UUID, *, later: bool = False) -> bool:
    """Tell the workers of a photograph; False where the broker does not take it: the sweep will tell of it again."""
    try:
        grade.apply_async((str(photograph_id),), queue=LATER if later else NOW, retry=False)
    except (KombuError, OSError) as exc:
        log.warning("broker_refused", photograph=str(photograph_id), error=type(exc).__qualname__)
        return False
    return True


def depth() -> int | None:
    """Count the messages that no worker has taken; None where the broker does not answer."""
    try:
        with app.connection_for_read(connect_timeout=_ANSWER_S) as connection:
            connection.ensure_connection(max_retries=1, timeout=_ANSWER_S)
            return sum(_depth_of(connection, name) for name in (NOW, LATER))
    except (KombuError, OSError):
        return None


def _depth_of(connection: Any, name: str) -> int:
    with connection.channel() as channel:
        declared = _queue(name, settings.RETINEYE_BROKER_URL)(channel)
        return int(declared.queue_declare().message_count)


def run(queues: Sequence[str] = (NOW, LATER)) -> None:
    """Take messages until told to stop: SIGTERM lets each process finish the photograph in hand."""
    app.worker_main(
        [
            "worker",
            f"--queues={','.join(queues)}",
            f"--concurrency={settings.RETINEYE_PROCESSES}",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )
