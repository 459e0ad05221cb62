"""Reports as PDF."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, in_shadow, report_out
from retineye.api.auth import Token, user_of
from retineye.api.problems import Problem, ProblemError
from retineye.api.schemas import Id, NewReport, ReportOut
from retineye.clinic import reports as verbs
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, ReadState, Report
from retineye.exchange.report_pdf import issue_report, pdf_of_report

router = Router(tags=["reports"])

_PDF = {
    "responses": {
        200: {
            "description": "The report as it was made.",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}


@router.get(
    "/exams/{uuid:pk}/reports",
    response=answers({200: list[ReportOut]}, EVERYWHERE),
    auth=Token(Scope.REPORTS_READ),
    operation_id="list_reports",
)
def list_reports(request: HttpRequest, pk: Id) -> Any:
    """List every report that was made of an exam, the newest first."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    return [report_out(one) for one in verbs.history_of(exam)]


@router.post(
    "/exams/{uuid:pk}/reports",
    response=answers({201: ReportOut}, (*WRITING, Problem.SHADOW_MODE)),
    auth=Token(Scope.REPORTS_WRITE),
    operation_id="make_report",
)
def make_report(request: HttpRequest, pk: Id, body: NewReport) -> Any:
    """Make a report as things stand; where one says the same already, that one is answered."""
    user = user_of(request)
    exam = get_object_or_404(exams_for(user), pk=pk)
    require(user, Right.PRINT_REPORT)
    _refuse_hidden(user, exam)
    return Status(201, report_out(issue_report(user, exam, Report.Kind(body.kind), body.language)))


@router.get(
    "/reports/{uuid:pk}.pdf",
    response=answers({}, (*EVERYWHERE, Problem.SHADOW_MODE)),
    auth=Token(Scope.REPORTS_READ),
    operation_id="get_report",
    openapi_extra=_PDF,
)
def get_report(request: HttpRequest, pk: Id) -> HttpResponseBase:
    """Fetch a report; one that holds no more has a word across every page."""
    user = user_of(request)
    report = get_object_or_404(verbs.reports_for(user), pk=pk)
    require(user, Right.PRINT_REPORT)
    _refuse_hidden(user, report.exam)
    if not report.file or not report.file.storage.exists(report.file.name or ""):
        raise ProblemError(Problem.NOT_FOUND)
    audit.record(
        audit.Action.REPORT_OPENED,
        actor=user,
        organisation=report.exam.patient.organisation_id,
        object_type="report",
        object_id=report.pk,
    )
    return HttpResponse(pdf_of_report(report), content_type="application/pdf")


def _refuse_hidden(user: User, exam: Exam) -> None:
    if in_shadow(user) and exam.read_state != ReadState.SIGNED:
        raise ProblemError(Problem.SHADOW_MODE)
