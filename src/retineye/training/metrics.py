"""The figures that say how good a grader is, as pure functions on arrays.

Each figure takes optional `weights` of shape (..., n) and returns an array of shape (...): with none, one number;
with the weights of 1,000 resamples, 1,000 numbers at once. So a figure and its bootstrap interval come from one piece
of code. The tests hold accuracy, kappa, AUC and confusion against scikit-learn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

GRADES = 5
LEAST_GRADE: Mapping[str, int] = {"referable": 2, "vision_threatening": 3}
"""The decisions, and the grade from which each one is a yes."""
ECE_BINS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; None where the sample can not say."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """How many photographs the figure stands on (for a sensitivity: those with the disease)."""

    def as_dict(self) -> dict[str, float | int | None]:
        """Hand out the four values by name, for JSON."""
        return asdict(self)


def confusion(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Count photographs by true grade (rows) and given grade (columns), shape (..., 5, 5)."""
    cell = np.asarray(truth, np.intp) * GRADES + np.asarray(predicted, np.intp)
    counts = _weights(weights, len(cell)) @ np.eye(GRADES * GRADES)[cell]
    return counts.reshape(*counts.shape[:-1], GRADES, GRADES)


def accuracy(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Share of photographs whose grade is exactly right, 0-1."""
    counts = confusion(truth, predicted, weights)
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Agreement beyond chance, a miss by two grades weighing four times a miss by one; 1 is perfect, 0 is chance.

    NaN where truth and prediction are one and the same constant: there is nothing to agree on.
    """
    counts = confusion(truth, predicted, weights)
    steps = np.arange(GRADES)
    penalty = (steps[:, None] - steps[None, :]) ** 2.0
    total = counts.sum((-2, -1))
    by_chance = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :]
    observed = (counts * penalty).sum((-2, -1)) * total
    return np.asarray(1.0 - _ratio(observed, (by_chance * penalty).sum((-2, -1))))


def auc(positive: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Chance that a positive photograph scores above a negative one, ties counting half; NaN if either is missing."""
    scores = np.asarray(score, np.float64)
    order = np.argsort(scores, kind="stable")
    is_positive = np.asarray(positive, np.bool_)[order]
    weight = _weights(weights, len(scores))[..., order]
    ties = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positives = np.add.reduceat(weight * is_positive, ties, axis=-1)
    negatives = np.add.reduceat(weight * ~is_positive, ties, axis=-1)
    below = np.cumsum(negatives, axis=-1) - 0.5 * negatives
    return _ratio((positives * below).sum(-1), positives.sum(-1) * negatives.sum(-1))


def sensitivity(positive: ArrayLike, decision: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Share of the positive photographs that are called positive, 0-1; NaN if there are none."""
    is_positive, called = np.asarray(positive, np.bool_), np.asarray(decision, np.bool_)
    weight = _weights(weights, len(is_positive))
    return _ratio(weight @ (is_positive & called), weight @ is_positive)


def specificity(positive: ArrayLike, decision: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Share of the negative photographs that are called negative, 0-1; NaN if there are none."""
    return sensitivity(~np.asarray(positive, np.bool_), ~np.asarray(decision, np.bool_), weights)


def recall_by_grade(truth: ArrayLike, predicted: ArrayLike) -> list[Estimate]:
    """Share of each true grade 0-4 that is graded exactly right, with Wilson's 95 % interval."""
    counts = confusion(truth, predicted)
    return [proportion(int(counts[grade, grade]), int(counts[grade].sum())) for grade in range(GRADES)]


def proportion(hits: int, n: int) -> Estimate:
    """Give a share with Wilson's 95 % interval (right also for few photographs, and for 0 or all of them)."""
    if n == 0:
        return Estimate(None, None, None, 0)
    interval = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(hits / n, float(interval.low), float(interval.high), n)


def ece(probabilities: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Expected calibration error, 0-1: 10 equal bins of the largest probability.

    Parameters
    ----------
    probabilities
        Shape (n, 5), each row summing to 1.
    truth
        Grades 0-4, shape (n,).
    """
    table = np.asarray(probabilities, np.float64)
    right = table.argmax(1) == np.asarray(truth, np.intp)
    return _binned_gap(table.max(1), right - table.max(1), _weights(weights, len(table)))


def perfect_ece(probabilities: ArrayLike, *, replicates: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Simulate the calibration error that these probabilities would show were each of them exactly true.

    A small sample never shows 0. Returns the mean and the 95th percentile over `replicates` draws of the grades.
    """
    top = np.asarray(probabilities, np.float64).max(1)
    if len(top) == 0:
        return float("nan"), float("nan")
    right = np.random.default_rng(seed).random((replicates, len(top))) < top
    errors = np.abs((right - top) @ _bins(top)).sum(-1) / len(top)
    return float(errors.mean()), float(np.percentile(errors, 95))


def reliability(probabilities: ArrayLike, truth: ArrayLike) -> list[tuple[float, Estimate]]:
    """For each filled bin of the largest probability: its mean, and the share that was right (Wilson)."""
    table = np.asarray(probabilities, np.float64)
    top, right = table.max(1), table.argmax(1) == np.asarray(truth, np.intp)
    filled = [member for member in _bins(top).T.astype(np.bool_) if member.any()]
    return [(float(top[member].mean()), proportion(int(right[member].sum()), int(member.sum()))) for member in filled]


def risk_coverage(doubt: ArrayLike, error: ArrayLike) -> tuple[Floats, Floats]:
    """Show what abstaining buys: keep the least doubtful share, and see the mean error among them.

    Parameters
    ----------
    doubt
        Shape (n,), larger is less sure. Photographs of equal doubt are kept or left together.
    error
        Shape (n,), the loss of each photograph (0-1 for right and wrong).

    Returns
    -------
    coverage, risk
        Coverage rises to 1; risk is the mean error of the photographs kept.
    """
    doubts, errors = np.asarray(doubt, np.float64), np.asarray(error, np.float64)
    order = np.argsort(doubts, kind="stable")
    last_of_ties = np.flatnonzero(np.diff(doubts[order], append=np.inf))
    kept = np.arange(1, len(doubts) + 1)
    return (kept / max(len(doubts), 1))[last_of_ties], (np.cumsum(errors[order]) / kept)[last_of_ties]


def expected_loss(probabilities: ArrayLike, given: ArrayLike) -> Floats:
    """Doubt in a grade: the mean squared distance of the true grade from it, 0-16, under the probabilities.

    Entropy would call 'grade 1 or 2' as doubtful as 'grade 0 or 4'; this does not.
    """
    steps = np.arange(GRADES)[None, :] - np.asarray(given, np.float64)[:, None]
    return np.asarray((np.asarray(probabilities, np.float64) * steps**2).sum(1))


def resample_weights(clusters: Sequence[str] | int, *, replicates: int = 1000, seed: int = 0) -> Floats:
    """Draw bootstrap samples: how often each photograph is in each, shape (replicates, n).

    Parameters
    ----------
    clusters
        The patient of each photograph: both eyes of a patient are drawn together, as they are not independent.
        An empty name stands for a patient of its own. A number n means n photographs without patients.
    """
    if isinstance(clusters, int):
        owner = np.arange(clusters)
    else:
        names = [name or f"\0{place}" for place, name in enumerate(clusters)]
        owner = np.unique(np.asarray(names, dtype=np.str_), return_inverse=True)[1]
    if len(owner) == 0:
        return np.zeros((replicates, 0))
    many = int(owner.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(many, np.full(many, 1 / many), size=replicates)
    return drawn[:, owner].astype(np.float64)


def estimate(figure: Callable[[Floats], Floats], weights: Floats, n: int | None = None) -> Estimate:
    """Take a figure on the sample itself and on its resamples: value and 95 % percentile interval.

    Parameters
    ----------
    figure
        From weights of shape (..., n) to a figure of shape (...). Resamples where it is NaN are left out.
    weights
        Of the resamples, shape (replicates, n).
    n
        What `Estimate.n` shall say; the number of photographs if left out.
    """
    size = weights.shape[-1] if n is None else n
    value = float(figure(np.ones(weights.shape[-1]))) if size else float("nan")
    if not isfinite(value):
        return Estimate(None, None, None, size)
    resampled = figure(weights)
    low, high = np.percentile(resampled[np.isfinite(resampled)], [2.5, 97.5])
    return Estimate(value, float(low), float(high), size)


def estimate_share(figure: Callable[[Floats], Floats], weights: Floats, n: int | None = None) -> Estimate:
    """Take a share as `estimate` does; where all resamples say exactly 0 or 1, use Wilson's interval.

    A sample without a single miss shows no spread, and yet says little of the next thousand photographs.
    """
    found = estimate(figure, weights, n)
    if found.value is not None and found.low == found.high and found.value in (0.0, 1.0):
        return proportion(round(found.value) * found.n, found.n)
    return found


def _weights(weights: ArrayLike | None, n: int) -> Floats:
    return np.ones(n) if weights is None else np.asarray(weights, np.float64)


def _ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    above, below = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def _bins(top: Floats) -> Floats:
    return np.eye(ECE_BINS)[np.minimum((top * ECE_BINS).astype(np.intp), ECE_BINS - 1)]


def _binned_gap(top: Floats, gap: Floats, weight: Floats) -> Floats:
    return _ratio(np.abs(weight @ (_bins(top) * gap[:, None])).sum(-1), weight.sum(-1))
