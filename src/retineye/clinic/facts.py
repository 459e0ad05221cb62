"""What is known of the patient on the day of the exam: asked once, short, and carried over where it stays true."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import standing
from retineye.clinic.access import exams_for
from retineye.clinic.acuity import UnknownAcuity, logmar
from retineye.clinic.closed import refuse_if_closed, refuse_if_signed
from retineye.clinic.models import Exam, Eye, HbA1cUnit, Symptom, Treatment
from retineye.clinic.settings import settings_of

NEVER = "never"
_KNOWN_DAY = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
_HBA1C = {HbA1cUnit.PERCENT: (3.0, 20.0), HbA1cUnit.MMOL_MOL: (9.0, 195.0)}


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one exam, as a person states them."""

    consent: bool | None = None
    """To being photographed and graded; None where nobody asked."""
    symptoms: tuple[str, ...] = ()
    """Codes of `Symptom`."""
    symptoms_other: str = ""
    right_acuity: str = ""
    """In the notation given, such as 6/12."""
    left_acuity: str = ""
    treated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Codes of `Treatment` by eye."""
    pregnant: bool | None = None
    hba1c: float | None = None
    hba1c_unit: str = ""
    hba1c_on: date | None = None
    last_eye_exam: str = ""
    """2024, 2024-05, 2024-05-31 or `never`."""
    right_dilated: bool | None = None
    left_dilated: bool | None = None


def facts_of(exam: Exam) -> Facts:
    """Give the facts that the exam holds."""
    stored = {one.name: getattr(exam, one.name) for one in fields(Facts)}
    stored["symptoms"] = tuple(exam.symptoms)
    stored["treated"] = {eye: tuple(codes) for eye, codes in exam.treated.items()}
    return Facts(**stored)


def carried_over(exam: Exam) -> dict[str, object]:
    """Give the fields of a new exam that the patient's last exam answers already.

    Treatment of an eye stays true; an HbA1c carries its own date; and the last exam was an eye exam. Symptoms, acuity,
    pregnancy and consent are of the day, and asked anew.
    """
    before = (
        Exam.objects.filter(patient=exam.patient_id, taken_on__lte=exam.taken_on, cancelled_at=None)
        .exclude(pk=exam.pk)
        .order_by("-taken_on", "-created_at")
        .first()
    )
    if before is None:
        return {}
    return {
        "treated": before.treated,
        "hba1c": before.hba1c,
        "hba1c_unit": before.hba1c_unit,
        "hba1c_on": before.hba1c_on,
        "last_eye_exam": before.taken_on.isoformat() if before.taken_on < exam.taken_on else before.last_eye_exam,
    }


def record_facts(user: User, exam: Exam, facts: Facts) -> Exam:
    """Write down the facts of an exam, and what they make of its result.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not.
    Exam.DoesNotExist
        If it is another clinic's exam.
    django.core.exceptions.ValidationError
        If something can not be, by the name of its field; or the exam is signed or cancelled.
    """
    require(user, Right.ADD_PATIENT)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        refuse_if_signed(mine)
        values = _checked(mine, facts)
        if facts.consent != mine.consent:
            values["consent_at"] = timezone.now() if facts.consent is not None else None
        values |= {
            "facts_at": timezone.now(),
            "low_acuity_logmar": settings_of(user.membership.organisation_id).low_acuity_logmar,
        }
        for name, value in values.items():
            setattr(mine, name, value)
        mine.save(update_fields=list(values))
        standing.refresh(mine)
        audit.record(
            audit.Action.EXAM_CHANGED,
            actor=user,
            organisation=user.membership.organisation_id,
            object_type="exam",
            object_id=mine.pk,
            detail={"facts": True, "consent": facts.consent},
        )
    return mine


def _checked(exam: Exam, facts: Facts) -> dict[str, object]:
    values: dict[str, object] = {one.name: getattr(facts, one.name) for one in fields(Facts)}
    wrong: dict[str, str] = {}
    for eye in Eye:
        written = " ".join(getattr(facts, f"{eye.value}_acuity").split())
        values[f"{eye.value}_acuity"] = written
        try:
            values[f"{eye.value}_acuity_logmar"] = logmar(written) if written else None
        except UnknownAcuity as exc:
            wrong[f"{eye.value}_acuity"] = str(exc)
    values["symptoms"] = [code for code in Symptom.values if code in facts.symptoms]
    values["symptoms_other"] = " ".join(facts.symptoms_other.split()) if Symptom.OTHER in facts.symptoms else ""
    values["treated"] = _treated(facts)
    values["last_eye_exam"] = facts.last_eye_exam.strip().lower()
    for name, sentence in (*_hba1c_faults(exam, facts), *_day_faults(exam, str(values["last_eye_exam"]))):
        wrong[name] = sentence
    if facts.hba1c is None:
        values |= {"hba1c_unit": "", "hba1c_on": None}
    if wrong:
        raise ValidationError(wrong)
    return values


def _treated(facts: Facts) -> dict[str, list[str]]:
    kept = {eye.value: [code for code in Treatment.values if code in facts.treated.get(eye.value, ())] for eye in Eye}
    return {eye: codes for eye, codes in kept.items() if codes}


def _hba1c_faults(exam: Exam, facts: Facts) -> list[tuple[str, str]]:
    if facts.hba1c is None:
        return []
    if facts.hba1c_unit not in HbA1cUnit.values:
        return [("hba1c", _("Say whether this is in % or in mmol/mol."))]
    least, most = _HBA1C[HbA1cUnit(facts.hba1c_unit)]
    faults = []
    if not least <= facts.hba1c <= most:
        faults.append(("hba1c", _("No HbA1c is like that in this unit. Check the number and the unit.")))
    if facts.hba1c_on and facts.hba1c_on > max(exam.taken_on, timezone.localdate()):
        faults.append(("hba1c_on", _("This date is in the future.")))
    return faults


def _day_faults(exam: Exam, written: str) -> list[tuple[str, str]]:
    if written in ("", NEVER):
        return []
    known = _KNOWN_DAY.fullmatch(written)
    sentence = _("Write the year, such as 2024, or the date as 2024-05-31.")
    if known is None:
        return [("last_eye_exam", sentence)]
    try:
        earliest = date(int(known[1]), int(known[2] or 1), int(known[3] or 1))
    except ValueError:
        return [("last_eye_exam", sentence)]
    if earliest > exam.taken_on or earliest.year < 1900:
        return [("last_eye_exam", _("The last eye exam can not have been then. Check the date."))]
    return []
