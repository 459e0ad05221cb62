"""Both eyes' readings make one result for the patient, by a named table."""

from datetime import date

import pytest

from retineye.clinic.due import add_months, add_span
from retineye.clinic.eye import EyeResult, EyeStatus, FieldOfView, Reading, ReadingState, eye_result
from retineye.clinic.guidelines import AT_ONCE, FINDING_OF, GUIDELINES, Finding, Guideline, Span
from retineye.clinic.intended_use import Circumstances
from retineye.clinic.models import Standing
from retineye.clinic.referral import Conclusion, Note, PatientResult, patient_result
from retineye.grading.result import Eye, Grade, Reason

HIGH, LOW = GUIDELINES["ico-2017-high"], GUIDELINES["ico-2017-low"]
TAKEN = date(2026, 11, 24)


def graded(grade: Grade, **changes: object) -> Reading:
    referable = {"referable": grade >= Grade.MODERATE, "vision_threatening": grade >= Grade.SEVERE}
    return Reading(ReadingState.GRADED, grade=grade, **{**referable, **changes})  # type: ignore[arg-type]


def poor(reason: Reason = Reason.OUT_OF_FOCUS, field: FieldOfView = FieldOfView.UNKNOWN) -> Reading:
    return Reading(ReadingState.UNGRADABLE, field, reasons=(reason,))


def eye(side: Eye, *readings: Reading, **changes: bool) -> EyeResult:
    return eye_result(side, readings, **changes)


def result(right: Reading | EyeResult, left: Reading | EyeResult, guideline: object = HIGH) -> PatientResult:
    eyes = [
        one if isinstance(one, EyeResult) else eye(side, one) for side, one in ((Eye.RIGHT, right), (Eye.LEFT, left))
    ]
    return patient_result(eyes[0], eyes[1], guideline, TAKEN)  # type: ignore[arg-type]


def test_every_grade_has_a_row_of_its_own() -> None:
    assert set(FINDING_OF) == set(Grade)
    assert len(set(FINDING_OF.values())) == len(Grade)


def test_every_conclusion_is_a_standing_that_lists_can_hold() -> None:
    assert {one.value for one in Conclusion} <= set(Standing.values)


@pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=GUIDELINES.keys())
@pytest.mark.parametrize(
    ("worse", "better"), [(worse, better) for worse in Grade for better in Grade if better <= worse]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_worse_eye_decides_whichever_side_it_is_on(
    worse: Grade, better: Grade, swapped: bool, guideline: object
) -> None:
    pair = (graded(better), graded(worse)) if swapped else (graded(worse), graded(better))
    found = result(*pair, guideline=guideline)
    row = found.guideline.rows[FINDING_OF[worse]]
    assert (found.conclusion is Conclusion.REFER) == row.refer
    assert found.finding is FINDING_OF[worse]
    assert found.interval == (row.shortest, row.longest)
    assert found.rule == "worse_eye"
    if better < worse:
        assert found.worse_eye is (Eye.LEFT if swapped else Eye.RIGHT)


def test_the_sentence_says_what_to_do_by_when_and_why() -> None:
    found = result(graded(Grade.SEVERE), graded(Grade.MILD))
    assert found.headline == "Refer to an eye doctor"
    assert found.sentence == (
        "Refer to an eye doctor, to be seen before 24 Feb 2027: Severe NPDR in the right eye, the worse one."
    )
    assert found.due_by == date(2027, 2, 24)
    assert found.grade is Grade.SEVERE


def test_proliferative_disease_is_urgent_and_presses_more_than_anything_else() -> None:
    urgent = result(graded(Grade.NONE), graded(Grade.PROLIFERATIVE))
    assert urgent.headline == "Refer to an eye doctor urgently"
    assert urgent.due_by == date(2026, 12, 24)
    order = [result(graded(grade), graded(Grade.NONE)).urgency for grade in Grade]
    assert order == sorted(order)
    assert urgent.urgency == max(order) > order[3]


def test_two_healthy_eyes_come_again_after_the_shorter_end_of_the_interval() -> None:
    found = result(graded(Grade.NONE), graded(Grade.NONE))
    assert found.conclusion is Conclusion.ROUTINE
    assert found.sentence == (
        "Next photographs in 1 year, before 24 Nov 2027: no sign of diabetic retinopathy in the photographs supplied."
    )
    assert found.urgency == 0


def test_the_due_date_counts_from_the_day_of_the_photographs() -> None:
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert add_months(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert add_months(date(2026, 12, 31), 12) == date(2027, 12, 31)


def test_a_suspected_macular_oedema_takes_the_shorter_interval_of_the_two_rows() -> None:
    found = result(graded(Grade.MILD, dme_suspected=True), graded(Grade.NONE))
    assert found.conclusion is Conclusion.REFER
    assert found.finding is Finding.DME_SUSPECTED
    assert found.interval == (Span(1, "months"), Span(1, "months"))


@pytest.mark.parametrize("other", [Grade.NONE, Grade.MILD])
def test_one_ungradable_eye_beside_a_healthy_one_is_incomplete_and_not_normal(other: Grade) -> None:
    found = result(poor(), graded(other))
    assert found.conclusion is Conclusion.INCOMPLETE
    assert found.rule == "ungradable_not_normal"
    assert found.due_by is None
    assert "the right eye to be photographed again" in found.headline
    assert Reason.OUT_OF_FOCUS.advice in found.sentence


def test_one_ungradable_eye_beside_a_referable_one_is_referred_now() -> None:
    found = result(poor(), graded(Grade.MODERATE))
    assert found.conclusion is Conclusion.REFER
    assert found.sentence.endswith("The right eye is not readable.")


def test_after_two_ungradable_photographs_of_an_eye_the_patient_is_sent_for_examination() -> None:
    twice = eye(Eye.RIGHT, poor(), poor(Reason.TOO_DARK))
    found = result(twice, graded(Grade.NONE))
    assert (found.conclusion, found.rule) == (Conclusion.EXAMINATION, "tried_twice")
    assert twice.tries == 2
    assert twice.reasons == (Reason.TOO_DARK,)


def test_a_missing_eye_counts_as_ungradable() -> None:
    found = result(eye(Eye.RIGHT), graded(Grade.NONE))
    assert found.conclusion is Conclusion.INCOMPLETE
    assert found.headline == "Incomplete: the right eye to be photographed still"


def test_where_there_is_no_eye_the_other_one_decides_alone() -> None:
    found = result(eye(Eye.RIGHT, no_eye=True), graded(Grade.NONE))
    assert found.conclusion is Conclusion.ROUTINE


def test_an_eye_that_can_not_be_photographed_today_is_sent_for_examination() -> None:
    found = result(eye(Eye.LEFT, given_up=True), graded(Grade.NONE))
    assert found.conclusion is Conclusion.EXAMINATION


def test_a_file_that_can_not_be_read_is_no_try_and_nothing_in_favour_of_the_eye() -> None:
    broken = eye(Eye.RIGHT, Reading(ReadingState.FAILED), Reading(ReadingState.FAILED))
    found = result(broken, graded(Grade.NONE))
    assert broken.status is EyeStatus.UNGRADABLE
    assert found.conclusion is Conclusion.INCOMPLETE
    assert "file could not be read" in found.sentence


@pytest.mark.parametrize("grade", [Grade.NONE, Grade.MILD])
def test_an_uncertain_eye_goes_to_a_person_and_never_reads_no_dr(grade: Grade) -> None:
    found = result(graded(grade, uncertain=True), graded(Grade.NONE))
    assert (found.conclusion, found.rule) == (Conclusion.HUMAN_READ, "uncertain_human_read")
    assert found.unsure
    assert found.due_by is None
    right = eye(Eye.RIGHT, graded(grade, uncertain=True))
    assert "nsure" in right.name
    assert not right.name.startswith("No DR")


def test_where_grade_and_decision_disagree_the_more_severe_counts() -> None:
    found = result(graded(Grade.MILD, referable=True, uncertain=True), graded(Grade.NONE))
    assert found.conclusion is Conclusion.REFER
    assert found.unsure
    assert found.finding is Finding.MODERATE
    assert "Moderate NPDR or worse can not be ruled out" in found.sentence
    assert "a clinician reads the photographs" in found.sentence


def test_nothing_is_concluded_while_a_photograph_is_on_its_road() -> None:
    found = result(Reading(ReadingState.PENDING), graded(Grade.PROLIFERATIVE))
    assert found.conclusion is Conclusion.PENDING
    assert found.due_by is None


def test_without_photographs_there_is_no_conclusion() -> None:
    found = result(eye(Eye.RIGHT), eye(Eye.LEFT))
    assert found.conclusion is Conclusion.EMPTY
    assert found.rule == "no_photographs"


def test_of_several_photographs_of_an_eye_the_worse_grade_counts() -> None:
    found = eye(Eye.RIGHT, graded(Grade.MILD), graded(Grade.SEVERE), graded(Grade.NONE))
    assert (found.status, found.grade) == (EyeStatus.GRADED, Grade.SEVERE)
    assert found.vision_threatening


MACULA, DISC, UNKNOWN = FieldOfView.MACULA, FieldOfView.DISC, FieldOfView.UNKNOWN


@pytest.mark.parametrize(
    ("readings", "status"),
    [
        ([graded(Grade.NONE, field=MACULA)], EyeStatus.GRADED),
        ([graded(Grade.NONE, field=MACULA), poor(field=DISC)], EyeStatus.GRADED),
        ([poor(field=MACULA), graded(Grade.NONE, field=DISC)], EyeStatus.INCOMPLETE),
        ([poor(field=MACULA), graded(Grade.NONE, field=MACULA)], EyeStatus.GRADED),
        ([poor(field=MACULA), graded(Grade.NONE)], EyeStatus.INCOMPLETE),
        ([graded(Grade.NONE, field=DISC)], EyeStatus.INCOMPLETE),
        ([graded(Grade.NONE)], EyeStatus.GRADED),
        ([graded(Grade.NONE), graded(Grade.NONE)], EyeStatus.GRADED),
        ([graded(Grade.NONE), poor()], EyeStatus.INCOMPLETE),
        ([graded(Grade.NONE), Reading(ReadingState.FAILED)], EyeStatus.INCOMPLETE),
        ([graded(Grade.NONE), poor(field=DISC)], EyeStatus.GRADED),
        ([poor(), poor()], EyeStatus.UNGRADABLE),
    ],
)
def test_an_eye_reads_no_dr_only_if_what_shows_the_macula_is_gradable(
    readings: list[Reading], status: EyeStatus
) -> None:
    found = eye(Eye.RIGHT, *readings)
    assert found.status is status
    assert (found.name == "No DR") == (status is EyeStatus.GRADED)
    assert (result(found, graded(Grade.NONE)).conclusion is Conclusion.ROUTINE) == (status is EyeStatus.GRADED)


def test_a_referable_grade_counts_even_where_another_photograph_is_poor() -> None:
    found = eye(Eye.RIGHT, poor(field=MACULA), graded(Grade.MODERATE, field=DISC))
    assert found.status is EyeStatus.GRADED
    assert found.referable


def test_macular_oedema_is_never_said_to_be_present_or_excluded() -> None:
    assert eye(Eye.LEFT, graded(Grade.NONE)).dme == "Macular oedema: cannot judge"
    assert eye(Eye.LEFT, graded(Grade.NONE, dme_suspected=True)).dme == "Macular oedema suspected"


def test_every_result_names_its_guideline_and_rule_and_never_a_bare_digit() -> None:
    for right in (eye(Eye.RIGHT), eye(Eye.RIGHT, poor()), eye(Eye.RIGHT, graded(Grade.MODERATE))):
        for left in (eye(Eye.LEFT), eye(Eye.LEFT, graded(Grade.NONE, uncertain=True)), eye(Eye.LEFT, poor(), poor())):
            found = result(right, left)
            assert found.rule
            assert found.guideline is HIGH
            assert len(found.sentence) > 20
            assert right.name
            assert not right.name.isdigit()


EVERY_READING = [
    *(
        graded(grade, uncertain=uncertain, field=field)
        for grade in Grade
        for uncertain in (False, True)
        for field in FieldOfView
    ),
    *(poor(field=field) for field in FieldOfView),
    graded(Grade.NONE, referable=True, uncertain=True),
    graded(Grade.MILD, vision_threatening=True, uncertain=True),
    graded(Grade.NONE, dme_suspected=True),
    Reading(ReadingState.FAILED),
    Reading(ReadingState.PENDING),
]
EVERY_EYE = [
    [],
    *([one] for one in EVERY_READING),
    *([one, other] for one in EVERY_READING for other in EVERY_READING[::3]),
]


@pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=GUIDELINES.keys())
def test_whatever_the_photographs_say_doubt_and_disease_never_read_as_health(guideline: Guideline) -> None:
    rights = [eye(Eye.RIGHT, *readings, given_up=given_up) for readings in EVERY_EYE for given_up in (False, True)]
    lefts = [eye(Eye.LEFT, *readings) for readings in EVERY_EYE[::29]]
    for right in rights:
        if right.name == "No DR":
            assert right.status is EyeStatus.GRADED
            assert not right.uncertain
            assert not right.referable
        for left in lefts:
            found = patient_result(right, left, guideline, TAKEN)
            both = (right, left)
            pending = any(one.status is EyeStatus.PENDING for one in both)
            if found.conclusion is Conclusion.ROUTINE:
                assert all(one.readable and not one.uncertain and not one.referable for one in both)
                assert found.due_by is not None
            if pending:
                assert found.conclusion is Conclusion.PENDING
            elif any(one.referable for one in both):
                assert found.conclusion is Conclusion.REFER
                assert found.due_by is not None
            assert found.unsure == any(one.uncertain for one in both)
            assert (found.due_by is not None) == (found.conclusion in (Conclusion.ROUTINE, Conclusion.REFER))


SYMPTOMS = ("sudden_loss", "floaters", "curtain", "pain", "distortion", "other")


def known(
    right: Reading | EyeResult, left: Reading | EyeResult, signed: bool = False, **facts: object
) -> PatientResult:
    eyes = [
        one if isinstance(one, EyeResult) else eye(side, one) for side, one in ((Eye.RIGHT, right), (Eye.LEFT, left))
    ]
    return patient_result(eyes[0], eyes[1], HIGH, TAKEN, Circumstances(**facts), signed=signed)  # type: ignore[arg-type]


@pytest.mark.parametrize("symptom", SYMPTOMS)
@pytest.mark.parametrize("grade", list(Grade))
def test_a_symptom_overrides_every_interval_and_is_seen_at_once(symptom: str, grade: Grade) -> None:
    found = known(graded(grade), graded(Grade.NONE), symptoms=(symptom,))
    assert (found.conclusion, found.rule) == (Conclusion.REFER, "symptoms_at_once")
    assert (found.due_by, found.interval) == (TAKEN, None)
    assert found.at_once
    assert found.headline == "Refer to an eye doctor at once"
    assert found.urgency > result(graded(Grade.PROLIFERATIVE), graded(Grade.NONE)).urgency


@pytest.mark.parametrize("readings", [(), (poor(),), (Reading(ReadingState.PENDING),)])
def test_a_symptom_waits_for_no_photograph(readings: tuple[Reading, ...]) -> None:
    found = known(eye(Eye.RIGHT, *readings), eye(Eye.LEFT), symptoms=("curtain",))
    assert (found.conclusion, found.due_by) == (Conclusion.REFER, TAKEN)
    assert "no sign" not in found.sentence


def test_an_eye_that_sees_badly_is_seen_at_once_for_a_photograph_does_not_show_why() -> None:
    found = known(graded(Grade.NONE), graded(Grade.NONE), low_acuity_eyes=frozenset({Eye.LEFT}))
    assert (found.conclusion, found.rule) == (Conclusion.REFER, "low_acuity_at_once")
    assert found.due_by == TAKEN
    assert "The left eye sees badly." in found.sentence


@pytest.mark.parametrize(
    ("facts", "note", "words"),
    [
        ({"under_age": True}, Note.UNDER_AGE, "the patient may be under 18"),
        ({"pregnant": True}, Note.PREGNANT, "the patient is pregnant"),
        ({"treated_eyes": frozenset({Eye.RIGHT})}, Note.TREATED, "an eye was treated before"),
    ],
)
@pytest.mark.parametrize("grade", list(Grade))
def test_who_is_outside_the_intended_use_is_always_read_by_a_person(
    facts: dict[str, object], note: Note, words: str, grade: Grade
) -> None:
    found = known(graded(grade), graded(Grade.NONE), **facts)
    assert found.human_read
    assert note in found.notes
    if grade < Grade.MODERATE:
        assert (found.conclusion, found.rule) == (Conclusion.HUMAN_READ, "outside_intended_use")
        assert found.due_by is None
        assert words in found.sentence
        assert "no sign" not in found.sentence
    else:
        assert found.conclusion is Conclusion.REFER
        assert "a clinician reads before the patient is told" in found.sentence


def test_what_a_doctor_signed_needs_no_further_read() -> None:
    found = known(graded(Grade.NONE), graded(Grade.NONE), signed=True, pregnant=True)
    assert found.conclusion is Conclusion.ROUTINE
    assert not found.human_read
    assert "Pregnancy needs closer watch" in found.sentence


def test_a_treated_eye_that_is_quiet_takes_the_shorter_interval_and_stays_in_care() -> None:
    treated = {"treated_eyes": frozenset({Eye.RIGHT})}
    found = known(graded(Grade.NONE), graded(Grade.NONE), signed=True, **treated)
    assert (found.finding, found.due_by) == (Finding.TREATED_STABLE, date(2027, 5, 24))
    assert Note.IN_CARE in found.notes
    worse = known(graded(Grade.SEVERE), graded(Grade.NONE), signed=True, **treated)
    assert (worse.finding, worse.due_by) == (Finding.SEVERE, date(2027, 2, 24))


def test_with_a_table_of_other_grades_the_result_says_that_the_reader_must_confirm() -> None:
    nhs = GUIDELINES["nhs-style-2021"]
    found = result(graded(Grade.MODERATE), graded(Grade.NONE), nhs)
    assert "ICDR grade 2, NHS-style recall: the reader must confirm." in found.sentence
    assert Note.READER_CONFIRMS in found.notes
    assert found.due_by == date(2027, 2, 23)
    assert result(graded(Grade.PROLIFERATIVE), graded(Grade.NONE), nhs).urgency == 5
    assert "ICDR grade 0" in result(graded(Grade.NONE), graded(Grade.NONE), nhs).sentence


def test_at_once_is_due_on_the_day_of_the_photographs_and_never_before_it() -> None:
    found = result(graded(Grade.SEVERE), graded(Grade.NONE), GUIDELINES["ada-2017"])
    assert found.sentence == "Refer to an eye doctor at once: Severe NPDR in the right eye, the worse one."
    assert found.due_by == add_span(TAKEN, AT_ONCE) == TAKEN
    assert add_span(TAKEN, Span(13, "weeks")) == date(2027, 2, 23)


def test_an_interval_reads_in_words() -> None:
    words = [Span(*one).words for one in ((12, "months"), (24, "months"), (6, "months"), (1, "months"), (13, "weeks"))]
    assert words == ["1 year", "2 years", "6 months", "1 month", "13 weeks"]
    assert AT_ONCE.words == "at once"


def test_what_a_photograph_lets_suspect_of_the_macula_is_said_in_three_ways() -> None:
    suspected = eye_result(Eye.RIGHT, [Reading(ReadingState.GRADED, grade=Grade.NONE, dme_suspected=True)])
    clear = eye_result(Eye.RIGHT, [Reading(ReadingState.GRADED, grade=Grade.NONE, dme_suspected=False)])
    of_disc = Reading(ReadingState.GRADED, FieldOfView.DISC, grade=Grade.MODERATE, dme_suspected=False)
    silent = eye_result(Eye.RIGHT, [Reading(ReadingState.GRADED, grade=Grade.NONE)])
    assert suspected.dme == "Macular oedema suspected"
    assert suspected.referable
    assert clear.dme == "Macular oedema: no sign seen"
    assert eye_result(Eye.RIGHT, [of_disc]).dme == silent.dme == "Macular oedema: cannot judge"
