"""Where a person may file what lies in the tray."""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.clinic.access import exams_for, patients_for
from retineye.clinic.capture import preview
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Arrival, Exam, Patient
from retineye.clinic.patients import find_patients
from retineye.clinic.settings import zone_of
from retineye.grading.errors import DecodeError

_PATIENTS = 8
_EXAMS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A patient, and the visits that a photograph may belong to."""

    patient: Patient
    exams: list[Exam]


def places_for(user: User, arrival: Arrival, text: str) -> list[Place]:
    """Give the patients whom the text finds, with their latest visits; nobody where there is no text."""
    found = find_patients(user, text, limit=_PATIENTS) if text.strip() else []
    return [
        Place(one, list(exams_for(user).filter(patient=one, cancelled_at=None).order_by("-taken_on")[:_EXAMS]))
        for one in found
    ]


def exam_at(user: User, arrival: Arrival, place: str) -> Exam:
    """Give the visit that a person chose: `exam:ID`, or `new:ID` for a new one of that patient on the photograph's day.

    Raises
    ------
    django.core.exceptions.ValidationError
        If no such visit can be.
    Exam.DoesNotExist
        If it is another clinic's.
    """
    kind, _colon, key = place.partition(":")
    try:
        identity = UUID(key)
    except ValueError as exc:
        raise ValidationError(_("Choose a visit.")) from exc
    if kind == "exam":
        return exams_for(user).get(pk=identity)
    patient = patients_for(user).filter(pk=identity).first()
    if kind != "new" or patient is None:
        raise Exam.DoesNotExist
    taken = arrival.taken_at.astimezone(zone_of(arrival.organisation_id)).date() if arrival.taken_at else None
    return create_exam(user, patient, taken_on=taken)


def picture_of(arrival: Arrival) -> bytes | None:
    """Give a small JPEG of what lies in the tray, or None where its picture can not be read."""
    if arrival.reason == Arrival.Reason.UNREADABLE:
        return None
    try:
        with default_storage.open(arrival.file.name or "") as file:
            return preview(file.read())
    except (DecodeError, OSError):
        return None
