"""Pieces of the reading page."""

from typing import Any

from django import template

from retineye.clinic.models import Exam
from retineye.web import record

register = template.Library()


@register.inclusion_tag("web/_reading_facts.html", takes_context=True)
def reading_facts(context: template.Context, exam: Exam) -> dict[str, Any]:
    """Show the day's facts in a line: complaints, acuity, treatment."""
    return {"chips": record.facts_panel(context["request"].user, exam)["chips"]}


@register.filter
def percent_or_dash(share: float | None) -> str:
    """Write a share 0-1 in whole percent, and a dash where there is none."""
    return "–" if share is None else f"{100 * share:.0f} %"
