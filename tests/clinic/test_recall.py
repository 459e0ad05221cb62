"""The recall list, the reminders, and what became of referrals."""

from datetime import date, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError

from retineye.accounts.models import AuditEvent
from retineye.clinic.corrections import cancel_exam
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Exam, RecallEnd, ReferralOutcome, Reminder, Signature, State
from retineye.clinic.recall import (
    Due,
    Referred,
    change_day,
    end,
    fill_due,
    follow,
    recall_counts,
    recall_for,
    referral_counts,
    referrals_for,
    remind,
)
from retineye.clinic.reviews import EyeRead, Read, read, sign
from retineye.grading.result import Grade
from tests.cast import Clinic
from tests.clinic.test_worklist import exam_with

TODAY = date(2026, 11, 25)
A_YEAR_LATER = "2027-11-26T08:00:00+00:00"


@pytest.fixture(autouse=True)
def _today() -> object:
    with time_machine.travel("2026-11-25T08:00:00+00:00", tick=True) as clock:
        yield clock


def keys(rows: list) -> list:  # type: ignore[type-arg]
    return [row.exam.pk for row in rows]


def test_a_year_later_the_patient_without_disease_is_overdue_and_the_list_says_that_nobody_signed(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    assert recall_for(hill.manager, Due.OVERDUE) == []
    with time_machine.travel(A_YEAR_LATER, tick=True):
        (row,) = recall_for(hill.manager, Due.OVERDUE)
    assert row.exam.pk == exam.pk
    assert row.due_on == date(2027, 11, 25)
    assert row.days == -1
    assert row.provisional


def test_the_signed_result_takes_the_place_of_the_software_s(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    eye = EyeRead("good", Grade.MILD, "no_sign")
    read(hill.doctor, exam, Read(eye, eye, override_reason="microaneurysms"))
    sign(hill.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    with time_machine.travel("2027-05-20T08:00:00+00:00", tick=True):
        (row,) = recall_for(hill.manager, Due.SOON)
    assert row.due_on == date(2027, 5, 25)
    assert not row.provisional


@pytest.mark.parametrize(("later", "gone"), [(Grade.NONE, True), (None, False), (State.UNGRADABLE, False)])
def test_an_exam_done_later_takes_the_patient_off_and_one_only_opened_does_not(
    hill: Clinic, later: Grade | State | None, gone: bool
) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    with time_machine.travel(A_YEAR_LATER, tick=True):
        again = exam_with(hill, later, Grade.NONE if later is not None else None)
        Exam.objects.filter(pk=again.pk).update(patient=exam.patient)
        assert keys(recall_for(hill.manager, Due.OVERDUE)) == ([] if gone else [exam.pk])
        if gone:
            cancel_exam(hill.technician, Exam.objects.get(pk=again.pk), reason="wrong patient")
            assert keys(recall_for(hill.manager, Due.OVERDUE)) == [exam.pk]


def test_who_has_died_is_not_called(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    exam.patient.deceased_on = TODAY
    exam.patient.save()
    with time_machine.travel(A_YEAR_LATER, tick=True):
        assert recall_for(hill.manager, Due.OVERDUE) == []


def test_reminders_are_kept_with_who_called_and_the_last_one_stands_on_the_list(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.NONE)
    remind(hill.technician, exam, Reminder.How.NO_ANSWER)
    remind(hill.manager, exam, Reminder.How.BOOKED, next_on=TODAY + timedelta(days=7), note=" comes  with her son ")
    (row,) = recall_for(hill.manager, Due.LATER)
    assert row.reminder is not None
    assert (row.reminder.how, row.reminder.note, row.reminder.by) == ("booked", "comes with her son", hill.manager)
    events = AuditEvent.objects.filter(action="reminded", object_id=exam.pk).order_by("at")
    assert [event.detail for event in events] == [{"how": "no_answer"}, {"how": "booked"}]


def test_an_appointment_needs_a_day_that_is_still_to_come(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.MODERATE, Grade.NONE)
    for day in (None, TODAY - timedelta(days=1)):
        with pytest.raises(ValidationError):
            remind(hill.manager, exam, Reminder.How.BOOKED, next_on=day)
    assert not Reminder.objects.exists()


def test_a_referral_is_open_until_somebody_knows_that_the_patient_was_seen(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.SEVERE, Grade.NONE)
    assert keys(referrals_for(hill.manager)) == [exam.pk]
    follow(hill.manager, exam, ReferralOutcome.State.MISSED, note="no fare")
    assert keys(referrals_for(hill.manager, Referred.MISSED)) == [exam.pk]
    with pytest.raises(ValidationError, match="where"):
        follow(hill.manager, exam, ReferralOutcome.State.SEEN)
    follow(
        hill.manager,
        exam,
        ReferralOutcome.State.SEEN,
        where="District Eye Hospital",
        on=TODAY,
        found=ReferralOutcome.Found.LASER,
    )
    assert referral_counts(hill.manager) == {
        Referred.OPEN: 0,
        Referred.BOOKED: 0,
        Referred.MISSED: 0,
        Referred.SEEN: 1,
    }
    (row,) = referrals_for(hill.manager, Referred.SEEN)
    assert row.outcome is not None
    assert (row.outcome.where, row.outcome.found, row.outcome.on) == ("District Eye Hospital", "laser", TODAY)
    # Under the eye doctor's care, the patient is not called here.
    with time_machine.travel(A_YEAR_LATER, tick=True):
        assert recall_counts(hill.manager)[Due.OVERDUE] == 0
        assert recall_for(hill.manager, Due.ENDED)[0].exam.recall_end == RecallEnd.UNDER_CARE


def test_who_is_sent_back_by_the_eye_doctor_is_called_on_that_day(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.SEVERE, Grade.NONE)
    back = date(2027, 5, 1)
    follow(hill.manager, exam, ReferralOutcome.State.SEEN, where="District Eye Hospital", back_on=back)
    with time_machine.travel("2027-05-02T08:00:00+00:00", tick=True):
        (row,) = recall_for(hill.manager, Due.OVERDUE)
    assert (row.due_on, row.referred, row.provisional) == (back, False, False)


def test_a_person_may_put_another_day_and_end_the_calls(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    change_day(hill.manager, exam, TODAY + timedelta(days=10))
    assert keys(recall_for(hill.manager, Due.SOON)) == [exam.pk]
    end(hill.manager, exam, RecallEnd.MOVED)
    assert recall_counts(hill.manager) == {Due.OVERDUE: 0, Due.SOON: 0, Due.LATER: 0, Due.ENDED: 1}
    end(hill.manager, exam, None)
    change_day(hill.manager, exam, None)
    assert Exam.objects.get(pk=exam.pk).due_on == date(2027, 11, 25)


def test_a_stranger_sees_and_changes_nothing(hill: Clinic, lake: Clinic) -> None:
    exam = exam_with(hill, Grade.SEVERE, Grade.NONE)
    assert recall_for(lake.manager, Due.LATER) == []
    assert referrals_for(lake.manager) == []
    with pytest.raises(Exam.DoesNotExist):
        remind(lake.manager, exam, Reminder.How.LETTER)
    with pytest.raises(Exam.DoesNotExist):
        follow(lake.manager, exam, ReferralOutcome.State.MISSED)
    hill.manager.membership.delete()
    hill.manager.refresh_from_db()
    with pytest.raises(PermissionDenied):
        remind(type(hill.manager).objects.get(pk=hill.manager.pk), exam, Reminder.How.LETTER)


def test_lists_cost_the_same_however_many_patients_they_hold(hill: Clinic, django_assert_num_queries: object) -> None:
    for minutes in range(3):
        exam_with(hill, Grade.NONE, Grade.NONE, minutes_ago=minutes)
    with time_machine.travel(A_YEAR_LATER, tick=True), django_assert_num_queries(4):  # type: ignore[operator]
        assert len(recall_for(hill.manager, Due.OVERDUE)) == 3


def test_an_exam_from_before_days_were_kept_gets_its_day(hill: Clinic) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    create_exam(hill.technician, exam.patient)
    Exam.objects.filter(pk=exam.pk).update(due_on=None)
    assert fill_due() == 1
    assert Exam.objects.get(pk=exam.pk).due_on == date(2027, 11, 25)
