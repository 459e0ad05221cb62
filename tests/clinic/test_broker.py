"""Workers of a broker: killed, told twice, the broker gone and back. Nothing is lost, nothing is graded twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from retineye.accounts.audit import Action
from retineye.accounts.models import AuditEvent
from retineye.clinic import queue
from retineye.clinic.models import Photograph, State, Verdict
from retineye.clinic.sweep import sweep
from tests.brokers import Broker, Rabbit, Valkey
from tests.cast import Clinic, add_exam, picture, send
from tests.clinic.test_worker import until, worker_environment

pytestmark = pytest.mark.django_db(transaction=True)

IDRID = Path(__file__).parents[1] / "idrid" / "idrid_test_005.jpg"
Start = Callable[..., "subprocess.Popen[bytes]"]
UNHURRIED_S = "600"
"""A lease that no slow machine outlives: what is claimed twice is then claimed twice for another reason."""


@pytest.fixture()
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broker]:
    """Have the service send its messages through a broker: Valkey, unless the test names RabbitMQ."""
    running = getattr(request, "param", Valkey)(tmp_path / "broker")
    running.start()
    settings.RETINEYE_BROKER_URL = running.url
    settings.RETINEYE_PROCESSES, settings.RETINEYE_GRADE_LIMIT_S = 1, 300
    from retineye.clinic import broker as sending

    app = sending.make_app(running.url)
    app.task(name="retineye.grade")(sending.grade.run)
    monkeypatch.setattr(sending, "app", app)
    monkeypatch.setattr(sending, "grade", app.tasks["retineye.grade"])
    monkeypatch.setattr(queue, "BROKERED", True)
    monkeypatch.setattr(queue, "broker", sending, raising=False)
    yield running
    running.kill()


@pytest.fixture()
def start(settings: Any, broker: Broker) -> Iterator[Start]:
    """Give a function that starts a worker; all of them are gone afterwards, with the processes they made."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(**changed: str) -> "subprocess.Popen[bytes]":
        brokered = {"RETINEYE_QUEUE": "celery", "RETINEYE_BROKER_URL": broker.url}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "django", "work"],
            env=worker_environment(settings, **brokered, **changed),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a worker and what it made: kill -9."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def state_of(photograph: Photograph) -> str:
    return str(Photograph.objects.values_list("state", flat=True).get(pk=photograph.pk))


def graded_by_sweeping(count: int) -> Callable[[], bool]:
    """Sweep as `tend` does, and say whether so many are graded."""

    def look() -> bool:
        sweep(timezone.now(), alone=lambda pk: None)
        return Photograph.objects.filter(state=State.GRADED).count() == count

    return look


def graded_once() -> int:
    """Count the verdicts, and hold that no photograph has two, in the rows as in the audit."""
    photographs = list(Verdict.objects.values_list("photograph_id", flat=True))
    told = list(AuditEvent.objects.filter(action=Action.GRADED).values_list("object_id", flat=True))
    assert len(photographs) == len(set(photographs))
    assert sorted(str(one) for one in told) == sorted(str(one) for one in photographs)
    return len(photographs)


def test_kill_9_in_the_middle_of_a_grade_loses_nothing_and_grades_nothing_twice(hill: Clinic, start: Start) -> None:
    data = IDRID.read_bytes()
    worker = start()
    sent = send(hill, add_exam(hill), data)
    until(lambda: state_of(sent) == State.GRADING, within_s=200, step_s=0.002)
    kill(worker)
    assert state_of(sent) == State.GRADING, "the worker was too quick to be caught"
    start(RETINEYE_LEASE_S=UNHURRIED_S)
    until(graded_by_sweeping(1), within_s=200, step_s=0.5)
    assert graded_once() == 1
    assert [one.attempt for one in Verdict.objects.filter(photograph=sent)] == [2]
    with sent.original.open("rb") as file:
        assert file.read() == data


def test_a_broker_that_forgets_everything_and_messages_that_come_twice_change_nothing(
    hill: Clinic, start: Start, broker: Broker
) -> None:
    exam = add_exam(hill)
    lost = [send(hill, exam, picture(seed)) for seed in (1, 2)]
    assert queue.broker.depth() == 2
    broker.kill()
    # What is sent while it is away is kept all the same.
    lost.append(send(hill, exam, picture(3)))
    assert not queue.reachable()
    broker.start()
    assert queue.broker.depth() == 0
    doubled = send(hill, exam, picture(4))
    for _ in range(3):
        queue.broker.send(doubled.pk)
    Photograph.objects.filter(pk__in=[one.pk for one in lost]).update(nudged_at=timezone.now() - timedelta(minutes=1))
    worker = start(RETINEYE_LEASE_S=UNHURRIED_S)
    until(graded_by_sweeping(4), within_s=240, step_s=0.5)
    until(lambda: queue.broker.depth() == 0, within_s=60)
    assert graded_once() == 4
    assert sorted(Verdict.objects.values_list("attempt", flat=True)) == [1, 1, 1, 1]
    # And the worker that lived through it ends when it is told to, after what it has in hand.
    late = send(hill, exam, IDRID.read_bytes())
    until(lambda: state_of(late) == State.GRADING, within_s=120, step_s=0.002)
    os.kill(worker.pid, signal.SIGTERM)
    worker.wait(120)
    assert state_of(late) == State.GRADED


@pytest.mark.timeout(900)
@pytest.mark.parametrize("broker", [Rabbit], indirect=True)
def test_rabbitmq_hands_a_photograph_on_when_its_worker_is_killed(hill: Clinic, start: Start, broker: Broker) -> None:
    sent = send(hill, add_exam(hill), IDRID.read_bytes())
    queue.broker.send(sent.pk)
    assert queue.broker.depth() == 2
    worker = start()
    until(lambda: state_of(sent) == State.GRADING, within_s=200, step_s=0.002)
    kill(worker)
    start(RETINEYE_LEASE_S=UNHURRIED_S)
    until(graded_by_sweeping(1), within_s=300, step_s=0.5)
    until(lambda: queue.broker.depth() == 0, within_s=120, step_s=0.5)
    assert graded_once() == 1
    assert [one.attempt for one in Verdict.objects.all()] == [2]


def test_the_sweep_does_not_fill_a_queue_that_holds_every_message(hill: Clinic, broker: Broker) -> None:
    exam = add_exam(hill)
    for seed in (1, 2, 3):
        send(hill, exam, picture(seed))
    for minutes in range(1, 5):
        sweep(timezone.now() + timedelta(minutes=minutes))
    assert queue.broker.depth() == 3


def test_without_the_broker_a_sweep_goes_on_with_the_rest_of_its_work(hill: Clinic, broker: Broker) -> None:
    sent = send(hill, add_exam(hill), picture())
    Photograph.objects.filter(pk=sent.pk).update(state=State.GRADING, attempt=1, lease_until=timezone.now())
    broker.kill()
    assert sweep(timezone.now() + timedelta(seconds=1)).lapsed == 1
    assert state_of(sent) == State.WAITING


def test_what_came_with_an_archive_waits_in_a_line_of_its_own(hill: Clinic, broker: Broker) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    with queue.transaction.atomic():
        queue.enqueue(sent.pk, via="batch")
    from retineye.clinic.broker import LATER, NOW

    assert (broker.held(NOW), broker.held(LATER)) == (1, 1)
