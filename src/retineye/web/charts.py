"""Charts as SVG, made here: no script, no inline style, with a title and a description for who can not see them.

The numbers stand in a table beside each chart; the chart repeats them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH = 640
_ROW = 34
_LABEL = 190
_HEIGHT = 220
_BOTTOM = 26
_LEFT = 34


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval."""

    name: str
    share: float
    """0-1."""
    low: float
    high: float
    words: str
    """What stands at its end."""


def shares(key: str, title: str, description: str, bars: Sequence[Bar]) -> SafeString:
    """Draw shares as lying bars, each with its interval as a whisker; the axis ends at the next ten percent."""
    top = min(1.0, math.ceil(10 * max((bar.high for bar in bars), default=0.1) + 1e-9) / 10) or 0.1
    height, span = _ROW * len(bars) + _BOTTOM, _WIDTH - _LABEL - 80
    scale = span / top
    step = 0.1 if top <= 0.5 else 0.2
    ticks = [round(step * one, 1) for one in range(int(top / step + 1e-9) + 1)]
    grid = format_html_join(
        "",
        '<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"></line>'
        '<text x="{0}" y="{2}" text-anchor="middle">{3} %</text>',
        ((f"{_LABEL + tick * scale:.1f}", height - _BOTTOM, height - 8, round(100 * tick)) for tick in ticks),
    )
    drawn = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
        '<rect class="bar-a" x="{}" y="{}" width="{}" height="16" rx="3"></rect>'
        '<line class="whisker" x1="{}" x2="{}" y1="{}" y2="{}"></line><text class="v" x="{}" y="{}">{}</text>',
        (
            (
                _LABEL - 10,
                row * _ROW + 21,
                _short(bar.name),
                _LABEL,
                row * _ROW + 9,
                f"{bar.share * scale:.1f}",
                f"{_LABEL + bar.low * scale:.1f}",
                f"{_LABEL + min(bar.high, top) * scale:.1f}",
                row * _ROW + 17,
                row * _ROW + 17,
                f"{_LABEL + min(bar.high, top) * scale + 8:.1f}",
                row * _ROW + 21,
                bar.words,
            )
            for row, bar in enumerate(bars)
        ),
    )
    return _svg(key, title, description, height, grid + drawn)


def columns(
    key: str, title: str, description: str, labels: Sequence[str], series: Sequence[Sequence[float | None]]
) -> SafeString:
    """Draw up to two series as standing columns side by side; a None is a gap."""
    most = max((value for one in series for value in one if value is not None), default=0) or 1
    step = _step(most)
    top = step * math.ceil(most / step)
    plot = _HEIGHT - _BOTTOM - 12
    scale = plot / top
    slot = (_WIDTH - _LEFT) / max(1, len(labels))
    width = min(28.0, slot * 0.8 / max(1, len(series)))
    lines = [step * one for one in range(int(top / step) + 1)]
    base = _HEIGHT - _BOTTOM
    grid = format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                _LEFT,
                _WIDTH,
                f"{base - v * scale:.1f}",
                f"{base - v * scale:.1f}",
                _LEFT - 6,
                f"{base - v * scale + 4:.1f}",
                f"{v:g}",
            )
            for v in lines
        ),
    )
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"></rect>',
        (
            (
                "bar-a" if which == 0 else "bar-b",
                f"{_LEFT + slot * (at + 0.5) + width * (which - len(series) / 2):.1f}",
                f"{base - value * scale:.1f}",
                f"{width - 1:.1f}",
                f"{value * scale:.1f}",
            )
            for which, one in enumerate(series)
            for at, value in enumerate(one)
            if value
        ),
    )
    every = max(1, math.ceil(len(labels) / 8))
    names = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{_LEFT + slot * (at + 0.5):.1f}", _HEIGHT - 8, label)
            for at, label in enumerate(labels)
            if at % every == 0
        ),
    )
    return _svg(key, title, description, _HEIGHT, grid + bars + names)


def _svg(key: str, title: str, description: str, height: int, inner: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}</svg>',
        _WIDTH,
        height,
        key,
        key,
        key,
        title,
        key,
        description,
        inner,
    )


def _step(most: float) -> float:
    """Give a round step that makes about four lines."""
    rough = max(most / 4, 0.1)  # finer lines would have names too long to stand beside the chart
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * one for one in (1, 2, 5, 10) if power * one >= rough)


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"
