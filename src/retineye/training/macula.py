"""From held-out logits of macular oedema to the card's `macula`: probabilities, and when to suspect it."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from retineye.training import metrics, scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

RISKS: Final = 3
SUSPECTED: Final = 2
"""The risk from which on macular oedema is suspected: hard exudates within a disc diameter of the fovea."""
NO: Final = 3
"""A person said only that nothing calls for a doctor: risk 0 or 1."""
YES: Final = 4
"""A person said only that something does: risk 2."""
LEAST_OF_EACH: Final = 10
"""Photographs with and without the finding below which nothing is said of it."""
DOUBT: Final = 0.8
"""From four fifths of the threshold on, what is not called is too close to tell."""
_PULL: Final = 1.0


def risk_of(dme: int | None, maculopathy: bool | None, *, threefold: bool) -> int:
    """Give what a person said of the macula: 0, 1, 2, `NO`, `YES`, or -1 for nothing.

    `threefold` tells whether the set knows IDRiD's three risks, or only yes and no.
    """
    if dme is not None and threefold:
        return dme
    judged = maculopathy if dme is None else bool(dme)
    return -1 if judged is None else YES if judged else NO


def fit(
    logits: ArrayLike, risks: ArrayLike, weights: ArrayLike, groups: Sequence[str], *, target: float = 0.85,
    replicates: int = 1000, seed: int = 0,
) -> dict[str, Any] | None:  # fmt: skip
    """Fit scale, bias and operating point on held-out photographs that somebody judged.

    Parameters
    ----------
    logits
        Shape (n, 3).
    risks
        As `risk_of` gives them, none of them -1; shape (n,).
    weights, groups
        Of the photographs, as in `calibration.fit`.
    target
        Least sensitivity.

    Returns
    -------
    dict or None
        The card's `macula`; None where fewer than ten photographs have the finding, or have it not.
    """
    table, said, weight = np.asarray(logits, np.float64), np.asarray(risks, np.intp), np.asarray(weights, np.float64)
    positive = (said == SUSPECTED) | (said == YES)
    if min(int(positive.sum()), int((~positive).sum())) < LEAST_OF_EACH:
        return None
    fold = scaling.folds(positive.astype(np.intp), groups, seed=seed)
    scale, bias = _fit(table, said, weight)
    unseen = np.empty(len(table))
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        unseen[held] = chances(table[held], *_fit(table[rest], said[rest], weight[rest]))[:, SUSPECTED]
    threshold = _threshold(unseen, positive, weight, target)
    called = np.empty(len(table), np.bool_)
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        called[held] = unseen[held] >= _threshold(unseen[rest], positive[rest], weight[rest], target)
    resamples = metrics.resample_weights(groups, replicates=replicates, seed=seed)

    def share(figure: Any, n: int) -> dict[str, Any]:
        found = metrics.estimate_share(lambda drawn: figure(positive, called, drawn * weight), resamples, n)
        named = zip(("value", "low", "high"), (found.value, found.low, found.high), strict=True)
        return {name: None if value is None else round(value, 4) for name, value in named} | {"n": n}

    return {
        "scale": [round(float(value), 6) for value in scale],
        "bias": [round(float(value), 6) for value in bias],
        "threshold": threshold,
        "band": [round(threshold * DOUBT, 6), threshold],
        "target_sensitivity": target,
        "sensitivity": share(metrics.sensitivity, int(positive.sum())),
        "specificity": share(metrics.specificity, int((~positive).sum())),
        "auc": round(float(metrics.auc(positive, unseen, weight)), 4),
        "n": len(table),
        "how": f"{scaling.FOLDS} folds by patient, each by the fit and the threshold of the others",
    }


def chances(logits: ArrayLike, scale: ArrayLike, bias: ArrayLike) -> Floats:
    """Give the probabilities of the three risks, shape (n, 3)."""
    table = np.asarray(logits, np.float64) * np.asarray(scale) + np.asarray(bias)
    return np.asarray(np.exp(log_softmax(table, axis=1)))


def _fit(table: Floats, said: Ints, weight: Floats) -> tuple[Floats, Floats]:
    allowed = said[:, None] == np.arange(RISKS)
    allowed[:, :SUSPECTED] |= (said == NO)[:, None]
    allowed[:, SUSPECTED] |= said == YES
    share = weight / weight.sum()

    def loss(values: Floats) -> float:
        logs = log_softmax(table * values[:RISKS] + values[RISKS:], axis=1)
        likely = logsumexp(np.where(allowed, logs, -np.inf), axis=1)
        away = values - identity
        return float(-share @ likely + _PULL / len(table) * away @ away)

    identity = np.concatenate([np.ones(RISKS), np.zeros(RISKS)])
    least = [(scaling.LEAST_SCALE, None)] * RISKS + [(None, None)] * RISKS
    found = minimize(loss, identity, method="L-BFGS-B", bounds=least, options={"maxiter": 300})
    return np.asarray(found.x[:RISKS], np.float64), np.asarray(found.x[RISKS:], np.float64)


def _threshold(chance: Floats, positive: Bools, weight: Floats, target: float) -> float:
    """Find the highest threshold, at most 0.5, that reaches the sensitivity."""
    order = np.argsort(-chance[positive], kind="stable")
    reached = np.cumsum(weight[positive][order]) / weight[positive].sum()
    place = min(int(np.searchsorted(reached, target - 1e-9)), len(order) - 1)
    return float(np.clip(np.floor(chance[positive][order][place] * 1e6) / 1e6, 1e-6, 0.5))
