"""Make a report of an exam, or give the one that says the same already.

Setting the paper takes a second or two, so it happens outside the transaction: what it says is read again under the
exam's lock, and if anything changed meanwhile it is set anew.
"""

import hashlib
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import reports, standing
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, Report
from retineye.clinic.outcome import Outcome, outcome, pictures_of
from retineye.clinic.report_texts import TEXTS
from retineye.clinic.results import store_result
from retineye.exchange.report_pdf.clinician import clinician_report
from retineye.exchange.report_pdf.content import ReportData
from retineye.exchange.report_pdf.gather import gather
from retineye.exchange.report_pdf.patient import patient_page
from retineye.exchange.report_pdf.signed import SignedRead, signed_read
from retineye.exchange.report_pdf.stamp import stamp

_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Said:
    data: ReportData
    outcome: Outcome
    read: SignedRead | None
    number: int

    @property
    def sha256(self) -> str:
        # Two reports that differ only in their number and their day say the same.
        same = replace(self.data, number="", made_on=date.min)
        return hashlib.sha256(_canonical(same).encode("utf-8")).hexdigest()


def issue_report(user: User, exam: Exam, kind: Report.Kind, language: str) -> Report:
    """Give the exam's report for the patient or the clinician, as things stand now.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not print reports.
    Exam.DoesNotExist
        If it is another clinic's exam.
    django.core.exceptions.ValidationError
        If there is nothing to report, or the language is not one of the reports'.
    """
    require(user, Right.PRINT_REPORT)
    mine = exams_for(user).select_related("patient__organisation").get(pk=exam.pk)
    if mine.cancelled_at is not None:
        raise ValidationError(_("This exam was cancelled: there is nothing to report."))
    if language not in TEXTS:
        raise ValidationError(_("The reports are not offered in this language."))
    for _try in range(_TRIES):
        said = _say(mine, kind, language)
        there = reports.standing_report(mine, kind, language)
        if there is not None and there.content_sha256 == said.sha256:
            return there
        pdf = patient_page(said.data) if kind == Report.Kind.PATIENT else clinician_report(said.data)
        with transaction.atomic():
            standing.lock(mine.pk)
            mine = exams_for(user).select_related("patient__organisation").get(pk=exam.pk)
            now = _say(mine, kind, language)
            if (now.sha256, now.number) != (said.sha256, said.number):
                continue
            result = store_result(mine, now.outcome, review_id=now.read.review_id if now.read else None, by=user)
            return reports.keep_report(
                mine,
                result,
                pdf,
                kind=kind,
                language=language,
                number=now.number,
                content_sha256=now.sha256,
                by=user,
            )
    raise ValidationError(_("The exam is changing at this moment. Try again."))


def pdf_of_report(report: Report) -> bytes:
    """Give the report's bytes as they were made; with a word across every page where it holds no more."""
    with report.file.open("rb") as file:
        pdf: bytes = file.read()
    if report.current:
        return pdf
    key = "void" if report.void_at else "superseded"
    return stamp(pdf, TEXTS[report.language].say(key), TEXTS["en"].say(key), report.language)


def _say(exam: Exam, kind: Report.Kind, language: str) -> _Said:
    pictures = pictures_of(exam)
    machine = outcome(exam, pictures)
    read = signed_read(exam, machine)
    number = reports.next_number(exam)
    data = gather(exam, machine, pictures, read, kind=kind, language=language, number=reports.code_of(exam.pk, number))
    return _Said(data, read.outcome if read else machine, read, number)


def _canonical(value: Any) -> str:
    """Write a value down so that equal values, and only those, read the same."""
    match value:
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case datetime() | date():
            return value.isoformat()
        case Enum():
            return str(value.value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return "{" + ",".join(f"{one.name}:{_canonical(getattr(value, one.name))}" for one in fields(value)) + "}"
        case tuple() | list():
            return "[" + ",".join(_canonical(one) for one in value) + "]"
        case frozenset() | set():
            return "[" + ",".join(sorted(_canonical(one) for one in value)) + "]"
        case _ if hasattr(value, "items"):
            return "{" + ",".join(f"{key}:{_canonical(one)}" for key, one in sorted(value.items())) + "}"
    return repr(value)
