"""The drawings of the page of agreement: server-made SVG, in the page's own colours by class."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from retineye.clinic.agreement import Named

_WIDTH, _HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 30


def over_time(months: Sequence[Named]) -> SafeString:
    """Draw kappa (line) and the share of overridden reads (columns) by month, on one scale from 0 to 1.

    A month without enough eyes has a gap in the line. The table beside the drawing says the same in figures.
    """
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(months))
    middles = [_LEFT + step * (number + 0.5) for number in range(len(months))]
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        _WIDTH,
        _HEIGHT,
        _("Kappa and share of overridden reads, month by month; the figures are in the table below."),
        _grid(),
        _columns(months, middles, step),
        _line(months, middles),
        _names(months, middles),
    )


def _y(value: float) -> str:
    share = min(1.0, max(0.0, value))
    return f"{_TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def _grid() -> SafeString:
    return format_html_join(
        "",
        '<line class="chart-grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="chart-word" x="{}" y="{}" dy="4" '
        'text-anchor="end">{}</text>',
        (
            (_LEFT, _WIDTH - _RIGHT, _y(at), _y(at), _LEFT - 8, _y(at), f"{at:.1f}")
            for at in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
        ),
    )


def _columns(months: Sequence[Named], middles: Sequence[float], step: float) -> SafeString:
    wide = min(28.0, step * 0.5)
    floor = _HEIGHT - _BOTTOM
    drawn = (
        (f"{middle - wide / 2:.1f}", _y(rate), f"{wide:.1f}", f"{floor - float(_y(rate)):.1f}", one.name, f"{rate:.0%}")
        for one, middle in zip(months, middles, strict=True)
        if (rate := one.agreement.override_rate) is not None
    )
    return format_html_join(
        "", '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>', drawn
    )


def _line(months: Sequence[Named], middles: Sequence[float]) -> SafeString:
    points = [
        (f"{middle:.1f}", _y(kappa), one.name, f"{kappa:.2f}")
        for one, middle in zip(months, middles, strict=True)
        if (kappa := one.agreement.kappa) is not None and not one.agreement.few
    ]
    path = " ".join(f"{'L' if number else 'M'}{x},{y}" for number, (x, y, *_rest) in enumerate(points))
    dots = format_html_join(
        "", '<circle class="chart-dot" cx="{}" cy="{}" r="4"><title>{}: {}</title></circle>', points
    )
    return format_html('<path class="chart-line" d="{}"/>{}', path or "M0,0", dots)


def _names(months: Sequence[Named], middles: Sequence[float]) -> SafeString:
    every = max(1, len(months) // 12 + (len(months) % 12 > 0))
    return format_html_join(
        "",
        '<text class="chart-word" x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{middle:.1f}", _HEIGHT - 10, one.name)
            for number, (one, middle) in enumerate(zip(months, middles, strict=True))
            if number % every == 0
        ),
    )
