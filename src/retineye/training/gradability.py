"""Learn the gate before the network: what is a retina, and which photographs of one can be graded.

Everything is learned from measures (`retineye.grading.measures`), so a card can hold the whole gate in plain numbers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from retineye.grading.decode import decode
from retineye.grading.errors import DecodeError
from retineye.grading.measures import MEASURES, measure
from retineye.grading.quality import REACH, REASON_OF, SQUARE_REACH, Gradability, judge
from retineye.grading.result import Quality, Reason, Retina
from retineye.grading.retina import find_retina
from retineye.training.data import STRETCHED, unstretch
from retineye.training.others import drawn, dressed, read_others, worn
from retineye.training.photographs import Photograph, PhotographsError, read_photographs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Flags = NDArray[np.bool_]

GRADABLE: Final = ("good", "usable")
REJECT: Final = "reject"
LEAST_LIKE: Final = 0.1
"""Per cent of real photographs that may fall below the threshold of likeness."""
LEAST_GOOD: Final = 0.5
"""Per cent of good photographs that may fall below each other threshold."""
LEAST_USABLE: Final = 15.0
"""Per cent of usable photographs that may fall below the threshold of fitness: for them a retake is asked."""
LEAST_SPREAD: Final = 0.01
FOLDS: Final = 5

# How often a photograph is framed, and how wide, says nothing about what it shows.
LIKENESS_MEASURES: Final = tuple(name for name in MEASURES if name not in ("surround_share", "circle_visible"))
FITNESS_MEASURES: Final = tuple(REASON_OF)


@dataclass(frozen=True, slots=True)
class Example:
    """One picture, measured."""

    measures: dict[str, float]
    retina: Retina | None
    real: bool
    """A photograph of the retina."""
    quality: str = ""
    dataset: str = ""
    group: str = ""
    """What may not be torn apart between learning and testing: the patient, or the picture that parts were taken of."""
    changed: bool = False
    """Made worse, or dressed up, by this program."""


@dataclass(slots=True)
class _Model:
    """A linear model over measures taken from their centre in units of their spread."""

    names: tuple[str, ...]
    centre: "Numbers"
    spread: "Numbers"
    weights: "Numbers"
    square_weights: "Numbers" = field(default_factory=lambda: np.zeros(0))
    intercept: float = 0.0

    def to_card(self) -> dict[str, Any]:
        card = {
            "measures": list(self.names),
            "centre": _rounded(self.centre),
            "spread": _rounded(self.spread),
            "weights": _rounded(self.weights),
            "intercept": round(self.intercept, 5),
        }
        return card | ({"square_weights": _rounded(self.square_weights)} if self.square_weights.size else {})


def measure_all(
    photographs: Sequence[Photograph],
    folders: Sequence[Path],
    *,
    seed: int = 0,
    drawings: int = 960,
    parts: int = 8,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Example]:
    """Measure photographs and other pictures, as they are and made worse; this takes long.

    Parameters
    ----------
    photographs
        Real ones. Those that no person judged are used as examples of a retina alone.
    folders
        Folders of other pictures: everyday photographs, other kinds of scan.
    drawings
        Number of drawn pictures that are no retina.
    parts
        Number of dressed-up parts that are taken of each other picture.
    """
    rng = np.random.default_rng(seed)
    examples: list[Example] = []
    for done, photograph in enumerate(photographs):
        examples += _real(photograph, rng, worse=done % 4 == 0)
        if on_progress:
            on_progress(done + 1, len(photographs))
    for number, picture in enumerate(read_others(folders)):
        examples.append(_other(picture, f"other {number}"))
        examples += [_other(part, f"other {number}", changed=True) for part in dressed(picture, parts, rng)]
    examples += [
        _other(picture, f"drawn {number}", changed=True) for number, picture in enumerate(drawn(drawings, rng))
    ]
    return examples


def learn(examples: Sequence[Example], seed: int = 0) -> dict[str, Any]:
    """Learn the gate.

    Returns
    -------
    dict
        The card's `gradability` part: two models, thresholds, and as evidence how many photographs each way of being
        judged would stop, each by a gate that was learned without its patient.
    """
    gate = _learn(examples)
    stopped: dict[int, Quality] = {}
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    groups = [example.group or f"alone {number}" for number, example in enumerate(examples)]
    for rest, left_out in folds.split(np.zeros(len(examples)), groups=groups):
        part = Gradability.from_card(_learn([examples[i] for i in rest]))
        stopped |= {int(i): judge(examples[i].measures, examples[i].retina, part) for i in left_out}
    return gate | {"evidence": _evidence(examples, [stopped[i] for i in range(len(examples))])}


def _real(photograph: Photograph, rng: np.random.Generator, *, worse: bool) -> Iterator[Example]:
    try:
        pixels = decode(photograph.path.read_bytes()).pixels
    except DecodeError:
        return
    pixels, retina = unstretch(pixels) if photograph.dataset in STRETCHED else (pixels, find_retina(pixels))

    def example(picture: "NDArray[np.uint8]", where: Retina | None, *, changed: bool) -> Example:
        return Example(
            measure(picture, where),
            where,
            real=True,
            quality=photograph.quality,
            dataset=photograph.dataset,
            group=photograph.cluster or photograph.name,
            changed=changed,
        )

    yield example(pixels, retina, changed=False)
    if worse:
        tint = rng.uniform(0.75, 1.3, 3)
        picture = worn(np.clip(pixels * tint, 0, 255).astype(np.uint8), rng)
        picture = np.ascontiguousarray(np.rot90(picture, int(rng.integers(4))))
        yield example(picture, find_retina(picture), changed=True)


def _other(picture: "NDArray[np.uint8]", group: str, *, changed: bool = False) -> Example:
    retina = find_retina(picture)
    return Example(measure(picture, retina), retina, real=False, group=group, changed=changed)


def _learn(examples: Sequence[Example]) -> dict[str, Any]:
    likeness, like = _learn_likeness(examples)
    fitness, fit = _learn_fitness(examples)
    real = _where(examples, lambda one: one.real and not one.changed and one.quality != REJECT and bool(one.retina))
    good = _where(examples, lambda one: one.quality == "good" and not one.changed)
    usable = _where(examples, lambda one: one.quality == "usable" and not one.changed)
    gradable = good | usable
    visible = np.array([one.retina.visible if one.retina else 0.0 for one in examples])
    lit = np.array([one.measures["lit_share"] for one in examples])
    saturation = np.array([one.measures["saturation"] for one in examples])
    not_white = np.array([1 - one.measures["white"] for one in examples])
    thresholds = {
        "likeness": float(np.percentile(like[real], LEAST_LIKE)),
        "fitness": float(min(np.percentile(fit[good], LEAST_GOOD), np.percentile(fit[usable], LEAST_USABLE))),
        # Half of the palest photograph's: a grey one that was stored as JPEG keeps a trace of colour.
        "colour": float(0.5 * np.percentile(saturation[real], LEAST_LIKE)),
        # A little below what was seen: no photograph that can be graded was anywhere near.
        "cut_off": float(0.95 * np.percentile(visible[gradable], LEAST_GOOD)),
        "lit": float(0.95 * np.percentile(lit[gradable], LEAST_GOOD)),
        "too_bright": float(0.95 * np.percentile(not_white[gradable], LEAST_GOOD)),
    }
    return {
        "fitness": fitness.to_card(),
        "likeness": likeness.to_card(),
        "thresholds": {name: round(value, 5) for name, value in thresholds.items()},
    }


def _learn_likeness(examples: Sequence[Example]) -> "tuple[_Model, Numbers]":
    """Part retinas from other pictures; rejected photographs, which may show nothing, are left out."""
    values = _values(examples, LIKENESS_MEASURES)
    real = _where(examples, lambda one: one.real)
    clear = _where(examples, lambda one: one.real and one.quality != REJECT and bool(one.retina))
    used = clear | ~real
    centre, spread = values[clear].mean(axis=0), np.maximum(values[clear].std(axis=0), LEAST_SPREAD)
    scaled = np.clip((values - centre) / spread, -REACH, REACH)
    terms = np.hstack([scaled, np.minimum(scaled**2, SQUARE_REACH)])
    weights = np.where(real, (~real).sum() / clear.sum(), 1.0)
    model = LogisticRegression(C=0.1, max_iter=5000).fit(terms[used], real[used], sample_weight=weights[used])
    lines, squares = np.split(model.coef_[0], 2)
    learned = _Model(LIKENESS_MEASURES, centre, spread, lines, squares, float(model.intercept_[0]))
    return learned, model.decision_function(terms)


def _learn_fitness(examples: Sequence[Example]) -> "tuple[_Model, Numbers]":
    """Part what people call good or usable from what they reject, as `quality.judge` adds up losses."""
    values = _values(examples, FITNESS_MEASURES)
    gradable = _where(examples, lambda one: one.quality in GRADABLE and not one.changed)
    judged = gradable | _where(examples, lambda one: one.quality == REJECT and not one.changed)
    centre, spread = np.median(values[gradable], axis=0), np.maximum(values[gradable].std(axis=0), LEAST_SPREAD)
    scaled = np.clip((values - centre) / spread, -REACH, REACH)
    reasons = sorted(set(REASON_OF.values()))
    belongs = np.array([[REASON_OF[name] is reason for reason in reasons] for name in FITNESS_MEASURES], np.float64)
    wanted = gradable[judged].astype(np.float64)
    share = np.where(wanted > 0, 1 / wanted.sum(), 1 / max(1.0, (1 - wanted).sum())) / 2

    def loss(parameters: "Numbers") -> "tuple[float, Numbers]":
        weights, intercept = parameters[:-1], parameters[-1]
        by_reason = (scaled[judged] * weights) @ belongs
        counts = by_reason < 0
        chance = 1 / (1 + np.exp(-(intercept + (by_reason * counts).sum(axis=1))))
        fine = wanted * np.log(chance + 1e-12) + (1 - wanted) * np.log(1 - chance + 1e-12)
        slope = share * (chance - wanted)
        by_weight = ((slope[:, None] * (counts @ belongs.T)) * scaled[judged]).sum(axis=0) + 0.04 * weights
        return float(-(share * fine).sum() + 0.02 * weights @ weights), np.append(by_weight, slope.sum())

    start = np.append(np.full(len(FITNESS_MEASURES), 0.5), 2.0)
    # A fault never speaks for a photograph: weights are not negative.
    bounds = [(0.0, None)] * len(FITNESS_MEASURES) + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    model = _Model(FITNESS_MEASURES, centre, spread, found[:-1], intercept=float(found[-1]))
    return model, found[-1] + np.minimum((scaled * found[:-1]) @ belongs, 0).sum(axis=1)


def _evidence(examples: Sequence[Example], qualities: Sequence[Quality]) -> dict[str, str]:
    """Count, for each kind of picture, how many are stopped and why."""
    kinds: dict[str, list[Quality]] = {}
    for example, quality in zip(examples, qualities, strict=True):
        kinds.setdefault(_kind(example), []).append(quality)
    evidence = {"how": f"{FOLDS}-fold: each picture judged by a gate learned without its patient or source picture"}
    for kind, judged in sorted(kinds.items()):
        stopped = [quality for quality in judged if not quality.gradable]
        counts = {reason: sum(quality.reasons[0] is reason for quality in stopped) for reason in Reason}
        why = ", ".join(f"{count} {reason.value}" for reason, count in counts.items() if count)
        evidence[kind] = f"{len(stopped)} of {len(judged)} stopped" + (f" ({why})" if why else "")
    return evidence


def _kind(example: Example) -> str:
    if not example.real:
        return "other pictures, dressed up or drawn" if example.changed else "other pictures"
    if example.changed:
        return "photographs made worse"
    return f"{example.dataset}, {example.quality}" if example.quality else example.dataset


def _values(examples: Sequence[Example], names: Sequence[str]) -> "Numbers":
    return np.array([[example.measures[name] for name in names] for example in examples], np.float64)


def _where(examples: Iterable[Example], holds: Callable[[Example], bool]) -> "Flags":
    return np.array([holds(example) for example in examples], bool)


def _rounded(values: "Numbers") -> list[float]:
    return [round(float(value), 5) for value in values]


def learn_gate(
    table: Path, folders: Sequence[Path], *, sets: Sequence[str] = (), seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> str:  # fmt: skip
    """Learn the gate from a table of photographs and folders of other pictures.

    Photographs of the table's test splits are left out.

    Returns
    -------
    str
        The card's `gradability` part as JSON.

    Raises
    ------
    PhotographsError
        The table can not be read, or lacks photographs that people called good, usable and reject.
    """
    photographs = [one for one in read_photographs(table) if one.split != "test" and (not sets or one.dataset in sets)]
    missing = {"good", "usable", REJECT} - {one.quality for one in photographs}
    if missing:
        raise PhotographsError(f"{table} has no photographs of the quality {', '.join(sorted(missing))}.")
    examples = measure_all(photographs, folders, seed=seed, on_progress=on_progress)
    return json.dumps(learn(examples, seed), indent=1) + "\n"
