"""Measure a photograph at one size, so that what is measured does not move with the size of the file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from retineye.grading.preprocess import crop
from retineye.grading.result import Retina

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANALYSIS_PX: Final = 320
"""Side of the square round the retina at which everything is measured."""

_LIT: Final = 8
"""A pixel whose brightest channel is not above this shows nothing."""
_ILLUMINATION_PX: Final = ANALYSIS_PX / 20
"""Standard deviation of the blur that leaves only the light, not what it falls on."""
_BANDS_PX: Final = (0.8, 1.6, 3.2, 6.4)
_VESSELS_PX: Final = (1.2, 2.0, 3.2)
"""Standard deviations, in px, at which vessels stand out: a retina's are 3-8 px wide at this size."""


@dataclass(frozen=True, slots=True)
class _Square:
    """The square round the retina, and which of its pixels count."""

    red: "NDArray[np.float32]"
    """Shape (S, S), 0-255; so are the next four."""
    green: "NDArray[np.float32]"
    blue: "NDArray[np.float32]"
    highest: "NDArray[np.float32]"
    """The brightest of the three channels."""
    lowest: "NDArray[np.float32]"
    seen: "NDArray[np.bool_]"
    """Inside the retina and inside the photograph."""
    lit: "NDArray[np.bool_]"
    """`seen`, and not black."""
    outside: "NDArray[np.bool_]"
    """Inside the photograph, outside the retina."""


def measure(pixels: "NDArray[np.uint8]", retina: Retina | None) -> dict[str, float]:
    """Measure light, focus, colour and structure.

    Parameters
    ----------
    pixels
        RGB, shape (H, W, 3), uint8.
    retina
        Where the retina lies; None measures the whole picture, squeezed to a square.

    Returns
    -------
    dict[str, float]
        One finite number for each name in `MEASURES`.
    """
    square = _square(pixels, retina)
    illumination = _smooth_inside(square.green, square.lit)
    # What is seen, freed of how much light fell on it: 1 on average.
    reflectance = np.where(square.lit, square.green / np.maximum(illumination, 8.0), 1.0).astype(np.float32)
    found = {
        **_light(square),
        **_colour(square),
        **_bands(reflectance, square.lit),
        **_vessels(reflectance, square.lit),
        **_edges(reflectance, square),
        **_frame(square, retina),
    }
    return {name: float(found[name]) if np.isfinite(found[name]) else 0.0 for name in MEASURES}


def _square(pixels: "NDArray[np.uint8]", retina: Retina | None) -> _Square:
    side = ANALYSIS_PX
    if retina is None:
        small: NDArray[np.uint8] = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        framed = disc = np.ones((side, side), bool)
        outside = ~disc
    else:
        small = crop(pixels, retina, side)
        height, width = pixels.shape[:2]
        step = 2 * retina.radius_px / side
        x = retina.x_px - retina.radius_px + (np.arange(side) + 0.5) * step
        y = retina.y_px - retina.radius_px + (np.arange(side) + 0.5) * step
        framed = ((x >= 0) & (x < width))[None, :] & ((y >= 0) & (y < height))[:, None]
        disc = _RADIUS < 0.92
        outside = framed & (_RADIUS > 1.04)
    seen = _shrunk(framed & disc, 4)
    red, green, blue = (np.ascontiguousarray(small[:, :, channel], np.float32) for channel in range(3))
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    lit = _shrunk(framed & disc & (highest > _LIT), 4)
    # A black picture is measured as it is.
    if lit.sum() < 200:
        lit = seen if seen.any() else np.ones_like(seen)
    return _Square(red, green, blue, highest, lowest, seen, lit, outside)


def _radius() -> "NDArray[np.float32]":
    axis = (np.arange(ANALYSIS_PX) + 0.5) / (ANALYSIS_PX / 2) - 1
    distance: NDArray[np.float32] = np.hypot(axis[None, :], axis[:, None]).astype(np.float32)
    return distance


_RADIUS: Final = _radius()
"""Distance of each pixel from the centre, in radii."""


def _shrunk(mask: "NDArray[np.bool_]", by_px: int) -> "NDArray[np.bool_]":
    kernel = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    eroded: NDArray[np.uint8] = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return eroded.astype(bool)


def _smooth_inside(values: "NDArray[np.float32]", mask: "NDArray[np.bool_]") -> "NDArray[np.float32]":
    """Blur by `_ILLUMINATION_PX`, letting nothing in from outside the mask."""
    # A quarter of the size is enough for what is this smooth.
    size = (ANALYSIS_PX // 4, ANALYSIS_PX // 4)
    weight = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = cv2.resize(np.where(mask, values, 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    sigma = _ILLUMINATION_PX / 4
    light = cv2.GaussianBlur(light, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
    smooth: NDArray[np.float32] = cv2.resize(light, (ANALYSIS_PX, ANALYSIS_PX), interpolation=cv2.INTER_LINEAR)
    return smooth


def _light(square: _Square) -> dict[str, float]:
    luminance: NDArray[np.float32] = 0.3 * square.red + 0.59 * square.green + 0.11 * square.blue
    field = _smooth_inside(luminance, square.seen)[square.seen]
    shade, low, middle, high, light = np.percentile(field, [5, 10, 50, 90, 95])
    values = luminance[square.seen]
    return {
        "brightness": float(np.log(np.median(square.highest[square.seen]) + 1)),
        "brightest_part": float(np.log(np.percentile(values, 98) + 1)),
        "darkest_part": float(np.log(shade + 1)),
        "evenness": float(shade / max(light, 1.0)),
        "light_range": float((high - low) / max(middle, 1.0)),
        "glare": float((values > 170).mean()),
        "white": float((values > 200).mean()),
        "washed_out": float(low),
        "lit_share": float(square.lit.sum() / max(1, square.seen.sum())),
    }


def _colour(square: _Square) -> dict[str, float]:
    red, green, blue = square.red[square.lit], square.green[square.lit], square.blue[square.lit]
    red_green = np.log((red + 4) / (green + 4))
    green_blue = np.log((green + 4) / (blue + 4))
    rg = np.percentile(red_green, [5, 25, 50, 75, 95])
    gb = np.percentile(green_blue, [5, 25, 50, 75, 95])
    high = square.highest[square.lit]
    saturation = (high - square.lowest[square.lit]) / (high + 1)
    return {
        "red_green": rg[2],
        "red_green_middle": rg[3] - rg[1],
        "red_green_spread": rg[4] - rg[0],
        "green_blue": gb[2],
        "green_blue_middle": gb[3] - gb[1],
        "green_blue_spread": gb[4] - gb[0],
        "red_first": float((red >= green).mean()),
        "green_second": float((green >= 0.9 * blue).mean()),
        "saturation": float(saturation.mean()),
        "saturation_spread": float(saturation.std()),
    }


def _bands(reflectance: "NDArray[np.float32]", lit: "NDArray[np.bool_]") -> dict[str, float]:
    """Measure how much detail there is, how peaked it is, and whether dark or bright prevails, from fine to coarse."""
    found = {}
    finer = reflectance
    for number, sigma in enumerate(_BANDS_PX):
        coarser = cv2.GaussianBlur(reflectance, (0, 0), sigma)
        detail = (finer - coarser)[lit]
        detail -= detail.mean()
        square = detail * detail
        variance = float(square.mean())
        found[f"detail_{number}"] = float(np.log(np.sqrt(variance) + 1e-4))
        found[f"peaks_{number}"] = float(
            np.log(((square * square).mean() + 1e-12) / (variance * variance + 1e-9) + 1e-3)
        )
        found[f"skew_{number}"] = float(np.clip((square * detail).mean() / (variance**1.5 + 1e-6), -5, 5))
        finer = coarser
    return found


def _ridges(smooth: "NDArray[np.float32]") -> tuple["NDArray[np.float32]", "NDArray[np.float32]"]:
    """Give the strength of dark and of bright lines at each pixel, from the second derivatives."""
    across: NDArray[np.float32] = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3)
    down: NDArray[np.float32] = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3)
    mixed: NDArray[np.float32] = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3)
    middle = (across + down) * 0.5
    spread = cv2.magnitude((across - down) * 0.5, mixed)
    # A line bends sharply one way and hardly the other; a spot bends both ways and does not count.
    more, less = np.abs(middle + spread), np.abs(middle - spread)
    dark = np.where(middle + spread > 0, np.maximum(more - less, 0), 0)
    bright = np.where(middle - spread < 0, np.maximum(less - more, 0), 0)
    return dark, bright


def _vessels(reflectance: "NDArray[np.float32]", lit: "NDArray[np.bool_]") -> dict[str, float]:
    found = {}
    for number, sigma in enumerate(_VESSELS_PX):
        dark, bright = _ridges(cv2.GaussianBlur(reflectance, (0, 0), sigma))
        many, strong = np.percentile(dark[lit], [90, 97]) * sigma**2
        strong_bright = np.percentile(bright[lit], 97) * sigma**2
        found[f"vessels_{number}"] = float(np.log(strong + 1e-4))
        found[f"vessels_over_lines_{number}"] = float(np.log((strong + 1e-4) / (strong_bright + 1e-4)))
        found[f"vessels_over_rest_{number}"] = float(np.log((strong + 1e-4) / (many + 1e-4)))
        if number == 1:
            found |= _tree((dark > max(float(np.percentile(dark[lit], 93)), 1e-4)) & lit)
    return found


def _tree(lines: "NDArray[np.bool_]") -> dict[str, float]:
    """Measure whether the lines hang together, as a tree of vessels does."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    if count < 2:
        return {"tree_largest": 0.0, "tree_five": 0.0, "tree_pieces": 5.0, "tree_reach": 0.0}
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1] / max(1, int(lines.sum()))
    reach = np.hypot(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]).max()
    return {
        "tree_largest": float(areas[0]),
        "tree_five": float(areas[:5].sum()),
        "tree_pieces": float(np.log(count / max(1, int(lines.sum())) * 100 + 0.1)),
        "tree_reach": float(np.log(reach + 1)),
    }


def _edges(reflectance: "NDArray[np.float32]", square: _Square) -> dict[str, float]:
    across: NDArray[np.float32] = cv2.Sobel(reflectance, cv2.CV_32F, 1, 0)
    down: NDArray[np.float32] = cv2.Sobel(reflectance, cv2.CV_32F, 0, 1)
    across, down = np.abs(across[square.lit]), np.abs(down[square.lit])
    steep = np.hypot(across, down)
    middle, many, most, all_but_few = np.percentile(steep, [50, 95, 99, 99.9])
    strong = steep > many
    lean = np.minimum(across, down)[strong] / (np.maximum(across, down)[strong] + 1e-6)
    kernel = np.ones((3, 3), np.uint8)
    steps = [cv2.dilate(plane, kernel) - cv2.erode(plane, kernel) for plane in (square.red, square.green, square.blue)]
    step = np.maximum(np.maximum(steps[0], steps[1]), steps[2])
    return {
        "edges_middle": float(np.log(middle + 1e-3)),
        "edges_strong": float(np.log(most + 1e-3)),
        "edges_strongest": float(np.log(all_but_few + 1e-3)),
        "edges_upright": float((lean < 0.1).mean()) if strong.any() else 1.0,
        "flat": float((step <= 1)[square.lit].mean()),
    }


def _frame(square: _Square, retina: Retina | None) -> dict[str, float]:
    """Measure the dark surround and the round shape."""
    surround = square.highest[square.outside]
    enough = surround.size > 150
    return {
        "surround_share": float(square.outside.mean()),
        "surround": float(np.log((surround.mean() if enough else 8.0) + 1)),
        "surround_spread": float(np.log((surround.std() if enough else 4.0) + 1)),
        "circle_found": float(retina is not None),
        "circle_visible": retina.visible if retina else 0.9,
        "circle_fit": retina.fit if retina else 0.9,
    }


MEASURES: Final = (
    *("brightness", "brightest_part", "darkest_part", "evenness", "light_range", "glare", "white", "washed_out"),
    "lit_share",
    *("red_green", "red_green_middle", "red_green_spread", "green_blue", "green_blue_middle", "green_blue_spread"),
    *("red_first", "green_second", "saturation", "saturation_spread"),
    *(f"{name}_{number}" for number in range(len(_BANDS_PX)) for name in ("detail", "peaks", "skew")),
    *(
        f"{name}_{number}"
        for number in range(len(_VESSELS_PX))
        for name in ("vessels", "vessels_over_lines", "vessels_over_rest")
    ),
    *("tree_largest", "tree_five", "tree_pieces", "tree_reach"),
    *("edges_middle", "edges_strong", "edges_strongest", "edges_upright", "flat"),
    *("surround_share", "surround", "surround_spread", "circle_found", "circle_visible", "circle_fit"),
)
"""Names of all measures."""
