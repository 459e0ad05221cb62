"""What a doctor has signed, as the reports need it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from retineye.clinic.models import Exam
from retineye.clinic.outcome import Outcome


@dataclass(frozen=True, slots=True)
class EyeWords:
    """What the reader wrote of one eye."""

    comment: str = ""
    other_finding: str = ""


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
    right_words: EyeWords = EyeWords()
    left_words: EyeWords = EyeWords()
    override_reason: str = ""
    addenda: tuple[Added, ...] = ()


def signed_read(exam: Exam) -> SignedRead | None:
    """Give what a doctor has signed of the exam and has not withdrawn; None where there is no such thing."""
    return None
