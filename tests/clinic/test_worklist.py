"""The lists: what is on them, in which order, and what they cost."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from retineye.accounts.models import Site
from retineye.clinic.exams import create_exam, set_absence
from retineye.clinic.filters import keep_filter, saved_filters_of
from retineye.clinic.models import Absence, Exam, Eye, Patient, Photograph, State, Verdict
from retineye.clinic.reviews import assign
from retineye.clinic.standing import refresh
from retineye.clinic.worklist import NO_FILTERS, Filters, Place, Show, counts_for, neighbours, page_of, worklist_for
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
        Show.UNSIGNED: 5,
        Show.MINE: 0,
        Show.SECOND: 0,
        Show.ESCALATED: 0,
        Show.SIGNED: 0,
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
    with django_assert_num_queries(6):
        assert len(worklist_for(hill.doctor)) == exams


def test_all_counts_come_from_one_query(hill: Clinic, django_assert_num_queries: Any) -> None:
    exam_with(hill, Grade.MODERATE, Grade.MILD)
    hill.doctor.refresh_from_db()
    with django_assert_num_queries(3):
        counts_for(hill.doctor)


@pytest.mark.parametrize("show", [Show.ATTENTION, Show.ALL])
def test_a_list_comes_in_pages_forward_and_back_without_a_row_twice(hill: Clinic, show: Show) -> None:
    for number in range(5):
        exam_with(hill, Grade.SEVERE if number % 2 else Grade.MODERATE, Grade.MILD, minutes_ago=number)
    first = page_of(hill.doctor, show, limit=2)
    second = page_of(hill.doctor, show, after=first.after, limit=2)
    third = page_of(hill.doctor, show, after=second.after, limit=2)
    assert [len(page.rows) for page in (first, second, third)] == [2, 2, 1]
    assert len({row.exam.pk for page in (first, second, third) for row in page.rows}) == 5
    assert first.before is None
    assert third.after is None
    back = page_of(hill.doctor, show, before=third.before, limit=2)
    assert [row.exam.pk for row in back.rows] == [row.exam.pk for row in second.rows]
    assert page_of(hill.doctor, show, before=second.before, limit=2).before is None


def test_a_place_is_read_as_it_was_written_and_nothing_else_is(hill: Clinic) -> None:
    place = Place.of(exam_with(hill, Grade.MODERATE, Grade.MILD))
    assert Place.parse(str(place)) == place
    for text in ("", "x", "1~2~3", "1~2026-01-01T00:00:00~x", "1~2026-01-01T00:00:00~" + str(place.pk)):
        assert Place.parse(text) is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(grades=frozenset({3})), {"right severe"}),
        (Filters(grades=frozenset({0}), eye="right"), {"left moderate", "routine"}),
        (Filters(grades=frozenset({2, 3})), {"right severe", "left moderate"}),
        (Filters(ungradable=True), {"poor"}),
        (Filters(unsure=True), {"unsure"}),
        (Filters(text="SEVERE"), {"right severe"}),
        (Filters(unsigned=True), {"right severe", "left moderate", "unsure", "poor", "routine"}),
        (Filters(taken_from=date(2100, 1, 1)), set()),
        (Filters(taken_to=date(2100, 1, 1), text="poor"), {"poor"}),
        (Filters(mine=True), {"unsure"}),
    ],
)
def test_each_filter_narrows_the_list_and_the_counts_alike(hill: Clinic, filters: Filters, found: set[str]) -> None:
    exams = {
        "right severe": exam_with(hill, Grade.SEVERE, Grade.MILD),
        "left moderate": exam_with(hill, Grade.NONE, Grade.MODERATE),
        "unsure": exam_with(hill, Grade.MILD, Grade.MILD, uncertain=True),
        "poor": exam_with(hill, State.UNGRADABLE, Grade.MILD),
        "routine": exam_with(hill, Grade.NONE, Grade.NONE),
    }
    for name, exam in exams.items():
        Patient.objects.filter(pk=exam.patient_id).update(name=name, name_key=name)
    assign(hill.manager, exams["unsure"], hill.doctor)
    names = {row.patient.name for row in worklist_for(hill.doctor, Show.ALL, filters)}
    assert names == found
    assert counts_for(hill.doctor, filters)[Show.ALL] == len(found)


def test_the_exam_before_and_the_exam_after_are_those_of_the_list(hill: Clinic) -> None:
    severe, old, young = (
        exam_with(hill, Grade.SEVERE, Grade.MILD),
        exam_with(hill, Grade.MODERATE, Grade.MILD, minutes_ago=9),
        exam_with(hill, Grade.MODERATE, Grade.MILD),
    )
    severe.refresh_from_db(), old.refresh_from_db(), young.refresh_from_db()
    assert neighbours(hill.doctor, Show.UNSIGNED, NO_FILTERS, old) == (severe.pk, young.pk)
    assert neighbours(hill.doctor, Show.UNSIGNED, NO_FILTERS, severe) == (None, old.pk)
    assert neighbours(hill.doctor, Show.UNSIGNED, NO_FILTERS, young) == (old.pk, None)


def test_a_filter_is_kept_under_a_name_of_ones_own(hill: Clinic) -> None:
    assert keep_filter(hill.doctor, " Severe  ones ", "show=all&grade=3")
    assert keep_filter(hill.doctor, "Severe ones", "show=all&grade=4")
    assert keep_filter(hill.doctor, "", "show=all") is None
    assert [(one.name, one.query) for one in saved_filters_of(hill.doctor)] == [("Severe ones", "show=all&grade=4")]
    assert not saved_filters_of(hill.manager).exists()


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


def test_a_list_narrows_to_one_site(hill: Clinic) -> None:
    site = Site.objects.create(organisation=hill.organisation, name="Market Street")
    there = exam_with(hill, Grade.MODERATE, Grade.MILD)
    exam_with(hill, Grade.MODERATE, Grade.MILD)
    Exam.objects.filter(pk=there.pk).update(site=site)
    found = Filters(site=site.pk)
    assert [row.exam.pk for row in worklist_for(hill.doctor, Show.ALL, found)] == [there.pk]
    assert counts_for(hill.doctor, found)[Show.ALL] == 1
