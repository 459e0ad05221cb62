"""Which exams wait for a camera, from the rows."""

from datetime import date, timedelta

from retineye.clinic.access import exams_for
from retineye.clinic.matching import OWN_ISSUER, number_of, order_of
from retineye.clinic.models import Exam, Sender, Standing
from retineye.clinic.settings import today_at, zone_of
from retineye.exchange.dicom_in.worklist import Wanted, person_name

LIMIT = 200
"""So many are answered to one question."""

_SEX = {"female": "F", "male": "M", "other": "O"}


def waiting_exams(sender: Sender, days: tuple[date | None, date | None] | None) -> list[Wanted]:
    """Give the exams that are not handed over yet: of the days asked for, else of yesterday and today."""
    today = today_at(sender.organisation_id)
    first, last = days or (today - timedelta(days=1), today)
    exams = exams_for(sender.acts_as).filter(cancelled_at=None, submitted_at=None).exclude(standing=Standing.ROUTINE)
    if first:
        exams = exams.filter(taken_on__gte=first)
    if last:
        exams = exams.filter(taken_on__lte=last)
    return [_wanted(sender, exam) for exam in exams.order_by("taken_on", "created_at", "id")[:LIMIT]]


def _wanted(sender: Sender, exam: Exam) -> Wanted:
    patient = exam.patient
    return Wanted(
        exam_id=str(exam.pk),
        order=order_of(exam),
        patient_number=number_of(patient),
        issuer=OWN_ISSUER,
        family_and_given=person_name(patient.name),
        birth_date=patient.birth_date,
        sex=_SEX.get(patient.sex, ""),
        on=exam.taken_on,
        at=exam.taken_at.astimezone(zone_of(sender.organisation_id)) if exam.taken_at else None,
        station=sender.ae_title or "",
    )
