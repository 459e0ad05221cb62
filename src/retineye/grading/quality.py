"""Judge whether a photograph can be graded, or say why not, by what was learned from labelled photographs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from retineye.grading.errors import BadCardError
from retineye.grading.measures import MEASURES, measure
from retineye.grading.result import Quality, Reason, Retina

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BORDER: Final = 0.5
"""The score at which a reason begins to apply: every score is stretched so that its threshold comes to lie here."""

BENEFIT_OF_DOUBT: Final = 1.2
"""By how much, in logits, a photograph that can not be graded anyway may be less like a retina."""
REACH: Final = 6.0
"""Measures count up to this many spreads from their centre."""
SQUARE_REACH: Final = 25.0
"""And their squares up to this."""

REASON_OF: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        "vessels_0": Reason.OUT_OF_FOCUS,
        "vessels_1": Reason.OUT_OF_FOCUS,
        "brightness": Reason.TOO_DARK,
        "brightest_part": Reason.TOO_DARK,
        "darkest_part": Reason.UNEVEN_LIGHT,
        "evenness": Reason.UNEVEN_LIGHT,
    }
)
"""Which reason each measure of fitness speaks for; a higher value is better in each."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model over named measures and their squares."""

    names: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    """Each measure is taken from its centre, in units of its spread."""
    weights: tuple[float, ...]
    square_weights: tuple[float, ...]
    """Weights of the squares: what is too far from its centre on either side."""
    intercept: float

    @classmethod
    def from_card(cls, part: Mapping[str, Any], allowed: frozenset[str]) -> Self:
        """Read a model from a card; raise BadCardError where it does not fit this program."""
        names = tuple(part["measures"])
        keys = ("centre", "spread", "weights", "square_weights")
        rows = [tuple(float(value) for value in part.get(key, [0.0] * len(names))) for key in keys]
        unknown = set(names) - allowed
        if unknown or not names:
            raise BadCardError(f"The card's gradability uses measures that this program does not know: {unknown}.")
        finite = all(math.isfinite(value) for row in rows for value in row)
        if {len(row) for row in rows} != {len(names)} or not finite or min(rows[1]) <= 0:
            raise BadCardError("The card's gradability needs a centre, a positive spread and a weight a measure.")
        return cls(names, rows[0], rows[1], rows[2], rows[3], float(part["intercept"]))

    def terms(self, measures: Mapping[str, float]) -> dict[str, float]:
        """Give each measure's part of the sum, in logits."""
        terms = {}
        for at, name in enumerate(self.names):
            # Far outside of what it has learned from, a model knows no more than at the edge.
            value = min(REACH, max(-REACH, (measures[name] - self.centre[at]) / self.spread[at]))
            terms[name] = self.weights[at] * value + self.square_weights[at] * min(SQUARE_REACH, value * value)
        return terms


@dataclass(frozen=True, slots=True)
class Gradability:
    """The gate as a card describes it."""

    fitness: Logistic
    """How fit a photograph is to be graded: the odds of "good" or "usable" against "reject"."""
    likeness: Logistic
    """How like a photograph of the retina a picture is."""
    thresholds: Mapping[str, float]
    """`fitness` and `likeness` in logits; the others are shares 0-1: `colour`, the least mean saturation; `cut_off`,
    how much of the circle must show; `lit`, how much of what the photograph holds of it must not be black; and
    `too_bright`, how much of it must not be white."""

    @classmethod
    def from_card(cls, part: Mapping[str, Any]) -> Self:
        """Read the card's `gradability` part.

        Raises
        ------
        BadCardError
            A part is missing, or uses measures that this program does not know.
        """
        try:
            names = ("fitness", "likeness", "colour", "cut_off", "lit", "too_bright")
            thresholds = {name: float(part["thresholds"][name]) for name in names}
            shares = [thresholds[name] for name in ("colour", "cut_off", "lit", "too_bright")]
            if not all(math.isfinite(value) for value in thresholds.values()) or not 0 < min(shares) <= max(shares) < 1:
                raise BadCardError(f"The card's gradability thresholds are out of range: {thresholds}.")
            return cls(
                fitness=Logistic.from_card(part["fitness"], frozenset(REASON_OF)),
                likeness=Logistic.from_card(part["likeness"], frozenset(MEASURES)),
                thresholds=MappingProxyType(thresholds),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise BadCardError(f"The card's gradability part can not be read: {exc!r}.") from exc


def assess(pixels: "NDArray[np.uint8]", retina: Retina | None, gradability: Gradability) -> Quality:
    """Judge whether a photograph can be graded.

    Parameters
    ----------
    pixels
        RGB, shape (H, W, 3), uint8.
    retina
        Where the retina lies in it; None is an outcome too, and never gradable.
    """
    return judge(measure(pixels, retina), retina, gradability)


def judge(measures: Mapping[str, float], retina: Retina | None, gradability: Gradability) -> Quality:
    """Judge a photograph by what was measured on it.

    1. A picture that is grey or not like a retina is nothing else.
    2. Each fault takes from the fitness; no virtue makes up for a fault. Below the threshold the photograph can not
       be graded, and the faults that took most are the reasons.
    3. Too much white is too bright; too little of the circle, or no circle at all, is cut off.
    """
    thresholds = gradability.thresholds
    likeness = likeness_of(measures, gradability)
    losses = _losses(measures, gradability.fitness)
    room = gradability.fitness.intercept - thresholds["fitness"]
    visible = retina.visible if retina else 0.0
    scores = {reason: _sigmoid(room + loss) for reason, loss in losses.items()}
    scores[Reason.TOO_BRIGHT] = _stretch(1 - measures["white"], thresholds["too_bright"])
    scores[Reason.CUT_OFF] = min(
        _stretch(visible, thresholds["cut_off"]), _stretch(measures["lit_share"], thresholds["lit"])
    )
    fitness = _sigmoid(room + sum(losses.values()))
    # Where the fault is plain, the photographer hears of the fault; no grade is at stake.
    doubt = BENEFIT_OF_DOUBT if fitness < BORDER else 0.0
    scores[Reason.NOT_A_RETINA] = _sigmoid(likeness - thresholds["likeness"] + doubt)
    if measures["saturation"] < thresholds["colour"]:
        # A grey picture, be it of a retina, is not what the network has learned to grade.
        scores[Reason.NOT_A_RETINA] *= BORDER * measures["saturation"] / thresholds["colour"]
    score = min(fitness, *(scores[reason] for reason in (Reason.TOO_BRIGHT, Reason.CUT_OFF, Reason.NOT_A_RETINA)))
    return Quality(
        gradable=score >= BORDER,
        score=round(score, 4),
        scores={reason.value: round(scores[reason], 4) for reason in Reason},
        reasons=_reasons(scores, fitness),
    )


def likeness_of(measures: Mapping[str, float], gradability: Gradability) -> float:
    """Give how like a retina a picture is, in logits."""
    return gradability.likeness.intercept + sum(gradability.likeness.terms(measures).values())


def _losses(measures: Mapping[str, float], fitness: Logistic) -> dict[Reason, float]:
    """Sum up what speaks against a photograph, by reason; 0 or less."""
    losses = dict.fromkeys(REASON_OF.values(), 0.0)
    for name, term in fitness.terms(measures).items():
        losses[REASON_OF[name]] += term
    return {reason: min(0.0, loss) for reason, loss in losses.items()}


def _reasons(scores: Mapping[Reason, float], fitness: float) -> tuple[Reason, ...]:
    if scores[Reason.NOT_A_RETINA] < BORDER:
        return (Reason.NOT_A_RETINA,)
    applying = {reason for reason in scores if scores[reason] < BORDER}
    if fitness < BORDER and not applying:
        # Several faults, none of them enough alone: name the worst.
        applying.add(min(set(REASON_OF.values()), key=lambda reason: (scores[reason], reason)))
    return tuple(sorted(applying, key=lambda reason: (scores[reason], reason)))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, logit))))


def _stretch(value: float, threshold: float) -> float:
    """Bring a share 0-1 to a score 0-1 with its threshold at the border."""
    if value < threshold:
        return BORDER * value / threshold
    return BORDER + (1 - BORDER) * (value - threshold) / (1 - threshold)
