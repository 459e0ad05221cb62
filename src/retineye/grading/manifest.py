"""A table that names the pictures to grade, and an output file that a later run goes on with."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

COLUMN: Final = "path"


class ManifestError(ValueError):
    """The table or the output can not be used; the sentence says why."""


def read_manifest(table: Path) -> list[str]:
    """List the files that the column `path` of a CSV table names, as paths from where the table lies.

    Raises
    ------
    ManifestError
        If it is no such table.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ManifestError(f"{table} can not be read as text in UTF-8.") from exc
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if COLUMN not in names:
        raise ManifestError(f"{table} has no column {COLUMN!r}.")
    paths = [(row[names[COLUMN]] or "").strip() for row in rows]
    return [str(table.parent / path) for path in paths if path]


def done_before(out: Path, form: str) -> set[str]:
    """Give the files whose outcomes an earlier run wrote, and cut off a last line that it did not finish.

    Raises
    ------
    ManifestError
        If the file was not written by such a run.
    """
    if not out.exists():
        return set()
    content = out.read_bytes()
    whole = content.rpartition(b"\n")[0]
    if len(whole) + 1 < len(content) or (content and not whole):
        with out.open("r+b") as file:
            file.truncate(len(whole) + 1 if whole else 0)
    try:
        text = whole.decode("utf-8")
        if form == "csv":
            return {row["file"] for row in csv.DictReader(io.StringIO(text, newline=""))}
        return {json.loads(line)["file"] for line in text.splitlines()}
    except (ValueError, KeyError, TypeError) as exc:
        raise ManifestError(f"{out} does not hold outcomes as {form}.") from exc


def left_over(files: Sequence[str], done: set[str]) -> list[str]:
    """Give the files that are still to be graded, in their order."""
    return [file for file in files if file not in done]
