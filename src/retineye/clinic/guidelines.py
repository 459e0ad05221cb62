"""Referral tables: named, versioned, and never edited. A new edition of a guideline is a new key.

The numbers are those of the International Council of Ophthalmology, "Guidelines for Diabetic Eye Care", 2017
(published in Ophthalmology, 2018), tables for screening and referral in high and in low or intermediate resource
settings. "Less than three months" stands as three months: to be seen before that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from retineye.grading.result import Grade


class Finding(StrEnum):
    """A row of a referral table."""

    NO_DR = "no_dr"
    MILD = "mild_npdr"
    MODERATE = "moderate_npdr"
    SEVERE = "severe_npdr"
    PROLIFERATIVE = "proliferative_dr"
    DME_SUSPECTED = "dme_suspected"
    """A photograph can not tell whether the centre of the macula is involved, so this row takes the shorter time."""


FINDING_OF: Mapping[Grade, Finding] = MappingProxyType(
    {
        Grade.NONE: Finding.NO_DR,
        Grade.MILD: Finding.MILD,
        Grade.MODERATE: Finding.MODERATE,
        Grade.SEVERE: Finding.SEVERE,
        Grade.PROLIFERATIVE: Finding.PROLIFERATIVE,
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """When the eyes are to be seen next, and whether by an eye doctor."""

    min_months: int
    """The shorter end of the range, which makes the due date."""
    max_months: int
    refer: bool


@dataclass(frozen=True, slots=True)
class Guideline:
    """One table of one guideline for one setting."""

    key: str
    name: str
    version: str
    setting: str
    rows: Mapping[Finding, Row]

    @property
    def title(self) -> str:
        """Name the guideline, its version and the setting, as every result shows it."""
        return f"{self.name} {self.version}, {self.setting}"


_BOTH = {
    Finding.NO_DR: Row(12, 24, refer=False),
    Finding.SEVERE: Row(3, 3, refer=True),
    Finding.PROLIFERATIVE: Row(1, 1, refer=True),
    Finding.DME_SUSPECTED: Row(1, 1, refer=True),
}

GUIDELINES: Mapping[str, Guideline] = MappingProxyType(
    {
        table.key: table
        for table in (
            Guideline(
                key="ico-2017-high",
                name="ICO",
                version="2017",
                setting="high resource",
                rows=MappingProxyType(
                    {**_BOTH, Finding.MILD: Row(6, 12, refer=False), Finding.MODERATE: Row(3, 6, refer=True)}
                ),
            ),
            Guideline(
                key="ico-2017-low",
                name="ICO",
                version="2017",
                setting="low or intermediate resource",
                rows=MappingProxyType(
                    {**_BOTH, Finding.MILD: Row(12, 24, refer=False), Finding.MODERATE: Row(6, 12, refer=True)}
                ),
            ),
        )
    }
)
"""Every table that a result may name, by its key."""
