"""Who has a page that turned out to be void is called, also where nothing worse was found."""

from datetime import timedelta

from django.utils import timezone

from retineye.clinic import callbacks, corrections, reviews, standing
from retineye.clinic.models import CallBack, Exam, Photograph, Report, Signature, StoredResult
from retineye.clinic.outcome import outcome, pictures_of
from retineye.clinic.results import store_result
from retineye.grading.result import Grade
from tests.cast import Clinic, add_patient
from tests.clinic.test_call_backs import printed
from tests.clinic.test_reviews import both
from tests.clinic.test_worklist import exam_with

WHY = "The wrong record was open"


def told(clinic: Clinic, right: Grade, left: Grade = Grade.NONE) -> Exam:
    """Give an exam whose patient has the provisional page in hand."""
    exam = exam_with(clinic, right, left)
    printed(clinic, exam, store_result(exam, outcome(exam, pictures_of(exam))))
    return exam


def open_tasks(clinic: Clinic) -> list[CallBack]:
    """Give what the manager sees."""
    return [task.row for task in callbacks.tasks_for(clinic.manager)]


def photograph_of(exam: Exam, eye: str = "right") -> Photograph:
    """Give the photograph of an eye."""
    return exam.photographs.get(eye=eye)


def test_a_cancelled_exam_has_the_patient_called_who_was_told_something(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    corrections.cancel_exam(hill.technician, exam, WHY)
    [task] = open_tasks(hill)
    assert (task.why, task.whom, task.exam) == (CallBack.Why.VOID, exam.patient, exam)
    assert Report.objects.get().void_reason == "exam_cancelled"


def test_nobody_is_called_for_an_exam_of_which_nothing_was_printed(hill: Clinic) -> None:
    for change in (
        lambda exam: corrections.cancel_exam(hill.technician, exam, WHY),
        lambda exam: corrections.exam_to_other_patient(hill.technician, exam, add_patient(hill), WHY),
        lambda exam: corrections.to_other_eye(hill.technician, photograph_of(exam), WHY),
    ):
        change(exam_with(hill, Grade.MODERATE, None))
    assert open_tasks(hill) == []


def test_an_exam_that_goes_to_another_patient_has_the_one_called_who_was_told(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    before, after = exam.patient, add_patient(hill, "Ben Okoro")
    corrections.exam_to_other_patient(hill.technician, exam, after, WHY)
    [task] = open_tasks(hill)
    assert (task.why, task.whom) == (CallBack.Why.VOID, before)
    exam.refresh_from_db()
    assert callbacks.told(exam) is None, "the other patient heard nothing yet"


def test_a_new_page_and_a_worse_read_of_the_other_patient_open_a_task_beside_that_one(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    before, after = exam.patient, add_patient(hill, "Ben Okoro")
    corrections.exam_to_other_patient(hill.technician, exam, after, WHY)
    exam.refresh_from_db()
    printed(hill, exam, StoredResult.objects.get())
    reviews.read(hill.doctor, exam, both(Grade.SEVERE, Grade.NONE, "Venous beading"))
    reviews.sign(hill.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    assert {task.whom for task in open_tasks(hill)} == {before, after}


def test_a_photograph_that_leaves_has_the_patient_called_where_the_result_is_another_one(hill: Clinic) -> None:
    exam = told(hill, Grade.MODERATE)
    corrections.to_other_patient(hill.technician, photograph_of(exam), add_patient(hill, "Ben Okoro"), WHY)
    [task] = open_tasks(hill)
    assert (task.why, task.whom) == (CallBack.Why.VOID, exam.patient)
    assert task.now.conclusion != task.told.conclusion


def test_a_photograph_of_the_other_eye_has_the_patient_called_only_where_the_page_said_otherwise(hill: Clinic) -> None:
    one_sided = told(hill, Grade.MODERATE, Grade.NONE)
    corrections.to_other_eye(hill.technician, photograph_of(one_sided), WHY)
    assert [task.exam for task in open_tasks(hill)] == [one_sided]


def test_a_void_page_stays_a_task_until_a_person_closes_it(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    corrections.to_other_patient(hill.technician, photograph_of(exam), add_patient(hill, "Ben Okoro"), WHY)
    standing.refresh(Exam.objects.get(pk=exam.pk))
    [task] = open_tasks(hill)
    callbacks.close(hill.manager, task, CallBack.Outcome.REACHED)
    assert open_tasks(hill) == []


def test_a_task_for_a_worse_read_becomes_one_for_a_void_page_when_the_exam_is_cancelled(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    reviews.read(hill.doctor, exam, both(Grade.SEVERE, Grade.NONE, "Venous beading"))
    reviews.sign(hill.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    assert [task.why for task in open_tasks(hill)] == [CallBack.Why.WORSE]
    corrections.cancel_exam(hill.technician, exam, WHY)
    assert [task.why for task in open_tasks(hill)] == [CallBack.Why.VOID]


def test_undoing_a_merge_has_the_one_called_who_was_told_since(hill: Clinic) -> None:
    exam = told(hill, Grade.NONE)
    goes, stays = exam.patient, add_patient(hill, "Ben Okoro")
    corrections.merge(hill.technician, stays, goes, WHY)
    Report.objects.update(made_at=timezone.now() - timedelta(days=1))
    corrections.part(hill.technician, goes, WHY)
    assert open_tasks(hill) == [], "the page was the very patient's"
    corrections.merge(hill.technician, stays, goes, WHY)
    exam.refresh_from_db()
    printed(hill, exam, StoredResult.objects.get())
    corrections.part(hill.technician, goes, WHY)
    assert [task.whom for task in open_tasks(hill)] == [stays]
