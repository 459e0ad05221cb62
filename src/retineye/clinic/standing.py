"""Keep on each exam what it asks of people, so that lists are read in one query."""

from uuid import UUID

from retineye.clinic import reports
from retineye.clinic.models import Exam, Standing
from retineye.clinic.outcome import outcome_of


def lock(exam_id: UUID) -> Exam:
    """Give the exam, held until the transaction ends: of two that change its photographs one waits.

    SQLite has one writer at a time anyway.
    """
    return Exam.objects.select_for_update().get(pk=exam_id)


def refresh(exam: Exam) -> None:
    """Write the exam's standing from its photographs, in the caller's transaction and under its lock."""
    if exam.cancelled_at:
        exam.standing, exam.urgency, exam.unsure = Standing.CANCELLED, 0, False
    else:
        outcome = outcome_of(exam)
        result = outcome.patient
        exam.standing = Standing(result.conclusion.value)
        exam.urgency = result.urgency
        # Outside the intended use the network's confidence counts for nothing: a person reads as if it were unsure.
        exam.unsure = result.human_read
        reports.machine_result_changed(exam, outcome)
    exam.save(update_fields=["standing", "urgency", "unsure"])
