"""What a dead worker or a lost message left behind is put right within a lease and ten seconds."""

import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from retineye.accounts.models import AuditBlock
from retineye.clinic import queue
from retineye.clinic.grade import DEATHS, Graded, claim, grade_photograph
from retineye.clinic.models import Photograph, State, Verdict
from retineye.clinic.orphans import remove_orphans
from retineye.clinic.sweep import LOST_AFTER, sweep
from retineye.grading import Grader
from tests.cast import Clinic, add_exam, picture, send

LATER = timedelta(minutes=2)


def nobody(photograph_id: UUID) -> None:
    raise AssertionError("no process was to be started")


@pytest.fixture()
def sent(hill: Clinic) -> Photograph:
    return send(hill, add_exam(hill), picture())


def die_holding(photograph: Photograph) -> None:
    """Claim as a worker does and never come back; its message stays held, as after kill -9."""
    DBTaskResult.objects.update(status="RUNNING", started_at=timezone.now())
    assert claim(photograph.pk) is not None
    Photograph.objects.filter(pk=photograph.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_lapsed_claim_is_taken_back_and_announced_in_the_same_sweep(sent: Photograph) -> None:
    die_holding(sent)
    swept = sweep(timezone.now(), alone=nobody)
    assert (swept.lapsed, swept.announced) == (1, 1)
    assert queue.take_one("successor")
    sent.refresh_from_db()
    assert (sent.state, sent.attempt, sent.lapses) == (State.GRADED, 2, 0)
    assert Verdict.objects.get().attempt == 2


def test_a_claim_whose_lease_runs_is_left_alone(sent: Photograph) -> None:
    claim(sent.pk)
    swept = sweep(timezone.now(), alone=nobody)
    sent.refresh_from_db()
    assert swept.lapsed == 0
    assert sent.state == State.GRADING


def test_a_lost_message_is_sent_again_after_a_while(sent: Photograph) -> None:
    DBTaskResult.objects.all().delete()
    assert sweep(timezone.now(), alone=nobody).announced == 0
    assert sweep(timezone.now() + LOST_AFTER + timedelta(seconds=1), alone=nobody).announced == 1
    assert queue.take_one("worker")
    sent.refresh_from_db()
    assert sent.state == State.GRADED


def test_a_photograph_that_only_waits_its_turn_is_not_announced_twice(sent: Photograph) -> None:
    assert sweep(timezone.now() + LATER, alone=nobody).announced == 0
    assert DBTaskResult.objects.count() == 1


def test_sweeping_twice_announces_once(sent: Photograph) -> None:
    DBTaskResult.objects.all().delete()
    now = timezone.now() + LATER
    assert sweep(now, alone=nobody).announced == 1
    assert sweep(now, alone=nobody).announced == 0


def test_what_kills_three_workers_is_tried_once_alone_and_then_fails(sent: Photograph) -> None:
    for _ in range(DEATHS):
        die_holding(sent)
        given: list[UUID] = []
        sweep(timezone.now(), alone=given.append)
    assert given == [sent.pk]
    sent.refresh_from_db()
    assert (sent.state, sent.lapses) == (State.WAITING, DEATHS)
    assert grade_photograph(sent.pk) is Graded.TAKEN, "an ordinary worker must not touch it any more"

    assert claim(sent.pk, alone=True) is not None
    Photograph.objects.filter(pk=sent.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep(timezone.now(), alone=nobody).failed == 1
    sent.refresh_from_db()
    assert (sent.state, sent.failure) == (State.FAILED, "died")
    assert not Verdict.objects.exists()


def test_what_survives_alone_gets_its_verdict(sent: Photograph) -> None:
    Photograph.objects.filter(pk=sent.pk).update(lapses=DEATHS)
    assert grade_photograph(sent.pk, alone=True) is Graded.RECORDED
    sent.refresh_from_db()
    assert (sent.state, sent.lapses) == (State.GRADED, 0)


def test_what_breaks_alone_has_failed_and_is_not_tried_for_ever(
    sent: Photograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Grader, "grade", broken)
    for _ in range(DEATHS):
        assert grade_photograph(sent.pk) is Graded.BROKE
    assert grade_photograph(sent.pk, alone=True) is Graded.FAILED
    sent.refresh_from_db()
    assert (sent.state, sent.failure) == (State.FAILED, "died")


def test_the_sweep_starts_a_real_process_for_what_it_tries_alone(
    sent: Photograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr("retineye.clinic.sweep.subprocess.Popen", lambda command, **options: started.append(command))
    Photograph.objects.filter(pk=sent.pk).update(lapses=DEATHS, nudged_at=timezone.now() - LATER)
    assert sweep(timezone.now()).alone == 1
    assert started[0][1:] == ["-m", "django", "grade_alone", str(sent.pk)]
    call_command("grade_alone", str(sent.pk), stdout=io.StringIO())
    sent.refresh_from_db()
    assert sent.state == State.GRADED


def test_the_command_sweeps_once_and_says_what_it_did(sent: Photograph) -> None:
    said = io.StringIO()
    call_command("sweep", stdout=said)
    assert "0 taken back, 0 announced" in said.getvalue()
    assert AuditBlock.objects.exists()


def test_the_sweep_seals_the_audit(sent: Photograph) -> None:
    assert sweep(timezone.now(), alone=nobody).sealed > 0
    assert AuditBlock.objects.count() == 1
    assert sweep(timezone.now(), alone=nobody).sealed == 0


def test_old_messages_are_forgotten(sent: Photograph) -> None:
    queue.take_one("worker")
    sweep(timezone.now() + timedelta(hours=23), alone=nobody)
    assert DBTaskResult.objects.count() == 1
    sweep(timezone.now() + timedelta(hours=25), alone=nobody)
    assert not DBTaskResult.objects.exists()


def test_files_without_a_row_are_deleted_after_an_hour_and_no_other_file_is(sent: Photograph) -> None:
    grade_photograph(sent.pk)
    sent.refresh_from_db()
    verdict = Verdict.objects.get()
    own = {name for name in (sent.original.name, sent.display.name, sent.thumbnail.name, verdict.heatmap.name) if name}
    clinic = sent.original.name.split("/")[0]
    orphan = f"{clinic}/0b4f8f0e-0d3e-4a52-9a52-9d7b53a4e1c1/original.jpg"
    leftover = f"{clinic}/{sent.pk}/display-9.jpg"
    foreign = "lost+found/notes/read.me"
    for place in (orphan, leftover, foreign):
        default_storage.save(place, ContentFile(b"x"))
    assert remove_orphans(timezone.now()) == 0
    assert remove_orphans(timezone.now() + timedelta(minutes=61)) == 2
    assert not default_storage.exists(orphan)
    assert not default_storage.exists(leftover)
    assert default_storage.exists(foreign)
    assert all(default_storage.exists(name) for name in own)


def test_a_backlog_is_swept_in_a_steady_number_of_queries(hill: Clinic, django_assert_max_num_queries: Any) -> None:
    exam = add_exam(hill)
    for seed in range(1, 6):
        send(hill, exam, picture(seed))
    with django_assert_max_num_queries(12):
        sweep(timezone.now() + LATER, alone=nobody)
