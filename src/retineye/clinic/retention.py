"""Keep patients as long as the clinic decides, hold those that the law wants kept, and erase so that the audit stays.

Erasing takes every row and every file of the patient, and leaves a tombstone: the id that the audit's lines name, who
erased it, when and why. What stays cannot be led back to a person.
"""

from datetime import date
from pathlib import Path
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.access import records_for
from retineye.clinic.models import (
    Arrival,
    BatchRow,
    ClinicSettings,
    Correction,
    Delivery,
    EarlierRecord,
    Erasure,
    Exam,
    Patient,
    Photograph,
    Report,
    Upload,
    Verdict,
    search_key,
)
from retineye.clinic.settings import today_at
from retineye.clinic.uploads import place_of

log = structlog.get_logger(__name__)

_AT_ONCE = 20
"""So many patients are erased in one round; the next round goes on."""


def hold(user: User, patient: Patient, reason: str) -> None:
    """Keep everything of the patient until the hold is lifted, whatever is asked and however old it grows.

    Raises
    ------
    ValidationError
        If no reason is given.
    """
    mine = _mine(user, patient, Right.HOLD)
    reason = " ".join(reason.split())[:300]
    if not reason:
        raise ValidationError(_("Say why the record must be kept."))
    with transaction.atomic():
        held = {"held_at": timezone.now(), "held_by": user, "held_reason": reason}
        Patient.objects.filter(pk=mine.pk).update(**held)
        _remember(audit.Action.PATIENT_HELD, user, mine)


def release(user: User, patient: Patient) -> None:
    """Lift the hold."""
    mine = _mine(user, patient, Right.HOLD)
    with transaction.atomic():
        Patient.objects.filter(pk=mine.pk).update(held_at=None, held_by=None, held_reason="")
        _remember(audit.Action.PATIENT_RELEASED, user, mine)


def set_research_consent(user: User, patient: Patient, answer: bool | None) -> None:
    """Write down whether the patient agrees to anonymised use in research; None: nobody asked."""
    mine = _mine(user, patient, Right.ADD_PATIENT)
    with transaction.atomic():
        at = None if answer is None else timezone.now()
        Patient.objects.filter(pk=mine.pk).update(research_consent=answer, research_consent_at=at)
        said = {True: "yes", False: "no", None: "not_asked"}[answer]
        _remember(audit.Action.PATIENT_CHANGED, user, mine, research_consent=said)


def erase(user: User, patient: Patient, why: Erasure.Why, *, name: str) -> Erasure:
    """Erase a patient and every record that was merged into it, for good.

    Parameters
    ----------
    name
        The patient's name, typed once more: who erases looks at whom.

    Raises
    ------
    ValidationError
        If the record is held, or the name is another.
    """
    mine = _mine(user, patient, Right.ERASE)
    if search_key(name) != mine.name_key:
        raise ValidationError(_("That is not this patient's name. Nothing was erased."))
    if mine.merged_into_id:
        raise ValidationError(_("This record belongs to another one now. Erase that one, or undo the merge first."))
    return _erase(mine.pk, why, user)


def due(organisation_id: UUID, years: int) -> QuerySet[Patient]:
    """Give the patients whose time for keeping is over: the last exam is longer ago than so many years; none held."""
    before = _years_before(today_at(organisation_id), years)
    patients = Patient.objects.filter(organisation=organisation_id, merged_into=None, held_at=None)
    held = Patient.objects.filter(merged_into=OuterRef("pk"), held_at__isnull=False)
    patients = patients.exclude(Exists(held)).annotate(last=Max("exams__taken_on"))
    return patients.filter(Q(last__lt=before) | Q(last=None, created_at__date__lt=before)).order_by("last", "pk")


def purge() -> int:
    """Erase, in every clinic that has set a time, some of the patients for whom it is over; give how many."""
    erased = 0
    for decided in ClinicSettings.objects.filter(retention_years__isnull=False):
        for key in list(due(decided.organisation_id, decided.retention_years or 0).values_list("pk", flat=True)):
            if erased >= _AT_ONCE:
                return erased
            try:
                _erase(key, Erasure.Why.RETENTION, None)
                erased += 1
            except ValidationError:
                # Held since the list was made.
                continue
    if erased:
        log.info("retention_purged", patients=erased)
    return erased


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _erase(key: UUID, why: Erasure.Why, by: User | None) -> Erasure:
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=key)
        keys = [patient.pk, *_merged(patient.pk)]
        if Patient.objects.filter(pk__in=keys, held_at__isnull=False).exists():
            raise ValidationError(_("This record is under a legal hold. Nothing was erased."))
        exams = list(Exam.objects.select_for_update().filter(patient__in=keys).values_list("pk", flat=True))
        photographs = list(Photograph.objects.filter(exam__in=exams).values_list("pk", flat=True))
        files = _files(keys, exams, photographs)
        pieces = [place_of(row) for row in Upload.objects.filter(exam__in=exams)]
        _drop_rows(keys, exams, photographs)
        tombstone = Erasure.objects.create(
            organisation_id=patient.organisation_id,
            patient_id=key,
            why=why,
            exams=len(exams),
            photographs=len(photographs),
            files=len(files),
            by=by,
        )
        audit.record(
            audit.Action.PATIENT_ERASED,
            actor=by,
            organisation=patient.organisation_id,
            object_type="patient",
            object_id=key,
            detail={"why": why.value, "exams": len(exams), "photographs": len(photographs), "files": len(files)},
        )
        # Files go when the rows are gone for good; what can not be deleted now has no row, and the sweep takes it.
        transaction.on_commit(lambda: _drop_files(files))
        transaction.on_commit(lambda: _drop_pieces(pieces))
    return tombstone


def _merged(key: UUID) -> list[UUID]:
    found: list[UUID] = []
    last = [key]
    while last:
        last = list(Patient.objects.filter(merged_into__in=last).values_list("pk", flat=True))
        found += last
    return found


def _files(patients: list[UUID], exams: list[UUID], photographs: list[UUID]) -> list[str]:
    rows = [
        *Photograph.objects.filter(pk__in=photographs).values_list("original", "display", "thumbnail"),
        *Verdict.objects.filter(photograph__in=photographs).values_list("heatmap"),
        *Report.objects.filter(exam__in=exams).values_list("file"),
        *EarlierRecord.objects.filter(patient__in=patients).values_list("picture", "display"),
        *Arrival.objects.filter(exam__in=exams).values_list("file"),
    ]
    return sorted({name for row in rows for name in row if name})


def _drop_rows(patients: list[UUID], exams: list[UUID], photographs: list[UUID]) -> None:
    # What may not go with its owner goes first; what may, Django takes along.
    BatchRow.objects.filter(photograph__in=photographs).delete()
    Delivery.objects.filter(exam__in=exams).delete()
    Arrival.objects.filter(exam__in=exams).delete()
    Upload.objects.filter(exam__in=exams).delete()
    EarlierRecord.objects.filter(patient__in=patients).delete()
    Correction.objects.filter(Q(patient__in=patients) | Q(other_patient__in=patients)).delete()
    Verdict.objects.filter(photograph__in=photographs).delete()
    Photograph.objects.filter(pk__in=photographs).delete()
    Exam.objects.filter(pk__in=exams).delete()
    for key in reversed(patients):
        Patient.objects.filter(pk=key).delete()


def _drop_files(names: list[str]) -> None:
    for name in names:
        try:
            default_storage.delete(name)
        except OSError:
            log.warning("file_not_deleted")
    for folder in sorted({name.rpartition("/")[0] for name in names}):
        _drop_folder(folder)


def _drop_pieces(places: list[Path]) -> None:
    # What was on its way up lies beside the store.
    for place in places:
        try:
            place.unlink(missing_ok=True)
        except OSError:
            log.warning("file_not_deleted")


def _drop_folder(folder: str) -> None:
    try:
        held = default_storage.listdir(folder)
        if not any(held):
            default_storage.delete(folder)
    except (OSError, RuntimeError):
        # An object store has no folders.
        return


def erasures_of(user: User) -> QuerySet[Erasure]:
    """Give the tombstones of the person's clinic, the latest first."""
    require(user, Right.HOLD)
    return Erasure.objects.filter(organisation=user.membership.organisation_id).select_related("by").order_by("-at")


def held_of(user: User) -> QuerySet[Patient]:
    """Give the patients of the person's clinic that are under a hold."""
    require(user, Right.HOLD)
    return records_for(user).filter(held_at__isnull=False).select_related("held_by").order_by("-held_at")


def soon_due(user: User) -> int:
    """Give how many patients of the person's clinic the next rounds erase."""
    require(user, Right.HOLD)
    clinic = user.membership.organisation_id
    years = ClinicSettings.objects.filter(organisation=clinic).values_list("retention_years", flat=True).first()
    return due(clinic, years).count() if years else 0


def _mine(user: User, patient: Patient, right: Right) -> Patient:
    require(user, right)
    return records_for(user).get(pk=patient.pk)


def _remember(action: audit.Action, user: User, patient: Patient, **detail: str) -> None:
    audit.record(
        action,
        actor=user,
        organisation=patient.organisation_id,
        object_type="patient",
        object_id=patient.pk,
        detail=detail,
    )
