"""How far away a day is, in words."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retineye.clinic.recall import Row

register = template.Library()


@register.filter
def due_words(row: Row) -> str:
    """Write how long it is until the day, or how long it is over."""
    days = row.days
    if days is None:
        return ""
    if row.exam.recall_end:
        return _("not called any more")
    if days == 0:
        return _("today")
    if days < 0:
        return ngettext("%(n)d day overdue", "%(n)d days overdue", -days) % {"n": -days}
    return ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days}
