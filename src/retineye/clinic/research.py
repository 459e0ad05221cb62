"""Choose what leaves the clinic for research: of patients who agreed, without anything that leads back to them.

Pseudonyms are drawn anew for each export and written down nowhere: nobody, the clinic included, can link a row back.
Each patient's days are moved by one random span, so that the time between visits stays and the day does not.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Prefetch

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import shadow
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, Eye, Photograph, Review, Signature, State, Verdict

_MOST_DAYS = 182
_OLDEST = 90
"""Ages above are given as this one, as HIPAA's safe harbour asks."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Picked:
    """One photograph, with what goes beside it; nothing in it names a person, a clinic or a day as it was."""

    photograph: Photograph
    patient: str
    """The pseudonym."""
    exam: str
    """The exam's number within the patient's, by its day."""
    number: int
    """Counts the photographs of the exam."""
    shift_days: int
    taken_on: date
    """Moved."""
    age_years: int | None
    sex: str
    diabetes_type: str
    diabetes_years: int | None
    """Since diabetes was found."""
    verdict: Verdict | None
    """The software's latest; None where the clinic is in shadow mode."""
    read: Review | None
    """What was signed."""


def pick(user: User, first: date | None = None, last: date | None = None) -> list[Picked]:
    """Give the photographs of every patient of the person's clinic who agreed to research, in a shuffled order."""
    require(user, Right.EXPORT_RESEARCH)
    exams = exams_for(user).filter(patient__research_consent=True, patient__merged_into=None, cancelled_at=None)
    if first:
        exams = exams.filter(taken_on__gte=first)
    if last:
        exams = exams.filter(taken_on__lte=last)
    kept = Photograph.objects.filter(withdrawn_at=None).exclude(state__in=(State.WAITING, State.GRADING))
    exams = exams.prefetch_related(
        Prefetch("photographs", queryset=kept.order_by("created_at", "id")),
        Prefetch("photographs__verdicts", queryset=Verdict.objects.order_by("attempt")),
        Prefetch("signatures", queryset=Signature.objects.filter(withdrawn_at=None).select_related("review")),
    )
    by_patient: dict[object, list[Exam]] = {}
    for exam in exams.order_by("taken_on", "created_at"):
        by_patient.setdefault(exam.patient_id, []).append(exam)
    hidden = shadow.in_shadow(user.membership.organisation_id)
    names = _pseudonyms(len(by_patient))
    groups = list(by_patient.values())
    secrets.SystemRandom().shuffle(groups)
    return [one for name, group in zip(names, groups, strict=True) for one in _of_patient(name, group, hidden)]


def note_export(user: User, picked: list[Picked], left_out: int) -> None:
    """Remember in the audit how much went out; which patients, it does not say."""
    audit.record(
        audit.Action.EXPORTED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="research",
        detail={
            "patients": len({one.patient for one in picked}),
            "photographs": len(picked) - left_out,
            "left_out": left_out,
        },
    )


def agreed_count(user: User) -> int:
    """Give how many patients of the person's clinic agreed to research."""
    require(user, Right.EXPORT_RESEARCH)
    return exams_for(user).filter(patient__research_consent=True).values("patient").distinct().count()


def _pseudonyms(count: int) -> list[str]:
    found: set[str] = set()
    while len(found) < count:
        found.add("R" + "".join(secrets.choice(_LETTERS) for _ in range(7)))
    # A set's order depends on its contents; sorting makes it depend on nothing but chance.
    return sorted(found)


def _of_patient(name: str, exams: list[Exam], hidden: bool) -> Iterator[Picked]:
    # Never by nought: a day that was not moved is a day as it was.
    shift = (1 + secrets.randbelow(_MOST_DAYS)) * secrets.choice((-1, 1))
    for number, exam in enumerate(exams, start=1):
        patient = exam.patient
        signatures = list(exam.signatures.all())
        for at, photograph in enumerate(exam.photographs.all(), start=1):
            verdicts = list(photograph.verdicts.all())
            yield Picked(
                photograph=photograph,
                patient=name,
                exam=f"{number:02d}",
                number=at,
                shift_days=shift,
                taken_on=exam.taken_on + timedelta(days=shift),
                age_years=_age(exam),
                sex=patient.sex,
                diabetes_type=patient.diabetes_type,
                diabetes_years=exam.taken_on.year - patient.diabetes_year if patient.diabetes_year else None,
                verdict=verdicts[-1] if verdicts and not hidden else None,
                read=signatures[0].review if signatures else None,
            )


def _age(exam: Exam) -> int | None:
    born, day = exam.patient.birth_date, exam.taken_on
    if born:
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    elif exam.patient.birth_year:
        years = day.year - exam.patient.birth_year
    else:
        return None
    return min(max(0, years), _OLDEST)


def grade_read(read: Review | None, eye: str) -> int | None:
    """Give the grade that was signed of an eye."""
    grade = read.grade_of(Eye(eye)) if read else None
    return None if grade is None else int(grade)
