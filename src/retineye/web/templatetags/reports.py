"""The pieces of an exam's page that lead to its reports."""

from typing import Any

from django import template

from retineye.accounts.policy import Right, allowed
from retineye.clinic.models import Exam, Report
from retineye.clinic.report_texts import ENGLISH, TEXTS, languages
from retineye.clinic.reports import history_of
from retineye.clinic.settings import settings_of

register = template.Library()


@register.inclusion_tag("web/_reports.html", takes_context=True)
def reports_panel(context: template.Context, exam: Exam) -> dict[str, Any]:
    """Show what can be printed of an exam, and whether what was printed still holds."""
    request = context["request"]
    made = history_of(exam)
    return {
        "exam": exam,
        "made": made,
        "outdated": bool(made) and not any(one.current for one in made if one.kind == Report.Kind.PATIENT),
        "languages": languages(),
        "language": language_for(exam),
        "may_print": allowed(request.user, Right.PRINT_REPORT) and not exam.cancelled_at,
        "csrf_token": context.get("csrf_token"),
    }


@register.filter
def language_name(code: str) -> str:
    """Give a language's own name for itself."""
    return TEXTS[code].name if code in TEXTS else code


def language_for(exam: Exam) -> str:
    """Give the language in which the patient reads; the clinic's where nobody asked."""
    wanted = exam.patient.language or settings_of(exam.patient.organisation_id).language
    return wanted if wanted in TEXTS else ENGLISH
