"""Referral tables: named, versioned, read from `data/guidelines`, and never edited. A new edition is a new file.

Every table is read and checked when the service starts: one that is wrong stops the start and says what is wrong.
"Less than three months" stands as three months and `under`: to be seen before that day.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retineye.grading.result import Grade

FOLDER = Path(__file__).parent / "data" / "guidelines"
SCHEMA = "retineye.guideline/1"


class GuidelineError(Exception):
    """A table that can not be used; the message names the file and what is wrong with it."""


class Finding(StrEnum):
    """A row of a referral table."""

    NO_DR = "no_dr"
    MILD = "mild_npdr"
    MODERATE = "moderate_npdr"
    SEVERE = "severe_npdr"
    PROLIFERATIVE = "proliferative_dr"
    DME_SUSPECTED = "dme_suspected"
    """A photograph can not tell the next two apart, so this row is made of them: the shorter time, and refer."""
    DME_NOT_CENTRAL = "dme_not_central"
    DME_CENTRAL = "dme_central"
    TREATED_STABLE = "treated_stable"
    """Not in every table."""


FINDING_OF: Mapping[Grade, Finding] = MappingProxyType(
    {
        Grade.NONE: Finding.NO_DR,
        Grade.MILD: Finding.MILD,
        Grade.MODERATE: Finding.MODERATE,
        Grade.SEVERE: Finding.SEVERE,
        Grade.PROLIFERATIVE: Finding.PROLIFERATIVE,
    }
)

_NEEDED = (*FINDING_OF.values(), Finding.DME_NOT_CENTRAL, Finding.DME_CENTRAL)
_ROW_KEYS = frozenset({"own", "next", "under", "refer", "urgent", "follow_up"})
_DAYS = {"at once": 0.0, "weeks": 7.0, "months": 365.25 / 12}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as a table states it."""

    count: int
    unit: str
    """months, weeks, or "at once" with a count of 0."""

    @property
    def days(self) -> float:
        """Give about how many days it is, to compare spans with."""
        return self.count * _DAYS[self.unit]

    @property
    def words(self) -> str:
        """Say it in words: years where it is whole years."""
        if self.unit == "at once":
            return _("at once")
        if self.unit == "weeks":
            return ngettext("%(n)d week", "%(n)d weeks", self.count) % {"n": self.count}
        if self.count % 12 == 0:
            years = self.count // 12
            return ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
        return ngettext("%(n)d month", "%(n)d months", self.count) % {"n": self.count}

    def __str__(self) -> str:
        if self.unit == "at once":
            return self.unit
        return f"{self.count} {self.unit if self.count > 1 else self.unit.removesuffix('s')}"


AT_ONCE = Span(0, "at once")


class Refer(StrEnum):
    """Whether a row asks for an eye doctor."""

    NO = "no"
    ADVISED = "advised"
    YES = "yes"
    IN_CARE = "in_care"
    """The patient is under an eye doctor already, and stays so."""


@dataclass(frozen=True, slots=True)
class Row:
    """When the eyes are to be seen next, and whether by an eye doctor."""

    shortest: Span
    """The shorter end of the range, which makes the due date."""
    longest: Span
    referral: Refer
    urgent: bool = False
    under: bool = False
    """The table says "in less than"."""
    follow_up: tuple[Span, Span] | None = None
    """What the table says of the time after the eye doctor has seen the patient."""
    own: str = ""
    """The guideline's own name of the row, where it has one."""

    @property
    def refer(self) -> bool:
        """Say whether the row sends to an eye doctor."""
        return self.referral is Refer.YES

    @property
    def order(self) -> tuple[float, float]:
        """Give what sorts rows by how much they press, the most pressing first."""
        return self.shortest.days, self.longest.days


@dataclass(frozen=True, slots=True)
class Guideline:
    """One table of one guideline for one setting."""

    key: str
    name: str
    version: str
    setting: str
    source: str
    rows: Mapping[Finding, Row]
    sha256: str
    """Of the table's file."""
    reader_must_confirm: bool = False
    """The table's grades are not the product's: a reader confirms what it makes of them."""

    @property
    def title(self) -> str:
        """Name the guideline, its version and the setting, as every result shows it."""
        return f"{self.name} {self.version}, {self.setting}"


def read_guideline(path: Path) -> Guideline:
    """Read one table and check it.

    Raises
    ------
    GuidelineError
        If anything in it is not as it must be.
    """
    try:
        content = path.read_bytes()
        raw = tomllib.loads(content.decode("utf-8"))
        if raw.get("schema") != SCHEMA:
            raise GuidelineError(f"its schema is not {SCHEMA}")
        if raw["key"] != path.stem:
            raise GuidelineError(f"its key {raw['key']!r} is not the name of the file")
        rows = {Finding(name): _row(name, row) for name, row in raw["rows"].items()}
        _check(rows)
        rows[Finding.DME_SUSPECTED] = _suspected(rows)
        return Guideline(
            key=raw["key"],
            name=raw["name"],
            version=raw["version"],
            setting=raw["setting"],
            source=raw["source"],
            rows=MappingProxyType(rows),
            sha256=hashlib.sha256(content).hexdigest(),
            reader_must_confirm=raw.get("reader_must_confirm", False),
        )
    except (GuidelineError, KeyError, ValueError, TypeError, AttributeError) as exc:
        raise GuidelineError(f"The referral table {path.name} can not be used: {exc}.") from exc


def _span(text: str) -> Span:
    if text == "at once":
        return AT_ONCE
    count, _space, unit = text.partition(" ")
    unit = unit if unit.endswith("s") else unit + "s"
    if not count.isdigit() or int(count) < 1 or unit not in _DAYS:
        raise GuidelineError(f"{text!r} is no time such as '6 months', '13 weeks' or 'at once'")
    return Span(int(count), unit)


def _range(texts: list[str]) -> tuple[Span, Span]:
    shortest, longest = (_span(text) for text in texts)
    if shortest.days > longest.days:
        raise GuidelineError(f"{texts[0]!r} is longer than {texts[1]!r}")
    return shortest, longest


def _row(name: str, raw: dict[str, Any]) -> Row:
    unknown = set(raw) - _ROW_KEYS
    if unknown or name == Finding.DME_SUSPECTED:
        raise GuidelineError(f"row {name} is not the table's own, or has unknown keys {sorted(unknown)}")
    shortest, longest = _range(raw["next"])
    return Row(
        shortest,
        longest,
        Refer(raw["refer"]),
        urgent=raw.get("urgent", False),
        under=raw.get("under", False),
        follow_up=_range(raw["follow_up"]) if "follow_up" in raw else None,
        own=raw.get("own", ""),
    )


def _check(rows: Mapping[Finding, Row]) -> None:
    missing = [finding.value for finding in _NEEDED if finding not in rows]
    if missing:
        raise GuidelineError(f"it has no row for {', '.join(missing)}")
    ladder = [rows[finding] for finding in FINDING_OF.values()]
    for milder, graver in pairwise(ladder):
        if graver.order > milder.order or (milder.refer and not graver.refer):
            raise GuidelineError("a graver grade waits longer than a milder one, or is not referred where that is")
    if not all(rows[finding].refer for finding in (Finding.MODERATE, Finding.SEVERE, Finding.PROLIFERATIVE)):
        raise GuidelineError("moderate disease and worse is always referred")
    if not rows[Finding.PROLIFERATIVE].urgent:
        raise GuidelineError("proliferative disease is always urgent")


def _suspected(rows: Mapping[Finding, Row]) -> Row:
    # A flat photograph does not show whether the centre is swollen: the shorter row, and an eye doctor looks.
    shorter = min((rows[Finding.DME_CENTRAL], rows[Finding.DME_NOT_CENTRAL]), key=lambda row: row.order)
    return Row(shorter.shortest, shorter.longest, Refer.YES, shorter.urgent, shorter.under, shorter.follow_up)


def _read_all() -> Mapping[str, Guideline]:
    tables = [read_guideline(path) for path in sorted(FOLDER.glob("*.toml"))]
    return MappingProxyType({table.key: table for table in tables})


GUIDELINES: Mapping[str, Guideline] = _read_all()
"""Every table that a result may name, by its key."""
