"""What training makes small: pure functions of logits and grades."""

from typing import Final

import torch
from torch.nn import functional as F

DME_NO: Final = 3
"""No macular oedema that calls for a doctor: IDRiD's risk is 0 or 1, not told which."""
DME_YES: Final = 4
"""Macular oedema suspected: IDRiD's risk 2."""


def expected_grade(logits: torch.Tensor) -> torch.Tensor:
    """Give the mean of the grades under the softmax of logits (N, 5); shape (N,), 0-4."""
    steps = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
    return (logits.softmax(dim=1) * steps).sum(dim=1)


def class_loss(logits: torch.Tensor, grades: torch.Tensor, smoothing: float, ordinal: float) -> torch.Tensor:
    """Give cross-entropy plus the squared error of the expected grade, as a mean over the batch.

    Cross-entropy alone takes a miss by one grade for as bad as a miss by four.
    """
    loss = F.cross_entropy(logits, grades, label_smoothing=smoothing)
    if ordinal:
        loss = loss + ordinal * F.mse_loss(expected_grade(logits), grades.to(logits.dtype))
    return loss


def dme_loss(logits: torch.Tensor, risks: torch.Tensor) -> torch.Tensor:
    """Give the mean loss on the risk of macular oedema, logits (N, 3), over the pictures that somebody judged.

    `risks` are 0, 1, 2 (IDRiD's), `DME_NO` (0 or 1), `DME_YES` (2), or -1 where nobody judged. Gives 0 where nobody
    judged any.
    """
    chances = logits.log_softmax(dim=1)
    allowed = torch.zeros_like(chances, dtype=torch.bool)
    for risk in range(3):
        allowed[:, risk] = risks == risk
    allowed[:, :2] |= (risks == DME_NO)[:, None]
    allowed[:, 2] |= risks == DME_YES
    judged = risks >= 0
    if not bool(judged.any()):
        return logits.sum() * 0
    losses = -chances.masked_fill(~allowed, -torch.inf)[judged].logsumexp(dim=1)
    return losses.sum() / len(logits)


def regression_loss(values: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Give the squared error of one number a photograph, shape (N, 1), as a mean over the batch."""
    return F.mse_loss(values[:, 0], grades.to(values.dtype))
