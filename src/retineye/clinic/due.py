"""Count from the day of the photographs to the day by which a patient is to be seen. Pure."""

import calendar
from datetime import date, timedelta

from django.utils.dateformat import format as date_format

from retineye.clinic.guidelines import Span


def add_months(start: date, count: int) -> date:
    """Give the same day so many months later, or the month's last day where it has no such day."""
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def add_span(start: date, span: Span) -> date:
    """Give the day that is so long after the start; the start itself for "at once"."""
    if span.unit == "months":
        return add_months(start, span.count)
    return start + timedelta(weeks=span.count) if span.unit == "weeks" else start


def day(when: date) -> str:
    """Write a day as 24 Feb 2027, in the language in force."""
    return date_format(when, "j M Y")
