"""From held-out logits to the card's `calibration` (`fit`) and `operating_points`: when to refer, when to ask a person.

`fit` and `out_of_fold` come from `scaling`; what is here stands on the probabilities that they give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retineye.training import metrics, scaling
from retineye.training.scaling import fit, out_of_fold

__all__ = ["Served", "fit", "operating_points", "out_of_fold", "serve"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

HIGHEST_THRESHOLD = 0.5
LEAST_DOUBT = 0.1
"""However few photographs lie near the thresholds, a risk below a tenth of that at the threshold is no doubt."""

NEAR_MISS = 0.8
"""However few reads the budget leaves, from four fifths of the threshold on a photograph that is not called is
uncertain: who misses a threshold by a hair never reads as sure."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a card's rules make of n photographs; each array has shape (n,)."""

    grade: Ints
    referable: Bools
    vision_threatening: Bools
    uncertain: Bools


def serve(
    probabilities: ArrayLike, cut_points: Sequence[float] | None, points: Mapping[str, Mapping[str, Any]]
) -> Served:
    """Apply a card's cut points and operating points to calibrated probabilities, shape (n, 5)."""
    table = np.asarray(probabilities, np.float64)
    grade = scaling.grade_of(table, cut_points)
    uncertain = scaling.splits(table, cut_points)
    decisions = {}
    for name, least in metrics.LEAST_GRADE.items():
        share, point = table[:, least:].sum(1), points[name]
        reached, graded = share >= point["threshold"], grade >= least
        low, high = point["band"]
        uncertain = uncertain | (reached != graded) | ((share >= low) & (share <= high))
        decisions[name] = reached | graded
    return Served(grade, decisions["referable"], decisions["vision_threatening"], uncertain)


def operating_points(
    probabilities: ArrayLike,
    grades: ArrayLike,
    *,
    cut_points: Sequence[float] | None = None,
    target_referable: float = 0.90,
    target_vision_threatening: float = 0.85,
    budget: float = 0.10,
    weights: ArrayLike | None = None,
    groups: Sequence[str] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Choose for both decisions the threshold that reaches its sensitivity, and the band round it that is uncertain.

    1. The threshold is the highest, at most 0.5, at which the decision (probability at or above it, or the grade
       itself) still reaches the target sensitivity.
    2. The threshold says how much worse a miss is than a needless referral; so the doubt of a decision is its risk as
       a share of the risk at the threshold: p / t below it, (1 - p) / (1 - t) above. One level of doubt, the same for
       both decisions, is chosen so that with the photographs whose grade and decision disagree anyway at most
       `budget` of all are uncertain; it bounds both bands. Near misses are uncertain whatever the budget says.
    3. Sensitivity and specificity are cross-fitted: each photograph is decided by a threshold chosen without its
       patient. Their intervals are bootstrapped by patient.

    Parameters
    ----------
    probabilities
        Calibrated, of photographs that neither network nor calibration learned from, shape (n, 5).
    grades
        True grades 0-4, shape (n,).
    cut_points
        The card's, or None.
    target_referable, target_vision_threatening
        Least sensitivity, 0-1.
    budget
        Largest share of gradable photographs that a person must look at, 0-1.
    weights, groups
        As in `fit`.

    Raises
    ------
    ValueError
        If either decision has no positive or no negative photograph to learn its threshold from.
    """
    table, truth = np.asarray(probabilities, np.float64), np.asarray(grades, np.intp)
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
    grade = scaling.grade_of(table, cut_points)
    targets = {"referable": target_referable, "vision_threatening": target_vision_threatening}
    thresholds = {}
    for name, least in metrics.LEAST_GRADE.items():
        if not 0 < int((truth >= least).sum()) < len(truth):
            raise ValueError(
                f"The threshold for '{name}' needs photographs both below and from grade {least} on; "
                f"all {len(truth)} are on one side. Hold out more photographs."
            )
        thresholds[name] = _threshold(table[:, least:].sum(1), truth >= least, grade >= least, weight, targets[name])
    split = scaling.splits(table, cut_points)
    doubt = _doubt_level(table, grade, split, weight, thresholds, budget)
    points: dict[str, dict[str, Any]] = {}
    resamples = metrics.resample_weights(groups if groups is not None else len(truth), replicates=replicates, seed=seed)
    fold = scaling.folds(truth, groups, seed=seed)
    for name, least in metrics.LEAST_GRADE.items():
        threshold, positive = thresholds[name], truth >= least
        decision = _cross_fitted(table[:, least:].sum(1), positive, grade >= least, weight, fold, targets[name])
        points[name] = {
            "threshold": threshold,
            "band": [round(threshold * min(doubt, NEAR_MISS), 6), round(1 - (1 - threshold) * doubt, 6)],
            "target_sensitivity": targets[name],
            "sensitivity": _interval(metrics.sensitivity, positive, decision, weight, resamples, int(positive.sum())),
            "specificity": _interval(
                metrics.specificity, positive, decision, weight, resamples, int((~positive).sum())
            ),
            "n": len(truth),
            "how": (
                f"{scaling.FOLDS} folds by patient, each decided by the threshold of the others; "
                f"95 % interval from {replicates} bootstrap samples by patient"
            ),
        }
    share = float(weight @ serve(table, cut_points, points).uncertain / weight.sum())
    for point in points.values():
        point["uncertain_share"] = round(share, 4)
    return points


def _threshold(share: Floats, positive: Bools, graded: Bools, weight: Floats, target: float) -> float:
    """Find the highest threshold at which enough of the positive photographs are called, by it or by their grade."""
    by_grade = float(weight @ (positive & graded))
    missing = target * float(weight @ positive) - by_grade
    waiting = np.flatnonzero(positive & ~graded)
    waiting = waiting[np.argsort(-share[waiting], kind="stable")]
    if missing <= 1e-9 or len(waiting) == 0:
        return HIGHEST_THRESHOLD
    needed = min(int(np.searchsorted(np.cumsum(weight[waiting]), missing - 1e-9)), len(waiting) - 1)
    # Rounded down: rounding up would lose the very photograph that reaches the target.
    return float(np.clip(np.floor(share[waiting[needed]] * 1e6) / 1e6, 1e-6, HIGHEST_THRESHOLD))


def _cross_fitted(share: Floats, positive: Bools, graded: Bools, weight: Floats, fold: Ints, target: float) -> Bools:
    decision = np.empty(len(share), np.bool_)
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        threshold = _threshold(share[rest], positive[rest], graded[rest], weight[rest], target)
        decision[held] = (share[held] >= threshold) | graded[held]
    return decision


def _doubt_level(
    table: Floats, grade: Ints, split: Bools, weight: Floats, thresholds: Mapping[str, float], budget: float
) -> float:
    """Choose the level of doubt, 0.1 to 1, above which a decision is uncertain."""
    uncertain, doubts = split, np.zeros(len(table))
    for name, threshold in thresholds.items():
        share = table[:, metrics.LEAST_GRADE[name] :].sum(1)
        uncertain = uncertain | ((share >= threshold) != (grade >= metrics.LEAST_GRADE[name]))
        safe = max(threshold, 1e-9)
        doubts = np.maximum(doubts, np.where(share < threshold, share / safe, (1 - share) / (1 - threshold)))
    room = budget * float(weight.sum()) - float(weight @ uncertain)
    open_to_doubt = np.flatnonzero(~uncertain)
    order = open_to_doubt[np.argsort(-doubts[open_to_doubt], kind="stable")]
    within = int(np.searchsorted(np.cumsum(weight[order]), room + 1e-9, side="right"))
    if within >= len(order):
        return LEAST_DOUBT
    # The first photograph that no longer fits must stay outside, and so must its equals.
    above = doubts[order[:within]]
    above = above[above > doubts[order[within]]]
    level = float((above.min() + doubts[order[within]]) / 2) if len(above) else 1.0
    return max(LEAST_DOUBT, level)


def _interval(
    figure: Any, positive: Bools, decision: Bools, weight: Floats, resamples: Floats, n: int
) -> dict[str, float | int | None]:
    found = metrics.estimate_share(lambda drawn: figure(positive, decision, drawn * weight), resamples, n)
    rounded = [None if value is None else round(value, 4) for value in (found.value, found.low, found.high)]
    return dict(zip(("value", "low", "high"), rounded, strict=True)) | {"n": n}
