"""Several at one moment, each with a connection of its own, on the real database."""

import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.db import connection, connections

from retineye.accounts import audit
from retineye.accounts.models import AuditBlock, AuditEvent
from retineye.clinic import queue
from retineye.clinic.grade import claim, grade_photograph
from retineye.clinic.intake import receive
from retineye.clinic.models import Exam, Eye, Photograph, State, Verdict
from retineye.clinic.standing import refresh
from tests.cast import Clinic, add_exam, picture, send

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """Run the work in so many threads that start together, and give what each gave."""
    meet, results, errors = threading.Barrier(times), [], []

    def run(number: int) -> None:
        try:
            meet.wait()
            results.append(work(number))
        except Exception as exc:
            errors.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results


def test_the_same_photograph_sent_by_six_at_one_moment_is_one(hill: Clinic) -> None:
    exam, data = add_exam(hill), picture()
    received = at_once(
        lambda number: receive(exam, BytesIO(data), eye=Eye.RIGHT, by=hill.technician, via="web"), times=6
    )
    assert sum(one.created for one in received) == 1
    assert len({one.photograph.pk for one in received}) == 1
    photograph = Photograph.objects.get()
    assert photograph.original.storage.exists(photograph.original.name)
    assert queue.announced([photograph.pk]) == {photograph.pk}


def test_of_eight_that_claim_at_one_moment_one_gets_it(hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    claimed = at_once(lambda number: claim(sent.pk), times=8)
    assert sum(one is not None for one in claimed) == 1
    sent.refresh_from_db()
    assert (sent.state, sent.attempt) == (State.GRADING, 1)


def test_both_eyes_recorded_at_one_moment_leave_the_standing_that_both_make(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = [send(hill, exam, picture(1), Eye.RIGHT), send(hill, exam, picture(2), Eye.LEFT)]
    at_once(lambda number: grade_photograph(sent[number].pk), times=2)
    assert Verdict.objects.count() == 2
    after = Exam.objects.get()
    kept = (after.standing, after.urgency, after.unsure)
    refresh(after)
    assert (after.standing, after.urgency, after.unsure) == kept


def test_two_that_take_messages_take_each_once(hill: Clinic) -> None:
    exam = add_exam(hill)
    for seed in range(1, 5):
        send(hill, exam, picture(seed))

    def take_all(number: int) -> int:
        taken = 0
        while queue.take_one(f"worker-{number}"):
            taken += 1
        return taken

    assert sum(at_once(take_all, times=2)) == 4
    assert set(Photograph.objects.values_list("state", "attempt")) == {(State.GRADED, 1)}


def test_of_several_that_seal_at_one_moment_no_event_is_sealed_twice_or_lost(hill: Clinic) -> None:
    send(hill, add_exam(hill), picture())
    events = AuditEvent.objects.count()
    assert sum(at_once(lambda number: audit.seal(), times=4)) == events
    assert list(audit.verify()) == []
    assert AuditBlock.objects.count() == 1


def test_the_test_runs_on_the_database_that_it_says(hill: Clinic) -> None:
    assert connection.vendor in ("sqlite", "postgresql")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
