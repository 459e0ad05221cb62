"""The recall lists in words, on the page and as a table for other programs."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.clinic.models import RecallEnd
from retineye.clinic.recall import Due, Referred, Row

FORMS = {"csv": "CSV", "xlsx": "Excel"}
DUE_NAMES = {
    Due.OVERDUE: gettext_lazy("Overdue"),
    Due.SOON: gettext_lazy("Due within 30 days"),
    Due.LATER: gettext_lazy("Within three months"),
    Due.ENDED: gettext_lazy("Not called any more"),
}
REFERRED_NAMES = {
    Referred.OPEN: gettext_lazy("Not known yet"),
    Referred.BOOKED: gettext_lazy("Appointment made"),
    Referred.MISSED: gettext_lazy("Did not go"),
    Referred.SEEN: gettext_lazy("Was seen"),
}
COLUMNS = (
    "patient",
    "number",
    "birth_date",
    "birth_year",
    "phone",
    "language",
    "exam_date",
    "due_date",
    "days_until",
    "basis",
    "for",
    "guideline",
    "last_reminder",
    "last_reminder_date",
    "next_date",
    "reminder_note",
    "referral",
    "referral_where",
    "referral_date",
    "referral_found",
    "referral_note",
    "not_called_because",
)


def row_of(row: Row) -> dict[str, Any]:
    """Give one patient of a list as a row of `COLUMNS`."""
    exam, patient, reminder, outcome = row.exam, row.exam.patient, row.reminder, row.outcome
    return {
        "patient": patient.name,
        "number": patient.local_id,
        "birth_date": patient.birth_date,
        "birth_year": patient.birth_year,
        "phone": patient.phone,
        "language": patient.language,
        "exam_date": exam.taken_on,
        "due_date": row.due_on,
        "days_until": row.days,
        "basis": basis_of(row),
        "for": _("eye doctor") if row.referred else _("photographs"),
        "guideline": exam.guideline,
        "last_reminder": reminder.get_how_display() if reminder else "",
        "last_reminder_date": reminder.at.date() if reminder else None,
        "next_date": reminder.next_on if reminder else None,
        "reminder_note": reminder.note if reminder else "",
        "referral": outcome.get_state_display() if outcome else "",
        "referral_where": outcome.where if outcome else "",
        "referral_date": outcome.on if outcome else None,
        "referral_found": outcome.get_found_display() if outcome else "",
        "referral_note": outcome.note if outcome else "",
        "not_called_because": str(RecallEnd(exam.recall_end).label) if exam.recall_end else "",
    }


def basis_of(row: Row) -> str:
    """Say whose word the day is: a person's who set it, a doctor's who signed, or the software's alone."""
    if row.exam.due_set_on:
        return _("set by a person")
    return _("provisional: nobody has signed") if row.provisional else _("signed")
