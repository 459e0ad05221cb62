"""Put right what went wrong: the other eye, the other patient, two records of one person, an exam that never was.

Each correction has a reason, leaves a line in the audit and a row that is never changed, and has the result made anew.
A signature under what turns out to be wrong is withdrawn, and stays visible as withdrawn.
"""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import callbacks, reports, standing
from retineye.clinic.access import exams_for, patients_for, photographs_for, records_for
from retineye.clinic.closed import is_signed, refuse_if_closed
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Correction, Exam, Eye, Patient, Photograph, State
from retineye.clinic.reviews import withdraw_signature

_LONGEST = 500
_SHORTEST = 3


def to_other_eye(user: User, photograph: Photograph, reason: str) -> None:
    """Put a photograph into the other eye's lane."""
    reason = _ready(user, reason)
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        withdrew = _withdraw(user, exam, reason)
        mine.eye = Eye.LEFT if mine.eye == Eye.RIGHT else Eye.RIGHT
        mine.save(update_fields=["eye"])
        reports.make_void(exam, reports.Void.PHOTOGRAPH_MOVED, user)
        standing.refresh(exam)
        callbacks.page_is_void(exam)
        _remember(
            user,
            Correction.Kind.OTHER_EYE,
            reason,
            patient=exam.patient,
            exam=exam,
            photograph=mine,
            withdrew=withdrew,
        )


def to_other_patient(user: User, photograph: Photograph, patient: Patient, reason: str) -> Exam:
    """Put a photograph into an exam of the patient whose eye it shows, and give that exam.

    The patient's exam of the same day takes it if there is one that is neither cancelled nor signed; else a new one is
    opened for that day.
    """
    reason = _ready(user, reason)
    patient = patients_for(user).get(pk=patient.pk)
    with transaction.atomic():
        exam, mine = _mine(user, photograph)
        if exam.patient_id == patient.pk:
            raise ValidationError(_("The photograph is this patient's already."))
        if not State(mine.state).final:
            raise ValidationError(_("The photograph is being graded. Wait a few seconds, then move it."))
        target = _exam_of_the_day(user, patient, exam)
        if target.photographs.filter(sha256=mine.sha256, withdrawn_at=None).exists():
            raise ValidationError(_("The other exam holds this very file already. Take it out of this one instead."))
        withdrew = _withdraw(user, exam, reason)
        mine.exam = target
        mine.save(update_fields=["exam"])
        reports.make_void(exam, reports.Void.PHOTOGRAPH_MOVED, user)
        standing.refresh(exam)
        callbacks.page_is_void(exam)
        standing.refresh(target)
        _remember(
            user,
            Correction.Kind.OTHER_EXAM,
            reason,
            patient=exam.patient,
            other_patient=patient,
            exam=exam,
            other_exam=target,
            photograph=mine,
            withdrew=withdrew,
        )
    return target


def exam_to_other_patient(user: User, exam: Exam, patient: Patient, reason: str) -> None:
    """Give a whole exam to the patient whose visit it was."""
    reason = _ready(user, reason)
    patient = patients_for(user).get(pk=patient.pk)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        before = mine.patient
        if before.pk == patient.pk:
            raise ValidationError(_("The exam is this patient's already."))
        if patient.birth_date and mine.taken_on < patient.birth_date:
            raise ValidationError(_("The patient was born after that day."))
        withdrew = _withdraw(user, mine, reason)
        callbacks.page_is_void(mine, whom=before)
        reports.make_void(mine, reports.Void.PATIENT_CHANGED, user)
        _give(mine, patient)
        _remember(
            user,
            Correction.Kind.EXAM_MOVED,
            reason,
            patient=before,
            other_patient=patient,
            exam=mine,
            withdrew=withdrew,
        )


def cancel_exam(user: User, exam: Exam, reason: str) -> None:
    """Close an exam that should never have been: it stays to be seen, and counts no more."""
    reason = _ready(user, reason)
    with transaction.atomic():
        mine = standing.lock(exams_for(user).get(pk=exam.pk).pk)
        refuse_if_closed(mine)
        withdrew = _withdraw(user, mine, reason)
        mine.cancelled_at, mine.cancelled_reason, mine.cancelled_by = timezone.now(), reason, user
        mine.save(update_fields=["cancelled_at", "cancelled_reason", "cancelled_by"])
        reports.make_void(mine, reports.Void.EXAM_CANCELLED, user)
        standing.refresh(mine)
        callbacks.page_is_void(mine)
        _remember(user, Correction.Kind.EXAM_CANCELLED, reason, patient=mine.patient, exam=mine, withdrew=withdrew)


def merge(user: User, kept: Patient, other: Patient, reason: str) -> None:
    """Make two records of one person one: the other record's exams go to the one that is kept.

    Both records stay as they were written, and the other one leads to the one that is kept. Signatures stand: the
    person and the photographs are the same.
    """
    reason = _ready(user, reason)
    with transaction.atomic():
        both = list(patients_for(user).select_for_update().filter(pk__in=(kept.pk, other.pk)).order_by("pk"))
        if len(both) < 2:
            raise ValidationError(_("Choose two different patients."))
        stays, goes = sorted(both, key=lambda one: one.pk != kept.pk)
        moved = [_give(exam, stays) for exam in Exam.objects.select_for_update().filter(patient=goes).order_by("pk")]
        for exam in Exam.objects.filter(pk__in=moved).select_related("patient"):
            # The name on the paper is the other record's.
            reports.words_changed(exam, user)
        goes.merged_into = stays
        goes.save(update_fields=["merged_into", "changed_at"])
        _remember(
            user,
            Correction.Kind.PATIENTS_MERGED,
            reason,
            patient=goes,
            other_patient=stays,
            exams=[str(exam) for exam in moved],
        )


def part(user: User, record: Patient, reason: str) -> None:
    """Undo a merge: the record stands for itself again, with the exams that it brought.

    An exam that was signed since the merge was signed as the other person's, so its signature is withdrawn.
    """
    reason = _ready(user, reason)
    with transaction.atomic():
        goes = records_for(user).select_for_update().get(pk=record.pk)
        merged = merge_of(goes)
        if merged is None:
            raise ValidationError(_("This record is not merged into another one."))
        stays = merged.other_patient
        back = Exam.objects.select_for_update().filter(pk__in=merged.exams, patient=stays).order_by("pk")
        moved, withdrew = [], False
        for exam in back:
            withdrew = _withdraw(user, exam, reason, since=merged.at) or withdrew
            if reports.patient_page_since(exam, merged.at):
                callbacks.page_is_void(exam, whom=stays)
            reports.make_void(exam, reports.Void.PATIENT_CHANGED, user)
            moved.append(_give(exam, goes))
        goes.merged_into = None
        goes.save(update_fields=["merged_into", "changed_at"])
        _remember(
            user,
            Correction.Kind.PATIENTS_PARTED,
            reason,
            patient=goes,
            other_patient=stays,
            exams=[str(exam) for exam in moved],
            withdrew=withdrew,
        )


def merge_of(record: Patient) -> Correction | None:
    """Give the correction by which a record was merged into another; None where it stands for itself."""
    if record.merged_into_id is None:
        return None
    merges = Correction.objects.filter(
        kind=Correction.Kind.PATIENTS_MERGED, patient=record, other_patient=record.merged_into_id
    )
    return merges.order_by("-at").first()


def corrections_of(exam: Exam) -> QuerySet[Correction]:
    """Give what was put right in an exam, the newest first."""
    own = Correction.objects.select_related("by", "patient", "other_patient", "exam", "other_exam")
    return (own.filter(exam=exam) | own.filter(other_exam=exam)).order_by("-at")


def _ready(user: User, reason: str) -> str:
    require(user, Right.CORRECT)
    reason = " ".join(reason.split())
    if not _SHORTEST <= len(reason) <= _LONGEST:
        raise ValidationError({"reason": _("Say in a few words why. The reason stays with the record.")})
    return reason


def _mine(user: User, photograph: Photograph) -> tuple[Exam, Photograph]:
    found = photographs_for(user).get(pk=photograph.pk)
    exam = standing.lock(found.exam_id)
    refuse_if_closed(exam)
    return exam, Photograph.objects.select_for_update().get(pk=found.pk, exam=exam)


def _withdraw(user: User, exam: Exam, reason: str, *, since: datetime | None = None) -> bool:
    # Whether there was a signature, and it is withdrawn now; one that is older than `since` stands.
    withdrew = withdraw_signature(user, exam, reason, since=since)
    if withdrew:
        exam.refresh_from_db()
    return withdrew


def _exam_of_the_day(user: User, patient: Patient, like: Exam) -> Exam:
    open_ones = Exam.objects.filter(patient=patient, taken_on=like.taken_on, cancelled_at=None).order_by("-created_at")
    for exam in open_ones.select_for_update():
        if not is_signed(exam):
            return exam
    return create_exam(user, patient, taken_on=like.taken_on)


def _give(exam: Exam, patient: Patient) -> UUID:
    exam.patient = patient
    exam.save(update_fields=["patient"])
    standing.refresh(exam)
    return exam.pk


def _remember(user: User, kind: Correction.Kind, reason: str, **what: object) -> None:
    made = Correction.objects.create(kind=kind, reason=reason, by=user, **what)
    audit.record(
        audit.Action.CORRECTED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="correction",
        object_id=made.pk,
        detail={
            "kind": kind.value,
            "withdrew": made.withdrew,
            "patient": str(made.patient_id),
            "exam": str(made.exam_id or ""),
            "photograph": str(made.photograph_id or ""),
            "other_patient": str(made.other_patient_id or ""),
            "other_exam": str(made.other_exam_id or ""),
        },
    )
