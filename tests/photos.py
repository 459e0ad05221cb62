"""Draw pictures that look like photographs of the retina, and pictures that do not, of any size and fault."""

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_DRAWN_PX = 900
"""Side of the square that a retina is drawn on before it is brought to size."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a drawn photograph of the retina should look like."""

    width_px: int = 720
    height_px: int = 480
    diameter: float = 0.94
    """Diameter of the round picture, as a share of the height; above 1 its top and bottom are cut off."""
    notch: bool = False
    """A small tab on the rim, as many cameras draw it."""
    cut: float = 0.0
    """Share of the round picture that is cut off at the bottom."""
    blur: float = 0.0
    """Standard deviation of the blur, as a share of the diameter."""
    light: float = 1.0
    """Factor on all light: below 1 too dark, above 1 too bright."""
    shadow: float = 0.0
    """Depth, 0-1, of a shadow over one half."""
    lesions: int = 0
    """Number of dark red spots."""
    lesion_at: tuple[float, float] | None = None
    """One large dark spot, at x and y from the centre in radii."""
    left: bool = False
    """A left eye: the bright disc lies on the left."""
    seed: int = 1


def retina(drawing: Drawing | None = None, **changes: object) -> "NDArray[np.uint8]":
    """Draw a photograph of a retina; RGB, shape (height, width, 3), uint8."""
    wanted = replace(drawing or Drawing(), **changes)  # type: ignore[arg-type]
    rng = np.random.default_rng(wanted.seed)
    fundus = _fundus(rng, wanted)
    if wanted.left:
        fundus = fundus[:, ::-1]
    return _frame(np.ascontiguousarray(fundus), wanted, rng)


def _fundus(rng: np.random.Generator, wanted: Drawing) -> "NDArray[np.float32]":
    side = _DRAWN_PX
    y, x = np.mgrid[:side, :side].astype(np.float32) / (side / 2) - 1
    distance = np.hypot(x, y)
    # The choroid shows through in soft clouds; the rim is darker.
    clouds = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), side / 25)
    clouds /= clouds.std()
    light = 1.0 - 0.35 * distance**2 + 0.02 * clouds
    fundus = light[..., None] * np.array([188, 96, 44], np.float32)
    fovea = np.exp(-(((x + 0.12) ** 2 + (y - 0.04) ** 2) / 0.025))
    fundus *= 1 - 0.35 * fovea[..., None] * np.array([0.6, 1.0, 1.0], np.float32)
    disc_x, disc_y = 0.45, 0.0
    fundus *= _vessels(rng, disc_x, disc_y)[..., None] ** np.array([0.45, 1.0, 0.8], np.float32)
    disc = _within(np.hypot((x - disc_x) / 0.12, (y - disc_y) / 0.14), 12)
    fundus += disc[..., None] * np.array([50, 66, 40], np.float32)
    spots = [(rng.uniform(-0.6, 0.3), rng.uniform(-0.6, 0.6), rng.uniform(0.012, 0.03)) for _ in range(wanted.lesions)]
    if wanted.lesion_at is not None:
        spots.append((*wanted.lesion_at, 0.1))
    for spot_x, spot_y, radius in spots:
        spot = _within(np.hypot(x - spot_x, y - spot_y) / radius, 8)
        fundus *= 1 - spot[..., None] * np.array([0.3, 0.5, 0.45], np.float32)
    if wanted.shadow:
        fundus *= 1 - wanted.shadow * _within(1 - x - 0.2 * y, 6)[..., None]
    return fundus


def _within(distance: "NDArray[np.float32]", steepness: float) -> "NDArray[np.float32]":
    """Give 1 well below a distance of 1, 0 well above, and a soft edge between."""
    soft: NDArray[np.float32] = 0.5 - 0.5 * np.tanh((distance - 1) * steepness / 2)
    return soft


def _vessels(rng: np.random.Generator, disc_x: float, disc_y: float) -> "NDArray[np.float32]":
    """Draw two arcades with branches; 1 where there is no vessel, less on one."""
    side = _DRAWN_PX
    canvas = np.ones((side, side), np.float32)

    def draw(x: float, y: float, angle: float, width: float, length: int) -> None:
        bend = rng.normal(0, 0.02)
        for step in range(length):
            new_x, new_y = x + 0.02 * np.cos(angle), y + 0.02 * np.sin(angle)
            ends = [(round((p + 1) * side / 2), round((q + 1) * side / 2)) for p, q in ((x, y), (new_x, new_y))]
            cv2.line(canvas, ends[0], ends[1], 0.66, max(1, round(width)), cv2.LINE_AA)
            x, y = new_x, new_y
            angle += bend + rng.normal(0, 0.05)
            if step > 6 and width > 2 and rng.random() < 0.09:
                draw(x, y, angle + rng.choice([-1, 1]) * rng.uniform(0.4, 0.9), width * 0.65, int(length * 0.6))
                width *= 0.93

    for start in (-2.4, -2.0, 2.0, 2.4, -1.2, 1.2, 0.5, -0.5):
        draw(disc_x, disc_y, start, rng.uniform(5.5, 8.5), 75)
    return cv2.GaussianBlur(canvas, (0, 0), 2.0)


def _frame(fundus: "NDArray[np.float32]", wanted: Drawing, rng: np.random.Generator) -> "NDArray[np.uint8]":
    diameter = wanted.diameter * wanted.height_px
    if wanted.blur:
        fundus = cv2.GaussianBlur(fundus, (0, 0), wanted.blur * _DRAWN_PX)
    # Beyond 1:1 area resampling would leave steps; the drawing is fine enough for all sizes that tests use.
    scale = diameter / _DRAWN_PX
    centre_x, centre_y = wanted.width_px / 2, wanted.height_px / 2
    place = np.array([[scale, 0, centre_x - diameter / 2], [0, scale, centre_y - diameter / 2]], np.float32)
    if scale < 1:
        fundus = cv2.GaussianBlur(fundus, (0, 0), 0.45 / scale)
    framed = cv2.warpAffine(fundus, place, (wanted.width_px, wanted.height_px), flags=cv2.INTER_LINEAR)
    y, x = np.mgrid[: wanted.height_px, : wanted.width_px].astype(np.float32)
    distance = np.hypot(x + 0.5 - centre_x, y + 0.5 - centre_y) / (diameter / 2)
    seen = np.clip((1 - distance) * diameter / 2, 0, 1)
    if wanted.notch:
        seen = np.maximum(
            seen, (np.hypot(x - centre_x - diameter * 0.35, y - centre_y + diameter * 0.36) < diameter / 40)
        )
    if wanted.cut:
        seen = seen * (y < centre_y + diameter * (0.5 - wanted.cut))
    grain = rng.normal(0, 1.2, framed.shape)
    return np.clip((framed * wanted.light + grain) * seen[..., None], 0, 255).astype(np.uint8)


def plain_disc(size_px: int = 480, colour: tuple[int, int, int] = (230, 120, 40)) -> "NDArray[np.uint8]":
    """Draw a disc of one colour on black."""
    picture = np.zeros((size_px, size_px, 3), np.uint8)
    cv2.circle(picture, (size_px // 2, size_px // 2), int(size_px * 0.46), colour, cv2.FILLED, cv2.LINE_AA)
    return picture


def ball(size_px: int = 480, colour: tuple[int, int, int] = (235, 130, 30), pores: float = 0.0) -> "NDArray[np.uint8]":
    """Draw a ball in slanting light on black: an orange with `pores`, a moon in grey."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / (size_px / 2) - 1
    inside = np.clip(1 - (x**2 + y**2) / 0.85, 0, 1)
    light = np.clip(0.75 * np.sqrt(inside) - 0.35 * x - 0.3 * y, 0, 1)
    rng = np.random.default_rng(3)
    skin = cv2.GaussianBlur(rng.normal(0, 1, (size_px, size_px)).astype(np.float32), (0, 0), 2.0)
    light *= (1 + pores * skin / skin.std()) * (inside > 0)
    return np.clip(light[..., None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)


def document(width_px: int = 600, height_px: int = 800) -> "NDArray[np.uint8]":
    """Draw a page of text."""
    page = np.full((height_px, width_px, 3), 250, np.uint8)
    for line in range(40, height_px - 30, 22):
        cv2.putText(
            page, "Visual acuity right 0.8, left 0.6", (30, line), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1
        )
    return page


def screen(width_px: int = 800, height_px: int = 600) -> "NDArray[np.uint8]":
    """Draw the screen of a computer program."""
    picture = np.full((height_px, width_px, 3), (236, 239, 244), np.uint8)
    cv2.rectangle(picture, (0, 0), (width_px, 40), (38, 70, 130), cv2.FILLED)
    for row in range(6):
        top = 60 + row * 85
        cv2.rectangle(picture, (30, top), (width_px - 30, top + 65), (255, 255, 255), cv2.FILLED)
        cv2.rectangle(picture, (45, top + 12), (85, top + 52), (200, 90 + row * 20, 60), cv2.FILLED)
        cv2.putText(picture, f"Patient {row + 1}", (110, top + 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 1)
    return picture


def noise(size_px: int = 400) -> "NDArray[np.uint8]":
    """Draw coloured noise."""
    return np.random.default_rng(5).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)


def gradient(size_px: int = 400) -> "NDArray[np.uint8]":
    """Draw a soft change from orange to brown."""
    along = np.linspace(0, 1, size_px, dtype=np.float32)[None, :, None]
    colours = along * np.array([250, 140, 60], np.float32) + (1 - along) * np.array([90, 40, 20], np.float32)
    return np.repeat(colours, size_px, axis=0).astype(np.uint8)


NOT_RETINAS: "dict[str, Callable[[], NDArray[np.uint8]]]" = {
    "a plain disc": plain_disc,
    "an orange": lambda: ball(pores=0.08),
    "a smooth ball": ball,
    "a moon": lambda: ball(colour=(205, 205, 200), pores=0.12),
    "a document": document,
    "a screen": screen,
    "noise": noise,
    "a gradient": gradient,
    "an even field": lambda: np.full((300, 400, 3), (190, 90, 50), np.uint8),
    "white paper": lambda: np.full((300, 400, 3), 255, np.uint8),
    "black": lambda: np.zeros((300, 400, 3), np.uint8),
}


def encode(pixels: "NDArray[np.uint8]", kind: str = "PNG", **options: object) -> bytes:
    """Give the bytes of a picture file; `options` are Pillow's."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()
