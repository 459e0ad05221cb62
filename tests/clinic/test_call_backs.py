"""Results are kept with the rule that made them; a result worse than what a patient was told opens a call-back."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from retineye.accounts.models import AuditEvent
from retineye.clinic import callbacks, reports
from retineye.clinic.eye import EyeResult, Reading, ReadingState, eye_result
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.models import CallBack, CallBackTry, Exam, Report, StoredResult
from retineye.clinic.outcome import Outcome
from retineye.clinic.referral import patient_result
from retineye.clinic.results import store_result
from retineye.grading.result import Eye, Grade
from tests.cast import Clinic, add_exam

REVIEW = "6a7c0c1e-1111-4222-8333-444455556666"


def outcome(exam: Exam, right: Grade, left: Grade = Grade.NONE, *, signed: bool = False, **facts: Any) -> Outcome:
    """Give what two photographs of those grades say."""

    def eye(side: Eye, grade: Grade) -> EyeResult:
        severe = grade >= Grade.SEVERE
        reading = Reading(ReadingState.GRADED, grade=grade, referable=grade >= 2, vision_threatening=severe, **facts)
        return eye_result(side, [reading])

    eyes = eye(Eye.RIGHT, right), eye(Eye.LEFT, left)
    table = GUIDELINES[exam.guideline]
    return Outcome(*eyes, patient_result(*eyes, table, exam.taken_on, signed=signed))


def printed(clinic: Clinic, exam: Exam, result: StoredResult, kind: Report.Kind = Report.Kind.PATIENT) -> Report:
    """Keep a page as the printing does."""
    return reports.keep_report(
        exam,
        result,
        b"%PDF-1.7 of a test",
        kind=kind,
        language="en",
        number=reports.next_number(exam),
        content_sha256="0" * 64,
        by=clinic.technician,
    )


def told(clinic: Clinic, grade: Grade, *, signed: bool = False) -> Exam:
    """Give an exam whose patient has a page in hand."""
    exam = add_exam(clinic)
    kept = store_result(exam, outcome(exam, grade, signed=signed), review_id=REVIEW if signed else None)  # type: ignore[arg-type]
    printed(clinic, exam, kept)
    return exam


def changed(clinic: Clinic, exam: Exam, grade: Grade) -> CallBack | None:
    """Have a doctor sign another grade."""
    reports.result_changed(exam, outcome(exam, grade, signed=True), review_id=REVIEW, by=clinic.doctor)  # type: ignore[arg-type]
    return CallBack.objects.filter(exam=exam, closed_at=None).first()


def test_a_result_is_kept_with_table_version_setting_and_rule(hill: Clinic) -> None:
    exam = add_exam(hill)
    kept = store_result(exam, outcome(exam, Grade.MODERATE), by=hill.doctor)
    assert (kept.guideline_name, kept.guideline_version, kept.guideline_setting) == ("ICO", "2017", "high resource")
    assert (kept.rule, kept.finding, kept.interval) == ("worse_eye", "moderate_npdr", "3 months/6 months")
    assert kept.guideline_sha256 == GUIDELINES["ico-2017-high"].sha256
    assert kept.due_by is not None
    assert kept.eyes["right"]["grade"] == 2


def test_the_same_result_is_kept_once_and_another_beside_it(hill: Clinic) -> None:
    exam = add_exam(hill)
    first = store_result(exam, outcome(exam, Grade.MODERATE))
    assert store_result(exam, outcome(exam, Grade.MODERATE)).pk == first.pk
    second = store_result(exam, outcome(exam, Grade.SEVERE))
    assert second.pk != first.pk
    assert StoredResult.objects.filter(exam=exam).count() == 2


def test_the_database_refuses_to_rewrite_a_kept_result(hill: Clinic) -> None:
    exam = add_exam(hill)
    kept = store_result(exam, outcome(exam, Grade.MODERATE))
    with pytest.raises(IntegrityError), transaction.atomic():
        StoredResult.objects.filter(pk=kept.pk).update(rule="another")


def test_a_change_of_the_result_supersedes_every_report_and_keeps_its_bytes(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    before = Report.objects.get(exam=exam)
    changed(hill, exam, Grade.NONE)
    before.refresh_from_db()
    assert before.superseded_at is not None
    assert not before.current
    with before.file.open("rb") as file:
        assert file.read() == b"%PDF-1.7 of a test"


def test_a_new_report_supersedes_the_one_before_it_in_the_same_language_alone(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    kept = StoredResult.objects.get(exam=exam)
    clinician = printed(hill, exam, kept, Report.Kind.CLINICIAN)
    newer = printed(hill, exam, kept)
    assert [report.number for report in reports.history_of(exam)] == [3, 2, 1]
    assert reports.standing_report(exam, Report.Kind.PATIENT, "en") == newer
    assert reports.standing_report(exam, Report.Kind.CLINICIAN, "en") == clinician
    assert newer.code.endswith("-3")


def test_reports_of_what_turned_out_wrong_are_void(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE, signed=True)
    assert reports.make_void(exam, reports.Void.PHOTOGRAPH_MOVED, hill.doctor) == 1
    void = Report.objects.get(exam=exam)
    assert (void.void_reason, void.current) == ("photograph_moved", False)
    assert AuditEvent.objects.filter(action="report_void", object_id=void.pk).exists()


@pytest.mark.parametrize("grade", [Grade.MODERATE, Grade.SEVERE, Grade.PROLIFERATIVE])
def test_a_later_read_that_is_worse_than_the_page_opens_a_call_back(hill: Clinic, grade: Grade) -> None:
    exam = told(hill, Grade.NONE)
    task = changed(hill, exam, grade)
    assert task is not None
    assert (task.told.conclusion, task.now.conclusion) == ("routine", "refer")
    assert callbacks.tasks_for(hill.manager)[0].row == task


@pytest.mark.parametrize("grade", [Grade.NONE, Grade.MILD, Grade.MODERATE])
def test_a_later_read_that_is_no_worse_opens_none(hill: Clinic, grade: Grade) -> None:
    assert changed(hill, told(hill, Grade.MODERATE), grade) is None


def test_who_was_told_nothing_is_not_called_back(hill: Clinic) -> None:
    exam = add_exam(hill)
    assert changed(hill, exam, Grade.PROLIFERATIVE) is None


def test_a_day_that_was_told_and_is_too_late_now_opens_a_call_back(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE, signed=True)
    assert changed(hill, exam, Grade.MILD) is not None


def test_a_read_that_becomes_worse_again_keeps_one_task_and_one_that_is_better_again_closes_it(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    first = changed(hill, exam, Grade.MODERATE)
    again = changed(hill, exam, Grade.PROLIFERATIVE)
    assert first is not None
    assert again is not None
    assert first.pk == again.pk
    assert again.urgency > first.urgency
    assert changed(hill, exam, Grade.NONE) is None
    assert CallBack.objects.get(pk=first.pk).outcome == CallBack.Outcome.NOT_NEEDED


def test_the_software_s_result_never_stands_against_a_signature(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE, signed=True)
    reports.machine_result_changed(exam, outcome(exam, Grade.PROLIFERATIVE))
    assert not CallBack.objects.exists()
    assert Report.objects.get(exam=exam).current


def test_attempts_and_the_end_are_written_down_with_who(hill: Clinic) -> None:
    task = changed(hill, told(hill, Grade.NONE), Grade.SEVERE)
    assert task is not None
    callbacks.note_try(hill.technician, task, CallBackTry.How.NO_ANSWER)
    callbacks.note_try(hill.manager, task, CallBackTry.How.SPOKE)
    assert [one.by for one in callbacks.tasks_for(hill.manager)[0].tries] == [hill.technician, hill.manager]
    callbacks.close(hill.manager, task, CallBack.Outcome.REACHED)
    assert callbacks.tasks_for(hill.manager) == []
    [ended] = callbacks.tasks_for(hill.manager, closed=True)
    assert (ended.row.closed_by, ended.row.outcome) == (hill.manager, "reached")
    with pytest.raises(ValidationError):
        callbacks.close(hill.manager, task, CallBack.Outcome.REFUSED)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"call_back_opened", "call_back_tried", "call_back_closed", "report_superseded"} <= actions


def test_a_stranger_sees_and_closes_no_task_of_another_clinic(hill: Clinic, lake: Clinic) -> None:
    task = changed(hill, told(hill, Grade.NONE), Grade.SEVERE)
    assert task is not None
    assert callbacks.tasks_for(lake.manager) == []
    with pytest.raises(CallBack.DoesNotExist):
        callbacks.close(lake.manager, task, CallBack.Outcome.REACHED)
    hill.manager.is_active = False
    with pytest.raises(PermissionDenied):
        callbacks.close(hill.manager, task, CallBack.Outcome.REACHED)
