"""Learn from a photograph whose side is known where the optic disc lies, and so which eye is shown.

The disc lies towards the nose: seen as the photographer sees it, on the right of a right eye's photograph and on the
left of a left one's. A small network looks for one place, and only that place's distance from the middle tells the eye,
so that nothing else about a camera can.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from retineye.grading.preprocess import InputSpec
from retineye.grading.result import Eye
from retineye.training import metrics
from retineye.training.augment import plain, turn_and_light
from retineye.training.data import KeptSquares, keep_squares
from retineye.training.photographs import PhotographsError, read_photographs
from retineye.training.scaling import folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retineye.training.photographs import Photograph

SIZE_PX: Final = 112
"""Side of the square that the small network sees."""
LEAST: Final = 64
"""Photographs below which nothing is learned."""
SURE: Final = 0.95
"""Probability from which on a guess is worth a warning."""
_CHANNELS: Final = (16, 32, 48, 64)


class SideNetwork(nn.Module):
    """A small network that finds one place in a photograph, and tells the eye by it."""

    def __init__(self) -> None:
        """Build it with random weights."""
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for i, width in enumerate(_CHANNELS):
            stride = 2 if i < 3 else 1
            layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        # Looks wide before it decides: a disc is a disc by the vessels that meet there.
        layers += [nn.Conv2d(before, 64, 5, 1, 4, dilation=2, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        self.look = nn.Sequential(*layers)
        self.place = nn.Conv2d(64, 1, 1)
        self.steep = nn.Parameter(torch.tensor(6.0))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the logit of the right eye, shape (N, 1), and the disc's place (x, y), shape (N, 2), -1 to 1 each."""
        small = F.interpolate(pictures, size=(SIZE_PX, SIZE_PX), mode="area")
        likely = self.place(self.look(small)).flatten(1).softmax(dim=1)
        side = SIZE_PX // 8
        axis = (torch.arange(side, dtype=likely.dtype) + 0.5) / (side / 2) - 1
        grid = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], dim=1)
        where = likely @ grid
        return self.steep * where[:, :1], where


@dataclass(frozen=True, slots=True)
class Learned:
    """A network with what is known of it."""

    network: SideNetwork
    evidence: dict[str, Any]


def learn_side(
    table: Path,
    out: Path,
    cache: Path,
    *,
    epochs: int = 8,
    batch: int = 64,
    say: Callable[[str], None] = lambda _: None,
) -> Learned:
    """Learn on all photographs of a table whose side is known, but for those of split `test` and rejected ones.

    Parameters
    ----------
    table
        The photographs: a CSV file with the column `laterality` (docs/training.md).
    out
        File for the weights; what is known of them goes beside it as JSON.
    cache
        Where the squares are kept between runs.

    Raises
    ------
    PhotographsError
        The table can not be read, or too few of its photographs have a side.
    """
    rows = [row for row in read_photographs(table) if row.eye and row.quality != "reject" and row.split != "test"]
    if len(rows) < LEAST:
        raise PhotographsError(f"{table} names the eye of {len(rows)} photographs; {LEAST} are needed.")
    cv2.setNumThreads(1)
    squares, found = keep_squares(rows, 2 * SIZE_PX, cache)
    index = np.flatnonzero(found)
    groups = [rows[i].cluster for i in index]
    learned = learn(squares, rows, index, groups, epochs=epochs, batch=batch, say=say)
    save(learned, out)
    return learned


def learn(
    squares: KeptSquares,
    rows: "Sequence[Photograph]",
    index: "NDArray[np.int64]",
    groups: Sequence[str],
    *,
    epochs: int = 8,
    batch: int = 64,
    seed: int = 7,
    say: Callable[[str], None] = lambda _: None,
) -> Learned:
    """Learn on photographs of known side, and measure out of fold, by patient, how far it can be trusted.

    Parameters
    ----------
    index
        Rows with a known side and a found retina.
    groups
        Who or what each of them shows, "" for its own.
    """
    right = np.array([rows[i].eye is Eye.RIGHT for i in index])
    small = np.stack([_small(squares[int(i)]) for i in index])
    fold = folds(right.astype(np.intp), groups, count=3, seed=seed)
    chance = np.empty(len(index))
    for number in range(3):
        say(f"Part {number + 1} of 4")
        network = _train(small[fold != number], right[fold != number], epochs, batch, seed + number)
        chance[fold == number] = chances(network, small[fold == number])
    say("Part 4 of 4")
    network = _train(small, right, epochs, batch, seed)
    return Learned(network, _evidence(chance, right, [rows[i].dataset for i in index]))


def chances(network: SideNetwork, small: "NDArray[np.uint8]") -> "NDArray[np.float64]":
    """Give for each small square, shape (n, K, K, 3), the probability that it shows a right eye."""
    network.eval()
    spec = InputSpec(SIZE_PX)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(small), 64):
            pictures = np.stack([plain(square, spec) for square in small[start : start + 64]])
            parts.append(network(torch.from_numpy(pictures))[0][:, 0].sigmoid().double().numpy())
    return np.concatenate(parts)


def save(learned: Learned, path: Path) -> None:
    """Write the weights, and beside them as JSON what is known of them."""
    torch.save(learned.network.state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps(learned.evidence, indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Learned:
    """Read what `save` wrote.

    Raises
    ------
    OSError
        A file is missing.
    """
    network = SideNetwork()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return Learned(network.eval(), json.loads(path.with_suffix(".json").read_bytes()))


def _small(square: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    side = round(SIZE_PX * 1.3)
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _train(small: "NDArray[np.uint8]", right: "NDArray[np.bool_]", epochs: int, batch: int, seed: int) -> SideNetwork:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SideNetwork().train()
    spec = InputSpec(SIZE_PX)
    steps = epochs * (len(small) // batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    done = 0
    while done < steps:
        order = rng.permutation(len(small))
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            mirrored = rng.random(batch) < 0.5
            pictures = np.stack(
                [turn_and_light(small[i], spec, rng, flip=bool(flip)) for i, flip in zip(chosen, mirrored, strict=True)]
            )
            # A mirrored right eye looks like a left one.
            target = torch.from_numpy((right[chosen] ^ mirrored).astype(np.float32))
            logit = network(torch.from_numpy(pictures))[0][:, 0]
            # Softened: a table may name a side wrongly.
            loss = F.binary_cross_entropy_with_logits(logit, target * 0.94 + 0.03)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
            rate.step()
            done += 1
            if done == steps:
                break
    return network


def _evidence(chance: "NDArray[np.float64]", right: "NDArray[np.bool_]", sets: Sequence[str]) -> dict[str, Any]:
    sure = np.maximum(chance, 1 - chance) >= SURE
    correct = (chance >= 0.5) == right
    parts = {}
    for name in [*sorted(set(sets)), "pooled"]:
        mine = np.array([name in ("pooled", one) for one in sets])
        parts[name] = {
            "n": int(mine.sum()),
            "right": round(float(correct[mine].mean()), 4),
            "sure": round(float(sure[mine].mean()), 4),
            "right_when_sure": round(float(correct[mine & sure].mean()), 4) if (mine & sure).any() else None,
            "auc": round(float(metrics.auc(right[mine], chance[mine])), 4),
        }
    return {"sure_from": SURE, "how": "3 folds by patient", "sets": parts}
