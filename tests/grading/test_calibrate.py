"""Logits become probabilities, a grade and decisions; where these disagree, the more severe counts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retineye.grading import Card, Grade, calibrate, probabilities
from retineye.grading.calibrate import guess_eye, judge_macula
from retineye.grading.pack import Macula, OperatingPoint
from retineye.grading.result import Eye
from tests.packs import tiny_card

finite = st.floats(-60, 60)


def card(**calibration: Any) -> Card:
    content = tiny_card()
    content["calibration"] |= calibration
    return Card.from_dict(content)


def logits_of(*chances: float) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.log(np.array(chances, np.float32))


@settings(deadline=None)
@given(st.lists(finite, min_size=5, max_size=5), st.lists(st.floats(0.01, 20), min_size=5, max_size=5))
def test_probabilities_sum_to_one(values: list[float], scale: list[float]) -> None:
    said = calibrate(np.array(values, np.float32), card(scale=scale, bias=[0.3, -0.2, 0, 1, -1]))
    assert sum(said.probabilities) == pytest.approx(1, abs=1e-9)
    assert all(0 <= p <= 1 for p in said.probabilities)
    assert 0 <= said.expected_grade <= 4
    assert 0 <= said.vision_threatening.probability <= said.referable.probability <= 1


@settings(deadline=None)
@given(st.lists(finite, min_size=5, max_size=5))
def test_decisions_never_fall_behind_the_grade(values: list[float]) -> None:
    said = calibrate(np.array(values, np.float32), card(cut_points=[0.5, 1.2, 2.4, 3.3]))
    assert said.grade >= int(np.argmax(said.probabilities))
    assert said.referable.decision or said.grade < Grade.MODERATE
    assert said.vision_threatening.decision or said.grade < Grade.SEVERE
    if said.referable.decision and said.grade < Grade.MODERATE:
        assert said.uncertain


def test_a_clear_photograph_is_certain() -> None:
    said = calibrate(logits_of(0.96, 0.01, 0.01, 0.01, 0.01), card())
    assert said.grade is Grade.NONE
    assert not said.uncertain
    assert not said.referable.decision
    assert said.expected_grade == pytest.approx(0.1, abs=1e-3)


def test_scale_and_bias_are_applied() -> None:
    said = calibrate(np.zeros(5, np.float32), card(bias=list(np.log([0.1, 0.2, 0.3, 0.3, 0.1]))))
    assert said.probabilities == pytest.approx((0.1, 0.2, 0.3, 0.3, 0.1))
    assert said.referable.probability == pytest.approx(0.7)
    assert said.vision_threatening.probability == pytest.approx(0.4)


def test_where_cut_points_say_more_than_the_tallest_the_more_severe_counts() -> None:
    said = calibrate(logits_of(0.4, 0.1, 0.2, 0.2, 0.1), card(cut_points=[0.5, 1.2, 2.4, 3.3]))
    assert said.grade is Grade.MODERATE
    assert said.uncertain


def test_where_the_tallest_says_more_than_cut_points_the_more_severe_counts() -> None:
    said = calibrate(logits_of(0.3, 0.1, 0.15, 0.1, 0.35), card(cut_points=[0.5, 1.2, 2.4, 3.3]))
    assert said.grade is Grade.PROLIFERATIVE
    assert said.uncertain


def test_a_decision_by_probability_against_the_grade_is_uncertain() -> None:
    said = calibrate(logits_of(0.05, 0.35, 0.3, 0.2, 0.1), card())
    assert said.grade is Grade.MILD
    assert said.referable.decision
    assert said.uncertain


def test_a_probability_in_its_band_is_uncertain() -> None:
    assert calibrate(logits_of(0.3, 0.19, 0.49, 0.01, 0.01), card()).uncertain
    assert not calibrate(logits_of(0.3, 0.05, 0.63, 0.01, 0.01), card()).uncertain


def test_many_rows_are_calibrated_at_once() -> None:
    logits = np.random.default_rng(2).normal(0, 3, (40, 5))
    together = probabilities(logits, card().calibration)
    for row, each in zip(logits, together, strict=True):
        assert calibrate(row.astype(np.float32), card()).probabilities == pytest.approx(tuple(each), abs=1e-5)


@pytest.mark.parametrize(
    ("logit", "eye", "sure"), [(4.0, Eye.RIGHT, True), (-4.0, Eye.LEFT, True), (0.4, Eye.RIGHT, False)]
)
def test_an_eye_is_guessed_with_its_probability(logit: float, eye: Eye, sure: bool) -> None:
    guess = guess_eye(logit, 0.95)
    assert guess.eye is eye
    assert guess.sure is sure
    assert 0.5 <= guess.probability <= 1
    assert guess_eye(-1e9, 0.95).probability == pytest.approx(1)


def test_a_macula_is_suspected_by_the_cards_rules() -> None:
    macula = Macula((1.0,) * 3, (0.0,) * 3, OperatingPoint(0.3, (0.24, 0.3)))
    near = judge_macula(np.log(np.array([0.3, 0.2, 0.5], np.float32)), macula)
    assert near.suspected.decision
    assert near.risk == 2
    assert sum(near.probabilities) == pytest.approx(1)
    open_one = judge_macula(np.log(np.array([0.6, 0.13, 0.27], np.float32)), macula)
    assert not open_one.suspected.decision
    assert open_one.uncertain
    assert not judge_macula(np.log(np.array([0.8, 0.1, 0.1], np.float32)), macula).uncertain
