"""Make a pack from one config file: data, training, calibration, evaluation, export, card.

The run folder keeps config.toml, split.csv, metrics.jsonl, checkpoint.pt and the pack; a run that was stopped goes on
from its last checkpoint.
"""

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import torch

from retineye.grading.preprocess import InputSpec
from retineye.training.config import TrainingConfig
from retineye.training.data import Row, groups_of, keep_squares, read_rows, same_pictures, signatures, split
from retineye.training.loop import Progress, Trainer
from retineye.training.network import build

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARE_FACTOR: Final = 1.2
"""Side of the kept squares as a multiple of the largest size trained at: the margin, and a little more."""


@dataclass(frozen=True, slots=True)
class Material:
    """The photographs of a run."""

    rows: list[Row]
    squares: "NDArray[np.uint8]"
    train: "NDArray[np.int64]"
    held: "NDArray[np.int64]"
    barred: int
    """Rows that share a person or a picture with a test photograph, and so were left out."""


def prepare(
    config: TrainingConfig, table: Path, cache: Path, say: Callable[[str], None] = lambda _: None
) -> Material:
    """Choose the photographs, make their squares, and part them so that no person or picture is on both sides.

    Raises
    ------
    ValueError
        The table has a wrong column or grade, or holds no graded photograph of the config's sets.
    """
    rows = [row for row in read_rows(table) if row.dataset in config.sets or row.split == "test"]
    if not any(row.grade is not None and row.split != "test" for row in rows):
        raise ValueError(f"{table} holds no graded photograph of {', '.join(config.sets)}.")
    side = round(SQUARE_FACTOR * max(config.size_px, *(size for _, size in config.schedule)) / 32) * 32
    say(f"Making squares of {len(rows)} photographs, {side} px")
    squares, found = keep_squares(rows, side, cache)
    groups = groups_of(rows, same_pictures(signatures(squares)))
    train, held = split(rows, groups, config.holdout, config.seed)
    # Who can not be graded by people teaches no grades, and a photograph without a disc never reaches the network.
    usable = np.array([row.grade is not None and row.quality != "reject" for row in rows]) & found
    tests = sum(row.split == "test" for row in rows)
    barred = len(rows) - tests - len(train) - len(held)
    train, held = train[usable[train]], held[usable[held]]
    say(f"{len(train)} to train on, {len(held)} held out, {tests} of test splits and {barred} like them left alone")
    return Material(rows, squares, train, held, barred)


def write_split(material: Material, folder: Path, root: Path) -> None:
    """Write which photograph was used for what: split.csv with path, dataset, grade, use."""
    use = {int(i): "train" for i in material.train} | {int(i): "held" for i in material.held}
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", "dataset", "grade", "use"])
        for i, row in enumerate(material.rows):
            if i in use:
                writer.writerow([row.path.relative_to(root).as_posix(), row.dataset, row.grade, use[i]])


def fit(
    config: TrainingConfig, material: Material, folder: Path, *, resume: bool, threads: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trainer:  # fmt: skip
    """Train the network on its photographs; checkpoints and metrics.jsonl go to the run folder."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    torch.manual_seed(config.seed)
    network = build(config.backbone, config.weights, 1 if config.head == "regression" else 5, config.dropout)
    trainer = Trainer(config, network, InputSpec(config.size_px), folder, on_progress)
    trainer.fit(material.squares, material.rows, material.train, material.held, resume=resume)
    return trainer


def open_run_folder(config_file: Path, folder: Path, *, resume: bool) -> None:
    """Make the run folder and keep the config in it.

    Raises
    ------
    FileExistsError
        The folder holds a run already and `resume` is false.
    """
    if (folder / "checkpoint.pt").exists() and not resume:
        raise FileExistsError(f"{folder} holds a run already: add --resume to go on with it, or name another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config_file, folder / "config.toml")
