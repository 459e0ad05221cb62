"""How an inbox is kept: `inbox.toml` beside the folder that cameras see.

RulesError    the file can not be used; `str()` says why
"""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from retineye.exchange.inbox.patterns import DATES, MAX_PATTERNS, Pattern, PatternError, Spelling

FILE: Final = "inbox.toml"
_KEYS: Final = frozenset({"sender", "settle_s", "give_up_s", "keep_done_days", "right", "left", "dates", "patterns"})
_MOST_BYTES: Final = 64 * 1024


class RulesError(ValueError):
    """The file can not be used."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How one inbox is kept."""

    sender: UUID
    """The machine in whose name files are taken, and with it the clinic."""
    patterns: tuple[Pattern, ...]
    settle_s: float = 10.0
    """So long must size and time of a file stand still before it is taken."""
    give_up_s: float = 900.0
    """A file that still breaks off after so long is laid aside."""
    keep_done: timedelta | None = timedelta(days=30)
    """None: for ever."""


def rules_of(folder: Path) -> Rules:
    """Read the file.

    Raises
    ------
    RulesError
        If it is not there, or something in it can not be.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        said = tomllib.loads(data.decode("utf-8"))
    except FileNotFoundError as exc:
        raise RulesError(f"{path} is missing. docs/interop.md shows one.") from exc
    except OSError as exc:
        raise RulesError(f"{path} can not be read: {exc.strerror}.") from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise RulesError(f"{path} is no TOML: {exc}.") from exc
    try:
        return _rules(said)
    except (RulesError, PatternError) as exc:
        raise RulesError(f"{path}: {exc}") from exc


def _rules(said: dict[str, Any]) -> Rules:
    unknown = sorted(set(said) - _KEYS)
    if unknown:
        raise RulesError(f"{unknown[0]!r} is not known. There are {', '.join(sorted(_KEYS))}.")
    try:
        sender = UUID(str(said.get("sender", "")))
    except ValueError as exc:
        raise RulesError("sender must be the id that `retineye manage sender NAME` printed.") from exc
    defaults = Spelling()
    spelling = Spelling(
        right=_texts(said, "right", defaults.right),
        left=_texts(said, "left", defaults.left),
        dates=_texts(said, "dates", DATES),
    )
    patterns = said.get("patterns", {})
    if not isinstance(patterns, dict) or not all(isinstance(one, str) for one in patterns.values()):
        raise RulesError('[patterns] holds lines such as fundus45 = "{patient}_{eye}_{date}".')
    if len(patterns) > MAX_PATTERNS:
        raise RulesError(f"There are more than {MAX_PATTERNS} patterns.")
    days = _number(said, "keep_done_days", 30, least=0, most=3650)
    return Rules(
        sender=sender,
        patterns=tuple(_pattern(name, text, spelling) for name, text in patterns.items()),
        settle_s=_number(said, "settle_s", 10, least=0.1, most=3600),
        give_up_s=_number(said, "give_up_s", 900, least=1, most=86_400),
        keep_done=timedelta(days=days) if days else None,
    )


def _pattern(name: str, text: str, spelling: Spelling) -> Pattern:
    try:
        return Pattern(name, text, spelling)
    except PatternError as exc:
        raise PatternError(f"pattern {name!r}: {exc}") from exc


def _texts(said: dict[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = said.get(key, default)
    if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) and one for one in value):
        raise RulesError(f"{key} must be a list of texts.")
    return tuple(value)


def _number(said: dict[str, Any], key: str, default: float, *, least: float, most: float) -> float:
    value = said.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise RulesError(f"{key} must be a number from {least:g} to {most:g}.")
    return float(value)
