"""The only way to rows: through the person who asks. A stranger gets nothing, so a page answers 404."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from retineye.accounts.models import Organisation
from retineye.accounts.policy import Person, Right, allowed, membership_of
from retineye.clinic import shadow
from retineye.clinic.blind import reads_blind
from retineye.clinic.models import Exam, Patient, Photograph, ReadState, Review, Verdict


def organisation_of(user: Person) -> Organisation | None:
    """Give the clinic that the person works in."""
    membership = membership_of(user)
    return membership.organisation if membership else None


def _clinic_id(user: Person) -> UUID | None:
    membership = membership_of(user)
    return membership.organisation_id if membership and allowed(user, Right.VIEW_PATIENTS) else None


def patients_for(user: Person) -> QuerySet[Patient]:
    """Give the patients of the person's clinic; not the records that were merged into another."""
    return records_for(user).filter(merged_into=None)


def records_for(user: Person) -> QuerySet[Patient]:
    """Give every patient record of the person's clinic, those that were merged too."""
    clinic = _clinic_id(user)
    return Patient.objects.filter(organisation_id=clinic) if clinic else Patient.objects.none()


def exams_for(user: Person) -> QuerySet[Exam]:
    """Give the exams of the person's clinic, with their patients."""
    clinic = _clinic_id(user)
    exams = Exam.objects.select_related("patient")
    return exams.filter(clinic_id=clinic) if clinic else exams.none()


def photographs_for(user: Person) -> QuerySet[Photograph]:
    """Give the photographs of the person's clinic, with exam and patient; not those that were withdrawn."""
    clinic = _clinic_id(user)
    photographs = Photograph.objects.select_related("exam__patient").filter(withdrawn_at=None)
    return photographs.filter(exam__patient__organisation_id=clinic) if clinic else photographs.none()


def verdicts_for(user: Person) -> QuerySet[Verdict]:
    """Give the verdicts of the person's clinic but those that are kept: from a blind reader, or from everybody."""
    clinic = _clinic_id(user)
    verdicts = Verdict.objects.select_related("photograph__exam__patient").filter(photograph__withdrawn_at=None)
    if not clinic or shadow.in_shadow(clinic):
        return verdicts.none()
    verdicts = verdicts.filter(photograph__exam__patient__organisation_id=clinic)
    if not reads_blind(user):
        return verdicts
    own = Exists(Review.objects.filter(exam=OuterRef("photograph__exam"), reader=user.pk))
    unread = (ReadState.NOT_YET, ReadState.UNREAD)
    return verdicts.filter(
        Q(photograph__exam__read_state=ReadState.SIGNED) | (own & ~Q(photograph__exam__read_state__in=unread))
    )
