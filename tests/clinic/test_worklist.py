"""The lists: what is on them, in which order, and what they cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from retineye.clinic.exams import create_exam, set_absence
from retineye.clinic.models import Absence, Exam, Eye, Photograph, State, Verdict
from retineye.clinic.standing import refresh
from retineye.clinic.worklist import Show, counts_for, worklist_for
from retineye.grading.result import Grade
from tests.cast import Clinic, add_patient


def exam_with(
    hill: Clinic, right: Grade | str | None, left: Grade | str | None, *, uncertain: bool = False, minutes_ago: int = 0
) -> Exam:
    """Open an exam whose photographs have their verdicts already; a string is a state without a grade."""
    exam = create_exam(hill.technician, add_patient(hill, f"{right} {left} {minutes_ago}"))
    Exam.objects.filter(pk=exam.pk).update(created_at=timezone.now() - timedelta(minutes=minutes_ago))
    for eye, found in ((Eye.RIGHT, right), (Eye.LEFT, left)):
        if found is None:
            continue
        graded = isinstance(found, Grade)
        photograph = Photograph.objects.create(
            exam=exam,
            eye=eye,
            state=State.GRADED if graded else found,
            sha256=eye.value.ljust(64, "0"),
            bytes=1,
            mime="image/jpeg",
            width_px=1,
            height_px=1,
            via="web",
        )
        if found in (State.WAITING, State.FAILED):
            continue
        Verdict.objects.create(
            photograph=photograph,
            attempt=1,
            pack_id="tiny",
            pack_sha256="0" * 64,
            status="graded" if graded else "ungradable",
            grade=int(found) if graded else None,
            referable=graded and found >= Grade.MODERATE,
            vision_threatening=graded and found >= Grade.SEVERE,
            uncertain=uncertain,
            quality={},
            reasons=[] if graded else ["out_of_focus"],
        )
    refresh(exam)
    return exam


def test_what_presses_most_comes_first_and_of_alike_exams_the_one_that_waits_longest(hill: Clinic) -> None:
    routine = exam_with(hill, Grade.NONE, Grade.NONE)
    young = exam_with(hill, Grade.MODERATE, Grade.NONE, minutes_ago=5)
    old = exam_with(hill, Grade.NONE, Grade.MODERATE, minutes_ago=50)
    urgent = exam_with(hill, Grade.PROLIFERATIVE, Grade.NONE, minutes_ago=1)
    severe = exam_with(hill, Grade.SEVERE, Grade.SEVERE)
    poor = exam_with(hill, State.UNGRADABLE, Grade.NONE, minutes_ago=90)
    unsure = exam_with(hill, Grade.MILD, Grade.NONE, uncertain=True)
    rows = [row.exam.pk for row in worklist_for(hill.doctor)]
    assert rows == [exam.pk for exam in (urgent, severe, old, young, unsure, poor)]
    assert routine.pk not in rows


def test_each_list_holds_what_its_name_says_and_the_counts_agree(hill: Clinic) -> None:
    exam_with(hill, Grade.NONE, Grade.NONE)
    exam_with(hill, Grade.MODERATE, Grade.NONE)
    exam_with(hill, Grade.MODERATE, Grade.NONE, uncertain=True)
    exam_with(hill, Grade.NONE, Grade.NONE, uncertain=True)
    exam_with(hill, State.UNGRADABLE, Grade.NONE)
    exam_with(hill, State.WAITING, Grade.NONE)
    exam_with(hill, None, None)
    counts = counts_for(hill.doctor)
    assert counts == {
        Show.ATTENTION: 5,
        Show.REFER: 2,
        Show.UNSURE: 2,
        Show.INCOMPLETE: 2,
        Show.GRADING: 1,
        Show.ROUTINE: 1,
        Show.ALL: 7,
    }
    for show, count in counts.items():
        assert len(worklist_for(hill.doctor, show)) == count


def test_a_row_says_what_each_eye_and_the_patient_have(hill: Clinic) -> None:
    exam_with(hill, Grade.SEVERE, Grade.MILD)
    [row] = worklist_for(hill.technician)
    assert row.outcome.right.name == "Severe NPDR"
    assert row.outcome.left.name == "Mild NPDR"
    assert row.outcome.patient.headline == "Refer to an eye doctor"
    assert row.patient.name


@pytest.mark.parametrize("exams", [1, 12])
def test_a_page_costs_the_same_number_of_queries_however_long_it_is(
    hill: Clinic, exams: int, django_assert_num_queries: Any
) -> None:
    for number in range(exams):
        exam_with(hill, Grade.MODERATE, Grade.MILD, minutes_ago=number)
    hill.doctor.refresh_from_db()
    with django_assert_num_queries(4):
        assert len(worklist_for(hill.doctor)) == exams


def test_all_counts_come_from_one_query(hill: Clinic, django_assert_num_queries: Any) -> None:
    exam_with(hill, Grade.MODERATE, Grade.MILD)
    hill.doctor.refresh_from_db()
    with django_assert_num_queries(2):
        counts_for(hill.doctor)


def test_a_list_comes_in_pages(hill: Clinic) -> None:
    for number in range(5):
        exam_with(hill, Grade.MODERATE, Grade.MILD, minutes_ago=number)
    pages = [worklist_for(hill.doctor, limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({row.exam.pk for page in pages for row in page}) == 5


def test_a_recorded_reason_closes_an_exam_that_lacks_an_eye(hill: Clinic) -> None:
    exam = exam_with(hill, None, Grade.NONE)
    assert exam.standing == "incomplete"
    set_absence(hill.technician, exam, Eye.RIGHT, Absence.NO_EYE)
    exam.refresh_from_db()
    assert exam.standing == "routine"
    set_absence(hill.technician, exam, Eye.RIGHT, Absence.CATARACT)
    exam.refresh_from_db()
    assert exam.standing == "examination"
    set_absence(hill.technician, exam, Eye.RIGHT, None)
    exam.refresh_from_db()
    assert exam.standing == "incomplete"
