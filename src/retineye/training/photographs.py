"""Read the table of photographs, photos.csv: one row a photograph, paths from the table's own folder."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retineye.grading.result import Eye

GRADES = frozenset(range(5))
DME_RISKS = range(3)


class PhotographsError(ValueError):
    """The table of photographs, or the choice of rows from it, can not be used."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """One row of the table."""

    path: Path
    """Where the file lies."""
    name: str
    """The path as the table gives it."""
    dataset: str
    """The set that it belongs to; the table's own name where there is no such column."""
    grade: int | None
    """ICDR grade 0-4 by a person; None where not graded."""
    patient: str = ""
    """Empty where not known."""
    group: str = ""
    """Photographs of one group show the same eye (duplicates); empty for none."""
    eye: Eye | None = None
    quality: str = ""
    """A person's word on the quality, for example good, usable or reject; empty where not given."""
    short_side_px: int | None = None
    dme: int | None = None
    """Macular oedema by a person: 0, 1, 2 as IDRiD's risk (2: hard exudates within a disc diameter of the fovea), or
    0 and 1 for no and yes where the table knows no 2; None where not judged."""
    maculopathy: bool | None = None
    """Referable maculopathy by a person; None where not judged."""
    split: str = ""
    """`test` bars a photograph, and all that share its patient, group or picture, from every training."""
    licence: str = ""
    outlines: Path | None = None
    """The bit mask of its lesions (`training.lesions`); None where nobody outlined any."""
    looked_for: frozenset[str] = frozenset()
    """Codes of the lesions that were outlined; of the others nobody said anything."""

    @property
    def ties(self) -> tuple[str, ...]:
        """Name the patient and the group of duplicates, where known: who shares one stays on its side of a split.

        Where no patient is known, versions of one source name the same eye by the same file name.
        """
        # Sets that are versions of one source (eyepacs, eyepacs_equalised) show the same people.
        source = self.dataset.split("_")[0]
        named = (("patient", self.patient), ("group", self.group), ("file", "" if self.patient else self.path.stem))
        return tuple(f"{source}/{kind}/{name}" for kind, name in named if name)

    @property
    def cluster(self) -> str:
        """Name what may not be torn apart in resampling: the patient, else the group of duplicates, else nothing."""
        return self.ties[0] if self.patient or self.group else ""


def read_photographs(table: Path, where: Sequence[str] = (), *, root: Path | None = None) -> list[Photograph]:
    """Read photos.csv.

    Parameters
    ----------
    table
        A CSV file, UTF-8, with the columns `path` and `grade`; `dataset`, `patient`, `dup_group`, `laterality`,
        `quality`, `width` and `height` are used where they are there.
    where
        Conditions `column=value`. Values of one column are alternatives; every column must fit.
    root
        Folder that the paths start from; the table's own folder if left out.

    Raises
    ------
    PhotographsError
        The table can not be read, lacks a column, holds an unknown grade or eye, or no row fits.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise PhotographsError(f"The table {table} can not be read: {exc}") from exc
    missing = [column for column in ("path", "grade") if column not in columns]
    if missing:
        raise PhotographsError(f"The table {table} has no column {' and no column '.join(missing)}.")
    wanted = _conditions(where, columns)
    chosen = [
        _photograph(row, table, line, root or table.parent)
        for line, row in enumerate(rows, start=2)
        if all((row[column] or "") in values for column, values in wanted.items())
    ]
    if not chosen:
        raise PhotographsError(f"No photograph of {table} fits {' '.join(where) or 'it: the table is empty'}.")
    return chosen


def _whole(text: str, allowed: range) -> int | None:
    return int(text) if text.isdecimal() and int(text) in allowed else None


def threefold_sets(photographs: Iterable[Photograph]) -> frozenset[str]:
    """Name the sets whose macular oedema is told in three risks, not only as yes and no."""
    return frozenset(photograph.dataset for photograph in photographs if photograph.dme == max(DME_RISKS))


def _conditions(where: Iterable[str], columns: Sequence[str]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or column not in columns:
            raise PhotographsError(f"'{condition}' is not column=value. The columns are: {', '.join(columns)}.")
        wanted.setdefault(column, set()).add(value)
    return wanted


def _photograph(row: Mapping[str, str | None], table: Path, line: int, root: Path) -> Photograph:
    def value(column: str) -> str:
        return (row.get(column) or "").strip()

    name = value("path")
    if not name:
        raise PhotographsError(f"{table}, line {line}: the path is empty.")
    grade = int(value("grade")) if value("grade").isdecimal() else None
    if value("grade") and grade not in GRADES:
        raise PhotographsError(f"{table}, line {line}: the grade is '{value('grade')}', not 0 to 4 or empty.")
    eye = value("laterality").lower()
    if eye and eye not in set(Eye):
        raise PhotographsError(f"{table}, line {line}: the laterality is '{eye}', not right, left or empty.")
    sides = [int(value(side)) for side in ("width", "height") if value(side).isdecimal()]
    return Photograph(
        path=root / name,
        name=name,
        dataset=value("dataset") or table.stem,
        grade=grade,
        patient=value("patient"),
        group=value("dup_group"),
        eye=Eye(eye) if eye else None,
        quality=value("quality"),
        short_side_px=min(sides) if len(sides) == 2 else None,
        dme=_whole(value("dme"), DME_RISKS),
        maculopathy={"0": False, "1": True}.get(value("maculopathy")),
        split=value("split"),
        licence=value("licence"),
    )
