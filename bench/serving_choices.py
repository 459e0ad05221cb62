"""Compare sizes and numbers of views at which a trained network could be served, on its held-out photographs.

    .venv/bin/python bench/serving_choices.py CONFIG RUN_FOLDER photos.csv SQUARES_FOLDER [--sizes 320 384] [--views 1 2 4]

For each choice: kappa of the expected grade, AUC of referable and vision-threatening, and the log-likelihood of the
true grade, all of out-of-fold calibrated probabilities. Never run it on test photographs: what is chosen here is
chosen for the pack.
"""  # noqa: E501

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retineye.grading.preprocess import InputSpec
from retineye.training import calibration, metrics
from retineye.training.augment import plain
from retineye.training.config import TrainingConfig
from retineye.training.network import GradingNetwork, build
from retineye.training.run import prepare


def logits_in_views(
    network: GradingNetwork, squares: NDArray[np.uint8], index: NDArray[np.int64], size_px: int
) -> NDArray[np.float64]:
    """Give the logits of the four views of each photograph, shape (4, n, 5)."""
    spec = InputSpec(size_px)
    found = np.zeros((4, len(index), 5))
    with torch.inference_mode():
        for place, number in enumerate(index):
            picture = torch.from_numpy(plain(np.ascontiguousarray(squares[number]), spec))[None]
            views = torch.cat([picture, picture.flip(3), picture.flip(2), picture.flip(3).flip(2)])
            found[:, place] = network(views.to(memory_format=torch.channels_last))[0].numpy()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("squares", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 352, 384])
    parser.add_argument("--views", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    torch.set_num_threads(2)
    config = TrainingConfig.read(given.config)
    material = prepare(config, given.photos, given.squares, print)
    network = build(config.backbone, str(given.run / "checkpoint.pt")).eval().to(memory_format=torch.channels_last)
    held = [material.rows[i] for i in material.held]
    truth = np.array([one.grade for one in held])
    groups = [one.cluster for one in held]
    print(f"n = {len(held)}\nsize  views   kappa  referable  threatening  log-likelihood")
    for size in given.sizes:
        logits = logits_in_views(network, material.squares, material.held, size)
        for views in given.views:
            chances = calibration.out_of_fold(logits[:views].mean(axis=0), truth, groups=groups)
            grade = np.clip(np.rint(chances @ np.arange(5)), 0, 4).astype(int)
            print(
                f"{size:4d}  {views:5d}   {float(metrics.quadratic_kappa(truth, grade)):.4f}"
                f"  {float(metrics.auc(truth >= 2, chances[:, 2:].sum(1))):9.4f}"
                f"  {float(metrics.auc(truth >= 3, chances[:, 3:].sum(1))):11.4f}"
                f"  {float(np.log(chances[np.arange(len(truth)), truth]).mean()):14.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
