"""Run `retineye evaluate`: open, grade with a progress display, print, write."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from retineye.grading.grader import Grader
from retineye.training.evaluate import POOLED, evaluate, write_folder
from retineye.training.gallery import write_gallery
from retineye.training.model_card import render
from retineye.training.photographs import read_photographs
from retineye.training.tables import evaluation_text


def run(
    pack: Path,
    table: Path,
    *,
    where: Sequence[str] = (),
    root: Path | None = None,
    out: Path | None = None,
    model_card: Path | None = None,
    robustness: Path | None = None,
    form: str = "text",
    jobs: int = 1,
    seed: int = 0,
) -> str:
    """Evaluate a pack on a table of photographs; write what is asked for, and return what is to be printed.

    Parameters
    ----------
    where, root
        As in `read_photographs`.
    out
        Folder for figures, plots and the list of photographs.
    model_card
        File for the model card; it shows the plots of `out`.
    robustness
        What `bench/robustness.py` wrote of the same pack, for the model card.
    form
        `text` or `json`.

    Raises
    ------
    PackError
        The pack can not be used.
    PhotographsError
        The table or the choice of rows can not be used.
    ValueError
        The robustness is another pack's.
    """
    photographs = read_photographs(table, where, root=root)
    grader = Grader.from_pack(
        pack,
        threads=1 if jobs > 1 else 2,
        allow_test=os.environ.get("RETINEYE_DEBUG", "").lower() in ("1", "true", "yes", "on"),
    )
    columns = (TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(photographs))
        found = evaluate(grader, photographs, jobs=jobs, seed=seed, on_graded=lambda: progress.advance(task))
    gallery = []
    if out is not None:
        write_folder(out, found)
        gallery = write_gallery(
            out, [outcome for name, some in found.sets.items() if name != POOLED for outcome in some]
        )
    if model_card is not None:
        plots = "" if out is None else Path(os.path.relpath(out, model_card.parent)).as_posix()
        text = render(
            grader.pack.card.content, found.content, pack_sha256=grader.pack_id.sha256, plots=plots,
            robustness=json.loads(robustness.read_bytes()) if robustness else None, gallery=gallery,
        )  # fmt: skip
        model_card.parent.mkdir(parents=True, exist_ok=True)
        model_card.write_text(text, encoding="utf-8")
    return found.as_json() if form == "json" else evaluation_text(found.content)
