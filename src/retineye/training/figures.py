"""From outcomes to the figures of one row of the evaluation: each with n and a 95 % interval."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retineye.grading.result import Status
from retineye.training import metrics
from retineye.training.macula import SUSPECTED, YES
from retineye.training.outcomes import UNREADABLE, Answers, MaculaAnswers, Outcome, answers, macula_answers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

COVERAGES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


def figures(outcomes: Sequence[Outcome], replicates: int, seed: int) -> dict[str, Any]:
    """Make the figures of one set of photographs, fit for JSON: four decimals, None where n can not say.

    Accuracy, kappa, recall, confusion, calibration error and the decisions stand on the photographs that the pack
    graded. What it would not grade is counted under `ungradable`, and once more in each decision's
    `ungradable_referred`: the decision over all readable photographs, where each one without a grade is referred.
    """
    found = answers(outcomes)
    weights = metrics.resample_weights(found.clusters, replicates=replicates, seed=seed)
    readable = [outcome for outcome in outcomes if outcome.status != UNREADABLE]
    return {
        "n": len(outcomes),
        "unreadable": len(outcomes) - len(readable),
        "not_fundus": sum(outcome.status == Status.NOT_FUNDUS for outcome in outcomes),
        "ungradable": _ungradable(readable, replicates, seed),
        "patients": len({outcome.photograph.cluster for outcome in outcomes if outcome.photograph.patient}),
        "n_graded": len(found.truth),
        "grades": np.bincount(found.truth, minlength=metrics.GRADES).tolist(),
        "accuracy": _share(lambda w: metrics.accuracy(found.truth, found.given, w), weights),
        "kappa": _rounded(
            metrics.estimate(lambda w: metrics.quadratic_kappa(found.truth, found.given, w), weights).as_dict()
        ),
        "referable": _decision("referable", found, found.referable, weights, readable, (replicates, seed)),
        "vision_threatening": _decision(
            "vision_threatening", found, found.vision_threatening, weights, readable, (replicates, seed)
        ),
        "recall": [_rounded(recall.as_dict()) for recall in metrics.recall_by_grade(found.truth, found.given)],
        "confusion": metrics.confusion(found.truth, found.given).astype(int).tolist(),
        "calibration": _calibration(found, weights, seed),
        "uncertain": _uncertain(found, weights),
        "risk_coverage": _risk_coverage(found),
        "macula": _macula(macula_answers(outcomes), replicates, seed),
    }


def brief(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a row what a subgroup is judged by."""
    kept = ("n", "unreadable", "ungradable", "n_graded", "grades", "accuracy", "kappa", *metrics.LEAST_GRADE)
    return {key: row[key] for key in kept}


def _ungradable(readable: Sequence[Outcome], replicates: int, seed: int) -> dict[str, Any]:
    """Give the share of readable photographs that got no grade, those that show no retina included."""
    stopped = np.array([outcome.status != Status.GRADED for outcome in readable], np.bool_)
    clusters = [outcome.photograph.cluster for outcome in readable]
    weights = metrics.resample_weights(clusters, replicates=replicates, seed=seed)
    reasons: dict[str, int] = {}
    for outcome in readable:
        for reason in outcome.verdict.reasons if outcome.verdict else ():
            reasons[reason.value] = reasons.get(reason.value, 0) + 1
    share = _share(lambda w: metrics.sensitivity(np.ones(len(stopped)), stopped, w), weights)
    return share | {"stopped": int(stopped.sum()), "reasons": dict(sorted(reasons.items()))}


def _decision(
    name: str,
    found: Answers,
    called: Bools,
    weights: Floats,
    readable: Sequence[Outcome],
    bootstrap: tuple[int, int],
) -> dict[str, Any]:
    least = metrics.LEAST_GRADE[name]
    score = found.probabilities[:, least:].sum(1)
    positive = found.truth >= least
    area = metrics.estimate(lambda w: metrics.auc(positive, score, w), weights)
    labelled = [outcome for outcome in readable if outcome.photograph.grade is not None]
    worst_truth = np.array([(outcome.photograph.grade or 0) >= least for outcome in labelled], np.bool_)
    worst_called = np.array([_called(outcome, name) for outcome in labelled], np.bool_)
    worst_weights = metrics.resample_weights(
        [outcome.photograph.cluster for outcome in labelled], replicates=bootstrap[0], seed=bootstrap[1]
    )
    return {
        "auc": _rounded(area.as_dict()),
        **_two_sides(positive, called, weights),
        "ungradable_referred": _two_sides(worst_truth, worst_called, worst_weights),
    }


def _called(outcome: Outcome, name: str) -> bool:
    """Say whether the photograph's decision is yes, or there is none, so that the patient is sent on anyway."""
    if outcome.verdict is None or outcome.verdict.status is not Status.GRADED:
        return True
    decision = outcome.verdict.referable if name == "referable" else outcome.verdict.vision_threatening
    return decision is None or decision.decision


def _two_sides(positive: Bools, called: Bools, weights: Floats) -> dict[str, Any]:
    yes, no = int(positive.sum()), int((~positive).sum())
    return {
        "sensitivity": _share(lambda w: metrics.sensitivity(positive, called, w), weights, yes),
        "specificity": _share(lambda w: metrics.specificity(positive, called, w), weights, no),
    }


def _macula(found: MaculaAnswers, replicates: int, seed: int) -> dict[str, Any] | None:
    """Say how well macular oedema is suspected; the risks, and grade and risk together, where people told three."""
    if len(found.truth) == 0:
        return None
    weights = metrics.resample_weights(found.clusters, replicates=replicates, seed=seed)
    positive = (found.truth == SUSPECTED) | (found.truth == YES)
    named = found.truth <= SUSPECTED
    right = (found.risk == found.truth)[named]
    n, everyone = int(named.sum()), np.ones(int(named.sum()))
    area = metrics.estimate(lambda w: metrics.auc(positive, found.probability, w), weights)
    return {
        "n": len(found.truth),
        "auc": _rounded(area.as_dict()),
        **_two_sides(positive, found.suspected, weights),
        "risk_right": _share(lambda w: metrics.sensitivity(everyone, right, w[..., named]), weights, n),
        "grade_and_risk_right": _share(
            lambda w: metrics.sensitivity(everyone, right & found.grade_right[named], w[..., named]), weights, n
        ),
    }


def _calibration(found: Answers, weights: Floats, seed: int) -> dict[str, Any]:
    mean, percentile = metrics.perfect_ece(found.probabilities, seed=seed)
    error = metrics.estimate(lambda w: metrics.ece(found.probabilities, found.truth, w), weights)
    points = metrics.reliability(found.probabilities, found.truth)
    return {
        "ece": _rounded(error.as_dict()),
        "perfect": _rounded({"mean": _finite(mean), "p95": _finite(percentile)}),
        "reliability": [_rounded({"probability": probability, **share.as_dict()}) for probability, share in points],
    }


def _uncertain(found: Answers, weights: Floats) -> dict[str, Any]:
    """Say what the flag is worth: how many it takes, how right the others are, whom it lets slip."""
    sure = ~found.uncertain
    threatened = found.truth >= metrics.LEAST_GRADE["vision_threatening"]
    slipped = threatened & sure & (found.given == 0)
    return {
        "share": _share(lambda w: metrics.sensitivity(np.ones(len(sure)), found.uncertain, w), weights),
        "accuracy_when_sure": _share(
            lambda w: metrics.accuracy(found.truth[sure], found.given[sure], w[..., sure]), weights, int(sure.sum())
        ),
        "accuracy_when_uncertain": _share(
            lambda w: metrics.accuracy(found.truth[~sure], found.given[~sure], w[..., ~sure]),
            weights,
            int((~sure).sum()),
        ),
        "severe_called_none_and_sure": _rounded(metrics.proportion(int(slipped.sum()), int(threatened.sum())).as_dict())
        | {"count": int(slipped.sum())},
    }


def _risk_coverage(found: Answers) -> list[dict[str, Any]]:
    """List the share of wrong grades, and the mean squared miss, where only the least doubtful share is kept."""
    if len(found.truth) == 0:
        return []
    doubt = metrics.expected_loss(found.probabilities, found.given)
    coverage, wrong = metrics.risk_coverage(doubt, found.truth != found.given)
    _, missed = metrics.risk_coverage(doubt, (found.truth - found.given) ** 2)
    places = sorted({int(np.searchsorted(coverage, share - 1e-9)) for share in COVERAGES}, reverse=True)
    return [
        _rounded({"coverage": coverage[place], "wrong": wrong[place], "squared_miss": missed[place]})
        for place in places
    ]


def _share(figure: Any, weights: Floats, n: int | None = None) -> dict[str, Any]:
    return _rounded(metrics.estimate_share(figure, weights, n).as_dict())


def _rounded(values: Mapping[str, float | int | None]) -> dict[str, Any]:
    return {
        key: value if value is None or isinstance(value, int) else round(float(value), 4)
        for key, value in values.items()
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
