"""What training makes small: pure functions of logits and grades."""

import torch
from torch.nn import functional as F

from retineye.training.macula import NO, RISKS, SUSPECTED, YES


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

    `risks` are as `macula.risk_of` gives them, shape (N,). Gives 0 where nobody judged any.
    """
    chances = logits.log_softmax(dim=1)
    allowed = torch.zeros_like(chances, dtype=torch.bool)
    for risk in range(RISKS):
        allowed[:, risk] = risks == risk
    allowed[:, :SUSPECTED] |= (risks == NO)[:, None]
    allowed[:, SUSPECTED] |= risks == YES
    judged = risks >= 0
    if not bool(judged.any()):
        return logits.sum() * 0
    losses = -chances.masked_fill(~allowed, -torch.inf)[judged].logsumexp(dim=1)
    return losses.sum() / len(logits)


def regression_loss(values: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Give the squared error of one number a photograph, shape (N, 1), as a mean over the batch."""
    return F.mse_loss(values[:, 0], grades.to(values.dtype))
