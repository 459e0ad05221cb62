"""The fine structure of a retina alone: what is left when its local mean is taken away.

Light, pigment and the camera's colours are broad; microaneurysms, small haemorrhages and exudates are fine. The same
function shows training pictures and, inside the exported network, photographs that are graded.
"""

import math
from typing import Final

import torch
from torch.nn import functional as F

FINEST: Final = 1 / 200
"""Smallest scale in training: standard deviation of the local mean's window, as a share of the retina's diameter."""
BROADEST: Final = 1 / 30
"""Largest scale in training."""
SERVED: Final = 1 / 80
"""Scale at which photographs are graded."""


def fine_structure(pictures: torch.Tensor, scale: float, gain: float, clip: float) -> torch.Tensor:
    """Take the local mean away and bring what is left to the same deviation as before.

    Parameters
    ----------
    pictures
        Shape (N, 3, S, S), as `grading.preprocess.normalise` gives them: 0 outside the retina.
    scale
        Standard deviation of the Gaussian window, as a share of S.
    gain, clip
        As in `InputSpec`.

    Returns
    -------
    torch.Tensor
        Same shape, within +-`gain` x `clip`; 0 outside the retina.
    """
    seen = (pictures != 0).any(dim=1, keepdim=True).to(pictures.dtype)
    window = _window(scale * pictures.shape[-1]).to(pictures.device)
    # Divided by the window's share inside the retina: the rim would stand out as a ring otherwise.
    inside = _blur(seen, window).clamp_min(1e-3)
    left = (pictures - _blur(pictures, window) / inside) * seen
    count = seen.sum(dim=(2, 3), keepdim=True).clamp_min(1.0)
    mean = left.sum(dim=(2, 3), keepdim=True) / count
    left = (left - mean) * seen
    deviation = (left.square().sum(dim=(2, 3), keepdim=True) / count).sqrt().clamp_min(1e-3)
    return (left / deviation).clamp(-clip, clip) * gain


def _window(sigma_px: float) -> torch.Tensor:
    reach = max(1, math.ceil(3 * sigma_px))
    axis = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (axis / sigma_px) ** 2)
    return weights / weights.sum()


def _blur(pictures: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    channels, reach = pictures.shape[1], len(window) // 2
    rows = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    columns = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    across = F.conv2d(pictures, rows, padding=(0, reach), groups=channels)
    return F.conv2d(across, columns, padding=(reach, 0), groups=channels)
