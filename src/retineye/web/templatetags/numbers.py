"""How long something took, in words."""

from django import template

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@register.filter
def lasted(duration_s: float | None) -> str:
    """Write a duration in the unit that fits: 0.8 s, 12 min, 5.5 h, 3.2 d; a dash where there is none."""
    if duration_s is None:
        return "–"
    if duration_s < _MINUTE:
        return f"{duration_s:.1f} s"
    if duration_s < _HOUR:
        return f"{duration_s / _MINUTE:.0f} min"
    if duration_s < 2 * _DAY:
        return f"{duration_s / _HOUR:.1f} h"
    return f"{duration_s / _DAY:.1f} d"
