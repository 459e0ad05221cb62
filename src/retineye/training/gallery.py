"""Show where a pack failed: small copies of the photographs that it missed by most, of sets that may be shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from retineye.grading.decode import decode, display_jpeg
from retineye.grading.result import Grade
from retineye.training.outcomes import Outcome

MAY_BE_SHOWN: Final = frozenset({"CC-BY-4.0", "CC0-1.0"})
"""Terms, as the table's `licence` column names them, under which a photograph may be handed on."""
MOST: Final = 8
SIDE_PX: Final = 320


@dataclass(frozen=True, slots=True)
class Miss:
    """One photograph that was graded wrong."""

    outcome: Outcome
    truth: Grade
    given: Grade
    probability: float
    """That the pack gave to the true grade."""


def misses(outcomes: Sequence[Outcome], most: int = MOST) -> list[Miss]:
    """Give the worst misses that may be shown: the widest first, and of alike ones the surest."""
    found = []
    for outcome in outcomes:
        verdict, truth = outcome.verdict, outcome.photograph.grade
        if verdict is None or verdict.grade is None or verdict.probabilities is None or truth is None:
            continue
        if truth != verdict.grade and outcome.photograph.licence in MAY_BE_SHOWN:
            found.append(Miss(outcome, Grade(truth), verdict.grade, verdict.probabilities[truth]))
    return sorted(found, key=lambda miss: (-abs(miss.given - miss.truth), miss.probability))[:most]


def write_gallery(folder: Path, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Write a small copy of each of the worst misses into a folder; return what the model card says of them."""
    shown = []
    for number, miss in enumerate(misses(outcomes), start=1):
        name = f"miss-{number}.jpg"
        photo = decode(miss.outcome.photograph.path.read_bytes(), reduce_to_px=SIDE_PX)
        (folder / name).write_bytes(display_jpeg(photo, max_side_px=SIDE_PX, quality=80))
        verdict = miss.outcome.verdict
        shown.append(
            {
                "file": name,
                "photograph": miss.outcome.photograph.name.rsplit("/", 1)[-1],
                "truth": miss.truth.label,
                "given": miss.given.label,
                "probability": round(miss.probability, 3),
                "uncertain": bool(verdict and verdict.uncertain),
                "licence": miss.outcome.photograph.licence,
            }
        )
    return shown
