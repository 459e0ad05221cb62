"""What the templates of a patient's record show: facts and corrections put into words, nothing decided anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from retineye.accounts.policy import Person, Right, allowed
from retineye.clinic.acuity import COMMON
from retineye.clinic.facts import NEVER
from retineye.clinic.models import Exam, Eye, Field, HbA1cUnit, Patient, Photograph, Sex, Symptom, Treatment
from retineye.clinic.outcome import circumstances_of
from retineye.web.patient_forms import FactsForm

_OLDEST_MOTHER: Final = 60


@dataclass(frozen=True, slots=True)
class Chip:
    """One fact in a few words."""

    text: str
    tone: str = ""
    """CSS class: `chip-doubt` sends the photographs to a person, `chip-act` can not wait."""


def facts_panel(
    user: Person, exam: Exam, form: FactsForm | None = None, *, opened: bool | None = None
) -> dict[str, Any]:
    """Give what the panel of an exam's facts shows: the facts in words, and the form where it may be changed."""
    may_change = allowed(user, Right.ADD_PATIENT) and not exam.cancelled_at and exam.signed_at is None
    return {
        "exam": exam,
        "chips": list(_chips(exam)),
        "form": (form or FactsForm.of(exam)) if may_change else None,
        "opened": (exam.facts_at is None if opened is None else opened) and may_change,
        "more_opened": form is not None and bool({"hba1c", "hba1c_on", "last_eye_exam"} & set(form.errors)),
        "ask_pregnant": _may_be_pregnant(exam),
        "acuities": COMMON,
        "last_exams": [NEVER, *(str(timezone.localdate().year - back) for back in range(4))],
    }


def _may_be_pregnant(exam: Exam) -> bool:
    born = exam.patient.birth_year
    return exam.patient.sex != Sex.MALE and (not born or exam.taken_on.year - born <= _OLDEST_MOTHER)


def _chips(exam: Exam) -> Iterator[Chip]:
    yield from _consent(exam)
    yield from _symptoms(exam)
    yield from _eyes(exam)
    if exam.pregnant:
        yield Chip(_("Pregnant"), "chip-doubt")
    if circumstances_of(exam).under_age:
        yield Chip(_("Under 18"), "chip-doubt")
    if exam.hba1c is not None:
        said = f"{exam.hba1c:g} {HbA1cUnit(exam.hba1c_unit).label}"
        on = f", {_day(exam.hba1c_on)}" if exam.hba1c_on else ""
        yield Chip(_("HbA1c %(value)s") % {"value": said + on})
    if exam.last_eye_exam == NEVER:
        yield Chip(_("First eye exam"))
    elif exam.last_eye_exam:
        yield Chip(_("Last eye exam %(day)s") % {"day": partial_day(exam.last_eye_exam)})
    widened = [Eye(eye).label for eye in Eye if getattr(exam, f"{eye.value}_dilated")]
    if widened:
        yield Chip(_("Pupil widened: %(eyes)s") % {"eyes": ", ".join(map(str, widened)).lower()})


def _consent(exam: Exam) -> Iterator[Chip]:
    if exam.consent is False:
        yield Chip(_("Does not agree: take no photographs"), "chip-act")
    elif exam.consent:
        yield Chip(_("Agrees to photographs"))
    elif exam.facts_at:
        yield Chip(_("Consent not asked"), "chip-doubt")


def _symptoms(exam: Exam) -> Iterator[Chip]:
    for code in exam.symptoms:
        words = exam.symptoms_other if code == Symptom.OTHER and exam.symptoms_other else Symptom(code).label
        yield Chip(str(words), "chip-act")
    if exam.facts_at and not exam.symptoms:
        yield Chip(_("No complaints"))


def _eyes(exam: Exam) -> Iterator[Chip]:
    low = {eye.value for eye in circumstances_of(exam).low_acuity_eyes}
    for eye in Eye:
        written = getattr(exam, f"{eye.value}_acuity")
        if written:
            words = _("%(eye)s sees %(acuity)s") % {"eye": eye.label, "acuity": written}
            yield Chip(words, "chip-act" if eye.value in low else "")
        done = [str(Treatment(code).label).lower() for code in exam.treated.get(eye.value, [])]
        if done:
            yield Chip(_("%(eye)s had %(what)s") % {"eye": eye.label, "what": ", ".join(done)}, "chip-doubt")


def _day(day: date) -> str:
    return date_format(day, "j M Y")


def partial_day(written: str) -> str:
    """Write a day as far as it is known: 2024, May 2024, 31 May 2024."""
    parts = [int(part) for part in written.split("-")]
    if len(parts) == 1:
        return str(parts[0])
    if len(parts) == 2:
        return date_format(date(parts[0], parts[1], 1), "M Y")
    return _day(date(*parts))


def named(photograph: Photograph) -> str:
    """Name a photograph by eye and field."""
    field = "" if photograph.field == Field.UNKNOWN else f", {Field(photograph.field).label.lower()}"
    return f"{Eye(photograph.eye).label}{field}"


def diabetes(patient: Patient) -> str:
    """Write the kind of diabetes and since when; empty where neither is known."""
    kind = patient.get_diabetes_type_display() if patient.diabetes_type else ""
    since = _("since %(year)s") % {"year": patient.diabetes_year} if patient.diabetes_year else ""
    return ", ".join(part for part in (str(kind), since) if part)
