"""What another system held of a patient: read it, and file its pictures once a person has seen which eye they show."""

import hashlib
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, require
from retineye.clinic import intake
from retineye.clinic.access import patients_for
from retineye.clinic.closed import is_signed
from retineye.clinic.exams import create_exam
from retineye.clinic.grade import look_at, upright_copy
from retineye.clinic.models import EarlierRecord, Exam, Eye, Patient, Photograph
from retineye.clinic.models.earlier import earlier_place

THUMBNAIL_PX = 320
"""A picture whose longer side has no more than this is what is left of a photograph: the small lesions are gone."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the other system held."""

    pk: UUID
    """Made from the other system's own key, so that the same record comes but once."""
    source: str
    happened_on: date
    said: str = ""
    grade: int | None = None
    picture: bytes | None = None
    eye: Eye | None = None
    """A guess."""


def keep(patient: Patient, earlier: Earlier) -> EarlierRecord:
    """Keep what another system held of a patient: the bytes as they came, and a copy for people to look at.

    Raises
    ------
    retineye.grading.errors.DecodeError
        If the picture can not be read; nothing is kept.
    """
    record = EarlierRecord(
        pk=earlier.pk,
        patient=patient,
        source=earlier.source,
        happened_on=earlier.happened_on,
        said=earlier.said[:40],
        grade=earlier.grade,
        eye=earlier.eye.value if earlier.eye else "",
    )
    if earlier.picture is not None:
        copy, header = upright_copy(earlier.picture, 1200), look_at(earlier.picture)
        record.height_px, record.width_px = header.height_px, header.width_px
        record.sha256 = hashlib.sha256(earlier.picture).hexdigest()
        record.thumbnail_only = max(record.width_px, record.height_px) <= THUMBNAIL_PX
        record.picture.name = _store(record, f"{record.pk}.original", earlier.picture)
        record.display.name = _store(record, f"{record.pk}.jpg", copy)
    with transaction.atomic():
        record.save(force_insert=True)
        audit.record(
            audit.Action.IMPORTED,
            actor=None,
            organisation=patient.organisation_id,
            object_type="earlier",
            object_id=record.pk,
            detail={"patient": str(patient.pk), "picture": bool(record.picture)},
        )
    return record


def _store(record: EarlierRecord, name: str, content: bytes) -> str:
    place = earlier_place(record, name)
    # Left by a run that broke off between file and row.
    if default_storage.exists(place):
        default_storage.delete(place)
    return default_storage.save(place, ContentFile(content))


def earlier_for(user: Person) -> QuerySet[EarlierRecord]:
    """Give the earlier records of the person's clinic, with their patients, the newest first."""
    records = EarlierRecord.objects.select_related("patient", "photograph")
    return records.filter(patient__in=patients_for(user)).order_by("-happened_on", "id")


def file_as(user: User, record: EarlierRecord, eye: Eye) -> Photograph:
    """Put the picture of an earlier record into an exam of its day, as the eye that a person has seen it shows.

    From then on it is a photograph like any other, and is graded.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    django.core.exceptions.ValidationError
        If there is no picture, only a thumbnail is left, or it is filed already.
    retineye.clinic.intake.IntakeError
        If the picture is not taken.
    EarlierRecord.DoesNotExist
        If it is another clinic's.
    """
    require(user, Right.SEND_PHOTOGRAPH)
    mine = earlier_for(user).get(pk=record.pk)
    if not mine.picture or mine.thumbnail_only:
        raise ValidationError(_("Only a thumbnail is left, which is too small to be graded."))
    if mine.photograph is not None:
        raise ValidationError(_("The picture is filed already."))
    exam = _exam_of_the_day(user, mine.patient, mine)
    with mine.picture.open("rb") as stream:
        received = intake.receive(
            exam, stream, eye=eye, by=user, via="import", confirmed={intake.Question.DATE, intake.Question.OTHER_EYE}
        )
    mine.eye, mine.photograph = eye, received.photograph
    mine.save(update_fields=["eye", "photograph"])
    return received.photograph


def _exam_of_the_day(user: User, patient: Patient, record: EarlierRecord) -> Exam:
    that_day = Exam.objects.filter(patient=patient, taken_on=record.happened_on, cancelled_at=None)
    for exam in that_day.order_by("-created_at"):
        if not is_signed(exam):
            return exam
    return create_exam(user, patient, taken_on=record.happened_on)
