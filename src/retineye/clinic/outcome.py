"""From the rows of an exam to what its photographs say."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from retineye.clinic import shadow
from retineye.clinic.eye import EyeResult, FieldOfView, Reading, ReadingState, eye_result
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.intended_use import ADULT_YEARS, Circumstances
from retineye.clinic.models import Absence, Exam, Photograph, State, Verdict
from retineye.clinic.referral import PatientResult, patient_result
from retineye.grading.errors import OutsideTriedError
from retineye.grading.result import Eye, Grade, Reason

_STATES = {
    State.WAITING: ReadingState.PENDING,
    State.GRADING: ReadingState.PENDING,
    State.GRADED: ReadingState.GRADED,
    State.UNGRADABLE: ReadingState.UNGRADABLE,
    State.FAILED: ReadingState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Pictured:
    """A photograph and its latest verdict."""

    photograph: Photograph
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the photographs of an exam say: of each eye, and of the patient."""

    right: EyeResult
    left: EyeResult
    patient: PatientResult


def pictured(exams: Iterable[UUID], *, veiled: bool = True) -> dict[UUID, list[Pictured]]:
    """Give each exam's photographs with their latest verdicts, the oldest photograph first. Two queries.

    Parameters
    ----------
    veiled
        Of a clinic in shadow mode, say neither verdict nor gradability; False where a read is held against them.
    """
    wanted = list(exams)
    photographs = Photograph.objects.filter(exam__in=wanted, withdrawn_at=None).order_by("created_at", "id")
    photographs = photographs.annotate(kept=shadow.of_photographs())
    latest: dict[UUID, Verdict] = {}
    verdicts = Verdict.objects.filter(photograph__exam__in=wanted, photograph__withdrawn_at=None)
    for each in verdicts.order_by("attempt"):
        latest[each.photograph_id] = each
    found: dict[UUID, list[Pictured]] = {exam: [] for exam in wanted}
    for photograph in photographs:
        verdict = latest.get(photograph.pk)
        if verdict is not None:
            verdict.photograph = photograph
        kept = veiled and photograph.kept
        one = Pictured(shadow.veil(photograph), None) if kept else Pictured(photograph, verdict)
        found[photograph.exam_id].append(one)
    return found


def pictures_of(exam: Exam, *, veiled: bool = True) -> list[Pictured]:
    """Give the exam's photographs with their latest verdicts, the oldest photograph first; see `pictured`."""
    return pictured([exam.pk], veiled=veiled)[exam.pk]


def outcomes_of(exams: Iterable[Exam]) -> dict[UUID, Outcome]:
    """Give the outcome of each exam, by its id. Two queries, however many exams."""
    listed = list(exams)
    pictures = pictured(exam.pk for exam in listed)
    return {exam.pk: outcome(exam, pictures[exam.pk]) for exam in listed}


def outcome_of(exam: Exam) -> Outcome:
    """Give the outcome of one exam."""
    return outcomes_of([exam])[exam.pk]


def outcome(exam: Exam, pictures: Iterable[Pictured]) -> Outcome:
    """Put the photographs of an exam together, by the table that the exam was opened with."""
    pictures = list(pictures)
    right = _eye(Eye.RIGHT, exam.right_absence, pictures)
    left = _eye(Eye.LEFT, exam.left_absence, pictures)
    result = patient_result(right, left, GUIDELINES[exam.guideline], exam.taken_on, circumstances_of(exam))
    return Outcome(right, left, result)


def circumstances_of(exam: Exam) -> Circumstances:
    """Give what bears on the exam's result besides its photographs: age, pregnancy, treatment, symptoms, acuity."""
    acuity = {Eye.RIGHT: exam.right_acuity_logmar, Eye.LEFT: exam.left_acuity_logmar}
    return Circumstances(
        under_age=_may_be_under_age(exam),
        pregnant=bool(exam.pregnant),
        treated_eyes=frozenset(eye for eye in Eye if exam.treated.get(eye.value)),
        symptoms=tuple(exam.symptoms),
        low_acuity_eyes=frozenset(
            eye for eye, value in acuity.items() if value is not None and value >= exam.low_acuity_logmar
        ),
    )


def _may_be_under_age(exam: Exam) -> bool:
    patient, day = exam.patient, exam.taken_on
    if patient.birth_date:
        born = patient.birth_date
        had = (day.month, day.day) >= (born.month, born.day)
        return day.year - born.year - (not had) < ADULT_YEARS
    # From the year alone: who may not have had the birthday yet counts as younger.
    return bool(patient.birth_year) and day.year - (patient.birth_year or 0) - 1 < ADULT_YEARS


def _eye(eye: Eye, absence: str, pictures: list[Pictured]) -> EyeResult:
    # What the network was never tried on is shown to people, and says neither good nor bad of the eye.
    readings = [
        _reading(one)
        for one in pictures
        if one.photograph.eye == eye.value and one.photograph.failure != OutsideTriedError.code
    ]
    no_eye = absence == Absence.NO_EYE
    return eye_result(eye, readings, no_eye=no_eye, given_up=bool(absence) and not no_eye)


def _reading(one: Pictured) -> Reading:
    state = _STATES[State(one.photograph.state)]
    field = FieldOfView(one.photograph.field)
    verdict = one.verdict
    if verdict is None and state is ReadingState.GRADED:
        # The verdict is kept from everybody: a person reads.
        return Reading(state, field, uncertain=True)
    if verdict is None or state not in (ReadingState.GRADED, ReadingState.UNGRADABLE):
        return Reading(state, field)
    return Reading(
        state,
        field,
        grade=None if verdict.grade is None else Grade(verdict.grade),
        uncertain=verdict.uncertain,
        referable=bool(verdict.referable),
        vision_threatening=bool(verdict.vision_threatening),
        dme_suspected=verdict.dme_suspected,
        reasons=tuple(Reason(code) for code in verdict.reasons),
    )
