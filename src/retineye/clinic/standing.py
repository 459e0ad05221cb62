"""Keep on each exam what it asks of people, so that lists are read in one query."""

from uuid import UUID

from retineye.clinic.models import Exam, Standing
from retineye.clinic.outcome import outcome_of


def lock(exam_id: UUID) -> Exam:
    """Give the exam, held until the transaction ends: of two that change its photographs one waits.

    SQLite has one writer at a time anyway.
    """
    return Exam.objects.select_for_update().get(pk=exam_id)


def refresh(exam: Exam) -> None:
    """Write the exam's standing from its photographs, in the caller's transaction and under its lock."""
    result = outcome_of(exam).patient
    exam.standing = Standing(result.conclusion.value)
    exam.urgency = result.urgency
    exam.unsure = result.unsure
    exam.save(update_fields=["standing", "urgency", "unsure"])
