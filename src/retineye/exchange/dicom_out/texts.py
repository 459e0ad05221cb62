"""Texts as DICOM's value representations allow them (PS3.5, 6.2): no separators of values, not too long."""

from typing import Final

from retineye.exchange.dicom_in.worklist import person_name

_LONGEST: Final = 64
_SHORT: Final = 16


def long_string(text: str) -> str:
    """Write a text as LO."""
    return _plain(text)[:_LONGEST].rstrip()


def short_string(text: str) -> str:
    """Write a text as SH."""
    return _plain(text)[:_SHORT].rstrip()


def name(spoken: str) -> str:
    """Write a spoken name as PN. A single name has its caret too: without it the form is a retired one."""
    family, _caret, given = person_name(_plain(spoken)).partition("^")
    family = family[: _LONGEST - 1].rstrip()
    given = given[: _LONGEST - 1 - len(family)].rstrip()
    return f"{family}^{given}" if family else ""


def _plain(text: str) -> str:
    # A backslash parts values; control characters are not allowed at all.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text.replace("\\", "/")).split())
