"""The bounds on a file and its picture that are looked at before any pixel is made."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file and picture that are read."""

    max_bytes: int = 192 * 1024 * 1024
    """Bytes of the file."""
    max_pixels: int = 100_000_000
    """Width times height of its picture."""


DEFAULT_LIMITS: Final = Limits()
