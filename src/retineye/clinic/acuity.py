"""How well an eye sees: the notations that clinics write, on one scale. Pure.

The scale is logMAR, the base-10 logarithm of the smallest angle that is seen, in minutes of arc: 0.0 is 6/6 or 20/20,
1.0 is 6/60 or 20/200, and more is worse. A bare number is refused: 0.3 is poor sight as a decimal and fair sight as
logMAR, so whoever writes it says which.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from django.utils.translation import gettext as _

BEYOND_LETTERS: Mapping[str, float] = MappingProxyType(
    {"cf": 1.9, "fc": 1.9, "hm": 2.3, "pl": 2.7, "lp": 2.7, "npl": 3.0, "nlp": 3.0}
)
"""Counting fingers, hand movements, perception of light and none: our places on the scale, all far beyond 6/60."""

LETTER = 0.02
"""What one letter more or less counts, where a line has five."""

COMMON = ("6/6", "6/9", "6/12", "6/18", "6/24", "6/36", "6/60", "CF", "HM", "PL", "NPL")
"""What is offered to choose from; anything else may be typed."""

_FRACTION = re.compile(r"(\d{1,2}(?:\.\d)?)/(\d{1,4}(?:\.\d{1,2})?)(?:p)?([+-]\d)?")
_NAMED = re.compile(
    r"(?:(logmar|dec|decimal)\s*([+-]?\d(?:\.\d{1,2})?)|([+-]?\d(?:\.\d{1,2})?)\s*(logmar|dec|decimal))"
)
_AIDS = re.compile(r"\s*\b(ph|pinhole|sc|cc)\b\.?\s*")
_WORST, _BEST = 3.0, -0.3


class UnknownAcuity(ValueError):
    """The text is in no notation that is understood; the message says how to write it."""


def logmar(text: str) -> float:
    """Give the logMAR of an acuity in one of the usual notations, between -0.3 and 3.0.

    1. A fraction: 6/12, 20/40, 5/10, with letters read more or less as 6/12-2.
    2. A number that says what it is: 0.5 dec, logMAR 0.3.
    3. CF, HM, PL, NPL, and their mirror images.

    `ph`, `cc` and `sc` (through a pinhole, with and without glasses) may stand beside it.

    Raises
    ------
    UnknownAcuity
        If it is none of these, or no eye sees so.
    """
    bare = _AIDS.sub(" ", text.strip().casefold().replace(",", ".").replace("−", "-")).strip()
    if bare in BEYOND_LETTERS:
        return BEYOND_LETTERS[bare]
    value = _fraction(bare.replace(" ", ""))
    value = _named(bare) if value is None else value
    if value is None or not _BEST - 1e-9 <= value <= _WORST:
        raise UnknownAcuity(
            _("Write it as 6/12, 20/40, 0.5 dec, 0.3 logMAR, CF, HM, PL or NPL. A bare number is unclear.")
        )
    return round(value, 2)


def _fraction(text: str) -> float | None:
    found = _FRACTION.fullmatch(text)
    if found is None or not float(found[1]) or not float(found[2]):
        return None
    return math.log10(float(found[2]) / float(found[1])) - LETTER * int(found[3] or 0)


def _named(text: str) -> float | None:
    found = _NAMED.fullmatch(text)
    if found is None:
        return None
    unit, number = found[1] or found[4], float(found[2] or found[3])
    if unit == "logmar":
        return number
    return -math.log10(number) if number > 0 else None
