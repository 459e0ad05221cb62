"""How far a training run is: what the loop hands out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a run is; handed out every few seconds."""

    epoch: int
    """From 1."""
    epochs: int
    size_px: int
    images: int
    """Photographs seen in this epoch."""
    images_in_epoch: int
    images_per_s: float
    loss: float
    """Mean over the epoch so far."""
    left_s: float
    """Time left to the end of training, guessed from the speed at each size."""
