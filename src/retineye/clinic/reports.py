"""The PDFs that were made: numbered, kept as they were, and marked when they hold no more.

``signature_withdrawn``   A doctor took the signature back.
``exam_cancelled``        The exam was cancelled.
``photograph_moved``      A photograph turned out to be of another eye or another patient.
``patient_changed``       The exam turned out to be another patient's.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed, membership_of
from retineye.clinic import callbacks
from retineye.clinic.models import Exam, Report, StoredResult
from retineye.clinic.outcome import Outcome
from retineye.clinic.results import latest_result, store_result


class Void(StrEnum):
    """Why a report must never be acted on."""

    SIGNATURE_WITHDRAWN = "signature_withdrawn"
    EXAM_CANCELLED = "exam_cancelled"
    PHOTOGRAPH_MOVED = "photograph_moved"
    PATIENT_CHANGED = "patient_changed"


def reports_for(user: Person) -> QuerySet[Report]:
    """Give the reports of the person's clinic, with exam, patient and result."""
    membership = membership_of(user)
    rows = Report.objects.select_related("exam__patient", "result", "made_by")
    if membership is None or not allowed(user, Right.VIEW_PATIENTS):
        return rows.none()
    return rows.filter(exam__patient__organisation=membership.organisation_id)


def history_of(exam: Exam) -> list[Report]:
    """Give every report of the exam, the newest first."""
    return list(Report.objects.filter(exam=exam).select_related("result", "made_by").order_by("-number"))


def standing_report(exam: Exam, kind: Report.Kind, language: str) -> Report | None:
    """Give the report of that kind and language that still holds."""
    rows = Report.objects.filter(exam=exam, kind=kind, language=language, superseded_at=None, void_at=None)
    return rows.order_by("-number").first()


def patient_page_since(exam: Exam, moment: datetime) -> bool:
    """Say whether a page for the patient was made at that moment or later."""
    return Report.objects.filter(exam=exam, kind=Report.Kind.PATIENT, made_at__gte=moment).exists()


def next_number(exam: Exam) -> int:
    """Give the number of the exam's next report; call it under the exam's lock."""
    return (Report.objects.filter(exam=exam).aggregate(last=Max("number"))["last"] or 0) + 1


def code_of(exam_id: UUID, number: int) -> str:
    """Give the number as it is printed on a report."""
    return Report(exam_id=exam_id, number=number).code


def keep_report(
    exam: Exam,
    result: StoredResult,
    pdf: bytes,
    *,
    kind: Report.Kind,
    language: str,
    number: int,
    content_sha256: str,
    by: User | None,
) -> Report:
    """Keep a PDF that was made, and mark the one before it; in the caller's transaction, under the exam's lock."""
    report = Report(
        exam=exam,
        result=result,
        kind=kind,
        language=language,
        number=number,
        provisional=result.basis == StoredResult.Basis.MACHINE,
        content_sha256=content_sha256,
        sha256=hashlib.sha256(pdf).hexdigest(),
        made_by=by,
    )
    report.file.save("", ContentFile(pdf), save=False)
    before = Report.objects.filter(exam=exam, kind=kind, language=language, superseded_at=None, void_at=None)
    _mark(list(before), by)
    report.save(force_insert=True)
    _remember(audit.Action.REPORT_MADE, by, report, kind=report.kind, language=language, result=str(result.pk))
    return report


def result_changed(exam: Exam, outcome: Outcome, *, review_id: UUID | None = None, by: User | None = None) -> None:
    """Keep the new result, mark the reports that told another one, and see whether the patient must be called.

    Call it when a read is signed (with its review), and when a signature was withdrawn (without one); in the caller's
    transaction. The software's result is kept only where somebody was told one.
    """
    if review_id is None and not Report.objects.filter(exam=exam).exists():
        return
    result = store_result(exam, outcome, review_id=review_id, by=by)
    with transaction.atomic():
        outdated = Report.objects.filter(exam=exam, superseded_at=None, void_at=None).exclude(result=result)
        _mark(list(outdated), by)
        callbacks.look(exam, result)


def machine_result_changed(exam: Exam, outcome: Outcome) -> None:
    """Do the same for the software's result alone, as photographs come and go: never against a signature."""
    if signed_result_of(exam) is None:
        result_changed(exam, outcome)


def words_changed(exam: Exam, by: User | None = None) -> None:
    """Mark the exam's reports because something that they say changed and the result did not, as by an addendum."""
    _mark(list(Report.objects.filter(exam=exam, superseded_at=None, void_at=None)), by)


def make_void(exam: Exam, reason: Void, by: User | None = None, *, signed_only: bool = False) -> int:
    """Mark the exam's reports as never to be acted on; give how many.

    Parameters
    ----------
    signed_only
        Leave those that were provisional anyway.
    """
    rows = Report.objects.filter(exam=exam, void_at=None)
    listed = list(rows.filter(provisional=False) if signed_only else rows)
    with transaction.atomic():
        Report.objects.filter(pk__in=[row.pk for row in listed]).update(void_at=timezone.now(), void_reason=reason)
        for row in listed:
            _remember(audit.Action.REPORT_VOID, by, row, reason=reason.value)
    return len(listed)


def signed_result_of(exam: Exam) -> StoredResult | None:
    """Give the result that was kept when the exam was signed, where it is the latest one."""
    last = latest_result(exam)
    return last if last is not None and last.basis == StoredResult.Basis.SIGNED else None


def _mark(rows: list[Report], by: User | None) -> None:
    if rows:
        Report.objects.filter(pk__in=[row.pk for row in rows]).update(superseded_at=timezone.now())
        for row in rows:
            _remember(audit.Action.REPORT_SUPERSEDED, by, row)


def _remember(action: audit.Action, by: User | None, report: Report, **detail: str) -> None:
    audit.record(
        action,
        actor=by,
        organisation=report.exam.patient.organisation_id,
        object_type="report",
        object_id=report.pk,
        detail={"exam": str(report.exam_id), **detail},
    )
