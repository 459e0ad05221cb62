"""Plots of an evaluation as SVG: confusion, ROC and reliability. Written by hand: small, printable, no library."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
from sklearn.metrics import roc_curve

from retineye.grading.result import GRADE_NAMES
from retineye.training import metrics
from retineye.training.outcomes import Answers

INK: Final = "#14212b"
INK_SOFT: Final = "#52626f"
LINE: Final = "#dfe6ea"
BRAND: Final = "#0f5c73"
CURVES: Final = {"referable": (BRAND, "Referable"), "vision_threatening": ("#c4611f", "Vision-threatening")}
LEFT: Final = 64
TOP: Final = 72
SIDE: Final = 320
"""Side of the square that data are drawn in, in units of the SVG."""


def draw_all(found: Answers, title: str) -> dict[str, str]:
    """Draw the plots of one set, by kind: confusion, roc, reliability, risk-coverage."""
    return {
        "confusion": draw_confusion(found, title),
        "roc": draw_roc(found, title),
        "reliability": draw_reliability(found, title),
        "risk-coverage": draw_risk_coverage(found, title),
    }


def draw_confusion(found: Answers, title: str) -> str:
    """Draw the counts by true grade (down) and given grade (across), shaded by the share of the true grade."""
    counts = metrics.confusion(found.truth, found.given)
    cell, left = 72, 150
    parts = []
    for row, name in enumerate(GRADE_NAMES.values()):
        middle = TOP + row * cell + cell / 2
        parts.append(_label(left - 10, middle - 4, name, anchor="end"))
        parts.append(_label(left - 10, middle + 14, f"n = {int(counts[row].sum())}", anchor="end", soft=True))
        parts.append(_label(left + row * cell + cell / 2, TOP + 5 * cell + 22, _short(name), anchor="middle"))
        for column in range(metrics.GRADES):
            share = counts[row, column] / counts[row].sum() if counts[row].sum() else 0.0
            parts.append(_cell(left + column * cell, TOP + row * cell, cell, share, int(counts[row, column])))
            if row == column:
                parts.append(_frame(left + column * cell, TOP + row * cell, cell))
    agreed = f"Confusion, {title} (n = {len(found.truth)})"
    return _svg(agreed, parts, "True grade down, grade given across", left + 5 * cell + 24, TOP + 5 * cell + 40)


def draw_roc(found: Answers, title: str) -> str:
    """Draw sensitivity against 1 - specificity for both decisions, with the points at which the pack decides."""
    parts = [*_axes("1 − specificity", "Sensitivity"), _polyline([(0, 0), (1, 1)], LINE, dashed=True)]
    legend = []
    decisions = {"referable": found.referable, "vision_threatening": found.vision_threatening}
    for name, least in metrics.LEAST_GRADE.items():
        positive, score = found.truth >= least, found.probabilities[:, least:].sum(1)
        if positive.all() or not positive.any():
            continue
        colour, words = CURVES[name]
        false, true, _ = roc_curve(positive, score)
        parts.append(_polyline(list(zip(false, true, strict=True)), colour))
        sensitivity = float(metrics.sensitivity(positive, decisions[name]))
        specificity = float(metrics.specificity(positive, decisions[name]))
        parts.append(_dot(1 - specificity, sensitivity, colour))
        legend.append((colour, f"{words}: AUC {float(metrics.auc(positive, score)):.3f}"))
        legend.append(("", f"decides at {sensitivity:.2f} / {specificity:.2f}"))
    parts += _legend(legend, x=0.40, y=0.24)
    return _svg(f"ROC, {title} (n = {len(found.truth)})", parts, "Dots: where the pack decides")


def draw_reliability(found: Answers, title: str) -> str:
    """Draw for each bin of the largest probability what share was right, with Wilson's interval, and its size."""
    points = metrics.reliability(found.probabilities, found.truth)
    parts = [*_axes("Largest probability", "Share right"), _polyline([(0, 0), (1, 1)], LINE, dashed=True)]
    most = max((share.n for _, share in points), default=1)
    for probability, share in points:
        height = 0.12 * share.n / most
        left = min(int(probability * 10), 9) / 10
        parts.append(_bar(left, height))
        parts.append(_polyline([(probability, share.low or 0.0), (probability, share.high or 0.0)], BRAND))
    parts.append(_polyline([(probability, share.value or 0.0) for probability, share in points], BRAND))
    parts += [_dot(probability, share.value or 0.0, BRAND) for probability, share in points]
    error = float(metrics.ece(found.probabilities, found.truth))
    mean, percentile = metrics.perfect_ece(found.probabilities)
    words = f"ECE {error:.3f}; perfect at this n: {mean:.3f}, 95 % below {percentile:.3f}"
    return _svg(f"Reliability, {title} (n = {len(found.truth)})", parts, words)


def draw_risk_coverage(found: Answers, title: str) -> str:
    """Draw the share of wrong grades against the share graded, the most doubtful photographs left out first."""
    doubt = metrics.expected_loss(found.probabilities, found.given)
    coverage, wrong = metrics.risk_coverage(doubt, found.truth != found.given)
    parts = [*_axes("Share of photographs graded", "Share of wrong grades")]
    parts.append(_polyline(list(zip(coverage, wrong, strict=True)), BRAND))
    sure, words = ~found.uncertain, "Least doubtful first"
    if sure.any():
        parts.append(_dot(float(sure.mean()), float((found.truth != found.given)[sure].mean()), CURVES["referable"][0]))
        words = f"{words}; dot: those not marked uncertain ({sure.mean():.0%})"
    return _svg(f"Risk and coverage, {title} (n = {len(found.truth)})", parts, words)


def _svg(
    title: str,
    parts: Sequence[str],
    subtitle: str,
    width: float = LEFT + SIDE + 28,
    height: float = TOP + SIDE + 60,
) -> str:
    heading = _label(16, 28, title, bold=True) + "\n" + _label(16, 48, subtitle, soft=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="Inter, system-ui, sans-serif" font-size="13">\n'
        f'<title>{escape(title)}</title>\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "\n".join([heading, *parts])
        + "\n</svg>\n"
    )


def _short(name: str) -> str:
    return name.removesuffix(" NPDR").replace("Proliferative DR", "Proliferative")


def _at(x: float, y: float) -> tuple[float, float]:
    """Place a point of the unit square, y upwards, in the SVG, y downwards."""
    return LEFT + x * SIDE, TOP + (1 - y) * SIDE


def _axes(across: str, up: str) -> list[str]:
    parts = []
    for tick in np.linspace(0, 1, 6):
        x, _ = _at(tick, 0)
        _, y = _at(0, tick)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{LEFT + SIDE}M{x:.1f} {TOP}V{TOP + SIDE}" stroke="{LINE}" fill="none"/>'
        )
        parts.append(_label(LEFT - 8, y + 4, f"{tick:.1f}", anchor="end", soft=True))
        parts.append(_label(x, TOP + SIDE + 18, f"{tick:.1f}", anchor="middle", soft=True))
    parts.append(_label(LEFT + SIDE / 2, TOP + SIDE + 42, across, anchor="middle"))
    middle = TOP + SIDE / 2
    parts.append(f'<g transform="rotate(-90 20 {middle})">{_label(20, middle, up, anchor="middle")}</g>')
    return parts


def _polyline(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(*point) for point in points))
    style = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{INK_SOFT if dashed else colour}" stroke-width="2"{style}/>'


def _dot(x: float, y: float, colour: str) -> str:
    left, top = _at(x, y)
    return f'<circle cx="{left:.1f}" cy="{top:.1f}" r="5" fill="{colour}" stroke="#ffffff" stroke-width="1.5"/>'


def _bar(left: float, height: float) -> str:
    x, y = _at(left, height)
    return (
        f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{SIDE / 10 - 4:.1f}" height="{height * SIDE:.1f}" '
        f'fill="{INK_SOFT}" opacity="0.25"/>'
    )


def _cell(x: float, y: float, side: float, share: float, count: int) -> str:
    colour = "#ffffff" if share > 0.5 else INK
    return (
        f'<rect x="{x}" y="{y}" width="{side - 3}" height="{side - 3}" rx="4" fill="{BRAND}" '
        f'fill-opacity="{0.05 + 0.95 * share:.3f}"/>'
        + _label(x + side / 2 - 1.5, y + side / 2, str(count), anchor="middle", colour=colour, bold=True)
        + _label(x + side / 2 - 1.5, y + side / 2 + 17, f"{share:.0%}", anchor="middle", colour=colour)
    )


def _frame(x: float, y: float, side: float) -> str:
    return f'<rect x="{x}" y="{y}" width="{side - 3}" height="{side - 3}" rx="4" fill="none" stroke="{INK}"/>'


def _legend(lines: Sequence[tuple[str, str]], *, x: float, y: float) -> list[str]:
    parts = []
    for place, (colour, words) in enumerate(lines):
        left, top = _at(x, y)
        top += place * 18
        if colour:
            parts.append(f'<circle cx="{left + 5:.1f}" cy="{top - 4:.1f}" r="5" fill="{colour}"/>')
        parts.append(_label(left + 16, top, words, soft=not colour))
    return parts


def _label(
    x: float, y: float, words: str, *, anchor: str = "start", soft: bool = False, bold: bool = False, colour: str = INK
) -> str:
    weight = ' font-weight="650"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK_SOFT if soft else colour}"{weight}>'
        f"{escape(words)}</text>"
    )
