"""Vary training squares as cameras, operators and eyes vary them.

Geometry is one warp from the kept square to the trained size, and colour one table for each channel: on two cores the
network must not wait for its pictures.
"""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from retineye.grading.preprocess import InputSpec, normalise
from retineye.training.data import MARGIN

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from numpy.typing import NDArray


def plain(square: "NDArray[np.uint8]", spec: InputSpec) -> "NDArray[np.float32]":
    """Bring a kept square to the network's input without any change; shape (3, S, S)."""
    return normalise(np.asarray(_warp(square, spec.size_px), np.uint8), spec)


def vary(
    square: "NDArray[np.uint8]", spec: InputSpec, rng: np.random.Generator, strength: float = 1.0
) -> "NDArray[np.float32]":
    """Bring a kept square to the network's input, varied; shape (3, S, S).

    Parameters
    ----------
    square
        RGB, shape (K, K, 3), uint8, with the margin that `data.keep_squares` gives it.
    strength
        Of colour, light and camera; 0 leaves rotation, flip, scale and shift alone.
    """
    return vary_with(square, None, spec, rng, strength)[0]


def vary_with(
    square: "NDArray[np.uint8]", planes: "NDArray[np.uint8] | None", spec: InputSpec, rng: np.random.Generator,
    strength: float = 1.0,
) -> "tuple[NDArray[np.float32], NDArray[np.uint8] | None]":  # fmt: skip
    """Vary a square as `vary` does, and move what people outlined in it along; planes of shape (K, K, n) or None."""
    geometry: dict[str, Any] = {
        "turn_deg": rng.uniform(-180, 180),
        "scale": float(np.exp(rng.uniform(-0.12, 0.12))),
        "shift": rng.uniform(-0.04, 0.04, 2),
        "flip": rng.random() < 0.5,
    }
    picture = _warp(square, spec.size_px, **geometry)
    if strength > 0:
        picture = _optics(_light(picture, rng, strength), rng, strength)
        picture = _camera(picture, rng, strength)
    moved = None if planes is None else np.asarray(_warp(planes, spec.size_px, **geometry), np.uint8)
    return normalise(np.asarray(picture, np.uint8), spec), moved


def turn_and_light(
    square: "NDArray[np.uint8]", spec: InputSpec, rng: np.random.Generator, *, flip: bool
) -> "NDArray[np.float32]":
    """Bring a kept square to the network's input with small turns and shifts alone, so that left stays left."""
    picture = _warp(
        square,
        spec.size_px,
        turn_deg=rng.uniform(-20, 20),
        scale=float(np.exp(rng.uniform(-0.15, 0.15))),
        shift=rng.uniform(-0.06, 0.06, 2),
        flip=flip,
    )
    return normalise(np.asarray(_light(picture, rng, 1.0), np.uint8), spec)


def _warp(
    square: "MatLike",
    size_px: int,
    turn_deg: float = 0.0,
    scale: float = 1.0,
    shift: Any = (0.0, 0.0),
    flip: bool = False,
) -> "MatLike":
    kept = square.shape[0]
    wanted = size_px * MARGIN
    if kept > 1.3 * wanted:  # a warp alone would alias
        square = cv2.resize(square, (round(wanted), round(wanted)), interpolation=cv2.INTER_AREA)
        kept = square.shape[0]
    matrix = cv2.getRotationMatrix2D((kept / 2 - 0.5, kept / 2 - 0.5), turn_deg, scale * wanted / kept)
    if flip:
        matrix[:, 0] *= -1
        matrix[:, 2] -= matrix[:, 0] * (kept - 1)
    matrix[:, 2] += (size_px - kept) / 2 + np.asarray(shift) * size_px
    return cv2.warpAffine(square, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


def _light(picture: "MatLike", rng: np.random.Generator, strength: float) -> "MatLike":
    """Vary exposure, contrast curve, colour cast, saturation and evenness; black stays black."""
    ramp = np.arange(256, dtype=np.float32) / 255
    tables = np.empty((256, 1, 3), np.uint8)
    gain = np.exp(rng.normal(0, 0.20 * strength))
    gamma = np.exp(rng.normal(0, 0.18 * strength))
    for channel in range(3):
        curve = ramp ** (gamma * np.exp(rng.normal(0, 0.10 * strength)))
        tables[:, 0, channel] = np.clip(255 * gain * np.exp(rng.normal(0, 0.15 * strength)) * curve, 0, 255)
    picture = cv2.LUT(picture, tables)
    if rng.random() < 0.5:
        amount = float(rng.uniform(-0.5, 0.3)) * strength
        mixed = np.eye(3, dtype=np.float32) * (1 + amount) - amount / 3
        picture = cv2.transform(picture, mixed)
    if rng.random() < 0.4:
        size = picture.shape[0]
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6) * strength
        slope = 1 + depth * (np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]) / 1.4
        picture = np.clip(picture * slope[:, :, None], 0, 255).astype(np.uint8)
    return picture


def _optics(picture: "MatLike", rng: np.random.Generator, strength: float) -> "MatLike":
    """Vary what lies between the retina and the sensor: dust, a clouded lens, stray light, a lid or a cut field.

    Dust takes the same share of every colour; blood takes hardly any red: by that the two can be told apart.
    """
    lit = picture.max(axis=2) > 12
    size = picture.shape[0]
    shade = np.ones((size, size), np.float32)
    if rng.random() < 0.25 * strength:
        shade *= 1 - _dust(size, rng)
    if rng.random() < 0.08 * strength:
        shade *= 1 - _beyond(size, rng, softness=float(rng.uniform(0.03, 0.2))) * rng.uniform(0.3, 0.95)
    if shade.min() < 1:
        picture = np.where(lit[:, :, None], np.clip(picture * shade[:, :, None], 1, 255), picture).astype(np.uint8)
    glow = np.zeros((size, size), np.float32)
    if rng.random() < 0.10 * strength:
        glow += np.float32(rng.uniform(0.05, 0.4))
    if rng.random() < 0.10 * strength:
        glow += _beyond(size, rng, softness=float(rng.uniform(0.05, 0.4))) * np.float32(rng.uniform(0.1, 0.6))
    if glow.max() > 0:
        light = picture[lit].mean(axis=0) * rng.uniform(1.0, 1.6) if lit.any() else np.zeros(3)
        veiled = picture * (1 - glow[:, :, None]) + np.clip(light, 0, 255) * glow[:, :, None]
        picture = np.where(lit[:, :, None], np.clip(veiled, 1, 255), picture).astype(np.uint8)
    if rng.random() < 0.06 * strength:
        picture = picture * (_beyond(size, rng, softness=0.0) < 0.5)[:, :, None].astype(np.uint8)
    return picture


def _dust(size: int, rng: np.random.Generator) -> "NDArray[np.float32]":
    """Give the share of light that grains on the lens take, shape (size, size): soft spots, now and then a fibre."""
    shade = np.zeros((size, size), np.float32)
    for _ in range(int(np.exp(rng.uniform(0, np.log(30))))):
        at = rng.uniform(0.05, 0.95, 2) * size
        depth = float(rng.uniform(0.08, 0.7))
        radius = max(1, round(float(np.exp(rng.uniform(np.log(0.003), np.log(0.03)))) * size))
        axes = (radius, max(1, round(radius * rng.uniform(0.5, 1))))
        centre = (int(at[0]), int(at[1]))
        cv2.ellipse(shade, centre, axes, float(rng.uniform(0, 180)), 0, 360, depth, -1)
        if rng.random() < 0.05:
            reach = rng.normal(0, 0.08, 2) * size
            cv2.line(shade, centre, (int(at[0] + reach[0]), int(at[1] + reach[1])), depth, 1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), float(rng.uniform(0.0015, 0.012)) * size), np.float32)


def _beyond(size: int, rng: np.random.Generator, softness: float) -> "NDArray[np.float32]":
    """Give 1 beyond a line that cuts a strip off the field, 0 before it, with a soft edge; shape (size, size)."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.55, 0.95)
    along = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    if softness <= 0:
        return (along > place).astype(np.float32)
    return np.asarray(np.clip((along - place) / softness + 0.5, 0, 1), np.float32)


def _camera(picture: "MatLike", rng: np.random.Generator, strength: float) -> "MatLike":
    """Vary resolution, focus, sensor noise and JPEG compression."""
    size = picture.shape[0]
    what = rng.random()
    if what < 0.30 * strength:
        small = int(size * rng.uniform(0.5, 0.95))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    elif what < 0.45 * strength:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.0)) * size / 320)
    elif what < 0.60 * strength:
        soft = cv2.GaussianBlur(picture, (0, 0), 2.0)
        picture = cv2.addWeighted(picture, 1.6, soft, -0.6, 0)
    if rng.random() < 0.2 * strength:
        noise = rng.normal(0, rng.uniform(1, 6), picture.shape[:2]).astype(np.float32)
        lit = picture.max(axis=2) > 0
        picture = np.where(lit[:, :, None], np.clip(picture + noise[:, :, None], 1, 255), 0).astype(np.uint8)
    if rng.random() < 0.3 * strength:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)  # noqa: TID251 - our own bytes, straight back
        picture = picture if decoded is None else decoded
    return picture
