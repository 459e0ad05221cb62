"""Calibration is checked on drawn logits whose true probabilities are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from retineye.training import calibration, metrics, scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def drawn(n: int, *, sharp: float = 2.5, seed: int = 1, spread: float = 0.9) -> tuple[Floats, Ints]:
    """Draw severities on a line, logits that fall off from them, and grades that follow the logits exactly."""
    rng = np.random.default_rng(seed)
    severity = rng.choice([0, 0, 0, 1, 2, 2, 3, 4], n) + rng.normal(0, spread, n)
    logits = -((severity[:, None] - np.arange(5)) ** 2) / sharp
    truth = (softmax(logits, axis=1).cumsum(1) < rng.random((n, 1))).sum(1).clip(0, 4)
    return logits, truth


def test_a_network_that_shouts_three_times_too_loud_is_brought_back() -> None:
    logits, truth = drawn(2000)
    card = calibration.fit(3 * logits, truth)
    # The logits fall with the square of severity, which leaves scale and bias some freedom: the outcome counts.
    assert np.mean(card["scale"]) == pytest.approx(1 / 3, rel=0.15)
    assert card["ece_before"] > 0.1
    assert card["ece_after"] < 0.03
    assert card["ece_after"] < card["ece_perfect"][1]


def test_class_bias_from_balanced_sampling_is_undone_where_the_sample_is_large() -> None:
    logits, truth = drawn(3000)
    shift = np.array([-1.5, 0.0, 0.0, 1.0, 1.5])
    card = calibration.fit(logits + shift, truth)
    assert card["fitted"] == "vector"
    found = scaling.Scaling(np.array(card["scale"]), np.array(card["bias"])).probabilities(logits + shift)
    assert np.abs(found - softmax(logits, axis=1)).mean() < 0.02
    assert found.sum(1) == pytest.approx(np.ones(3000))


def test_a_small_sample_gets_one_temperature() -> None:
    logits, truth = drawn(40)
    card = calibration.fit(2 * logits, truth)
    assert card["fitted"] == "temperature"
    assert len(set(card["scale"])) == 1
    assert card["bias"] == [0.0] * 5


def test_the_pull_towards_the_identity_fades_with_the_sample() -> None:
    few = calibration.fit(3 * drawn(20)[0], drawn(20)[1])
    assert np.mean(few["scale"]) > np.mean(calibration.fit(3 * drawn(500)[0], drawn(500)[1])["scale"])


def test_weights_count_like_copies() -> None:
    logits, truth = drawn(300)
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    twice = np.r_[np.arange(300), np.arange(100)]
    weighted = scaling._fit_scaling(logits, truth, weights, full=True)
    copied = scaling._fit_scaling(logits[twice], truth[twice], np.ones(400), full=True)
    assert weighted.scale == pytest.approx(copied.scale, abs=0.05)
    assert weighted.bias == pytest.approx(copied.bias, abs=0.05)


def test_fitting_twice_gives_the_same_card() -> None:
    logits, truth = drawn(300)
    assert calibration.fit(logits, truth) == calibration.fit(logits, truth)


def test_cut_points_are_kept_where_they_pay() -> None:
    # A network whose tallest probability lags behind the severity that its expected grade shows.
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 5, 1500)
    level = (truth / 4 * 0.42)[:, None]
    probabilities = np.hstack([1 - level, level / 4, level / 4, level / 4, level / 4])
    probabilities = np.clip(probabilities + rng.normal(0, 0.004, probabilities.shape), 1e-4, 1)
    logits = np.log(probabilities / probabilities.sum(1, keepdims=True))
    cuts, gain = scaling._cut_points(
        softmax(logits, axis=1), softmax(logits, axis=1), truth, np.ones(1500), scaling.folds(truth, None)
    )
    assert cuts is not None
    assert cuts == sorted(cuts)
    assert gain["cut"] > 0.95 > 0.05 > gain["tallest"]


def test_cut_points_are_left_out_where_the_tallest_probability_is_right_already() -> None:
    truth = np.random.default_rng(6).integers(0, 5, 300)
    logits = 6 * np.eye(5)[truth]
    assert calibration.fit(logits, truth)["cut_points"] is None


def test_cut_points_found_in_noise_are_left_out() -> None:
    rng = np.random.default_rng(7)
    logits, truth = rng.normal(size=(200, 5)), rng.integers(0, 5, 200)
    assert calibration.fit(logits, truth)["cut_points"] is None


def test_the_more_severe_of_cut_grade_and_tallest_probability_counts() -> None:
    probabilities = [[0.5, 0.1, 0.1, 0.1, 0.2], [0.1, 0.1, 0.1, 0.1, 0.6]]
    assert scaling.grade_of(probabilities, None).tolist() == [0, 4]
    assert scaling.grade_of(probabilities, [0.5, 1.3, 2.5, 3.5]).tolist() == [2, 4]
    assert scaling.splits(probabilities, [0.5, 1.3, 2.5, 3.5]).tolist() == [True, True]


def test_a_patient_stays_in_one_fold_and_every_fold_sees_every_grade() -> None:
    truth = np.tile(np.arange(5), 60)
    groups = [f"p{place // 2}" for place in range(300)]
    fold = scaling.folds(truth, groups)
    assert (fold[0::2] == fold[1::2]).all()
    assert all(set(truth[fold == number]) == set(range(5)) for number in range(5))


def test_too_few_or_misshapen_logits_are_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        calibration.fit(np.zeros((4, 5)), [0, 1, 2, 3])
    with pytest.raises(ValueError, match="shape"):
        calibration.fit(np.zeros((20, 4)), np.zeros(20))


def served_sample(n: int = 3000) -> tuple[Floats, Ints, dict[str, dict[str, object]]]:
    logits, truth = drawn(n)
    probabilities = calibration.out_of_fold(logits, truth)
    return probabilities, truth, calibration.operating_points(probabilities, truth, replicates=200)


def test_the_threshold_reaches_its_sensitivity_and_no_more_than_needed() -> None:
    probabilities, truth, points = served_sample()
    served = calibration.serve(probabilities, None, points)
    assert 0.90 <= metrics.sensitivity(truth >= 2, served.referable) < 0.91
    assert 0.85 <= metrics.sensitivity(truth >= 3, served.vision_threatening) < 0.86
    for name, target in (("referable", 0.90), ("vision_threatening", 0.85)):
        found = points[name]["sensitivity"]
        assert found["value"] == pytest.approx(target, abs=0.02)  # cross-fitted, so near the target, not on it
        assert found["low"] < found["value"] < found["high"]
        assert found["n"] == int((truth >= metrics.LEAST_GRADE[name]).sum())


def test_at_most_a_tenth_is_uncertain_beyond_what_disagrees_or_nearly_misses_anyway() -> None:
    probabilities, _, points = served_sample()
    served = calibration.serve(probabilities, None, points)
    assert points["referable"]["uncertain_share"] == pytest.approx(served.uncertain.mean(), abs=1e-4)
    least = {name: {**point, "band": [0.8 * point["threshold"], point["threshold"]]} for name, point in points.items()}
    anyway = calibration.serve(probabilities, None, least).uncertain.mean()
    assert served.uncertain.mean() <= max(0.10, anyway) + 0.001


def test_who_misses_a_threshold_by_a_hair_is_uncertain_whatever_the_budget() -> None:
    probabilities, truth, _ = served_sample()
    points = calibration.operating_points(probabilities, truth, budget=0.0)
    served = calibration.serve(probabilities, None, points)
    for name, least in (("referable", 2), ("vision_threatening", 3)):
        share, threshold = probabilities[:, least:].sum(1), points[name]["threshold"]
        near = (share < threshold) & (share > 0.81 * threshold)
        assert near.any()
        assert served.uncertain[near].all()
    for point in points.values():
        low, high = point["band"]
        assert 0 <= low <= point["threshold"] <= high <= 1


def test_the_band_takes_the_budget_where_grade_and_decision_agree() -> None:
    rng = np.random.default_rng(8)
    truth = rng.choice([0, 4], 2000)
    share = np.clip(np.where(truth == 4, 0.8, 0.2) + rng.normal(0, 0.15, 2000), 0.001, 0.999)
    probabilities = np.stack([1 - share, 0 * share, 0 * share, 0 * share, share], axis=1)
    points = calibration.operating_points(probabilities, truth, replicates=50)
    assert 0.09 < points["referable"]["uncertain_share"] <= 0.10


def test_those_called_certain_miss_less_than_those_called_uncertain() -> None:
    probabilities, truth, points = served_sample()
    served = calibration.serve(probabilities, None, points)
    wrong = served.referable != (truth >= 2)
    assert wrong[served.uncertain].mean() > 2 * wrong[~served.uncertain].mean()


def test_a_perfect_grader_needs_no_low_threshold() -> None:
    truth = np.tile(np.arange(5), 40)
    points = calibration.operating_points(np.eye(5)[truth], truth, replicates=50)
    for point in points.values():
        assert point["threshold"] == 0.5
        assert point["sensitivity"]["value"] == point["specificity"]["value"] == 1
        assert point["uncertain_share"] == 0


def test_a_constant_grader_reaches_its_sensitivity_only_by_referring_everyone() -> None:
    truth = np.tile(np.arange(5), 40)
    points = calibration.operating_points(np.tile([0.6, 0.1, 0.1, 0.1, 0.1], (200, 1)), truth, replicates=50)
    assert points["referable"]["sensitivity"]["value"] == 1
    assert points["referable"]["specificity"]["value"] == 0


def test_patients_widen_the_interval() -> None:
    logits, truth = drawn(300)
    probabilities = softmax(np.repeat(logits, 4, axis=0), axis=1)
    grades = np.repeat(truth, 4)
    groups = [f"p{place // 4}" for place in range(1200)]
    by_patient = calibration.operating_points(probabilities, grades, groups=groups)["referable"]["sensitivity"]
    by_photograph = calibration.operating_points(probabilities, grades)["referable"]["sensitivity"]
    assert by_patient["high"] - by_patient["low"] > 1.5 * (by_photograph["high"] - by_photograph["low"])


def test_a_sample_without_disease_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="Hold out more photographs"):
        calibration.operating_points(np.eye(5)[[0, 1] * 10], [0, 1] * 10)
