"""What became of each line of a batch, with the verdict where the clinic shows it."""

from collections.abc import Iterator
from typing import Any, Final

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.batch import batches_for
from retineye.clinic.blind import hidden_among
from retineye.clinic.models import Batch, BatchRow, Verdict
from retineye.clinic.settings import settings_of

COLUMNS: Final = (
    "line", "path", "patient", "eye", "date", "outcome", "why_not", "photograph", "exam", "state", "failure",
    "status", "grade", "grade_name", "probability_0", "probability_1", "probability_2", "probability_3",
    "probability_4", "expected_grade", "referable_probability", "referable", "vision_threatening_probability",
    "vision_threatening", "uncertain", "quality_score", "reasons", "pack",
)  # fmt: skip

_PAGE = 500


def results_of(user: User, batch: Batch) -> Iterator[dict[str, Any]]:
    """Give a row for each line of a batch, in its order; taking them out is remembered.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not take results out.
    Batch.DoesNotExist
        If it is another clinic's.
    """
    require(user, Right.EXPORT)
    mine = batches_for(user).get(pk=batch.pk)
    audit.record(
        audit.Action.EXPORTED,
        actor=user,
        organisation=mine.organisation_id,
        object_type="batch",
        object_id=mine.pk,
    )
    return _rows(user, mine)


def _rows(user: User, batch: Batch) -> Iterator[dict[str, Any]]:
    shadow = settings_of(batch.organisation_id).shadow_mode
    last = 0
    while rows := list(
        BatchRow.objects.filter(batch=batch, line__gt=last).select_related("photograph__exam").order_by("line")[:_PAGE]
    ):
        last = rows[-1].line
        taken = [row.photograph for row in rows if row.photograph is not None]
        verdicts = {
            verdict.photograph_id: verdict
            for verdict in Verdict.objects.filter(photograph__in=taken).order_by("attempt")
        }
        exams = {one.exam.pk: one.exam for one in taken}
        hidden = frozenset(exams) if shadow else hidden_among(user, exams.values())
        for row in rows:
            photograph = row.photograph
            shown = photograph is not None and photograph.exam_id not in hidden
            yield {**_line(row), **_verdict(verdicts.get(photograph.pk) if photograph and shown else None)}


def _line(row: BatchRow) -> dict[str, Any]:
    photograph = row.photograph
    return {
        "line": row.line,
        "path": row.path,
        "patient": row.patient_number,
        "eye": row.eye,
        "date": row.taken_on,
        "outcome": row.state,
        "why_not": row.error,
        "photograph": photograph.pk if photograph else None,
        "exam": photograph.exam_id if photograph else None,
        "state": photograph.state if photograph else "",
        "failure": photograph.failure if photograph else "",
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    shares = verdict.probabilities or [None] * 5
    return {
        "status": verdict.status,
        "grade": verdict.grade,
        "grade_name": verdict.grade_name,
        **{f"probability_{grade}": share for grade, share in enumerate(shares)},
        "expected_grade": verdict.expected_grade,
        "referable_probability": verdict.referable_probability,
        "referable": verdict.referable,
        "vision_threatening_probability": verdict.vision_threatening_probability,
        "vision_threatening": verdict.vision_threatening,
        "uncertain": verdict.uncertain,
        "quality_score": verdict.quality.get("score"),
        "reasons": ";".join(verdict.reasons),
        "pack": verdict.pack_id,
    }
