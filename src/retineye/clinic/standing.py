"""Keep on each exam what it asks of people, so that lists are read in one query."""

from uuid import UUID

from retineye.clinic import reports
from retineye.clinic.models import Exam, Eye, ReadState, Standing
from retineye.clinic.opinion import Opinion, opinion_of, read_state
from retineye.clinic.outcome import Outcome, outcome, pictures_of
from retineye.clinic.signed import most_urgent, read_outcome

_DENORMALISED = (
    "standing",
    "urgency",
    "unsure",
    "read_state",
    "right_grade",
    "left_grade",
    "dme_suspected",
    "ungradable",
    "first_reader",
    "signed_at",
    "escalated_at",
    "due_on",
    "changed_at",
)
_AGREED = (ReadState.READ, ReadState.SIGNED)


def lock(exam_id: UUID) -> Exam:
    """Give the exam, held until the transaction ends: of two that change its photographs one waits.

    SQLite has one writer at a time anyway.
    """
    return Exam.objects.select_for_update().get(pk=exam_id)


def refresh(exam: Exam) -> None:
    """Write the exam's standing from its photographs and its reads, in the caller's transaction and under its lock."""
    pictures = pictures_of(exam)
    machine = outcome(exam, pictures)
    opinion = opinion_of(exam, pictures)
    exam.read_state = read_state(exam, opinion, machine, pictures)
    exam.first_reader = opinion.first.reader if opinion.first else None
    exam.signed_at = opinion.signature.signed_at if opinion.signature else None
    if exam.read_state != ReadState.UNREAD:
        exam.escalated_at = None
    if exam.cancelled_at:
        exam.standing, exam.urgency, exam.unsure, exam.due_on = Standing.CANCELLED, 0, False, None
    else:
        _stand(exam, opinion, machine)
    _describe(exam, opinion, machine)
    exam.save(update_fields=_DENORMALISED)
    if opinion.signature is None and not exam.cancelled_at:
        reports.machine_result_changed(exam, machine)


def _stand(exam: Exam, opinion: Opinion, machine: Outcome) -> None:
    if opinion.signature is not None:
        holds = read_outcome(exam, opinion.signature.review, machine, signed=True)
    else:
        # While nobody has signed, the worse word counts, whoever says it.
        holds = most_urgent([machine, *(read_outcome(exam, read, machine, signed=False) for read in opinion.reads)])
    result = holds.patient
    exam.standing = Standing(result.conclusion.value)
    exam.urgency = result.urgency
    exam.due_on = exam.due_set_on or result.due_by
    # Outside the intended use the network's confidence counts for nothing: a person reads as if it were unsure.
    exam.unsure = machine.patient.human_read and not opinion.reads


def _describe(exam: Exam, opinion: Opinion, machine: Outcome) -> None:
    # Until the readers agree, what lists show of an eye is the machine's: a second reader must not see the first's.
    deciding = opinion.deciding if exam.read_state in _AGREED else None
    holds = read_outcome(exam, deciding, machine, signed=True) if deciding else machine
    for eye, result in ((Eye.RIGHT, holds.right), (Eye.LEFT, holds.left)):
        severity = result.severity if result.severity is not None else result.grade
        setattr(exam, f"{eye.value}_grade", None if severity is None else int(severity))
    exam.dme_suspected = holds.right.dme_suspected or holds.left.dme_suspected
    exam.ungradable = any(result.tries > 0 and not result.readable for result in (holds.right, holds.left))
