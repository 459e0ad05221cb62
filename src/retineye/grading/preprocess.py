"""Bring a photograph to the network's input; training and serving both go through these functions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

import cv2
import numpy as np

from retineye.grading.errors import BadCardError
from retineye.grading.result import Retina

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DARK: Final = 10
"""Pixels whose brightest channel is not above this show no retina (a cut-off field, a notch)."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network expects, as its card says it."""

    size_px: int
    """Side of the square that the network sees."""
    gain: float = 0.5
    """Standard deviation, inside the retina, that each channel is brought to."""
    clip: float = 4.0
    """Values are cut at this many standard deviations from the mean."""
    mask: float = 0.97
    """Radius, as a share of the retina's, beyond which pixels are set to 0: the rim tells only of the camera."""

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Read the card's `input` part.

        Raises
        ------
        BadCardError
            A key is missing or has a value that this program does not know.
        """
        try:
            if card["colour"] != "RGB" or card["normalisation"] != "retina":
                raise BadCardError(
                    f"The card's input asks for colour {card['colour']!r} and normalisation "
                    f"{card['normalisation']!r}; this program knows 'RGB' and 'retina'."
                )
            spec = cls(int(card["size_px"]), float(card["gain"]), float(card["clip"]), float(card["mask"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise BadCardError(f"The card's input part can not be read: {exc!r}.") from exc
        if not (32 <= spec.size_px <= 4096 and spec.gain > 0 and spec.clip > 0 and 0 < spec.mask <= 1.5):
            raise BadCardError(f"The card's input part is out of range: {spec}.")
        return spec

    def to_card(self) -> dict[str, Any]:
        """Give the card's `input` part."""
        return {
            "size_px": self.size_px,
            "colour": "RGB",
            "crop": "square round the circle of the field of view, side = its diameter, black beyond the photograph",
            "resize": "area",
            "normalisation": "retina",
            "gain": self.gain,
            "clip": self.clip,
            "mask": self.mask,
        }


def square_box(retina: Retina, margin: float = 1.0) -> tuple[int, int, int, int]:
    """Give the square round the retina: left, top, right, bottom in px; it may reach beyond the photograph.

    `margin` is the square's side as a multiple of the retina's diameter.
    """
    side = max(2, round(2 * retina.radius_px * margin))
    left = round(retina.x_px - side / 2)
    top = round(retina.y_px - side / 2)
    return left, top, left + side, top + side


def crop(pixels: "NDArray[np.uint8]", retina: Retina, size_px: int, margin: float = 1.0) -> "NDArray[np.uint8]":
    """Cut the square round the retina and bring it to size; a circle stays a circle.

    Parameters
    ----------
    pixels
        RGB, shape (H, W, 3), uint8.
    size_px
        Side of the square that is returned.
    margin
        The square's side as a multiple of the retina's diameter.

    Returns
    -------
    NDArray[np.uint8]
        RGB, shape (size_px, size_px, 3); black where the square reaches beyond the photograph.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = square_box(retina, margin)
    scale = size_px / (right - left)
    x, columns = _shown(left, right, width, scale)
    y, rows = _shown(top, bottom, height, scale)
    square = np.zeros((size_px, size_px, 3), np.uint8)
    if x[1] > x[0] and y[1] > y[0]:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        inner = pixels[rows[0] : rows[1], columns[0] : columns[1]]
        square[y[0] : y[1], x[0] : x[1]] = cv2.resize(inner, (x[1] - x[0], y[1] - y[0]), interpolation=how)
    return square


def _shown(start: int, stop: int, length: int, scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give the whole target pixels that the photograph covers along one side, and the source pixels that fill them.

    Only whole target pixels: rounding their edge instead would shift the retina by up to half of one.
    """
    first = math.ceil(max(0, -start) * scale - 1e-6)
    last = math.floor((min(length, stop) - start) * scale + 1e-6)
    ends = [min(length, max(0, round(start + target / scale))) for target in (first, last)]
    return (first, last) if ends[1] > ends[0] else (0, 0), (ends[0], ends[1])


@lru_cache(maxsize=8)
def retina_mask(size_px: int, radius: float) -> "NDArray[np.bool_]":
    """Tell what lies within `radius` (as a share of half the side) of a square's centre; shape (size_px, size_px)."""
    axis = (np.arange(size_px) + 0.5) / (size_px / 2) - 1
    mask: NDArray[np.bool_] = axis[None, :] ** 2 + axis[:, None] ** 2 <= radius**2
    mask.setflags(write=False)
    return mask


def normalise(square: "NDArray[np.uint8]", spec: InputSpec) -> "NDArray[np.float32]":
    """Take the camera's light and colour out of a square: each channel gets mean 0 and deviation `gain` in the retina.

    Parameters
    ----------
    square
        RGB, shape (S, S, 3), uint8, as `crop` gives it.

    Returns
    -------
    NDArray[np.float32]
        Shape (3, S, S), within +-`gain` x `clip`; 0 outside the retina.
    """
    seen = retina_mask(square.shape[0], spec.mask) & (square.max(axis=2) > _DARK)
    values = square.astype(np.float32)
    if not seen.any():
        return np.zeros((3, *square.shape[:2]), np.float32)
    # meanStdDev takes the mask as 0 or 255 and sums in double precision.
    mean, deviation = cv2.meanStdDev(values, mask=seen.astype(np.uint8) * 255)
    values -= mean.reshape(1, 1, 3).astype(np.float32)
    values /= np.maximum(deviation.reshape(1, 1, 3), 1.0).astype(np.float32)
    np.clip(values, -spec.clip, spec.clip, out=values)
    values *= spec.gain
    values[~seen] = 0
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def preprocess(pixels: "NDArray[np.uint8]", retina: Retina, spec: InputSpec) -> "NDArray[np.float32]":
    """Bring a photograph to the network's input.

    Returns
    -------
    NDArray[np.float32]
        Shape (1, 3, S, S) with S = `spec.size_px`.
    """
    return normalise(crop(pixels, retina, spec.size_px), spec)[None]
