"""Both eyes' readings become one result for the patient: what to do, by when, by which guideline. Pure.

The rules, by the code that a result carries:

======================  ============================================================================================
no_photographs          Nothing was sent yet.
pending                 A photograph is still on its road.
worse_eye               The worse eye decides; of several findings the one with the shortest interval.
ungradable_not_normal   An eye that can not be read, or is missing, is never normal: take it again.
tried_twice             Two photographs of an eye were not gradable, or a reason was recorded: refer for examination.
uncertain_human_read    The network is unsure: a person reads, and the result is never "no retinopathy".
======================  ============================================================================================
"""

import calendar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from retineye.clinic.eye import EyeResult, EyeStatus
from retineye.clinic.guidelines import FINDING_OF, Finding, Guideline, Row
from retineye.grading.result import Eye, Grade


class Conclusion(StrEnum):
    """What the result asks for."""

    EMPTY = "empty"
    PENDING = "pending"
    REFER = "refer"
    EXAMINATION = "examination"
    INCOMPLETE = "incomplete"
    HUMAN_READ = "human_read"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True)
class PatientResult:
    """The patient's result, by the worse eye."""

    conclusion: Conclusion
    headline: str
    """What to do, in a few words."""
    sentence: str
    """What to do and why, by when."""
    urgency: int
    """0 nothing presses, 1 incomplete, 2 a person must look, 3 refer, 4 within three months, 5 within one month."""
    guideline: Guideline
    rule: str
    """Code of the rule that fired."""
    due_by: date | None = None
    """To be seen before this day; counted from the day of the photographs."""
    months: tuple[int, int] | None = None
    """The guideline's interval, shortest and longest."""
    unsure: bool = False
    """The network was unsure of an eye, so a person must read it, whatever else is to do."""
    worse_eye: Eye | None = None
    finding: Finding | None = None
    """Row of the guideline's table."""
    grade: Grade | None = None
    """The worse eye's grade."""


@dataclass(frozen=True, slots=True)
class _Case:
    right: EyeResult
    left: EyeResult
    guideline: Guideline
    taken_on: date

    @property
    def eyes(self) -> tuple[EyeResult, EyeResult]:
        return (self.right, self.left)

    @property
    def unsure(self) -> bool:
        return any(eye.uncertain for eye in self.eyes)

    def deciding(self) -> tuple[EyeResult, Finding, Row] | None:
        """Give the eye and the finding with the shortest interval, and its row: of equal intervals the worse eye's."""
        found = [
            (eye, finding, self.guideline.rows[finding])
            for eye in self.eyes
            if eye.severity is not None
            for finding in _findings(eye)
        ]
        return min(found, key=lambda one: (one[2].min_months, one[2].max_months, -(one[0].severity or 0)), default=None)


def _findings(eye: EyeResult) -> list[Finding]:
    found = [FINDING_OF[eye.severity]] if eye.severity is not None else []
    return [*found, Finding.DME_SUSPECTED] if eye.dme_suspected else found


def patient_result(right: EyeResult, left: EyeResult, guideline: Guideline, taken_on: date) -> PatientResult:
    """Give the one result of both eyes, by the rules at the top of this file.

    1. Wait until every photograph has its verdict.
    2. An eye that calls for an eye doctor decides, whatever the other one is.
    3. An eye that is not readable is never normal: take it again; after two tries, or where a reason was recorded,
       refer for examination.
    4. An eye that the network is unsure of goes to a person.
    5. Else the guideline's interval, of the worse eye.
    """
    case = _Case(right, left, guideline, taken_on)
    if all(eye.status in (EyeStatus.MISSING, EyeStatus.ABSENT) and not eye.given_up for eye in case.eyes):
        sentence = " ".join(eye.advice for eye in case.eyes if eye.advice) or "There is no eye to photograph."
        return _plain(case, Conclusion.EMPTY, "No photographs yet", sentence, 0, "no_photographs")
    if any(eye.status is EyeStatus.PENDING for eye in case.eyes):
        return _plain(case, Conclusion.PENDING, "Being graded", "The result shows here in a few seconds.", 0, "pending")
    if any(eye.referable for eye in case.eyes):
        return _refer(case)
    unread = [eye for eye in case.eyes if not eye.readable]
    again = [eye for eye in unread if not eye.given_way]
    if again:
        return _incomplete(case, again)
    if unread:
        return _examination(case, unread)
    if case.unsure:
        return _human_read(case)
    return _routine(case)


def _plain(case: _Case, conclusion: Conclusion, headline: str, sentence: str, urgency: int, rule: str) -> PatientResult:
    return PatientResult(conclusion, headline, sentence, urgency, case.guideline, rule, unsure=case.unsure)


def _refer(case: _Case) -> PatientResult:
    deciding = case.deciding()
    assert deciding is not None  # noqa: S101  an eye is referable by its severity or its macula
    eye, finding, row = deciding
    due = add_months(case.taken_on, row.min_months)
    headline = "Refer to an eye doctor urgently" if row.min_months <= 1 else "Refer to an eye doctor"
    notes = [f"{_finding_name(eye, finding)} in the {eye.eye.value} eye{_worse(case, eye)}."]
    if case.unsure:
        notes.append("The network is unsure, so a clinician reads the photographs before the patient is told.")
    notes += [f"The {other.eye.value} eye is not readable." for other in case.eyes if not other.readable]
    return PatientResult(
        Conclusion.REFER,
        headline,
        f"{headline}, to be seen before {day(due)}: {' '.join(notes)}",
        5 if row.min_months <= 1 else 4 if row.max_months <= 3 else 3,
        case.guideline,
        "worse_eye",
        due_by=due,
        months=(row.min_months, row.max_months),
        unsure=case.unsure,
        worse_eye=eye.eye,
        finding=finding,
        grade=eye.grade,
    )


def _incomplete(case: _Case, again: list[EyeResult]) -> PatientResult:
    headline = f"Incomplete: {_eyes(again)} to be photographed {'again' if _seen(again) else 'still'}"
    sentence = " ".join([f"{headline}.", *dict.fromkeys(eye.advice for eye in again if eye.advice)])
    return _plain(case, Conclusion.INCOMPLETE, headline, sentence, 1, "ungradable_not_normal")


def _examination(case: _Case, unread: list[EyeResult]) -> PatientResult:
    headline = "Refer for examination"
    sentence = f"{headline}: {_eyes(unread)} could not be photographed well enough to judge."
    return _plain(case, Conclusion.EXAMINATION, headline, sentence, 2, "tried_twice")


def _human_read(case: _Case) -> PatientResult:
    headline = "A clinician must read the photographs"
    unsure = [eye for eye in case.eyes if eye.uncertain]
    return _plain(
        case,
        Conclusion.HUMAN_READ,
        headline,
        f"{headline}: the network is unsure of {_eyes(unsure)}.",
        2,
        "uncertain_human_read",
    )


def _routine(case: _Case) -> PatientResult:
    deciding = case.deciding()
    assert deciding is not None  # noqa: S101  both eyes are readable and one at least is graded
    eye, finding, row = deciding
    due = add_months(case.taken_on, row.min_months)
    headline = f"Next photographs in {months(row.min_months)}"
    what = (
        "no sign of diabetic retinopathy in the photographs supplied"
        if finding is Finding.NO_DR
        else f"{_finding_name(eye, finding)} in the {eye.eye.value} eye{_worse(case, eye)}"
    )
    return PatientResult(
        Conclusion.ROUTINE,
        headline,
        f"{headline}, before {day(due)}: {what}.",
        0,
        case.guideline,
        "worse_eye",
        due_by=due,
        months=(row.min_months, row.max_months),
        worse_eye=eye.eye,
        finding=finding,
        grade=eye.grade,
    )


def _finding_name(eye: EyeResult, finding: Finding) -> str:
    if finding is Finding.DME_SUSPECTED:
        return "macular oedema suspected"
    if eye.grade is not None and eye.severity is not None and eye.grade < eye.severity:
        return f"{eye.severity.label} or worse can not be ruled out"
    return eye.grade.label if eye.grade is not None else ""


def _worse(case: _Case, eye: EyeResult) -> str:
    other = case.left if eye is case.right else case.right
    return ", the worse one" if other.grade is not None and other.grade < (eye.grade or 0) else ""


def _seen(eyes: list[EyeResult]) -> bool:
    return all(eye.status is not EyeStatus.MISSING for eye in eyes)


def _eyes(eyes: list[EyeResult]) -> str:
    return "both eyes" if len(eyes) == 2 else f"the {eyes[0].eye.value} eye"


def months(count: int) -> str:
    """Say an interval in words: years where it is whole years."""
    unit, number = ("year", count // 12) if count % 12 == 0 else ("month", count)
    return f"{number} {unit}" + ("s" if number != 1 else "")


def day(when: date) -> str:
    """Write a day as 24 Feb 2027."""
    return f"{when.day} {calendar.month_abbr[when.month]} {when.year}"


def add_months(start: date, count: int) -> date:
    """Give the same day so many months later, or the month's last day where it has no such day."""
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
