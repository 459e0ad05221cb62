"""Draw pictures that are no photographs of the retina, and dress other pictures up as if they were.

The gate learns from them what it must refuse: documents and screens that are uploaded by mistake, and anything round
and orange on black.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from retineye.grading.batch import expand
from retineye.grading.decode import decode, display_jpeg
from retineye.grading.errors import DecodeError
from retineye.grading.result import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Plane = NDArray[np.float32]

SIDE_PX: Final = 448
"""Side of every drawn picture."""
LONGEST_PX: Final = 1200
"""Other people's pictures are brought down to this side."""

_Y, _X = (np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32) + 0.5) / (SIDE_PX / 2) - 1
_DISTANCE: Final = np.hypot(_X, _Y)


def read_others(folders: Sequence[Path]) -> "Iterator[Picture]":
    """Read the pictures of folders; what can not be read is left out."""
    for folder in folders:
        for file in expand([str(folder)]):
            try:
                yield decode(Path(file).read_bytes(), reduce_to_px=LONGEST_PX // 2).pixels
            except DecodeError:
                continue


def drawn(count: int, rng: np.random.Generator) -> "Iterator[Picture]":
    """Draw pictures of every kind in turn."""
    kinds = list(_KINDS.values())
    for number in range(count):
        yield worn(_finish(kinds[number % len(kinds)](rng)), rng)


def dressed(picture: "Picture", count: int, rng: np.random.Generator) -> "Iterator[Picture]":
    """Give parts of a picture: as they are, round on black, tinted like a retina, and both."""
    for number in range(count):
        part = _part(picture, rng)
        if number % 4 in (2, 3):
            part = _tinted(part, rng)
        if number % 4 in (1, 2):
            part = _round(part, rng)
        yield worn(part, rng)


def worn(picture: "Picture", rng: np.random.Generator) -> "Picture":
    """Blur, darken, roughen and compress a picture, each now and then."""
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 4))
    if rng.random() < 0.3:
        picture = np.clip(picture * rng.uniform(0.3, 1.3), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        picture = np.clip(picture + rng.normal(0, rng.uniform(1, 8), picture.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        height_px, width_px = picture.shape[:2]
        photo = Photo(np.ascontiguousarray(picture), width_px, height_px, "JPEG")
        picture = decode(display_jpeg(photo, quality=int(rng.integers(50, 96)))).pixels
    return picture


def _part(picture: "Picture", rng: np.random.Generator) -> "Picture":
    side = max(48, int(min(picture.shape[:2]) * rng.uniform(0.35, 1)))
    top = int(rng.integers(0, max(1, picture.shape[0] - side + 1)))
    left = int(rng.integers(0, max(1, picture.shape[1] - side + 1)))
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _round(picture: "Picture", rng: np.random.Generator) -> "Picture":
    square: Picture = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    square = np.where((rng.uniform(0.8, 1) > _DISTANCE)[..., None], square, 0).astype(np.uint8)
    cut = int(SIDE_PX * rng.uniform(0, 0.14)) if rng.random() < 0.5 else 0
    return np.ascontiguousarray(square[cut : SIDE_PX - cut])


def _tinted(picture: "Picture", rng: np.random.Generator) -> "Picture":
    """Lay a retina's colours on another picture's brightness."""
    light = picture.astype(np.float32).mean(axis=2, keepdims=True) / 255
    light = rng.uniform(0, 0.3) * (1 - light) + light
    colour = np.array([rng.uniform(0.6, 1.0), rng.uniform(0.28, 0.6), rng.uniform(0.08, 0.4)])
    bend = np.array([rng.uniform(0.5, 0.9), rng.uniform(0.8, 1.2), rng.uniform(0.9, 1.6)])
    return np.clip(255 * colour * light**bend, 0, 255).astype(np.uint8)


def _finish(picture: "Plane") -> "Picture":
    return np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))


def _any(rng: np.random.Generator) -> "Plane":
    return rng.uniform(0, 255, 3).astype(np.float32)


def _warm(rng: np.random.Generator) -> "Plane":
    return rng.uniform((150, 60, 10), (255, 170, 110)).astype(np.float32)


def _colour(rng: np.random.Generator) -> "Plane":
    return _warm(rng) if rng.random() < 0.6 else _any(rng)


def _disc(rng: np.random.Generator) -> "Plane":
    """Give 1 within a disc, 0 outside; shape (S, S, 1)."""
    return (rng.uniform(0.7, 1.0) > _DISTANCE).astype(np.float32)[..., None]


def _sometimes_round(picture: "Plane", rng: np.random.Generator) -> "Plane":
    return picture * _disc(rng) if rng.random() < 0.6 else picture


def _clouds(rng: np.random.Generator, roughness: float) -> "Plane":
    """Draw noise whose power falls with the frequency; 0-1, shape (S, S, 1)."""
    frequency = np.fft.fftfreq(SIDE_PX)
    size = np.hypot(frequency[:, None], frequency[None, :])
    size[0, 0] = 1
    field = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE_PX, SIDE_PX))) / size ** (roughness / 2)))
    field -= field.min()
    return (field / field.max()).astype(np.float32)[..., None]


def _mix(share: "Plane", rng: np.random.Generator) -> "Plane":
    return share * _colour(rng) + (1 - share) * _any(rng)


def _even(rng: np.random.Generator) -> "Plane":
    return _sometimes_round(np.ones((SIDE_PX, SIDE_PX, 3), np.float32) * _colour(rng), rng)


def _noise(rng: np.random.Generator) -> "Plane":
    return rng.normal(rng.uniform(60, 190), rng.uniform(10, 80), (SIDE_PX, SIDE_PX, 3)).astype(np.float32)


def _gradient(rng: np.random.Generator) -> "Plane":
    angle = rng.uniform(0, 2 * np.pi)
    along = _X * np.cos(angle) + _Y * np.sin(angle) if rng.random() < 0.5 else 2 * _DISTANCE - 1
    return _sometimes_round(_mix(np.clip(along / 2.83 + 0.5, 0, 1)[..., None].astype(np.float32), rng), rng)


def _ball(rng: np.random.Generator) -> "Plane":
    """Draw a ball in slanting light: smooth, with pores as an orange, or grey with craters as a moon."""
    radius = rng.uniform(0.7, 1.0)
    side_x, side_y = rng.uniform(-0.6, 0.6, 2)
    facing = np.sqrt(np.clip(1 - (_DISTANCE / radius) ** 2, 0, 1))
    light = np.clip(_X / radius * side_x + _Y / radius * side_y + facing * 0.8, 0, 1)[..., None]
    kind = int(rng.integers(3))
    skin = np.ones_like(light)
    if kind == 1:
        skin = 1 - 0.25 * (_clouds(rng, rng.uniform(0.6, 1.4)) > rng.uniform(0.5, 0.7))
    if kind == 2:
        skin = 0.5 + _clouds(rng, 2.0)
        for _ in range(40):
            x, y = rng.uniform(-1, 1, 2)
            ring = np.abs(np.hypot(_X - x, _Y - y) - rng.uniform(0.01, 0.12)) < 0.01
            skin = skin * np.where(ring, 1.25, 1)[..., None]
    colour = rng.uniform(120, 220) * np.array([1, 1, 0.95]) if kind == 2 else _colour(rng)
    shown = (radius > _DISTANCE)[..., None]
    return ((light * skin * colour + rng.uniform(0, 30)) * shown).astype(np.float32)


def _cloudy(rng: np.random.Generator) -> "Plane":
    return _sometimes_round(_mix(_clouds(rng, rng.uniform(1, 4)), rng), rng)


def _pattern(rng: np.random.Generator) -> "Plane":
    """Draw stripes or a chessboard."""
    angle, count = rng.uniform(0, np.pi), rng.uniform(3, 60)
    across, along = _X * np.cos(angle) + _Y * np.sin(angle), _Y * np.cos(angle) - _X * np.sin(angle)
    wave = np.sin(across * count)
    if rng.random() < 0.4:
        wave = np.sign(wave * np.sin(along * count))
    return _sometimes_round(_mix((0.5 + 0.5 * wave)[..., None].astype(np.float32), rng), rng)


def _canvas(colour: "Plane") -> "Picture":
    # OpenCV draws letters on 8 bits only.
    return np.ascontiguousarray(np.broadcast_to(colour, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8))


def _paint(colour: "Plane") -> tuple[float, ...]:
    return tuple(float(value) for value in colour)


def _document(rng: np.random.Generator) -> "Plane":
    page = _canvas(np.full(3, rng.uniform(190, 255), np.float32))
    ink = _paint(rng.uniform(0, 70, 3).astype(np.float32))
    for line in range(20, SIDE_PX - 20, int(rng.integers(11, 24))):
        x = 20
        while x < SIDE_PX - 40:
            width = int(rng.integers(5, 40))
            if rng.random() < 0.85:
                cv2.rectangle(page, (x, line), (min(x + width, SIDE_PX - 20), line + int(rng.integers(4, 9))), ink, -1)
            x += width + 5
    return _sometimes_round(page.astype(np.float32), rng) if rng.random() < 0.3 else page.astype(np.float32)


def _screen(rng: np.random.Generator) -> "Plane":
    picture = _canvas(_any(rng))
    for _ in range(25):
        x, y, width, height = (int(value) for value in rng.integers((0, 0, 10, 10), (SIDE_PX, SIDE_PX, 200, 200)))
        cv2.rectangle(picture, (x, y), (x + width, y + height), _paint(_any(rng)), -1)
    return _written(picture, rng).astype(np.float32)


def _letters(rng: np.random.Generator) -> "Plane":
    return _sometimes_round(_written(_canvas(_colour(rng)), rng).astype(np.float32), rng)


def _written(picture: "Picture", rng: np.random.Generator) -> "Picture":
    for _ in range(14):
        place = (int(rng.integers(-50, 300)), int(rng.integers(10, SIDE_PX)))
        size = float(rng.uniform(0.4, 1.4))
        cv2.putText(picture, "Exam 42 right eye", place, cv2.FONT_HERSHEY_SIMPLEX, size, _paint(_any(rng)), 2)
    return picture


def _iris(rng: np.random.Generator) -> "Plane":
    """Draw the front of an eye."""
    rim = rng.uniform(0.3, 0.6)
    spokes = 0.6 + 0.4 * np.sin(np.arctan2(_Y, _X) * int(rng.integers(40, 120)) + rng.uniform(0, 6))
    picture = np.where((rim > _DISTANCE)[..., None], spokes[..., None] * _any(rng) * 0.8, np.array([230, 215, 205]))
    picture = np.where((rim * rng.uniform(0.25, 0.5) > _DISTANCE)[..., None], 12.0, picture)
    lids = (_X / 0.95) ** 2 + (_Y / rng.uniform(0.4, 0.8)) ** 2 > 1
    skin = _warm(rng) * (0.6 + 0.4 * _clouds(rng, 3.0))
    picture = np.where(lids[..., None], skin, picture).astype(np.float32)
    return _sometimes_round(cv2.GaussianBlur(picture, (0, 0), 2), rng)


def _blobs(rng: np.random.Generator) -> "Plane":
    picture = _canvas(_colour(rng))
    for _ in range(int(rng.integers(3, 60))):
        x, y = (int(value) for value in rng.integers(0, SIDE_PX, 2))
        cv2.circle(picture, (x, y), int(rng.integers(3, 70)), _paint(_colour(rng)), -1)
    return _sometimes_round(picture.astype(np.float32), rng)


def _sticks(rng: np.random.Generator) -> "Plane":
    """Draw straight dark lines, which are no vessels."""
    ground = _colour(rng)
    picture = _canvas(ground)
    for _ in range(int(rng.integers(3, 40))):
        x1, y1, x2, y2 = (int(value) for value in rng.integers(0, SIDE_PX, 4))
        shade = _paint(ground * np.float32(rng.uniform(0.2, 0.9)))
        cv2.line(picture, (x1, y1), (x2, y2), shade, int(rng.integers(1, 6)))
    return _sometimes_round(picture.astype(np.float32), rng)


_KINDS: "Final[dict[str, Callable[[np.random.Generator], Plane]]]" = {
    "even": _even,
    "noise": _noise,
    "gradient": _gradient,
    "ball": _ball,
    "cloudy": _cloudy,
    "pattern": _pattern,
    "document": _document,
    "screen": _screen,
    "letters": _letters,
    "iris": _iris,
    "blobs": _blobs,
    "sticks": _sticks,
}
