"""From held-out logits to probabilities that mean what they say: the card's `calibration`.

Fitted on photographs that the network never learned from. What is reported of the fit (calibration error, gain of
the cut points) is measured out of fold: each photograph by a fit that saw neither it nor its patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from retineye.training import metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FOLDS = 5
PRIOR = 1.0
"""Weight of the pull towards scale 1 and bias 0, in photographs: it fades as photographs are added."""
LEAST_SCALE = 0.02
LEAST_FOR_VECTOR = 100
"""Photographs below which ten numbers can not be learned, whatever the folds happen to say."""
PLAIN_CUTS = (0.5, 1.5, 2.5, 3.5)
CUT_STEP = 0.05
SPLIT_PENALTY = 0.2
"""Kappa that cut points must bring for each photograph that they move off its tallest probability (those go to a
person as uncertain, of whom there is room for a tenth): a share of 0.1 must bring 0.02."""
LEAST_GAIN = 0.005
"""Gain out of fold below which cut points are noise, and are left out."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Softmax of `scale * logits + bias`, both of shape (5,). A plain temperature T is scale 1/T and bias 0."""

    scale: Floats
    bias: Floats

    def probabilities(self, logits: ArrayLike) -> Floats:
        """Turn logits, shape (n, 5), into probabilities that sum to 1 in each row."""
        return np.asarray(np.exp(log_softmax(np.asarray(logits, np.float64) * self.scale + self.bias, axis=1)))


def fit(
    logits: ArrayLike,
    grades: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the calibration of a card on held-out photographs.

    1. Choose per-class scale and bias, or one temperature where the sample is too small for them to pay out of fold.
    2. Choose cut points on the expected grade, or none where they do not pay out of fold.

    Parameters
    ----------
    logits
        Shape (n, 5).
    grades
        True grades 0-4, shape (n,).
    weights
        Of the photographs, shape (n,); all alike if left out.
    groups
        Patient (or group of duplicates) of each photograph, "" for its own; they are kept on one side of each fold.
    seed
        Of the folds.

    Returns
    -------
    dict
        `method`, `scale`, `bias`, `cut_points` (four numbers or None) as the card holds them; `n`; `fitted` (vector
        or temperature); `ece_before` and `ece_after` (out of fold), and `ece_perfect`: the mean and 95th percentile
        that perfect calibration would show at this n; `kappa` of the tallest probability and of the cut points, out
        of fold. The caller adds `data`.
    """
    table, truth, weight = _checked(logits, grades, weights)
    fold = folds(truth, groups, seed=seed)
    full = _better_family(table, truth, weight, fold)
    scaling = _fit_scaling(table, truth, weight, full=full)
    unseen = _out_of_fold(table, truth, weight, fold, full=full)
    cuts, gain = _cut_points(scaling.probabilities(table), unseen, truth, weight, fold)
    plain = Scaling(np.ones(metrics.GRADES), np.zeros(metrics.GRADES)).probabilities(table)
    return {
        "method": "vector",
        "fitted": "vector" if full else "temperature",
        "scale": [round(float(value), 6) for value in scaling.scale],
        "bias": [round(float(value), 6) for value in scaling.bias],
        "n": len(truth),
        "ece_before": round(float(metrics.ece(plain, truth, weight)), 5),
        "ece_after": round(float(metrics.ece(unseen, truth, weight)), 5),
        "ece_perfect": [round(value, 5) for value in metrics.perfect_ece(unseen, seed=seed)],
        "how": f"{FOLDS} folds by patient: each photograph by a fit that never saw its patient",
        "cut_points": cuts,
        "kappa": gain,
    }


def out_of_fold(
    logits: ArrayLike,
    grades: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Floats:
    """Calibrate each photograph by a fit that saw neither it nor its patient; shape (n, 5).

    These probabilities, not those of `fit` on its own photographs, belong into `operating_points`.
    """
    table, truth, weight = _checked(logits, grades, weights)
    fold = folds(truth, groups, seed=seed)
    return _out_of_fold(table, truth, weight, fold, full=_better_family(table, truth, weight, fold))


def tallest(probabilities: ArrayLike) -> Ints:
    """Name the grade of the largest probability, the milder one on a tie."""
    return np.asarray(probabilities, np.float64).argmax(1)


def grade_of(probabilities: ArrayLike, cut_points: Sequence[float] | None) -> Ints:
    """Grade as the card's rule does: the more severe of the tallest probability and the cut expected grade."""
    largest = tallest(probabilities)
    if cut_points is None:
        return largest
    expected = np.asarray(probabilities, np.float64) @ np.arange(metrics.GRADES)
    return np.maximum(largest, np.searchsorted(np.asarray(cut_points), expected, side="right"))


def splits(probabilities: ArrayLike, cut_points: Sequence[float] | None) -> NDArray[np.bool_]:
    """Say where cut points and tallest probability name different grades."""
    if cut_points is None:
        return np.zeros(len(np.asarray(probabilities)), np.bool_)
    expected = np.asarray(probabilities, np.float64) @ np.arange(metrics.GRADES)
    return np.asarray(np.searchsorted(np.asarray(cut_points), expected, side="right") != tallest(probabilities))


def folds(grades: ArrayLike, groups: Sequence[str] | None, *, count: int = FOLDS, seed: int = 0) -> Ints:
    """Deal photographs into folds 0..count-1: a patient stays in one, and each has its share of every grade."""
    truth = np.asarray(grades, np.intp)
    names = [name or f"\0{place}" for place, name in enumerate(groups if groups is not None else [""] * len(truth))]
    owner = np.unique(np.asarray(names, dtype=np.str_), return_inverse=True)[1]
    worst = np.zeros(int(owner.max(initial=-1)) + 1, np.intp)
    np.maximum.at(worst, owner, truth)
    shuffled = np.random.default_rng(seed).permutation(len(worst))
    dealt = np.empty(len(worst), np.intp)
    dealt[shuffled[np.argsort(worst[shuffled], kind="stable")]] = np.arange(len(worst)) % count
    return dealt[owner]


def _checked(logits: ArrayLike, grades: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Ints, Floats]:
    table, truth = np.asarray(logits, np.float64), np.asarray(grades, np.intp)
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
    if table.shape != (len(truth), metrics.GRADES) or weight.shape != truth.shape:
        raise ValueError(
            f"Logits of shape (n, {metrics.GRADES}) with n grades and n weights are needed, "
            f"not {table.shape}, {truth.shape} and {weight.shape}."
        )
    if len(truth) < 2 * FOLDS:
        raise ValueError(f"Calibration needs at least {2 * FOLDS} held-out photographs, not {len(truth)}.")
    return table, truth, weight


def _fit_scaling(logits: Floats, truth: Ints, weight: Floats, *, full: bool) -> Scaling:
    """Minimise the weighted negative log-likelihood plus the pull towards the identity."""
    share = weight / weight.sum()
    pull = PRIOR / len(truth)
    onehot = np.eye(metrics.GRADES)[truth]

    def unpack(values: Floats) -> Scaling:
        if full:
            return Scaling(values[: metrics.GRADES], values[metrics.GRADES :])
        return Scaling(np.repeat(values, metrics.GRADES), np.zeros(metrics.GRADES))

    def loss(values: Floats) -> tuple[float, Floats]:
        scaling = unpack(values)
        logs = log_softmax(logits * scaling.scale + scaling.bias, axis=1)
        slope = (np.exp(logs) - onehot) * share[:, None]
        by_scale = (slope * logits).sum(0)
        gradient = np.concatenate([by_scale, slope.sum(0)]) if full else np.array([by_scale.sum()])
        away = values - identity
        return float(-(logs * onehot).sum(1) @ share + pull * away @ away), gradient + 2 * pull * away

    identity = np.concatenate([np.ones(metrics.GRADES), np.zeros(metrics.GRADES)]) if full else np.ones(1)
    least = [(LEAST_SCALE, None)] * (metrics.GRADES if full else 1) + [(None, None)] * (metrics.GRADES if full else 0)
    found = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=least, options={"maxiter": 500})
    return unpack(np.asarray(found.x, np.float64))


def _out_of_fold(logits: Floats, truth: Ints, weight: Floats, fold: Ints, *, full: bool) -> Floats:
    unseen = np.empty_like(logits)
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        unseen[held] = _fit_scaling(logits[rest], truth[rest], weight[rest], full=full).probabilities(logits[held])
    return unseen


def _better_family(logits: Floats, truth: Ints, weight: Floats, fold: Ints) -> bool:
    """Say whether scale and bias for each class beat one temperature on photographs not fitted on."""

    if len(truth) < LEAST_FOR_VECTOR:
        return False

    def loss(full: bool) -> float:
        unseen = _out_of_fold(logits, truth, weight, fold, full=full)
        likely = np.maximum(unseen[np.arange(len(truth)), truth], 1e-12)
        return float(-np.log(likely) @ weight)

    return loss(True) < loss(False)


def _cut_points(
    probabilities: Floats, unseen: Floats, truth: Ints, weight: Floats, fold: Ints
) -> tuple[list[float] | None, dict[str, float]]:
    """Choose cut points; keep them only if those chosen on other folds pay on each fold."""
    moved, split = np.empty_like(truth), np.empty(len(truth), np.bool_)
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        cuts = _best_cuts(unseen[rest], truth[rest], weight[rest])
        moved[held], split[held] = grade_of(unseen[held], cuts), splits(unseen[held], cuts)
    largest = float(metrics.quadratic_kappa(truth, tallest(unseen), weight))
    with_cuts = float(metrics.quadratic_kappa(truth, moved, weight))
    share = float(weight @ split / weight.sum())
    pays = with_cuts - SPLIT_PENALTY * share >= largest + LEAST_GAIN
    gain = {"tallest": round(largest, 4), "cut": round(with_cuts, 4), "moved": round(share, 4)}
    return (_best_cuts(probabilities, truth, weight) if pays else None), gain


def _best_cuts(probabilities: Floats, truth: Ints, weight: Floats) -> list[float]:
    """Move one cut point at a time to where kappa, less the price of moved grades, is best, until none moves."""

    def worth(cuts: Sequence[float]) -> float:
        moved = float(weight @ splits(probabilities, cuts) / weight.sum())
        kappa = float(metrics.quadratic_kappa(truth, grade_of(probabilities, cuts), weight))
        return kappa - SPLIT_PENALTY * moved

    cuts, best = list(PLAIN_CUTS), worth(PLAIN_CUTS)
    for _ in range(10):
        before = best
        for place in range(len(cuts)):
            low = cuts[place - 1] + 2 * CUT_STEP if place else CUT_STEP
            high = cuts[place + 1] - 2 * CUT_STEP if place + 1 < len(cuts) else metrics.GRADES - 1 - CUT_STEP
            for candidate in np.arange(low, high + CUT_STEP / 2, CUT_STEP).round(4):
                trial = [*cuts[:place], float(candidate), *cuts[place + 1 :]]
                value = worth(trial)
                if value > best + 1e-9:
                    cuts, best = trial, value
        if best == before:
            break
    return cuts
