"""Turn the network's logits into probabilities, a grade and decisions; pure."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retineye.grading.pack import Calibration, Card, Macula, OperatingPoint
from retineye.grading.result import Decision, Eye, EyeGuess, Grade, MaculaSign

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the calibrated network says of one photograph."""

    probabilities: tuple[float, float, float, float, float]
    """For the grades 0-4; they sum to 1."""
    expected_grade: float
    """Mean of the grades under `probabilities`, 0-4."""
    grade: Grade
    referable: Decision
    vision_threatening: Decision
    uncertain: bool


def judge_macula(logits: "NDArray[np.float32]", macula: Macula) -> MaculaSign:
    """Turn the logits of macular oedema, shape (3,), into probabilities and a decision, by the rules of a card."""
    scaled = np.asarray(logits, np.float64) * np.asarray(macula.scale) + np.asarray(macula.bias)
    scaled -= scaled.max()
    odds = np.exp(scaled) / np.exp(scaled).sum()
    none, far, near = (float(value) for value in odds)
    low, _ = macula.point.band
    suspected = Decision(near, near >= macula.point.threshold)
    return MaculaSign((none, far, near), int(odds.argmax()), suspected, uncertain=low <= near < macula.point.threshold)


def guess_eye(logit: float, sure_from: float) -> EyeGuess:
    """Turn the logit of the right eye into a guess."""
    right = 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))
    eye, probability = (Eye.RIGHT, right) if right >= 0.5 else (Eye.LEFT, 1 - right)
    return EyeGuess(eye, probability, sure=probability >= sure_from)


def calibrate(logits: "NDArray[np.float32]", card: Card) -> Calibrated:
    """Turn logits into probabilities, a grade and decisions, by the rules of a card.

    1. Scale and shift each logit (vector scaling), and make probabilities of them.
    2. Grade by the card's cut points on the expected grade, and by the tallest probability; the more severe counts.
    3. Call referable and vision-threatening by probability or by grade, whichever says yes.
    4. Where two ways of 2. or 3. disagree, or a probability lies in its band, the outcome is uncertain.

    Parameters
    ----------
    logits
        Shape (5,), finite.
    """
    p = probabilities(logits, card.calibration)
    expected_grade = float(p @ np.arange(len(p)))
    tallest = int(p.argmax())
    cuts = card.calibration.cut_points
    candidate = tallest if cuts is None else sum(expected_grade >= cut for cut in cuts)
    grade = Grade(max(candidate, tallest))
    referable, referable_open = _decide(float(p[2:].sum()), grade >= Grade.MODERATE, card.referable)
    threatening, threatening_open = _decide(float(p[3:].sum()), grade >= Grade.SEVERE, card.vision_threatening)
    none, mild, moderate, severe, proliferative = (float(value) for value in p)
    return Calibrated(
        probabilities=(none, mild, moderate, severe, proliferative),
        expected_grade=expected_grade,
        grade=grade,
        referable=referable,
        vision_threatening=threatening,
        uncertain=candidate != tallest or referable_open or threatening_open,
    )


def probabilities(logits: "NDArray[np.floating]", calibration: Calibration) -> "NDArray[np.float64]":
    """Give calibrated probabilities.

    Parameters
    ----------
    logits
        Shape (..., 5).

    Returns
    -------
    NDArray[np.float64]
        Same shape; the last axis sums to 1.
    """
    scaled = np.asarray(logits, np.float64) * np.asarray(calibration.scale) + np.asarray(calibration.bias)
    scaled -= scaled.max(axis=-1, keepdims=True)
    odds: NDArray[np.float64] = np.exp(scaled)
    odds /= odds.sum(axis=-1, keepdims=True)
    return odds


def _decide(probability: float, by_grade: bool, point: OperatingPoint) -> tuple[Decision, bool]:
    """Call a finding, and say whether the call is open."""
    probability = min(1.0, probability)
    by_probability = probability >= point.threshold
    low, high = point.band
    return (
        Decision(probability, by_probability or by_grade),
        by_probability != by_grade or low <= probability <= high,
    )
