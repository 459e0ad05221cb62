"""The reports of an exam: make one, open one, see what was made before."""

from typing import cast
from uuid import UUID

from csp.decorators import csp_exempt
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import reports
from retineye.clinic.access import exams_for
from retineye.clinic.models import Report
from retineye.exchange.report_pdf import issue_report, pdf_of_report
from retineye.web.report_forms import ReportForm


@never_cache
@require_safe
def exam_reports(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show every report that was made of an exam, and the way to a new one."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    require(user, Right.PRINT_REPORT)
    return render(request, "web/reports.html", {"exam": exam, "reports": reports.history_of(exam)})


@require_POST
def report_make(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make a report as things stand now, or take the one that says the same, and open it."""
    user = cast(User, request.user)
    exam = get_object_or_404(exams_for(user), pk=pk)
    form = ReportForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose for whom the report is, and in which language."))
        return redirect("exam_reports", pk=pk)
    try:
        report = issue_report(user, exam, Report.Kind(form.cleaned_data["kind"]), form.cleaned_data["language"])
    except ValidationError as exc:
        messages.error(request, " ".join(exc.messages))
        return redirect("exam_reports", pk=pk)
    return redirect("report_pdf", pk=report.pk)


# A browser shows a PDF by pages of its own, which the policy of ours would forbid; a PDF runs nothing of ours.
@csp_exempt()  # type: ignore[arg-type]
@never_cache
@require_safe
def report_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open a report; one that holds no more has a word across every page."""
    user = cast(User, request.user)
    report = get_object_or_404(reports.reports_for(user), pk=pk)
    require(user, Right.PRINT_REPORT)
    if not report.file or not report.file.storage.exists(report.file.name or ""):
        raise Http404
    audit.record(
        audit.Action.REPORT_OPENED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="report",
        object_id=report.pk,
    )
    name = f"report-{report.code}.pdf"
    return HttpResponse(
        pdf_of_report(report),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )
