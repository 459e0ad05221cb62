"""The result of an exam as people read it: the machine's reading gives way, eye by eye, and stays beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from retineye.clinic.eye import EyeResult, EyeStatus
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.models import Addendum, Dme, Exam, Eye, Review, Signature
from retineye.clinic.outcome import Outcome, circumstances_of, outcome, pictures_of
from retineye.clinic.referral import PatientResult, patient_result
from retineye.grading.result import Grade


@dataclass(frozen=True, slots=True)
class SignedEye:
    """What the doctor signed of one eye."""

    eye: Eye
    photographed: bool
    readable: bool
    grade: Grade | None
    """None where the eye was not readable, or not photographed."""
    dme: str
    """A code of `Dme`; empty where the eye was not photographed."""
    quality: str
    """A code of `Quality`; empty where the eye was not photographed."""
    features: tuple[str, ...]
    """Codes of `Feature`."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that stands, and what it stands under."""

    signature_id: UUID
    review: Review
    right: SignedEye
    left: SignedEye
    signer_id: UUID
    signer: str
    signed_at: datetime
    how: str
    """A code of `Signature.How`."""
    amended: bool
    """An earlier signature of this exam was withdrawn."""
    addenda: tuple[Addendum, ...]
    """The oldest first, each with the person who wrote it."""

    @property
    def eyes(self) -> tuple[SignedEye, SignedEye]:
        """Give both eyes, the right one first."""
        return (self.right, self.left)

    @property
    def revision(self) -> str:
        """Name this state of the exam: it changes with each signature and each addendum."""
        return f"{self.signature_id}+{len(self.addenda)}"


def signed_of(exam: Exam) -> Signed | None:
    """Give the signature that stands under the exam, with what was signed; None while there is none."""
    signatures = _signatures(exam)
    standing = next((one for one in signatures if one.withdrawn_at is None), None)
    return None if standing is None else _signed(standing, amended=len(signatures) > 1)


def withdrawn_of(exam: Exam) -> tuple[Signed, ...]:
    """Give what was signed under the exam and taken back, the oldest first: others may hold it still."""
    return tuple(_signed(one, amended=False) for one in _signatures(exam) if one.withdrawn_at is not None)


def _signatures(exam: Exam) -> list[Signature]:
    rows = Signature.objects.filter(exam=exam).select_related("review__reader", "signed_by")
    return list(rows.order_by("signed_at"))


def _signed(signature: Signature, *, amended: bool) -> Signed:
    return Signed(
        signature_id=signature.pk,
        review=signature.review,
        right=_eye(signature.review, Eye.RIGHT),
        left=_eye(signature.review, Eye.LEFT),
        signer_id=signature.signed_by_id,
        signer=signature.signed_by.full_name,
        signed_at=signature.signed_at,
        how=signature.how,
        amended=amended,
        addenda=tuple(Addendum.objects.filter(signature=signature).select_related("by").order_by("at")),
    )


def _eye(review: Review, eye: Eye) -> SignedEye:
    return SignedEye(
        eye,
        photographed=bool(review.quality_of(eye)),
        readable=review.readable(eye),
        grade=review.grade_of(eye),
        dme=review.dme_of(eye),
        quality=review.quality_of(eye),
        features=tuple(review.features.get(eye.value, ())),
    )


def final_outcome(exam: Exam) -> Outcome:
    """Give what holds of each eye and of the patient: as signed, else the machine's, provisional."""
    machine = outcome(exam, pictures_of(exam))
    signature = Signature.objects.filter(exam=exam, withdrawn_at=None).select_related("review").first()
    return machine if signature is None else read_outcome(exam, signature.review, machine, signed=True)


def final_result(exam: Exam) -> PatientResult:
    """Give the patient's result: from the doctor's read when it is signed, else the machine's, provisional."""
    return final_outcome(exam).patient


def read_outcome(exam: Exam, review: Review, machine: Outcome, *, signed: bool) -> Outcome:
    """Give the outcome by a person's read.

    Parameters
    ----------
    machine
        What the photographs say: an eye without a photograph, and how often one was tried, stay as they are there.
    signed
        The read is signed, so that nothing asks for a person any more.
    """
    right, left = (read_eye(review, eye) for eye in (machine.right, machine.left))
    table = GUIDELINES[exam.guideline]
    patient = patient_result(right, left, table, exam.taken_on, circumstances_of(exam), signed=signed)
    return Outcome(right, left, patient)


def read_eye(review: Review, machine: EyeResult) -> EyeResult:
    """Give one eye by a person's read."""
    eye = Eye(machine.eye.value)
    if not review.quality_of(eye):
        return machine
    grade, dme = review.grade_of(eye), review.dme_of(eye)
    plain = replace(machine, grade=None, severity=None, uncertain=False, dme_suspected=dme == Dme.SUSPECTED, reasons=())
    if grade is None:
        # Each photograph that a person can not read was a try, whatever the machine made of it.
        tried = sum(one["eye"] == eye.value for one in review.seen)
        return replace(plain, status=EyeStatus.UNGRADABLE, macula_judged=False, tries=max(machine.tries, tried))
    # Without the macula nothing calls an eye free of the disease that matters.
    whole = dme != Dme.CANNOT_JUDGE or grade >= Grade.MODERATE
    return replace(
        plain,
        status=EyeStatus.GRADED if whole else EyeStatus.INCOMPLETE,
        grade=grade,
        severity=grade,
        macula_judged=dme != Dme.CANNOT_JUDGE,
    )


def most_urgent(outcomes: Sequence[Outcome]) -> Outcome:
    """Give the outcome that presses most, the first of alike ones: while nobody has signed, the worse word counts."""
    return max(outcomes, key=lambda one: one.patient.urgency)


def overrides(review: Review, machine: Outcome) -> bool:
    """Say whether a read says something else of an eye than the machine's verdict does."""
    return any(_overrides(review, result) for result in (machine.right, machine.left))


def _overrides(review: Review, machine: EyeResult) -> bool:
    eye = Eye(machine.eye.value)
    if not review.quality_of(eye) or machine.grade is None:
        return False
    judged = machine.macula_judged or machine.dme_suspected
    other_dme = judged and machine.dme_suspected != (review.dme_of(eye) == Dme.SUSPECTED)
    return review.grade_of(eye) != machine.grade or other_dme
