"""What the tests of the reports share: something to say, and a reader of what the paper says."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

from pypdf import PdfReader

from retineye.clinic.report_texts import TEXTS
from retineye.exchange.report_pdf.content import Advice, Dme, EyeSays, ReportData, Seen, Signature

TAKEN = date(2026, 11, 24)
SIGNED = Signature("Dr. A. Reader", datetime(2026, 11, 25, 9, 30, tzinfo=UTC))
FINE, MILD = EyeSays(Seen.GRADED, 0, Dme.NO_SIGN), EyeSays(Seen.GRADED, 1)
SEVERE = EyeSays(Seen.GRADED, 3, Dme.SUSPECTED)
UNREADABLE, UNSURE = EyeSays(Seen.UNREADABLE), EyeSays(Seen.UNSURE, 0)


def advice(**changes: Any) -> Advice:
    """Give advice to see an eye doctor before 24 February 2027."""
    told = Advice(
        conclusion="refer",
        rule="worse_eye",
        urgent=False,
        at_once=False,
        due_by=date(2027, 2, 24),
        interval="3 months/3 months",
        guideline="ICO 2017, high resource",
        worse_eye="right",
    )
    return replace(told, **changes)


def report(language: str = "en", **changes: Any) -> ReportData:
    """Give a signed report: severe disease in the right eye, mild in the left."""
    data = ReportData(
        texts=TEXTS[language],
        english=TEXTS["en"],
        number="9F3A21C4-1",
        made_on=date(2026, 11, 25),
        clinic="Hill Clinic",
        contact="0700 000 000",
        patient="Ana Ruiz",
        born="1968",
        local_id="HC-1042",
        taken_on=TAKEN,
        accession="",
        right=SEVERE,
        left=MILD,
        advice=advice(),
        signature=SIGNED,
    )
    return replace(data, **changes)


ROUTINE = {
    "right": FINE,
    "left": FINE,
    "advice": advice(conclusion="routine", due_by=date(2027, 11, 24), interval="12 months/24 months"),
}
"""Changes that make the report one of two eyes without a sign of disease."""


def pages(pdf: bytes) -> int:
    """Count the pages."""
    return len(PdfReader(BytesIO(pdf)).pages)


def words(pdf: bytes) -> str:
    """Read the paper's text back: one space between words, ligatures taken apart, direction marks left out."""
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"\s+", " ", re.sub("[\u200b-\u200f\u2060\u2066-\u2069\ufeff\u00ad]", "", text))
