"""Exams are opened and put right by people of the clinic, and every change is remembered."""

import io
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from retineye.accounts.models import AuditEvent
from retineye.clinic import exams
from retineye.clinic.access import photographs_for
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Absence, Exam, Eye, Field, Photograph
from retineye.clinic.outcome import outcome_of, pictures_of
from tests.cast import Clinic, add_exam, add_patient, picture, send


def test_an_exam_is_of_today_unless_told_otherwise_and_keeps_the_clinic_s_table(hill: Clinic) -> None:
    hill.organisation.guideline = "ico-2017-low"
    hill.organisation.save()
    exam = exams.create_exam(hill.technician, add_patient(hill))
    assert (exam.taken_on, exam.guideline, exam.created_by) == (timezone.localdate(), "ico-2017-low", hill.technician)
    hill.organisation.guideline = "ico-2017-high"
    hill.organisation.save()
    assert outcome_of(Exam.objects.get()).patient.guideline.key == "ico-2017-low"


@pytest.mark.parametrize("taken_on", [timezone.localdate() + timedelta(days=1), date(1960, 1, 1)])
def test_an_exam_can_not_lie_ahead_or_before_the_birth(hill: Clinic, taken_on: date) -> None:
    with pytest.raises(ValidationError):
        add_exam(hill, taken_on=taken_on)
    assert not Exam.objects.exists()


def test_a_manager_opens_no_exam_and_changes_none(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    for change in (
        lambda: exams.create_exam(hill.manager, exam.patient),
        lambda: exams.set_absence(hill.manager, exam, Eye.LEFT, Absence.NO_EYE),
        lambda: exams.set_field(hill.manager, sent, Field.MACULA),
        lambda: exams.move_to_other_eye(hill.manager, sent),
        lambda: exams.withdraw(hill.manager, sent),
        lambda: exams.grade_again(hill.manager, sent),
    ):
        with pytest.raises(PermissionDenied):
            change()


def test_the_history_is_newest_first_and_an_older_date_stays_behind(hill: Clinic) -> None:
    patient = add_patient(hill)
    today = add_exam(hill, patient)
    before = add_exam(hill, patient, taken_on=timezone.localdate() - timedelta(days=300))
    assert exams.history_of(patient) == [today, before]


def test_a_photograph_in_the_wrong_lane_is_moved_and_keeps_its_verdict(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture(), Eye.RIGHT)
    grade_photograph(sent.pk)
    exams.move_to_other_eye(hill.technician, sent)
    outcome = outcome_of(Exam.objects.get())
    assert outcome.right.grade is None
    assert outcome.left.grade is not None
    assert AuditEvent.objects.get(action="photograph_changed").detail == {"eye": "left"}


def test_a_disc_centred_photograph_alone_does_not_clear_an_eye(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    before = outcome_of(exam).right
    exams.set_field(hill.technician, sent, Field.DISC)
    after = outcome_of(exam).right
    assert after.grade == before.grade
    assert after.readable == after.referable


def test_a_withdrawn_photograph_counts_no_more_and_is_seen_no_more_but_stays_stored(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    exams.withdraw(hill.technician, sent)
    assert pictures_of(exam) == []
    assert not photographs_for(hill.technician).exists()
    row = Photograph.objects.get()
    assert row.original.storage.exists(row.original.name)
    assert AuditEvent.objects.filter(action="photograph_withdrawn", object_id=sent.pk).exists()


def test_pictures_come_with_their_latest_verdict_in_two_queries(
    hill: Clinic, django_assert_num_queries: object
) -> None:
    exam = add_exam(hill)
    first, second = send(hill, exam, picture(1)), send(hill, exam, picture(2), Eye.LEFT)
    grade_photograph(first.pk)
    with django_assert_num_queries(2):  # type: ignore[operator]
        found = pictures_of(exam)
    assert [one.photograph.pk for one in found] == [first.pk, second.pk]
    assert found[0].verdict is not None
    assert found[1].verdict is None


def test_a_clinic_chooses_its_table_for_new_exams_alone(hill: Clinic, lake: Clinic) -> None:
    before = add_exam(hill)
    said = io.StringIO()
    call_command("guideline", "ico-2017-low", "--clinic", str(hill.organisation.pk), stdout=said)
    assert "ico-2017-low: ICO 2017, low or intermediate resource" in said.getvalue()
    before.refresh_from_db()
    assert [one.guideline for one in (before, add_exam(hill), add_exam(lake))] == [
        "ico-2017-high",
        "ico-2017-low",
        "ico-2017-high",
    ]
    with pytest.raises(CommandError):
        call_command("guideline", "of-my-own")
