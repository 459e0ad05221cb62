"""A worker in a process of its own, on the real database: killed, stopped, without a pack, beside others."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from retineye.clinic.models import Photograph, State, Verdict
from retineye.clinic.work import Worker
from tests.cast import Clinic, add_exam, add_patient, picture, send

pytestmark = pytest.mark.django_db(transaction=True)

IDRID = Path(__file__).parents[1] / "idrid" / "idrid_test_005.jpg"
LEASE_S = 2

Start = Callable[..., "subprocess.Popen[bytes]"]


def database_url() -> str:
    """Give the address of the database that this test runs on."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    given = {"host": found["HOST"], "port": found["PORT"], **found.get("OPTIONS", {})}
    where = "&".join(f"{name}={given[name]}" for name in ("host", "port") if given[name])
    return f"postgres://{found['USER']}:{found['PASSWORD']}@/{found['NAME']}?{where}"


def worker_environment(settings: Any, **changed: str) -> dict[str, str]:
    """Give the environment in which a worker serves the test's database and files."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "retineye.config.settings",
        "DATABASE_URL": database_url(),
        "RETINEYE_DATA_DIR": str(settings.DATA_DIR),
        "RETINEYE_PACK": settings.RETINEYE_PACK,
        "RETINEYE_DEBUG": "true",
        "RETINEYE_LEASE_S": str(LEASE_S),
        **changed,
    }


@pytest.fixture()
def start(settings: Any) -> Iterator[Start]:
    """Give a function that starts a worker; all of them are gone afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(*arguments: str, **changed: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "django", "work", *arguments],
            env=worker_environment(settings, **changed),
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], *, within_s: float, step_s: float = 0.05) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(step_s)


def state_of(photograph: Photograph) -> str:
    return str(Photograph.objects.values_list("state", flat=True).get(pk=photograph.pk))


def test_kill_9_in_the_middle_of_a_grade_loses_nothing(hill: Clinic, start: Start) -> None:
    data = IDRID.read_bytes()
    worker = start()
    sent = send(hill, add_exam(hill), data)
    until(lambda: state_of(sent) == State.GRADING, within_s=180, step_s=0.002)
    os.kill(worker.pid, signal.SIGSTOP)
    assert state_of(sent) == State.GRADING, "the worker was too quick to be caught"
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL

    successor = start()
    until(lambda: state_of(sent) == State.GRADED, within_s=180)
    sent.refresh_from_db()
    assert sent.attempt == 2
    assert Verdict.objects.get(photograph=sent).attempt == 2
    with sent.original.open("rb") as file:
        assert file.read() == data
    successor.send_signal(signal.SIGTERM)
    assert successor.wait(20) == 0


def test_sigterm_ends_a_worker_after_the_photograph_in_hand(hill: Clinic, start: Start) -> None:
    worker = start()
    sent = send(hill, add_exam(hill), IDRID.read_bytes())
    until(lambda: state_of(sent) == State.GRADING, within_s=180, step_s=0.002)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert state_of(sent) == State.GRADED
    assert Verdict.objects.count() == 1


def test_two_workers_side_by_side_grade_each_photograph_once(hill: Clinic, start: Start) -> None:
    exam = add_exam(hill)
    for seed in range(1, 13):
        send(hill, exam, picture(seed))
    start()
    start()
    until(lambda: not Photograph.objects.exclude(state=State.GRADED).exists(), within_s=240, step_s=0.2)
    assert Verdict.objects.count() == 12
    assert set(Verdict.objects.values_list("attempt", flat=True)) == {1}


def test_without_a_verified_pack_a_worker_does_not_start_and_says_why(
    hill: Clinic, start: Start, tmp_path: Path
) -> None:
    sent = send(hill, add_exam(hill), picture())
    worker = start(RETINEYE_PACK=str(tmp_path / "nowhere"))
    _, said = worker.communicate(timeout=180)
    assert worker.returncode == 3
    assert b"The worker does not start" in said
    assert b"nowhere" in said
    assert state_of(sent) == State.WAITING


def test_a_worker_ends_when_the_service_that_started_it_is_gone(start: Start) -> None:
    worker = start("--parent", "1" if os.getpid() != 1 else "2")
    assert worker.wait(180) == 0


def test_no_name_and_no_path_of_a_file_gets_into_the_log(hill: Clinic, start: Start) -> None:
    patient = add_patient(hill, "Zebulon Quartermaine")
    good = send(hill, add_exam(hill, patient), picture())
    broken = send(hill, add_exam(hill, patient), picture(2))
    (Path(broken.original.storage.location) / broken.original.name).unlink()  # type: ignore[attr-defined]
    worker = start()
    until(lambda: {state_of(good), state_of(broken)} == {State.GRADED, State.FAILED}, within_s=180)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=30)
    assert str(good.pk).encode() in said
    assert str(broken.pk).encode() in said
    for secret in (b"Zebulon", b"Quartermaine", b"original", hill.technician.full_name.encode()):
        assert secret not in said


def test_a_database_that_refuses_for_a_moment_does_not_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from retineye.clinic import work

    worker = Worker(name="here", idle_s=0.01, database_pause_s=0.01)
    turns = []

    def take_one(name: str) -> bool:
        turns.append(name)
        if len(turns) == 1:
            raise OperationalError("database is locked")
        worker.stop()
        return False

    monkeypatch.setattr(work.queue, "take_one", take_one)
    worker.run()
    assert turns == ["here", "here"]
