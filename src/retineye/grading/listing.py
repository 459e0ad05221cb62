"""Print the outcomes of many files, as a table for people or as lines for programs, with progress on a terminal."""

import csv
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from retineye.grading.batch import Outcome, expand, grade_files
from retineye.grading.manifest import done_before, left_over, read_manifest
from retineye.grading.result import Reason

_NESTED: Final = {
    "referable": ("probability", "decision"),
    "vision_threatening": ("probability", "decision"),
    "quality": ("score", *(reason.value for reason in Reason)),
    "pack": ("id", "sha256"),
}


def run(
    paths: Sequence[str],
    *,
    form: str,
    heatmaps: Path | None,
    pack: Path | None,
    jobs: int,
    manifest: Path | None = None,
    out: Path | None = None,
    resume: bool = False,
) -> bool:
    """Grade files and folders and print the outcomes to standard output, in the order of the input.

    Parameters
    ----------
    form
        `table`, `jsonl` or `csv`.
    manifest
        A CSV table whose column `path` names further files.
    out
        Written to instead of standard output; `jsonl` or `csv`.
    resume
        Leave out the files whose outcomes `out` holds already, and write the others behind them.

    Returns
    -------
    bool
        Whether all files were read.

    Raises
    ------
    PackError
        The pack can not be used.
    ManifestError
        The table or the output can not be used.
    """
    warnings.filterwarnings("ignore", module="PIL")
    files = expand(paths) + (read_manifest(manifest) if manifest else [])
    done = done_before(out, form) if out and resume else set()
    named, files = len(files), left_over(files, done)
    if heatmaps is not None:
        heatmaps.mkdir(parents=True, exist_ok=True)
    outcomes = grade_files(
        files,
        pack=pack,
        jobs=jobs,
        threads=_threads(jobs),
        heatmaps=heatmaps,
        allow_test=os.environ.get("RETINEYE_DEBUG", "").lower() in ("1", "true", "yes", "on"),
    )
    if not named:
        print("No pictures were found.", file=sys.stderr)
    unread = 0
    with out.open("a" if done else "w", encoding="utf-8", newline="") if out else nullcontext(sys.stdout) as place:
        shown = _with_progress(outcomes, len(files))
        if form == "csv":
            printed = _print_csv(shown, place, heading=not done)
        else:
            printed = {"table": _print_table, "jsonl": _print_jsonl}[form](shown, place)
        for outcome in printed:
            unread += outcome.error is not None
    return not unread


def _threads(jobs: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(2, cores // jobs))


def _with_progress(outcomes: Iterator[Outcome], count: int) -> Iterator[Outcome]:
    columns = (TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal or count < 2, transient=True) as progress:
        task = progress.add_task("", total=count)
        for outcome in outcomes:
            yield outcome
            progress.advance(task)


def _print_jsonl(outcomes: Iterator[Outcome], out: TextIO) -> Iterator[Outcome]:
    for outcome in outcomes:
        print(json.dumps(outcome.row(), allow_nan=False), file=out, flush=True)
        yield outcome


def _print_csv(outcomes: Iterator[Outcome], out: TextIO, *, heading: bool = True) -> Iterator[Outcome]:
    writer = None
    for outcome in outcomes:
        row = _flat(outcome.row())
        if writer is None:
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            if heading:
                writer.writeheader()
        writer.writerow(row)
        out.flush()
        yield outcome


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Give one cell a value: probabilities and nested parts get a column each, reasons are joined by a semicolon."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key == "probabilities":
            flat |= {f"probability_{grade}": "" if value is None else value[grade] for grade in range(5)}
        elif key in _NESTED:
            flat |= {f"{key}_{part}": "" if value is None else value[part] for part in _NESTED[key]}
        else:
            flat[key] = ";".join(value) if key == "reasons" else value
    return {key: _plain(value) for key, value in flat.items()}


def _plain(value: Any) -> Any:
    return _printable(value) if isinstance(value, str) else value


def _printable(text: str) -> str:
    """Replace what of a file's name is no text."""
    return os.fsencode(text).decode("utf-8", "replace")


def _print_table(outcomes: Iterator[Outcome], out: TextIO) -> Iterator[Outcome]:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("File", "Outcome", "Referable", "Vision-threatening", "Quality", "Remark"):
        table.add_column(name, overflow="fold")
    for outcome in outcomes:
        table.add_row(*_cells(outcome))
        yield outcome
    if table.row_count:
        # Through a pipe nothing is cut to the width of a terminal.
        console = Console(file=out, markup=False, highlight=False, width=None if out.isatty() else 240)
        console.print(table)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    verdict = outcome.verdict
    file = _printable(outcome.file)
    if verdict is None:
        return file, "error", "", "", "", outcome.error or ""
    score = f"{verdict.quality.score:.2f}"
    if verdict.grade is None or verdict.referable is None or verdict.vision_threatening is None:
        words = ", ".join(reason.label for reason in verdict.reasons)
        return file, verdict.status.value, "", "", score, f"{words}. {verdict.advice}"
    return (
        file,
        f"{int(verdict.grade)} {verdict.grade.label}",
        _yes_no(verdict.referable.probability, verdict.referable.decision),
        _yes_no(verdict.vision_threatening.probability, verdict.vision_threatening.decision),
        score,
        "uncertain: a person must look" if verdict.uncertain else "",
    )


def _yes_no(probability: float, decision: bool) -> str:
    return f"{'yes' if decision else 'no'} ({probability:.2f})"
