"""Lesions that people outlined: beside the grade, they show a network where the disease is.

The table of outlined photographs, lesions.csv, has one row a photograph: `name`, `split`, `masks` (the lesions that
were looked for, as codes with spaces between) and optionally `path`. The outlines of NAME.jpg are NAME.png, a bit mask
of the same size.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from retineye.grading.decode import decode
from retineye.grading.errors import DecodeError
from retineye.grading.explain import LESION_CODES
from retineye.grading.preprocess import crop
from retineye.grading.result import Retina
from retineye.grading.retina import find_retina
from retineye.training.data import MARGIN
from retineye.training.photographs import Photograph, PhotographsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LESIONS: Final = {code: 1 << place for place, code in enumerate(LESION_CODES)}
"""Code to bit of a mask: microaneurysms 1, haemorrhages 2, hard exudates 4, soft exudates 8."""
STRIDE: Final = 8
"""Pixels of the network's input under one cell of the lesion map."""
UNKNOWN: Final = 255
"""Value of a cell of which nobody said anything."""
_COVERED: Final = 64
"""Of 255: a pixel covered so far by a lesion counts as one."""
_RARE: Final = 6.0
"""A cell with a lesion weighs as much as so many without."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outlines of some rows, by row."""

    planes: "dict[int, NDArray[np.uint8]]" = field(default_factory=dict)
    """How far a pixel of the kept square is covered: shape (K, K, 4), 0-255."""
    looked_for: "dict[int, NDArray[np.bool_]]" = field(default_factory=dict)
    """Which of the four lesions were outlined, shape (4,)."""


def read_lesions(table: Path, dataset: str = "lesions") -> list[Photograph]:
    """Read the table of outlined photographs; they carry no grade.

    Raises
    ------
    PhotographsError
        The table can not be read or lacks a column, or a photograph or its outlines are not there.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise PhotographsError(f"The table {table} can not be read: {exc}") from exc
    rows: list[Photograph] = []
    for number, line in enumerate(lines, start=2):
        if any(column not in line for column in ("name", "split", "masks")):
            raise PhotographsError(f"The table {table} needs the columns name, split and masks.")
        name = line.get("path") or f"{table.stem}/{line['name']}.jpg"
        codes = frozenset((line["masks"] or "").split())
        photograph = table.parent / name
        outlines = photograph.with_suffix(".png")
        if not photograph.is_file() or not outlines.is_file():
            raise PhotographsError(f"{table}, line {number}: {name} or its outlines {outlines.name} are not there.")
        bare = Photograph(photograph, name, dataset, None, split=line["split"])
        rows.append(replace(bare, outlines=outlines, looked_for=frozenset(codes & LESIONS.keys())))
    return rows


def keep_outlines(rows: Sequence[Photograph], sides: Sequence[int]) -> Outlines:
    """Bring the outlines of the rows that have some to their kept squares, `sides` px wide."""
    kept = Outlines()
    for i, (row, side) in enumerate(zip(rows, sides, strict=True)):
        if row.outlines is None or row.split == "test":
            continue
        planes = outlined_square(row, side)
        if planes is not None:
            kept.planes[i] = planes
            kept.looked_for[i] = np.array([code in row.looked_for for code in LESIONS])
    return kept


@dataclass(frozen=True, slots=True)
class Outlined:
    """A photograph with what people outlined in it."""

    pixels: "NDArray[np.uint8]"
    """RGB, shape (H, W, 3)."""
    retina: Retina
    outlined: "dict[str, NDArray[np.bool_]]"
    """Of each lesion's code: where it is, shape (H, W)."""


def read_outlined(row: Photograph) -> Outlined | None:
    """Read a photograph and its outlines; None where there are none, or no retina is found.

    Raises
    ------
    PhotographsError
        The outlines can not be read, or have another size than their photograph.
    """
    try:
        retina = find_retina(pixels := decode(row.path.read_bytes()).pixels)
    except DecodeError:
        return None
    if retina is None or row.outlines is None:
        return None
    bits = cv2.imread(str(row.outlines), cv2.IMREAD_UNCHANGED)  # noqa: TID251 - a bit mask, not a photograph
    if bits is None or bits.shape[:2] != pixels.shape[:2]:
        raise PhotographsError(f"The outlines {row.outlines} do not fit their photograph.")
    mask = bits if bits.ndim == 2 else bits[:, :, 0]
    return Outlined(pixels, retina, {code: (mask & bit) > 0 for code, bit in LESIONS.items()})


def outlined_square(row: Photograph, size_px: int) -> "NDArray[np.uint8] | None":
    """Give the outlines in the square round the retina, shape (size_px, size_px, 4); None where no retina is found.

    Raises
    ------
    PhotographsError
        The outlines can not be read, or have another size than their photograph.
    """
    read = read_outlined(row)
    if read is None:
        return None
    retina, outlined = read.retina, read.outlined
    planes = [outlined[code].astype(np.uint8) * 255 for code in LESIONS]
    three = crop(np.dstack(planes[:3]), retina, size_px, MARGIN)
    fourth = crop(np.dstack([planes[3]] * 3), retina, size_px, MARGIN)
    return np.dstack([three, fourth[:, :, :1]])


def to_cells(planes: "NDArray[np.uint8]", looked_for: "NDArray[np.bool_]") -> "NDArray[np.uint8]":
    """Tell for each cell of the lesion map whether a lesion touches it: 1, 0, or `UNKNOWN` for all of a lesion.

    Parameters
    ----------
    planes
        Of the network's input: shape (S, S, 4), 0-255.

    Returns
    -------
    NDArray[np.uint8]
        Shape (4, S // 8, S // 8).
    """
    side = planes.shape[0] // STRIDE
    inside = planes[: side * STRIDE, : side * STRIDE].reshape(side, STRIDE, side, STRIDE, 4)
    cells = (inside.max(axis=(1, 3)) >= _COVERED).astype(np.uint8).transpose(2, 0, 1)
    return np.where(looked_for[:, None, None], cells, UNKNOWN).astype(np.uint8)


def nothing_said(size_px: int) -> "NDArray[np.uint8]":
    """Give the cells of a photograph that nobody outlined."""
    return np.full((len(LESIONS), size_px // STRIDE, size_px // STRIDE), UNKNOWN, np.uint8)


class LesionHead(nn.Module):
    """Maps of the four lesions at an eighth of the picture's side, from two of the backbone's inner feature maps."""

    def __init__(self, fine_channels: int, coarse_channels: int, width: int = 48) -> None:
        """Take the channels of the maps at strides 8 and 16."""
        super().__init__()
        self.fine = nn.Conv2d(fine_channels, width, 1)
        self.coarse = nn.Conv2d(coarse_channels, width, 1)
        self.mixed = nn.Conv2d(width, width, 3, padding=1)
        self.out = nn.Conv2d(width, len(LESIONS), 1)
        nn.init.constant_(self.out.bias, -4.0)  # lesions are rare: begin by saying so

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """Give logits, shape (N, 4, S / 8, S / 8)."""
        wide = F.interpolate(self.coarse(coarse), size=fine.shape[2:], mode="bilinear", align_corners=False)
        together = F.relu(self.fine(fine) + wide)
        logits: torch.Tensor = self.out(F.relu(self.mixed(together)))
        return logits


def lesion_loss(logits: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Give the mean cross-entropy over the cells that somebody judged; 0 where nobody judged any.

    `logits` of shape (N, 4, h, w), `cells` of the same shape as `to_cells` gives them.
    """
    judged = cells != UNKNOWN
    if not bool(judged.any()):
        return logits.sum() * 0
    weight = torch.tensor(_RARE, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits[judged], cells[judged].to(logits.dtype), pos_weight=weight)
