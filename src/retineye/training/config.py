"""Read the one small file that a training run is made from."""

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, fields
from math import cos, pi
from pathlib import Path
from typing import Any, Final, Self

_TOLD: Final = frozenset(
    {
        "id",
        "size_px",
        "views",
        "keep_start",
        "purpose",
        "gradability",
        "side",
        "licence",
        "intended_use",
        "limits",
        "sha256",
    }
)  # fmt: skip
"""Keys that change no weight: they come into play when the pack is made."""


class ConfigError(Exception):
    """The config file can not be used; the message says which key and why."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All that decides a training run; each field is a key of the TOML file."""

    id: str
    """Id of the pack that the run makes."""
    sets: tuple[str, ...]
    """Data sets (the `dataset` column) that are trained on."""
    size_px: int
    """Side of the square that the network is served; often best a little above the sizes it was trained at."""
    schedule: tuple[tuple[int, ...], ...]
    """Parts of (epochs, size in px) or (epochs, size in px, photographs drawn an epoch), in order: small pictures
    first make the early epochs cheap. Where no number is given, as many are drawn as there are."""
    cycles: tuple[int, ...] = ()
    """Epochs of each fall of the learning rate; one fall over all epochs where empty."""
    restart_rate: float = 0.5
    """Learning rate at which each cycle after the first begins, as a share of `learning_rate`."""
    seed: int = 7
    backbone: str = "tf_efficientnet_lite0"
    """Name of a timm network."""
    weights: str = "imagenet"
    """`imagenet` (from an installed package), `timm` (timm's own download), `none`, a checkpoint's path, or the folder
    of a model pack."""
    keep_start: float = 0.0
    """Share, below 1, of the weights that the run started from in those that are shipped; 0 ships what was learned."""
    head: str = "classes"
    """`classes` (five logits) or `regression` (one number with cut points, as the first RetinEye had)."""
    holdout: float = 0.15
    """Share of the training patients that are kept for calibration and never trained on."""
    held_out: str = ""
    """split.csv of an earlier run, seen from the config file: its held-out photographs are held out again, so that a
    network that has learned the others can go on. Drawn anew where empty."""
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    processed_sets: tuple[str, ...] = ()
    """Sets whose pictures no camera makes (equalised, high-pass filtered): they teach, and are never held out."""
    fine_sets: tuple[str, ...] = ()
    """Sets that hold nothing but fine structure already, and so are never filtered again."""
    fine: float = 0.0
    """How often a training picture is shown as its fine structure alone; where above 0, that is a served view too."""
    dme: float = 0.0
    """Weight of the loss on the risk of macular oedema; no such output where 0."""
    lesions: float = 0.0
    """Weight of the loss on lesions that people outlined (`retineye train --lesions`); not learned where 0."""
    ordinal: float = 0.5
    """Weight of the squared error of the expected grade, beside cross-entropy."""
    dropout: float = 0.2
    ema: float = 0.998
    """Decay of the averaged weights that are validated and shipped, for each step."""
    strength: float = 1.0
    """Strength of the colour and camera augmentation; 0 leaves only rotation, flip and scale."""
    set_weights: dict[str, float] = field(default_factory=dict)
    """How often a set is drawn, relative to the square root of its size; 1 where not named."""
    last_set_weights: dict[str, float] = field(default_factory=dict)
    """As `set_weights`, for the last part of the schedule; the same where empty."""
    views: int = 1
    """How many views of a photograph the served logits are the mean of: 1, 2 (mirrored) or 4 (upside down too)."""
    gradability: str = ""
    """The quality gate's JSON file, seen from the config file; the shipped pack's own gate if empty."""
    side: str = ""
    """Weights of the network that tells the eye (`retineye learn-side`), seen from the config file; none if empty."""
    purpose: str = "screening-support"
    """`screening-support`, or `test` for a pack that only tests may grade with."""
    licence: str = "See data sets"
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    sha256: str = ""
    """Of the file's bytes; not a key."""

    @property
    def epochs(self) -> int:
        """Give the number of passes over the training photographs."""
        return sum(part[0] for part in self.schedule)

    def rate_at(self, epochs_done: float) -> float:
        """Give the learning rate after so many epochs: a short warm-up, then a cosine to a hundredth, in each cycle."""
        peak, begun = self.learning_rate, 0
        for cycle in self.cycles or (self.epochs,):
            share = (epochs_done - begun) / cycle
            if share < 1:
                warm = share / 0.05 if share < 0.05 else 0.01 + 0.99 * 0.5 * (1 + cos(pi * (share - 0.05) / 0.95))
                return peak * warm
            peak, begun = self.learning_rate * self.restart_rate, begun + cycle
        return peak * 0.01

    def size_at(self, epoch: int) -> int:
        """Give the size in px that the epoch (from 0) trains at."""
        return self._part_at(epoch)[1]

    def draws_at(self, epoch: int) -> int:
        """Give how many photographs the epoch (from 0) draws; 0 for as many as there are."""
        part = self._part_at(epoch)
        return part[2] if len(part) > 2 else 0

    def set_weights_at(self, epoch: int) -> dict[str, float]:
        """Give how often each set is drawn in the epoch (from 0)."""
        last = epoch >= self.epochs - self.schedule[-1][0]
        return self.last_set_weights or self.set_weights if last else self.set_weights

    def _part_at(self, epoch: int) -> tuple[int, ...]:
        for part in self.schedule:
            if epoch < part[0]:
                return part
            epoch -= part[0]
        return self.schedule[-1]

    @property
    def recipe_sha256(self) -> str:
        """Name what decides the weights: a checkpoint may be resumed only under the same recipe."""
        recipe = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _TOLD}
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises
        ------
        ConfigError
            The file is not there or no TOML, a key is unknown or missing, or a value is out of range.
        """
        try:
            raw = path.read_bytes()
            table: dict[str, Any] = tomllib.loads(raw.decode())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise ConfigError(f"{path} can not be read as TOML: {exc}.") from exc
        known = {f.name for f in fields(cls)} - {"sha256"}
        if unknown := sorted(set(table) - known):
            raise ConfigError(f"{path}: unknown key {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
        for key in ("sets", "limits", "cycles", "processed_sets", "fine_sets"):
            if key in table:
                table[key] = tuple(table[key])
        try:
            table["schedule"] = tuple(tuple(int(number) for number in part) for part in table["schedule"])
            config = cls(**table, sha256=hashlib.sha256(raw).hexdigest())
        except (KeyError, TypeError, ValueError) as exc:
            raise ConfigError(f"{path}: {exc}.") from exc
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        wrong = {
            "schedule": not self.schedule
            or any(len(part) not in (2, 3) or min(part) < 1 or part[1] < 32 for part in self.schedule),
            "cycles": bool(self.cycles) and (sum(self.cycles) != self.epochs or min(self.cycles) < 1),
            "sets": not self.sets,
            "size_px": self.size_px < 32,
            "holdout": not 0 < self.holdout < 0.5,
            "batch": self.batch < 2,
            "head": self.head not in ("classes", "regression"),
            "views": self.views not in (1, 2, 4),
            "ema": not 0 <= self.ema < 1,
            "fine": not 0 <= self.fine < 1,
            "dme": self.dme < 0,
            "lesions": self.lesions < 0,
            "keep_start": not 0 <= self.keep_start < 1,
        }
        if bad := [key for key, is_wrong in wrong.items() if is_wrong]:
            raise ConfigError(f"{path}: {', '.join(bad)} out of range (see docs/training.md).")
