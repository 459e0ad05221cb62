"""Keep a result as it stands, with the table, its version and the rule that fired; a later one never rewrites it."""

from typing import Any
from uuid import UUID

from retineye.accounts.models import User
from retineye.clinic.eye import EyeResult
from retineye.clinic.models import Exam, StoredResult
from retineye.clinic.outcome import Outcome


def store_result(
    exam: Exam, outcome: Outcome, *, review_id: UUID | None = None, by: User | None = None
) -> StoredResult:
    """Keep the exam's result; where the last one that was kept says the very same, give that.

    Parameters
    ----------
    review_id
        The signed review that the result follows from; without one it is the software's.
    """
    fields = _fields(outcome, review_id)
    last = latest_result(exam)
    if last is not None and all(getattr(last, name) == value for name, value in fields.items()):
        return last
    return StoredResult.objects.create(exam=exam, created_by=by, **fields)


def latest_result(exam: Exam) -> StoredResult | None:
    """Give what was kept last of the exam."""
    return StoredResult.objects.filter(exam=exam).order_by("-created_at", "-id").first()


def _fields(outcome: Outcome, review_id: UUID | None) -> dict[str, Any]:
    result = outcome.patient
    table = result.guideline
    return {
        "basis": StoredResult.Basis.SIGNED.value if review_id else StoredResult.Basis.MACHINE.value,
        "review_id": review_id,
        "guideline_key": table.key,
        "guideline_name": table.name,
        "guideline_version": table.version,
        "guideline_setting": table.setting,
        "guideline_sha256": table.sha256,
        "rule": result.rule,
        "conclusion": result.conclusion.value,
        "finding": result.finding.value if result.finding else "",
        "worse_eye": result.worse_eye.value if result.worse_eye else "",
        "grade": None if result.grade is None else int(result.grade),
        "interval": "/".join(str(span) for span in result.interval or ()),
        "due_by": result.due_by,
        "urgency": result.urgency,
        "eyes": {eye.eye.value: _eye(eye) for eye in (outcome.right, outcome.left)},
    }


def _eye(eye: EyeResult) -> dict[str, Any]:
    return {
        "status": eye.status.value,
        "grade": None if eye.grade is None else int(eye.grade),
        "dme_suspected": eye.dme_suspected,
        "uncertain": eye.uncertain,
    }
