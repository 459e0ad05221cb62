"""Train a network: one pass after another, averaged weights, a checkpoint after each, resumable at any."""

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from retineye.grading.preprocess import InputSpec
from retineye.training.augment import plain, vary_with
from retineye.training.config import TrainingConfig
from retineye.training.data import KeptSquares
from retineye.training.fine import BROADEST, FINEST, fine_structure
from retineye.training.lesions import Outlines, lesion_loss, nothing_said, to_cells
from retineye.training.loss import class_loss, dme_loss, regression_loss
from retineye.training.macula import risk_of
from retineye.training.metrics import quadratic_kappa
from retineye.training.network import GradingNetwork, Taught
from retineye.training.photographs import Photograph, threefold_sets
from retineye.training.progress import TrainingProgress
from retineye.training.team import Draws, Team

if TYPE_CHECKING:
    from numpy.typing import NDArray


Item: TypeAlias = tuple[torch.Tensor, int, int, bool, torch.Tensor]


class Squares(Dataset[Item]):
    """Squares with what people said of them, varied or plain."""

    def __init__(
        self, squares: KeptSquares, index: "NDArray[np.int64]", labels: "Labels", spec: InputSpec,
        outlines: Outlines | None = None, *, seed: int | None = None, strength: float = 1.0,
    ) -> None:  # fmt: skip
        """Take squares[index[i]] as item i; `seed` None leaves them plain."""
        self.outlines = outlines or Outlines()
        self.squares, self.index, self.labels, self.spec = squares, index, labels, spec
        self.seed, self.strength, self.drawn = seed, strength, 0

    def __len__(self) -> int:
        """Give the number of photographs."""
        return len(self.index)

    def __getitem__(self, item: int) -> Item:
        """Give the input, shape (3, S, S), grade, risk, whether it may be filtered, and its cells (4, S/8, S/8)."""
        at = int(self.index[item])
        square = np.ascontiguousarray(self.squares[at])
        cells = nothing_said(self.spec.size_px)
        if self.seed is None:
            picture = plain(square, self.spec)
        else:
            self.drawn += 1
            rng = np.random.default_rng((self.seed, self.drawn, item))
            picture, planes = vary_with(square, self.outlines.planes.get(at), self.spec, rng, self.strength)
            if planes is not None:
                cells = to_cells(planes, self.outlines.looked_for[at])
        said = self.labels
        grade, risk, broad = int(said.grades[at]), int(said.risks[at]), bool(said.broad[at])
        return torch.from_numpy(picture), grade, risk, broad, torch.from_numpy(cells)


@dataclass(frozen=True, slots=True)
class Labels:
    """What people said of each photograph, as arrays over the rows."""

    grades: "NDArray[np.int64]"
    """0-4, -1 for none."""
    risks: "NDArray[np.int64]"
    """Of macular oedema, as `macula.risk_of` gives them."""
    broad: "NDArray[np.bool_]"
    """Whether a picture holds more than fine structure, so that it may be filtered."""

    @classmethod
    def of(cls, rows: Sequence[Photograph], config: TrainingConfig) -> Self:
        """Read the labels off the rows; a set without IDRiD's risk 2 says no more than yes and no."""
        threefold = threefold_sets(rows)
        return cls(
            np.array([-1 if row.grade is None else row.grade for row in rows], np.int64),
            np.array([risk_of(row.dme, row.maculopathy, threefold=row.dataset in threefold) for row in rows], np.int64),
            np.array([row.dataset not in config.fine_sets for row in rows], np.bool_),
        )


def sampling_weights(rows: Sequence[Photograph], set_weights: dict[str, float]) -> "NDArray[np.float64]":
    """Give how often each row is drawn; sums to 1.

    Within a set, grades are drawn by the square root of their count; sets by the square root of their size. A set in
    which few grades occur would otherwise teach its camera as a sign of them.
    """
    cells: dict[tuple[str, int | None], int] = {}
    sets: dict[str, int] = {}
    for row in rows:
        cells[row.dataset, row.grade] = cells.get((row.dataset, row.grade), 0) + 1
        sets[row.dataset] = sets.get(row.dataset, 0) + 1
    roots = {name: sum(n**0.5 for (s, _), n in cells.items() if s == name) for name in sets}
    weights = np.array(
        [
            set_weights.get(row.dataset, 1.0)
            * sets[row.dataset] ** 0.5
            / (roots[row.dataset] * cells[row.dataset, row.grade] ** 0.5)
            for row in rows
        ]
    )
    share: NDArray[np.float64] = weights / weights.sum()
    return share


def logits_of(
    network: GradingNetwork, squares: KeptSquares, index: "NDArray[np.int64]", spec: InputSpec, batch: int = 32
) -> "NDArray[np.float32]":
    """Give the network's logits for plain squares; shape (len(index), outputs)."""
    network.eval()
    device = next(network.parameters()).device
    parts: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(index), batch):
            pictures = np.stack([plain(np.ascontiguousarray(squares[i]), spec) for i in index[start : start + batch]])
            tensor = torch.from_numpy(pictures).to(device, memory_format=torch.channels_last)
            parts.append(network(tensor)[0].float().cpu().numpy())
    return np.concatenate(parts)


class Trainer:
    """One training run over kept squares."""

    def __init__(
        self, config: TrainingConfig, network: GradingNetwork, spec: InputSpec, folder: Path,
        on_progress: Callable[[TrainingProgress], None] | None = None, team: Team | None = None,
    ) -> None:  # fmt: skip
        """Prepare optimiser and averaged weights; `folder` takes checkpoint.pt and metrics.jsonl."""
        self.config, self.spec, self.folder, self.on_progress = config, spec, folder, on_progress
        self.team = team or Team()
        if config.batch % self.team.size:
            raise ValueError(f"A batch of {config.batch} can not be shared by {self.team.size} processes.")
        self.network = network.to(self.team.device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(network).requires_grad_(requires_grad=False)
        decay = [p for p in network.parameters() if p.ndim > 1]
        plain_ones = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain_ones, "weight_decay": 0.0}],
            lr=config.learning_rate,
        )
        self.speeds: dict[int, float] = {}
        self.step = 0

    def fit(
        self, squares: KeptSquares, rows: Sequence[Photograph], train: "NDArray[np.int64]",
        held: "NDArray[np.int64]", outlines: Outlines | None = None, resume: bool = False,
    ) -> None:  # fmt: skip
        """Train for all epochs; after each, validate the averaged weights on `held` and write a checkpoint."""
        labels = Labels.of(rows, self.config)
        first = self._resume() if resume else 0
        joined = self.team.join(Taught(self.network))
        for epoch in range(first, self.config.epochs):
            torch.manual_seed((self.config.seed * 1000 + epoch) * self.team.size + self.team.place)
            size = self.config.size_at(epoch)
            spec = InputSpec(size, self.spec.gain, self.spec.clip, self.spec.mask)
            weights = sampling_weights([rows[i] for i in train], self.config.set_weights_at(epoch)).tolist()
            steps_in_epoch = self._draws(epoch, len(train)) // self.config.batch
            items = Squares(
                squares, train, labels, spec, outlines,
                seed=self.config.seed * 100_000 + epoch, strength=self.config.strength,
            )  # fmt: skip
            batch, seed = self.config.batch, self.config.seed * 1000 + epoch
            loader = DataLoader(
                items, batch // self.team.size, drop_last=True, num_workers=1, prefetch_factor=3,
                sampler=Draws(weights, steps_in_epoch * batch, batch, seed, self.team),
            )  # fmt: skip
            began = time.monotonic()
            loss = self._epoch(joined, loader, epoch, size, len(train))
            if self.team.first:
                measured = self._validate(squares, labels.grades, held)
                told = {"loss": loss, "size_px": size, "seconds": time.monotonic() - began}
                self._checkpoint(epoch + 1, told | measured)
            self.team.wait()

    def _draws(self, epoch: int, count: int) -> int:
        return self.config.draws_at(epoch) or count

    def _epoch(
        self, network: nn.Module, loader: "DataLoader[Item]", epoch: int, size: int,
        count: int,
    ) -> float:  # fmt: skip
        network.train()
        device = self.team.device
        began, told, mean_loss = time.monotonic(), 0.0, 0.0
        for done, (pictures, grades, risks, broad, cells) in enumerate(loader, start=1):
            self._set_rate(epoch + (done - 1) / len(loader))
            pictures = self._in_parts(pictures.to(device), broad.to(device)).to(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                logits, macula, lesions = network(pictures)
            loss = self._loss(logits.float(), grades.to(device))
            # Without a weight this is nothing, but every part of the network must have its gradient.
            loss = loss + self.config.dme * dme_loss(macula.float(), risks.to(device))
            if lesions is not None:
                loss = loss + self.config.lesions * lesion_loss(lesions.float(), cells.to(device))
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            self.step += 1
            self._average()
            mean_loss += (loss.item() - mean_loss) / done
            now = time.monotonic()
            if now - told > 5 or done == len(loader):
                told = now
                self._tell(epoch, size, done, len(loader), now - began, mean_loss, count)
        return mean_loss

    def _in_parts(self, pictures: torch.Tensor, broad: torch.Tensor) -> torch.Tensor:
        """Show some of the pictures as their fine structure alone, at a scale that differs from batch to batch."""
        if not self.config.fine:
            return pictures
        drawn = broad & (torch.rand(len(pictures)) < self.config.fine).to(broad.device)
        scale = float(torch.empty(()).uniform_(log(FINEST), log(BROADEST)).exp())
        pictures[drawn] = fine_structure(pictures[drawn], scale, self.spec.gain, self.spec.clip)
        return pictures

    def _loss(self, logits: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
        """Give the loss over the pictures that have a grade."""
        graded = grades >= 0
        logits, grades = logits[graded], grades[graded]
        if self.config.head == "regression":
            return regression_loss(logits, grades)
        return class_loss(logits, grades, self.config.label_smoothing, self.config.ordinal)

    def _set_rate(self, epochs_done: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate_at(epochs_done)

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for kept, new in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def _tell(
        self, epoch: int, size: int, done: int, steps: int, passed_s: float, loss: float, count: int
    ) -> None:  # fmt: skip
        batch = self.config.batch
        self.speeds[size] = done * batch / passed_s
        left = (steps - done) * batch / self.speeds[size]
        for later in range(epoch + 1, self.config.epochs):
            at = self.config.size_at(later)
            # A size not yet seen is guessed by its area.
            speed = self.speeds.get(at, self.speeds[size] * (size / at) ** 2)
            left += self._draws(later, count) / speed
        if self.on_progress and self.team.first:
            self.on_progress(
                TrainingProgress(
                    epoch + 1, self.config.epochs, size, done * batch, steps * batch, self.speeds[size], loss, left
                )
            )

    def _validate(self, squares: KeptSquares, grades: "NDArray[np.int64]", held: "NDArray[np.int64]") -> dict[str, Any]:
        logits = logits_of(self.averaged, squares, held, self.spec)
        truth = grades[held]
        if self.config.head == "regression":
            expected = logits[:, 0].astype(np.float64)
        else:
            chances = np.exp(logits - logits.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            expected = chances @ np.arange(5)
        guess = np.clip(np.rint(expected), 0, 4).astype(np.int64)
        return {
            "held_n": len(held),
            "held_accuracy": float((guess == truth).mean()),
            "held_kappa": float(quadratic_kappa(truth, guess)),
        }

    def _checkpoint(self, epochs_done: int, metrics: dict[str, Any]) -> None:
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"epoch": epochs_done} | metrics) + "\n")
        state = {
            "epochs_done": epochs_done,
            "step": self.step,
            "recipe_sha256": self.config.recipe_sha256,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        fresh = self.folder / "checkpoint.new"
        torch.save(state, fresh)
        fresh.replace(self.folder / "checkpoint.pt")  # a run that dies while writing keeps the one before

    def _resume(self) -> int:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return 0
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["recipe_sha256"] != self.config.recipe_sha256:
            raise ValueError(f"{path} was made from another config; start a new run folder.")
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        return int(state["epochs_done"])
