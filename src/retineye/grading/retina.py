"""Find the bright disc of the retina in a photograph.

The camera's field of view is a circle; photographs show all of it, or cut its top and bottom off, notch it, or are
cropped so tightly that only its corners are dark. So a circle is fitted to those edge points that lie inside the
photograph, and edges that the photograph's own border makes do not count.
"""

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from retineye.grading.result import Retina

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANALYSIS_PX: Final = 320
"""Longest side at which the disc is looked for."""
_LEAST_LIT: Final = 0.08
"""A disc that fills less of the photograph than this is no photograph of a retina."""
_FILLED: Final = 0.985
"""From this lit share on, the field of view reaches beyond the photograph on all sides."""
_LEAST_VISIBLE: Final = 0.35
_LEAST_FIT: Final = 0.7
"""A circle that agrees less than this with what is lit is not the field of view's."""
_TRIALS: Final = 512
_POINTS: Final = 400


def find_retina(pixels: "NDArray[np.uint8]") -> Retina | None:
    """Find the circle of the field of view, or None where there is no bright disc.

    1. Shrink, and tell lit from dark by the level of the photograph's own corners and border.
    2. Keep the largest lit piece, holes filled.
    3. Fit a circle to its outline, leaving out what the photograph's border cut.
    4. Refuse a circle that the lit piece does not fill, or that most of the outline does not follow.

    Parameters
    ----------
    pixels
        RGB, shape (H, W, 3), uint8.

    Returns
    -------
    Retina | None
        Centre and radius in pixels of `pixels`; the centre may lie off the photograph's own.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 32:
        return None
    scale = min(1.0, ANALYSIS_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    piece = _largest_piece(_lit(small))
    if piece is None:
        return None
    small_height, small_width = piece.shape
    share = float(piece.mean())
    if share >= _FILLED:
        circle: tuple[float, float, float] | None = (
            small_width / 2,
            small_height / 2,
            float(np.hypot(small_width, small_height)) / 2,
        )
    else:
        circle = _fit_circle(_outline(piece), small_width, small_height)
    if circle is None:
        return None
    x, y, radius = circle
    visible, fit = _agreement(piece, x, y, radius)
    if visible < _LEAST_VISIBLE or fit < _LEAST_FIT:
        return None
    scale_x, scale_y = width / small_width, height / small_height
    return Retina(x * scale_x, y * scale_y, radius * (scale_x + scale_y) / 2, visible, fit)


def _lit(small: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Tell lit pixels (1) from the dark surround (0); shape (h, w), uint8."""
    bright: NDArray[np.float32] = cv2.GaussianBlur(small, (0, 0), 1.2).max(axis=2).astype(np.float32)
    height, width = bright.shape
    band = max(2, min(height, width) // 40)
    border = np.concatenate(
        [bright[:band].ravel(), bright[-band:].ravel(), bright[:, :band].ravel(), bright[:, -band:].ravel()]
    )
    dark = float(np.percentile(border, 10))
    light = float(np.percentile(bright, 90))
    if dark > 60 and dark > 0.45 * light:  # no dark surround at all
        return np.ones((height, width), np.uint8)
    # A faint disc must still part from sensor noise, and the halo round a bright one must not count as retina.
    threshold = dark + max(7.0, 0.12 * (light - dark))
    return (bright > threshold).astype(np.uint8)


def _largest_piece(lit: "NDArray[np.uint8]") -> "NDArray[np.uint8] | None":
    """Keep the largest connected piece, opened and with its holes filled; None where it is too small."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(lit, cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    if cv2.contourArea(largest) < _LEAST_LIT * lit.size:
        return None
    # The hull closes the bays that shadows and dark lids make in the outline.
    piece = np.zeros_like(lit)
    cv2.drawContours(piece, [cv2.convexHull(largest)], -1, 1, cv2.FILLED)
    return piece


def _outline(piece: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    """Give the outline's points that the photograph's border did not make; shape (n, 2), float32, x and y in px."""
    height, width = piece.shape
    contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points: NDArray[np.float32] = max(contours, key=len)[:, 0, :].astype(np.float32)
    inner = (points[:, 0] > 2) & (points[:, 1] > 2) & (points[:, 0] < width - 3) & (points[:, 1] < height - 3)
    points = points[inner]
    step = max(1, len(points) // _POINTS)
    return points[::step]


def _fit_circle(points: "NDArray[np.float32]", width: int, height: int) -> tuple[float, float, float] | None:
    """Fit the circle that most outline points lie on (RANSAC, then least squares); x, y, radius in px."""
    if len(points) < 12:
        return None
    # The same photograph must always give the same circle.
    rng = np.random.default_rng(7)
    a, b, c = (points[rng.integers(0, len(points), _TRIALS)].astype(np.float64) for _ in range(3))
    d = 2 * (a[:, 0] * (b[:, 1] - c[:, 1]) + b[:, 0] * (c[:, 1] - a[:, 1]) + c[:, 0] * (a[:, 1] - b[:, 1]))
    sound = np.abs(d) > 1e-3
    a, b, c, d = a[sound], b[sound], c[sound], d[sound]
    if not len(d):
        return None
    a2, b2, c2 = ((p**2).sum(axis=1) for p in (a, b, c))
    x = (a2 * (b[:, 1] - c[:, 1]) + b2 * (c[:, 1] - a[:, 1]) + c2 * (a[:, 1] - b[:, 1])) / d
    y = (a2 * (c[:, 0] - b[:, 0]) + b2 * (a[:, 0] - c[:, 0]) + c2 * (b[:, 0] - a[:, 0])) / d
    radius = np.hypot(a[:, 0] - x, a[:, 1] - y)
    longest = max(width, height)
    likely = (radius > 0.2 * longest) & (radius < 0.85 * np.hypot(width, height))
    likely &= (np.abs(x - width / 2) < 0.4 * width) & (np.abs(y - height / 2) < 0.4 * height)
    if not likely.any():
        return None
    x, y, radius = x[likely], y[likely], radius[likely]
    off = np.abs(np.hypot(points[None, :, 0] - x[:, None], points[None, :, 1] - y[:, None]) - radius[:, None])
    near = off < 0.008 * longest + 0.5
    best = int(near.sum(axis=1).argmax())
    if near[best].mean() < 0.3:
        return None
    return _least_squares(points[near[best]].astype(np.float64))


def _least_squares(points: "NDArray[np.float64]") -> tuple[float, float, float] | None:
    """Fit a circle to points that all lie near one (Kåsa's algebraic fit)."""
    system = np.column_stack([points, np.ones(len(points))])
    (p, q, r), *_ = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)
    square = r + (p / 2) ** 2 + (q / 2) ** 2
    return (float(p / 2), float(q / 2), float(np.sqrt(square))) if square > 0 else None


def _agreement(piece: "NDArray[np.uint8]", x: float, y: float, radius: float) -> tuple[float, float]:
    """Give the share of the circle that is lit, and how well lit piece and circle agree within the frame (IoU); 0-1."""
    height, width = piece.shape
    rows, columns = np.ogrid[:height, :width]
    inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    lit = piece.astype(bool)
    both = float((lit & inside).sum())
    either = float((lit | inside).sum())
    return min(1.0, both / float(np.pi * radius**2)), both / max(1.0, either)
