"""Say how good a pack's grades are on a table of photographs: the work of `retineye evaluate`.

No torch: a clinic can check a pack on its own photographs.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from retineye.training import plots
from retineye.training.figures import brief, figures
from retineye.training.outcomes import Outcome, answers, grade_photographs, table_of
from retineye.training.photographs import Photograph
from retineye.training.tables import evaluation_text, file_name

if TYPE_CHECKING:
    from retineye.grading.grader import Grader

SCHEMA: Final = "retineye.evaluation/1"
POOLED: Final = "pooled"
LEAST_IN_SUBGROUP: Final = 20
SHORT_SIDES_PX: Final = (300, 500, 1000)
SIZES: Final = ("under 300 px", "300 to 499 px", "500 to 999 px", "1000 px and more")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcomes, by set, and their figures as they go into JSON."""

    sets: Mapping[str, Sequence[Outcome]]
    content: Mapping[str, Any] = field(repr=False)

    def as_json(self) -> str:
        """Write the figures down; the same evaluation gives the same text to the last character."""
        return json.dumps(self.content, indent=2, ensure_ascii=False) + "\n"


def evaluate(
    grader: "Grader",
    photographs: Sequence[Photograph],
    *,
    jobs: int = 1,
    replicates: int = 1000,
    seed: int = 0,
    on_graded: Callable[[], None] | None = None,
) -> Evaluation:
    """Grade photographs and make the figures: for each data set, pooled, and for subgroups.

    Parameters
    ----------
    grader
        Of the pack in question.
    photographs
        As `read_photographs` gives them. Those without a grade count for the share ungradable alone.
    jobs
        Photographs graded at a time.
    replicates, seed
        Of the bootstrap.
    on_graded
        Called after each photograph, for a progress display.
    """
    outcomes = grade_photographs(grader, photographs, jobs=jobs, on_graded=on_graded)
    sets: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        sets.setdefault(outcome.photograph.dataset, []).append(outcome)
    if len(sets) > 1:
        sets[POOLED] = outcomes
    content = {
        "schema": SCHEMA,
        "pack": {"id": grader.pack_id.id, "sha256": grader.pack_id.sha256},
        "photographs": {"n": len(outcomes), "sha256": _fingerprint(photographs)},
        "intervals": {"level": 0.95, "replicates": replicates, "seed": seed},
        "rows": [{"set": name} | figures(some, replicates, seed) for name, some in sets.items()],
        "subgroups": [
            {"by": by, "name": name} | brief(figures(some, replicates, seed)) for by, name, some in _subgroups(outcomes)
        ],
    }
    return Evaluation(sets, content)


def write_folder(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write evaluation.json, evaluation.txt, photographs.csv and the plots of each set; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"evaluation.json": evaluation.as_json(), "evaluation.txt": evaluation_text(evaluation.content)}
    for name, outcomes in evaluation.sets.items():
        found = answers(outcomes)
        if len(found.truth):
            for kind, picture in plots.draw_all(found, name).items():
                texts[f"{kind}-{file_name(name)}.svg"] = picture
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    rows = table_of([outcome for name, some in evaluation.sets.items() if name != POOLED for outcome in some])
    with (folder / "photographs.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return [folder / name for name in (*texts, "photographs.csv")]


def _subgroups(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, str, list[Outcome]]]:
    """Part the photographs by eye, by quality and by size, wherever at least two parts are large enough."""
    parts: Mapping[str, Callable[[Photograph], str]] = {
        "eye": lambda photograph: photograph.eye.value if photograph.eye else "",
        "quality": lambda photograph: photograph.quality,
        "short side": lambda photograph: _size_name(photograph.short_side_px),
    }
    for by, name_of in parts.items():
        groups: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            groups.setdefault(name_of(outcome.photograph), []).append(outcome)
        large = {name: some for name, some in groups.items() if name and len(some) >= LEAST_IN_SUBGROUP}
        if len(large) > 1:
            yield from ((by, name, large[name]) for name in sorted(large, key=_rank))


def _size_name(short_side_px: int | None) -> str:
    return "" if short_side_px is None else SIZES[int(np.searchsorted(SHORT_SIDES_PX, short_side_px, side="right"))]


def _rank(name: str) -> tuple[int, str]:
    return (SIZES.index(name) if name in SIZES else 0, name)


def _fingerprint(photographs: Sequence[Photograph]) -> str:
    """Name exactly which rows were evaluated: SHA-256 over path and grade of each."""
    lines = "".join(f"{photograph.name},{photograph.grade}\n" for photograph in photographs)
    return hashlib.sha256(lines.encode()).hexdigest()
