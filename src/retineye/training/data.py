"""The photographs that are trained on: which, in what split, and as squares on disk.

Nothing that a test set holds can reach training: rows of split `test` are left out, and so is every row that shares
their patient, their duplicate group or their picture.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
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
_SHAPES: Final = (1.0, 1.22, 1.32, 1.39, 1.5)
"""Widths over heights that cameras of the stretched sets make."""
SAME_PICTURE: Final = 0.93
"""Correlation of two signatures from which on two files show the same photograph."""
_SIGNATURE_PX: Final = 40


def load_square(row: Photograph, size_px: int) -> "NDArray[np.uint8] | None":
    """Give the square round the retina with its margin, shape (size_px, size_px, 3); None where none is found."""
    try:
        pixels = decode(row.path.read_bytes(), reduce_to_px=size_px).pixels
    except DecodeError:
        return None
    pixels, retina = unstretch(pixels) if row.dataset in STRETCHED else (pixels, find_retina(pixels))
    return None if retina is None else crop(pixels, retina, size_px, MARGIN)


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


def keep_squares(
    rows: Sequence[Photograph], size_px: int, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> "tuple[NDArray[np.uint8], NDArray[np.bool_]]":
    """Make the squares of all rows once and keep them in a folder.

    Returns
    -------
    tuple
        Squares, shape (N, size_px, size_px, 3), uint8, mapped from disk; and whether a retina was found, shape (N,).
    """
    key = hashlib.sha256(
        "\n".join([f"{size_px} {MARGIN}", *(f"{row.path} {row.path.stat().st_size}" for row in rows)]).encode()
    ).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    squares_file, found_file = folder / f"squares-{key}.npy", folder / f"found-{key}.npy"
    if not found_file.exists():
        shape = (len(rows), size_px, size_px, 3)
        squares = np.lib.format.open_memmap(squares_file, mode="w+", dtype=np.uint8, shape=shape)
        found = np.zeros(len(rows), bool)
        for i, row in enumerate(rows):
            square = load_square(row, size_px)
            if square is not None:
                squares[i], found[i] = square, True
            if on_progress:
                on_progress(i + 1, len(rows))
        squares.flush()
        np.save(found_file, found)  # last: it marks the squares as whole
    return np.load(squares_file, mmap_mode="r"), np.load(found_file)


def signatures(squares: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    """Give a vector of length 1 for each picture whose dot products tell copies from other eyes; shape (N, 1600)."""
    result = np.empty((len(squares), _SIGNATURE_PX**2), np.float32)
    for i, square in enumerate(squares):
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
    rows: Sequence[Photograph], groups: "NDArray[np.int64]", holdout: float, seed: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Part the rows into training and held-out ones, whole groups at a time, alike in set and grade.

    Rows of split `test`, and all that share a group with one, are in neither.
    """
    barred = {int(groups[i]) for i, row in enumerate(rows) if row.split == "test"}
    members: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        if int(group) not in barred:
            members[int(group)].append(i)
    strata: dict[tuple[str, int], list[int]] = defaultdict(list)
    for group, inside in members.items():
        worst = max(-1 if (grade := rows[i].grade) is None else grade for i in inside)
        strata[rows[inside[0]].dataset, worst].append(group)
    rng = np.random.default_rng(seed)
    kept: set[int] = set()
    for _, candidates in sorted(strata.items()):
        order = rng.permutation(sorted(candidates))
        kept.update(int(group) for group in order[: round(len(order) * holdout)])
    train = [i for group, inside in members.items() if group not in kept for i in inside]
    held = [i for group in kept for i in members[group]]
    return np.array(sorted(train), np.int64), np.array(sorted(held), np.int64)
