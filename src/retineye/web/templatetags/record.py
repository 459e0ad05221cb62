"""Pieces of a patient's record that a page takes in by one word: the facts of an exam, and what was put right in it."""

from typing import Any

from django import template

from retineye.accounts.policy import Right, allowed
from retineye.clinic.corrections import corrections_of
from retineye.clinic.models import Exam, Patient
from retineye.web import record

register = template.Library()


@register.inclusion_tag("web/_facts.html", takes_context=True)
def facts_panel(context: template.Context, exam: Exam) -> dict[str, Any]:
    """Show the facts of an exam, with the form that changes them."""
    request = context["request"]
    return {**record.facts_panel(request.user, exam), "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("web/_corrections.html", takes_context=True)
def corrections(context: template.Context, exam: Exam) -> dict[str, Any]:
    """Show what was put right in an exam, and the way to put more right."""
    may = allowed(context["request"].user, Right.CORRECT) and not exam.cancelled_at
    return {"exam": exam, "corrections": list(corrections_of(exam)), "may_correct": may}


@register.inclusion_tag("web/_cancelled.html")
def cancelled(exam: Exam) -> dict[str, Any]:
    """Say that an exam was cancelled, and why; nothing where it was not."""
    return {"exam": exam}


@register.filter
def diabetes(patient: Patient) -> str:
    """Write the kind of diabetes and since when."""
    return record.diabetes(patient)
