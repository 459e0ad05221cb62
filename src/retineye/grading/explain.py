"""Show where the network looked, and what looks like a lesion, brought back onto the photograph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from retineye.grading.preprocess import retina_mask, square_box
from retineye.grading.result import Grade, Heatmap, Lesion, Retina

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from numpy.typing import NDArray

_LEAST_INSIDE: Final = 0.5
"""With less of the attention than this inside the retina, the map would mislead."""
_FINE_PX: Final = 128
"""Side at which attention is weighed against the retina's circle."""
_VISIBLE: Final = 0.15
"""Attention below this is left transparent."""
_OPAQUE: Final = 0.7
"""Opacity of the strongest attention."""

LESION_CODES: Final = ("MA", "HE", "EX", "SE")
"""In the order of the network's maps."""
MOST_LESIONS: Final = 200
"""Of one kind: the surest are kept."""
_CELL_PX: Final = 8

# From deep blue over cyan to near white: it stands out from the orange of a retina, for the colour-blind as well, and
# grows lighter with attention.
_COLOURS: Final = np.array([[20, 40, 160], [0, 140, 255], [90, 230, 255], [225, 250, 255]], np.float32)


def explain(
    features: "NDArray[np.float32]",
    class_weights: "NDArray[np.float32]",
    grade: Grade,
    retina: Retina,
    width_px: int,
    height_px: int,
) -> Heatmap | None:
    """Map what spoke for the grade and against "No DR"; for "No DR", what spoke most for disease.

    Parameters
    ----------
    features
        Shape (C, h, w), float32: the map that the logits are pooled from.
    class_weights
        Shape (5, C), float32: the network's last layer.
    grade
        The grade that was given.
    retina
        In a photograph of `width_px` x `height_px`.

    Returns
    -------
    Heatmap | None
        None where nothing stands out, or where most attention lies off the retina: such a map would mislead.

    References
    ----------
    Zhou et al., Learning Deep Features for Discriminative Localization, 2016.
    """
    disease = class_weights[grade] if grade else class_weights[1:].mean(axis=0)
    activation = np.einsum("c,chw->hw", disease - class_weights[Grade.NONE], features)
    attention = np.maximum(activation, 0.0).astype(np.float32)
    strongest = float(attention.max())
    if strongest <= 0 or strongest - float(attention.min()) < 1e-6:
        return None
    attention /= strongest
    fine = np.clip(cv2.resize(attention, (_FINE_PX, _FINE_PX), interpolation=cv2.INTER_CUBIC), 0, 1)
    inside = float(fine[retina_mask(_FINE_PX, 1.0)].sum() / fine.sum())
    if inside < _LEAST_INSIDE:
        return None
    left, top, right, bottom = square_box(retina)
    box = (left / width_px, top / height_px, right / width_px, bottom / height_px)
    return Heatmap(values=attention, box=box, inside=inside)


def find_lesions(
    maps: "NDArray[np.float32]", thresholds: Sequence[float], retina: Retina, width_px: int, height_px: int
) -> tuple[Lesion, ...]:
    """Outline what looks like a lesion, the surest of each kind first.

    Parameters
    ----------
    maps
        Shape (4, h, w), float32, 0-1: one map for each of `LESION_CODES` over the square round the retina.
    thresholds
        Four values from which on a cell is shown.
    retina
        In a photograph of `width_px` x `height_px`.
    """
    left, top, right, bottom = square_box(retina)
    rows, columns = maps.shape[1:]
    inside = _inside_cells(rows, columns)
    # From px of the enlarged map to shares of the photograph.
    scale = ((right - left) / (columns * _CELL_PX) / width_px, (bottom - top) / (rows * _CELL_PX) / height_px)
    found: list[Lesion] = []
    for code, values, threshold in zip(LESION_CODES, maps, thresholds, strict=True):
        shown = ((values >= threshold) & inside).astype(np.uint8)
        large = cv2.resize(shown * 255, None, fx=_CELL_PX, fy=_CELL_PX, interpolation=cv2.INTER_NEAREST)
        round_ones = (cv2.GaussianBlur(large, (0, 0), _CELL_PX / 4) > 100).astype(np.uint8)
        outlines, _ = cv2.findContours(round_ones, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        own = [_lesion(code, values, outline, (left / width_px, top / height_px), scale) for outline in outlines]
        found += sorted(own, key=lambda lesion: -lesion.score)[:MOST_LESIONS]
    return tuple(found)


def highest_inside(maps: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Give the highest value of each map inside the retina, shape (4,): what `find_lesions` holds to the thresholds."""
    return np.asarray(maps[:, _inside_cells(*maps.shape[1:])].max(axis=1), np.float32)


def _inside_cells(rows: int, columns: int) -> "NDArray[np.bool_]":
    circle = retina_mask(_FINE_PX, 1.0).astype(np.float32)
    return np.asarray(cv2.resize(circle, (columns, rows), interpolation=cv2.INTER_AREA) > 0.5)


def _lesion(
    code: str, values: "NDArray[np.float32]", outline: "MatLike", corner: tuple[float, float],
    scale: tuple[float, float],
) -> Lesion:  # fmt: skip
    within = np.zeros((values.shape[0] * _CELL_PX, values.shape[1] * _CELL_PX), np.uint8)
    cv2.drawContours(within, [outline], -1, 1, cv2.FILLED)
    touched = within.reshape(values.shape[0], _CELL_PX, values.shape[1], _CELL_PX).max(axis=(1, 3)) > 0
    simple = cv2.approxPolyDP(outline, 0.75, closed=True).reshape(-1, 2) + 0.5
    corners = ((corner[0] + float(x) * scale[0], corner[1] + float(y) * scale[1]) for x, y in simple)
    return Lesion(code, round(float(values[touched].max()), 4), tuple((round(x, 5), round(y, 5)) for x, y in corners))


def render_heatmap(heatmap: Heatmap, width: int, height: int) -> bytes:
    """Draw a heatmap as a PNG to lie over the photograph.

    Parameters
    ----------
    heatmap
        As `explain` gives it.
    width, height
        Size of the picture in px; its sides should stand to each other as the photograph's do.

    Returns
    -------
    bytes
        A PNG with alpha, transparent where there is no attention and beyond the retina.
    """
    rows, columns = heatmap.values.shape
    left, top, right, bottom = heatmap.box
    across, down = columns / ((right - left) * width), rows / ((bottom - top) * height)
    # Pixel centres of the picture, in cells of the map.
    place = np.array(
        [[across, 0, (0.5 - left * width) * across - 0.5], [0, down, (0.5 - top * height) * down - 0.5]], np.float32
    )
    values = cv2.warpAffine(
        heatmap.values,
        place,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    x = ((np.arange(width) + 0.5) / width - left) / (right - left) * 2 - 1
    y = ((np.arange(height) + 0.5) / height - top) / (bottom - top) * 2 - 1
    values[x[None, :] ** 2 + y[:, None] ** 2 > 1] = 0
    shown = np.clip((values - _VISIBLE) / (1 - _VISIBLE), 0, 1)
    table = _colour_table()[np.round(shown * 255).astype(np.uint8)]
    done, png = cv2.imencode(".png", table, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise ValueError(f"A heatmap of {width} x {height} px can not be drawn.")
    return png.tobytes()


def _colour_table() -> "NDArray[np.uint8]":
    """Give 256 colours, blue-green-red-alpha, for attention 0-1; shape (256, 4), uint8."""
    shown = np.linspace(0, 1, 256)
    stops = np.linspace(0, 1, len(_COLOURS))
    red, green, blue = (np.interp(shown, stops, _COLOURS[:, channel]) for channel in range(3))
    alpha = 255 * _OPAQUE * np.sqrt(shown)
    return np.stack([blue, green, red, alpha], axis=1).round().astype(np.uint8)
