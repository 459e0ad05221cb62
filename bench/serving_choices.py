"""Compare sizes and numbers of views at which a trained network could be served, on its held-out photographs.

    .venv/bin/python bench/serving_choices.py CONFIG RUN_FOLDER photos.csv SQUARES_FOLDER [--sizes 320 384]

For each choice: kappa of the expected grade, AUC of referable and vision-threatening, and the log-likelihood of the
true grade, all of out-of-fold calibrated probabilities. Never run it on test photographs: what is chosen here is
chosen for the pack.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retineye.grading.preprocess import InputSpec
from retineye.training import calibration, metrics
from retineye.training.augment import plain
from retineye.training.config import TrainingConfig
from retineye.training.data import KeptSquares
from retineye.training.fine import SERVED, fine_structure
from retineye.training.network import GradingNetwork, blend, build
from retineye.training.run import prepare, read_held_out, started

VIEWS = {
    "colour": [0],
    "colour, mirrored": [0, 1],
    "fine": [2],
    "colour, fine mirrored": [0, 3],
    "all four": [0, 1, 2, 3],
}


def logits_in_views(
    network: GradingNetwork, squares: KeptSquares, index: NDArray[np.int64], size_px: int
) -> NDArray[np.float64]:
    """Give the logits of the views of each photograph, shape (4, n, 5): colour, mirrored, fine structure, mirrored."""
    spec = InputSpec(size_px)
    found = np.zeros((4, len(index), 5))
    with torch.inference_mode():
        for place, number in enumerate(index):
            picture = torch.from_numpy(plain(np.ascontiguousarray(squares[number]), spec))[None]
            fine = fine_structure(picture, SERVED, spec.gain, spec.clip)
            views = torch.cat([picture, picture.flip(3), fine, fine.flip(3)])
            found[:, place] = network(views.to(memory_format=torch.channels_last))[0].numpy()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("squares", type=Path)
    parser.add_argument("--lesions", type=Path, help="the table that the run was given")
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 352, 384])
    given = parser.parse_args()
    torch.set_num_threads(2)
    config = TrainingConfig.read(given.config)
    before = read_held_out(config, given.config)
    material = prepare(config, given.photos, given.squares, print, lesions=given.lesions, held_before=before)
    network = build(config.backbone, str(given.run / "checkpoint.pt"), lesions=config.lesions > 0)
    if config.keep_start:
        blend(network, started(config, material), config.keep_start)
    network = network.eval().to(memory_format=torch.channels_last)
    held = [material.rows[i] for i in material.held]
    truth = np.array([one.grade for one in held])
    groups = [one.cluster for one in held]
    print(f"n = {len(held)}\nsize  views                      kappa  referable  threatening  log-likelihood")
    for size in given.sizes:
        logits = logits_in_views(network, material.squares, material.held, size)
        for name, views in VIEWS.items():
            chances = calibration.out_of_fold(logits[views].mean(axis=0), truth, groups=groups)
            grade = np.clip(np.rint(chances @ np.arange(5)), 0, 4).astype(int)
            print(
                f"{size:4d}  {name:24s}  {float(metrics.quadratic_kappa(truth, grade)):.4f}"
                f"  {float(metrics.auc(truth >= 2, chances[:, 2:].sum(1))):9.4f}"
                f"  {float(metrics.auc(truth >= 3, chances[:, 3:].sum(1))):11.4f}"
                f"  {float(np.log(chances[np.arange(len(truth)), truth]).mean()):14.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
