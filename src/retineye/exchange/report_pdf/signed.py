"""What a doctor has signed, as the reports need it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from retineye.clinic.models import Exam
from retineye.clinic.outcome import Outcome
from retineye.clinic.signed import read_outcome, signed_of


@dataclass(frozen=True, slots=True)
class Added:
    """An addendum."""

    text: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SignedRead:
    """A signed review with the result that follows from it."""

    review_id: UUID
    name: str
    at: datetime
    outcome: Outcome
    comment: str = ""
    other_finding: str = ""
    override_reason: str = ""
    addenda: tuple[Added, ...] = ()


def signed_read(exam: Exam, machine: Outcome) -> SignedRead | None:
    """Give what a doctor has signed of the exam and has not withdrawn; None where there is no such thing.

    Parameters
    ----------
    machine
        What the software makes of the photographs: eyes that nobody photographed stay as they are there.
    """
    signed = signed_of(exam)
    if signed is None:
        return None
    review = signed.review
    return SignedRead(
        review_id=review.pk,
        name=signed.signer,
        at=signed.signed_at,
        outcome=read_outcome(exam, review, machine, signed=True),
        comment=review.comment,
        other_finding=review.other_finding,
        override_reason=review.override_reason,
        addenda=tuple(Added(one.text, one.by.full_name, one.at) for one in signed.addenda),
    )
