"""What a kept result says, put into a few words for lists."""

from django.utils.translation import gettext as _

from retineye.clinic.due import day
from retineye.clinic.guidelines import Finding
from retineye.clinic.models import CallBack, StoredResult
from retineye.clinic.referral import Conclusion
from retineye.clinic.words import grade_name
from retineye.grading.result import Grade


def told_words(result: StoredResult) -> str:
    """Say what to do and what was found, as the result was kept."""
    parts = [_action(result), _found(result)]
    words = ": ".join(part for part in parts if part)
    return (
        words
        if not words or result.basis == StoredResult.Basis.SIGNED
        else _("%(words)s (provisional)") % {"words": words}
    )


def now_words(task: CallBack) -> str:
    """Say what is to be told now."""
    if task.why == CallBack.Why.WORSE:
        return told_words(task.now)
    if task.patient_id:
        return _("The photographs were another person's: the page says nothing of this patient.")
    if task.exam.cancelled_at:
        return _("The exam was cancelled: the page holds no more.")
    words = told_words(task.now)
    return _("Photographs were moved: the page holds no more.") + (f" {words}" if words else "")


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
