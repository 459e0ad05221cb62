"""Figures are checked against examples worked out by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, roc_auc_score

from retineye.training import metrics

RNG = np.random.default_rng(20)
TRUTH = RNG.integers(0, 5, 300)
GIVEN = np.clip(TRUTH + RNG.integers(-1, 2, 300), 0, 4)
SCORE = np.round((TRUTH >= 2) * 0.3 + RNG.random(300), 1)  # one decimal, so that there are many ties
PROBABILITIES = RNG.dirichlet(np.ones(5), 300)


def test_confusion_accuracy_and_kappa_agree_with_scikit_learn() -> None:
    assert metrics.confusion(TRUTH, GIVEN).tolist() == confusion_matrix(TRUTH, GIVEN, labels=range(5)).tolist()
    assert metrics.accuracy(TRUTH, GIVEN) == pytest.approx(accuracy_score(TRUTH, GIVEN))
    kappa = cohen_kappa_score(TRUTH, GIVEN, weights="quadratic", labels=range(5))
    assert metrics.quadratic_kappa(TRUTH, GIVEN) == pytest.approx(kappa)


def test_auc_counts_ties_half_as_scikit_learn_does() -> None:
    assert metrics.auc(TRUTH >= 2, SCORE) == pytest.approx(roc_auc_score(TRUTH >= 2, SCORE))
    assert metrics.auc([False, True], [0.5, 0.5]) == 0.5


def test_weights_count_a_photograph_as_often_as_they_say() -> None:
    weights = metrics.resample_weights(300, replicates=3)
    for row, kappa, auc, ece in zip(
        weights,
        metrics.quadratic_kappa(TRUTH, GIVEN, weights),
        metrics.auc(TRUTH >= 2, SCORE, weights),
        metrics.ece(PROBABILITIES, TRUTH, weights),
        strict=True,
    ):
        drawn = np.repeat(np.arange(300), row.astype(int))
        assert kappa == pytest.approx(cohen_kappa_score(TRUTH[drawn], GIVEN[drawn], weights="quadratic"))
        assert auc == pytest.approx(roc_auc_score(TRUTH[drawn] >= 2, SCORE[drawn]))
        assert ece == pytest.approx(metrics.ece(PROBABILITIES[drawn], TRUTH[drawn]))


def test_a_perfect_grader_scores_one_everywhere() -> None:
    certain = np.eye(5)[TRUTH]
    assert metrics.accuracy(TRUTH, TRUTH) == 1
    assert metrics.quadratic_kappa(TRUTH, TRUTH) == 1
    assert metrics.auc(TRUTH >= 3, certain[:, 3:].sum(1)) == 1
    assert metrics.sensitivity(TRUTH >= 2, TRUTH >= 2) == 1
    assert metrics.specificity(TRUTH >= 2, TRUTH >= 2) == 1
    assert metrics.ece(certain, TRUTH) == 0
    assert metrics.perfect_ece(certain) == (0, 0)


def test_a_grader_that_always_says_the_same_agrees_only_by_chance() -> None:
    constant = np.zeros(300, int)
    assert metrics.quadratic_kappa(TRUTH, constant) == pytest.approx(0)
    assert metrics.auc(TRUTH >= 2, constant) == 0.5
    assert metrics.sensitivity(TRUTH >= 2, constant >= 2) == 0
    assert metrics.specificity(TRUTH >= 2, constant >= 2) == 1


def test_sensitivity_and_specificity_by_hand() -> None:
    diseased = [True, True, True, True, False, False]
    called = [True, True, True, False, True, False]
    assert metrics.sensitivity(diseased, called) == 0.75
    assert metrics.specificity(diseased, called) == 0.5


def test_calibration_error_by_hand() -> None:
    probabilities = [[0.8, 0.2, 0, 0, 0], [0.85, 0.15, 0, 0, 0], [0.55, 0.45, 0, 0, 0], [0.0, 0, 0, 0, 1.0]]
    # Bin 0.8-0.9: mean 0.825, half right. Bin 0.5-0.6: 0.55, wrong. Bin 0.9-1: 1.0, right.
    assert metrics.ece(probabilities, [0, 1, 1, 4]) == pytest.approx((2 * 0.325 + 0.55 + 0) / 4)


def test_perfect_calibration_shows_less_error_the_more_photographs_there_are() -> None:
    small, large = metrics.perfect_ece(PROBABILITIES[:100]), metrics.perfect_ece(np.tile(PROBABILITIES, (20, 1)))
    assert small[0] < small[1]
    assert large[1] < small[0] / 3
    assert metrics.perfect_ece(PROBABILITIES) == metrics.perfect_ece(PROBABILITIES)


def test_reliability_gives_mean_probability_and_share_right_of_each_filled_bin() -> None:
    points = metrics.reliability([[0.8, 0.2, 0, 0, 0], [0.9, 0.1, 0, 0, 0], [0.94, 0.06, 0, 0, 0]], [0, 0, 1])
    assert [(round(mean, 2), share.value, share.n) for mean, share in points] == [(0.8, 1.0, 1), (0.92, 0.5, 2)]


def test_wilson_interval_by_hand() -> None:
    share = metrics.proportion(8, 10)
    assert (share.value, share.n) == (0.8, 10)
    assert share.low == pytest.approx(0.4902, abs=1e-4)
    assert share.high == pytest.approx(0.9433, abs=1e-4)
    assert metrics.proportion(0, 0).value is None


def test_recall_by_grade_says_none_for_a_grade_that_does_not_occur() -> None:
    recalls = metrics.recall_by_grade([0, 0, 2, 2], [0, 1, 2, 2])
    assert [recall.value for recall in recalls] == [0.5, None, 1.0, None, None]
    assert [recall.n for recall in recalls] == [2, 0, 2, 0, 0]


def test_risk_falls_with_coverage_when_doubt_knows_the_errors() -> None:
    coverage, risk = metrics.risk_coverage([0.1, 0.2, 0.9, 0.2], [0, 0, 1, 1])
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 3, 0.5])


def test_doubt_weighs_a_far_grade_more_than_a_near_one() -> None:
    near, far = metrics.expected_loss([[0.5, 0.5, 0, 0, 0], [0.5, 0, 0, 0, 0.5]], [0, 0])
    assert (near, far) == (0.5, 8)


def test_both_eyes_of_a_patient_are_drawn_together_and_nameless_photographs_alone() -> None:
    weights = metrics.resample_weights(["ann", "ann", "", "", "ben"], replicates=200)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] != weights[:, 3]).any()
    assert weights[:, [0, 2, 3, 4]].sum(1).tolist() == [4.0] * 200


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        positive = rng.random(120) < 0.5
        decision = np.where(positive, rng.random(120) < 0.8, rng.random(120) < 0.1)
        weights = metrics.resample_weights(120, replicates=300, seed=trial)
        found = metrics.estimate(lambda w, p=positive, d=decision: metrics.sensitivity(p, d, w), weights)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.8 <= found.high
    assert 180 <= covered <= 198


def test_correlated_eyes_widen_the_interval() -> None:
    right = np.repeat(RNG.random(100) < 0.7, 2)
    truth, given = np.full(200, 2), np.where(right, 2, 3)
    patients = [f"p{n // 2}" for n in range(200)]

    def width(weights: metrics.Floats) -> float:
        found = metrics.estimate(lambda w: metrics.accuracy(truth, given, w), weights)
        return (found.high or 0) - (found.low or 0)

    assert width(metrics.resample_weights(patients)) > 1.25 * width(metrics.resample_weights(200))


def test_no_photographs_and_a_missing_class_give_no_figure_instead_of_a_crash() -> None:
    assert np.isnan(metrics.auc([True, True], [0.1, 0.2]))
    assert np.isnan(metrics.quadratic_kappa([2, 2], [2, 2]))
    empty = metrics.estimate(lambda w: metrics.accuracy([], [], w), metrics.resample_weights([]))
    assert empty.as_dict() == {"value": None, "low": None, "high": None, "n": 0}


def test_a_sample_without_a_miss_still_leaves_room_for_one() -> None:
    weights = metrics.resample_weights(30)
    found = metrics.estimate_share(lambda w: metrics.accuracy([2] * 30, [2] * 30, w), weights)
    assert found == metrics.proportion(30, 30)
    assert found.low is not None
    assert 0.85 < found.low < 0.9
