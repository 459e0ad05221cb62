"""Grade a table of photographs the way they are graded in the clinic, and keep what was said of each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from retineye.grading.errors import DecodeError
from retineye.grading.result import Status, Verdict
from retineye.training.macula import SUSPECTED, risk_of
from retineye.training.photographs import Photograph, threefold_sets

if TYPE_CHECKING:
    from retineye.grading.grader import Grader

UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One photograph of the table and what the pack made of it."""

    photograph: Photograph
    status: str
    """A `Status` value, or `unreadable`."""
    verdict: Verdict | None
    """None where the file is unreadable."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The graded photographs that a person has graded too, as arrays over n photographs."""

    truth: NDArray[np.intp]
    given: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    """Shape (n, 5)."""
    referable: NDArray[np.bool_]
    """The decision."""
    vision_threatening: NDArray[np.bool_]
    """The decision."""
    uncertain: NDArray[np.bool_]
    clusters: tuple[str, ...]


def grade_photographs(
    grader: "Grader",
    photographs: Sequence[Photograph],
    *,
    jobs: int = 1,
    on_graded: Callable[[], None] | None = None,
) -> list[Outcome]:
    """Grade photographs, `jobs` at a time; outcomes come in the order of the photographs, none is left out."""
    outcomes = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for outcome in pool.map(lambda photograph: _grade_one(grader, photograph), photographs):
            outcomes.append(outcome)
            if on_graded is not None:
                on_graded()
    return outcomes


def _grade_one(grader: "Grader", photograph: Photograph) -> Outcome:
    try:
        verdict = grader.grade(photograph.path.read_bytes())
    except (DecodeError, OSError) as exc:
        return Outcome(photograph, UNREADABLE, None, error=f"{type(exc).__name__}: {exc}")
    return Outcome(photograph, verdict.status.value, verdict)


def answers(outcomes: Sequence[Outcome]) -> Answers:
    """Put the outcomes that hold both a person's grade and the pack's into arrays."""
    both = [
        (outcome.photograph, outcome.photograph.grade, outcome.verdict)
        for outcome in outcomes
        if outcome.photograph.grade is not None and outcome.verdict and outcome.verdict.status is Status.GRADED
    ]
    return Answers(
        truth=np.array([grade for _, grade, _ in both], np.intp),
        given=np.array([verdict.grade for _, _, verdict in both], np.intp),
        probabilities=np.array([verdict.probabilities for _, _, verdict in both], np.float64).reshape(-1, 5),
        referable=np.array([verdict.referable and verdict.referable.decision for _, _, verdict in both], np.bool_),
        vision_threatening=np.array(
            [verdict.vision_threatening and verdict.vision_threatening.decision for _, _, verdict in both], np.bool_
        ),
        uncertain=np.array([verdict.uncertain for _, _, verdict in both], np.bool_),
        clusters=tuple(photograph.cluster for photograph, _, _ in both),
    )


@dataclass(frozen=True, slots=True)
class MaculaAnswers:
    """The graded photographs whose macula a person and the pack both judged, as arrays over n photographs."""

    truth: NDArray[np.intp]
    """As `macula.risk_of` gives it."""
    risk: NDArray[np.intp]
    """The pack's likeliest risk, 0-2."""
    probability: NDArray[np.float64]
    """Of risk 2."""
    suspected: NDArray[np.bool_]
    """The decision."""
    grade_right: NDArray[np.bool_]
    """Whether the grade of retinopathy is right too; false where no person gave one."""
    clusters: tuple[str, ...]


def macula_answers(outcomes: Sequence[Outcome]) -> MaculaAnswers:
    """Put the outcomes that hold both a person's word on the macula and the pack's into arrays."""
    threefold = threefold_sets(outcome.photograph for outcome in outcomes)
    both = [
        (one, verdict, verdict.macula, risk)
        for one, verdict in ((outcome.photograph, outcome.verdict) for outcome in outcomes)
        if verdict is not None
        and verdict.macula is not None
        and (risk := risk_of(one.dme, one.maculopathy, threefold=one.dataset in threefold)) >= 0
    ]
    return MaculaAnswers(
        truth=np.array([risk for *_, risk in both], np.intp),
        risk=np.array([macula.risk for _, _, macula, _ in both], np.intp),
        probability=np.array([macula.probabilities[SUSPECTED] for _, _, macula, _ in both], np.float64),
        suspected=np.array([macula.suspected.decision for _, _, macula, _ in both], np.bool_),
        grade_right=np.array([verdict.grade == one.grade for one, verdict, _, _ in both], np.bool_),
        clusters=tuple(one.cluster for one, *_ in both),
    )


def table_of(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """List for each photograph what was said of it, as rows for a CSV file."""
    return [
        {
            "path": outcome.photograph.name,
            "dataset": outcome.photograph.dataset,
            "grade": "" if outcome.photograph.grade is None else outcome.photograph.grade,
            "status": outcome.status,
            "reasons": " ".join(outcome.verdict.reasons) if outcome.verdict else outcome.error,
            **_said(outcome.verdict),
        }
        for outcome in outcomes
    ]


def _said(verdict: Verdict | None) -> dict[str, object]:
    decisions = ("referable", "vision_threatening", "uncertain", "dme")
    names = ("given", "p0", "p1", "p2", "p3", "p4", "expected_grade", *decisions)
    if verdict is None or verdict.grade is None or verdict.probabilities is None:
        return dict.fromkeys(names, "")
    values = (
        int(verdict.grade),
        *(round(share, 5) for share in verdict.probabilities),
        round(verdict.expected_grade or 0.0, 5),
        bool(verdict.referable and verdict.referable.decision),
        bool(verdict.vision_threatening and verdict.vision_threatening.decision),
        verdict.uncertain,
        "" if verdict.macula is None else round(verdict.macula.probabilities[SUSPECTED], 5),
    )
    return dict(zip(names, values, strict=True))
