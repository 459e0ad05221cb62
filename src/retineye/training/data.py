"""The photographs that are trained on: which, in what split, and as squares on disk.

Nothing that a test set holds can reach training: rows of split `test` are left out, and so is every row that shares
their patient, their duplicate group or their picture.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from retineye.grading.decode import decode
from retineye.grading.errors import DecodeError
from retineye.grading.preprocess import crop
from retineye.grading.result import Retina
from retineye.grading.retina import find_retina
from retineye.training.photographs import Photograph

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN: Final = 1.1
"""Side of a kept square as a multiple of the retina's diameter: room for augmentation to move in."""
STRETCHED: Final = frozenset({"aptos_colour", "aptos_gaussian"})
"""Sets whose pictures were squeezed into a square; their own shape is found again before they are used."""
FILTERED: Final = frozenset({"aptos_gaussian"})
"""Sets whose pictures had their local mean taken away, so that what lies beyond the retina is grey instead of black."""
_SHAPES: Final = (1.0, 1.22, 1.32, 1.39, 1.5)
"""Widths over heights that cameras of the stretched sets make."""
_RECIPE: Final = 2
"""Counts the ways of making squares: kept ones of another way are made anew."""
_FLAT: Final = 9.0
"""Variance below which a neighbourhood is flat."""
SAME_PICTURE: Final = 0.93
"""Correlation of two signatures from which on two files show the same photograph."""
_SIGNATURE_PX: Final = 40


def load_square(row: Photograph, size_px: int) -> "NDArray[np.uint8] | None":
    """Give the square round the retina with its margin, shape (size_px, size_px, 3); None where none is found."""
    try:
        pixels = decode(row.path.read_bytes(), reduce_to_px=size_px).pixels
    except DecodeError:
        return None
    if row.dataset in FILTERED:
        pixels = blacken(pixels)
    pixels, retina = unstretch(pixels) if row.dataset in STRETCHED else (pixels, find_retina(pixels))
    return None if retina is None else crop(pixels, retina, size_px, MARGIN)


def blacken(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Make black what lies beyond the retina in a picture whose local mean was taken away: there alone it is flat."""
    grey = pixels.mean(axis=2).astype(np.float32)
    mean = cv2.blur(grey, (7, 7))
    varies = cv2.blur(grey**2, (7, 7)) - mean**2 > _FLAT
    shape = cv2.morphologyEx(varies.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    outlines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return pixels
    inside = np.zeros(shape.shape, np.uint8)
    cv2.drawContours(inside, [cv2.convexHull(max(outlines, key=cv2.contourArea))], -1, 1, cv2.FILLED)
    # The filter throws the rim's shadow a little way inwards and outwards.
    inside = cv2.erode(inside, np.ones((9, 9), np.uint8), borderValue=1)
    # Filtered pixels are brought to at least 16: real ones may be as dark as what is outside.
    return np.where(inside[:, :, None] > 0, np.maximum(pixels, 16), 0).astype(np.uint8)


def unstretch(pixels: "NDArray[np.uint8]") -> "tuple[NDArray[np.uint8], Retina | None]":
    """Give a squeezed photograph its own shape back: the one in which the field of view is most nearly a circle."""
    height = pixels.shape[0]
    best: tuple[NDArray[np.uint8], Retina | None] = (pixels, None)
    for shape in _SHAPES:
        wide = np.asarray(cv2.resize(pixels, (round(height * shape), height), interpolation=cv2.INTER_CUBIC), np.uint8)
        retina = find_retina(wide)
        if retina is not None and (best[1] is None or retina.fit > best[1].fit):
            best = (wide, retina)
    return best


class KeptSquares:
    """Squares on disk, each no larger than its photograph has detail for."""

    def __init__(self, parts: "Mapping[int, NDArray[np.uint8]]", sides: Sequence[int]) -> None:
        """Take for each side in px the squares of that side, in the order in which `sides` names them."""
        self._parts = parts
        counted: dict[int, int] = defaultdict(int)
        self._places: list[tuple[int, int]] = []
        for side in sides:
            self._places.append((side, counted[side]))
            counted[side] += 1

    @property
    def sides(self) -> list[int]:
        """Give each square's side in px."""
        return [side for side, _ in self._places]

    def __len__(self) -> int:
        """Give the number of photographs."""
        return len(self._places)

    def __getitem__(self, item: int) -> "NDArray[np.uint8]":
        """Give one square, RGB, shape (side, side, 3)."""
        side, place = self._places[item]
        return np.asarray(self._parts[side][place], np.uint8)


def side_for(row: Photograph, size_px: int) -> int:
    """Give the side in px of a photograph's kept square: at most `size_px`, and little above its own detail."""
    if row.short_side_px is None:
        return size_px
    return min(size_px, math.ceil(1.2 * row.short_side_px / 32) * 32)


def keep_squares(
    rows: Sequence[Photograph], size_px: int, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> "tuple[KeptSquares, NDArray[np.bool_]]":
    """Make the squares of all rows once and keep them in a folder.

    Returns
    -------
    tuple
        The squares, at most `size_px` wide, mapped from disk; and whether a retina was found, shape (N,).
    """
    folder.mkdir(parents=True, exist_ok=True)
    sides = [side_for(row, size_px) for row in rows]
    parts: dict[int, NDArray[np.uint8]] = {}
    found = np.zeros(len(rows), bool)
    done = 0
    for side in sorted(set(sides)):
        index = [i for i, own in enumerate(sides) if own == side]

        def tell(count: int, _: int, before: int = done) -> None:
            if on_progress:
                on_progress(before + count, len(rows))

        parts[side], found[index] = _keep([rows[i] for i in index], side, folder, tell)
        done += len(index)
    return KeptSquares(parts, sides), found


def _keep(
    rows: Sequence[Photograph], side: int, folder: Path, on_progress: Callable[[int, int], None]
) -> "tuple[NDArray[np.uint8], NDArray[np.bool_]]":
    key = hashlib.sha256(
        "\n".join([f"{side} {MARGIN} {_RECIPE}", *(f"{row.path} {row.path.stat().st_size}" for row in rows)]).encode()
    ).hexdigest()[:16]
    squares_file, found_file = folder / f"squares-{key}.npy", folder / f"found-{key}.npy"
    if not found_file.exists():
        squares = np.lib.format.open_memmap(squares_file, mode="w+", dtype=np.uint8, shape=(len(rows), side, side, 3))
        found = np.zeros(len(rows), bool)
        for i, row in enumerate(rows):
            square = load_square(row, side)
            if square is not None:
                squares[i], found[i] = square, True
            on_progress(i + 1, len(rows))
        squares.flush()
        np.save(found_file, found)  # last: it marks the squares as whole
    return np.load(squares_file, mmap_mode="r"), np.load(found_file)


def signatures(squares: "KeptSquares | NDArray[np.uint8]") -> "NDArray[np.float32]":
    """Give a vector of length 1 for each picture whose dot products tell copies from other eyes; shape (N, 1600)."""
    result = np.empty((len(squares), _SIGNATURE_PX**2), np.float32)
    for i in range(len(squares)):
        square = squares[i]
        grey = cv2.resize(square[:, :, 1], (_SIGNATURE_PX * 4,) * 2, interpolation=cv2.INTER_AREA).astype(np.float32)
        # Vessels and lesions differ from eye to eye; light and the disc's rim do not.
        fine = cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 8)
        fine = cv2.resize(fine, (_SIGNATURE_PX,) * 2, interpolation=cv2.INTER_AREA)
        edge = _SIGNATURE_PX // 6
        fine[:edge] = fine[-edge:] = 0
        fine[:, :edge] = fine[:, -edge:] = 0
        vector = np.clip(fine, -12, 12).ravel()
        result[i] = vector / max(float(np.linalg.norm(vector)), 1e-6)
    return result


def same_pictures(vectors: "NDArray[np.float32]", threshold: float = SAME_PICTURE) -> list[tuple[int, int]]:
    """List the pairs (i < j) of signatures that show the same photograph."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(vectors), 512):
        likeness = vectors[start : start + 512] @ vectors.T
        for i, j in np.argwhere(likeness > threshold):
            if start + i < j:
                pairs.append((int(start + i), int(j)))
    return pairs


def groups_of(rows: Sequence[Photograph], pairs: Iterable[tuple[int, int]] = ()) -> "NDArray[np.int64]":
    """Number the groups that must stay on one side of a split: one patient, one duplicate group, one picture."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, row in enumerate(rows):
        for name in row.ties:
            parent[root(i)] = root(first.setdefault(name, i))
    for i, j in pairs:
        parent[root(i)] = root(j)
    return np.array([root(i) for i in range(len(rows))])


def split(
    rows: Sequence[Photograph],
    groups: "NDArray[np.int64]",
    holdout: float,
    seed: int,
    processed: Collection[str] = (),
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Part the rows into training and held-out ones, whole groups at a time, alike in set and grade.

    Rows of split `test`, and all that share a group with one, are in neither. Rows of the `processed` sets are never
    held out: those that share a group with a held-out one are in neither part.
    """
    barred = {int(groups[i]) for i, row in enumerate(rows) if row.split == "test"}
    members: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        if int(group) not in barred:
            members[int(group)].append(i)
    strata: dict[tuple[str, int], list[int]] = defaultdict(list)
    for group, inside in members.items():
        if all(rows[i].dataset in processed for i in inside):
            continue
        worst = max(-1 if (grade := rows[i].grade) is None else grade for i in inside)
        strata[min(rows[i].dataset for i in inside if rows[i].dataset not in processed), worst].append(group)
    rng = np.random.default_rng(seed)
    kept: set[int] = set()
    for _, candidates in sorted(strata.items()):
        order = rng.permutation(sorted(candidates))
        kept.update(int(group) for group in order[: round(len(order) * holdout)])
    train = [i for group, inside in members.items() if group not in kept for i in inside]
    held = [i for group in kept for i in members[group] if rows[i].dataset not in processed]
    return np.array(sorted(train), np.int64), np.array(sorted(held), np.int64)


def split_again(
    rows: Sequence[Photograph],
    groups: "NDArray[np.int64]",
    held_before: Collection[str],
    processed: Collection[str] = (),
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Part the rows as an earlier run did: held out are the photographs of the same names, of no processed set.

    Rows that share a group with a test row are in neither part, and so are rows that share one with a held-out row
    without having been held out themselves.
    """
    barred = {int(groups[i]) for i, row in enumerate(rows) if row.split == "test"}
    kept = {int(groups[i]) for i, row in enumerate(rows) if row.name in held_before and row.split != "test"} - barred
    held = [
        i for i, row in enumerate(rows)
        if int(groups[i]) in kept and row.name in held_before and row.dataset not in processed
    ]  # fmt: skip
    train = [i for i in range(len(rows)) if int(groups[i]) not in barred | kept]
    return np.array(train, np.int64), np.array(held, np.int64)
