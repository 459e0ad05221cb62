"""What a kept result says, put into a few words for lists."""

from django.utils.translation import gettext as _

from retineye.clinic.due import day
from retineye.clinic.guidelines import Finding
from retineye.clinic.models import StoredResult
from retineye.clinic.referral import Conclusion
from retineye.clinic.words import grade_name
from retineye.grading.result import Grade


def told_words(result: StoredResult) -> str:
    """Say what to do and what was found, as the result was kept."""
    parts = [_action(result), _found(result)]
    words = ": ".join(part for part in parts if part)
    return words if result.basis == StoredResult.Basis.SIGNED else _("%(words)s (provisional)") % {"words": words}


def _action(result: StoredResult) -> str:
    if result.conclusion == Conclusion.REFER:
        if result.due_by is None or result.urgency >= 6:
            return _("Eye doctor at once")
        return _("Eye doctor before %(day)s") % {"day": day(result.due_by)}
    if result.conclusion == Conclusion.ROUTINE and result.due_by:
        return _("Photographs again before %(day)s") % {"day": day(result.due_by)}
    return {
        Conclusion.EXAMINATION.value: _("Refer for examination"),
        Conclusion.INCOMPLETE.value: _("Photographs to be taken again"),
        Conclusion.HUMAN_READ.value: _("A clinician must read"),
    }.get(result.conclusion, "")


def _found(result: StoredResult) -> str:
    if result.finding == Finding.DME_SUSPECTED:
        return _("macular oedema suspected")
    return grade_name(Grade(result.grade)) if result.grade is not None else ""
