"""What a file's name says, by patterns that the clinic sets, such as `{patient}_{eye}_{date}`. Pure.

A pattern is matched as a whole against the name without its ending; with a slash in it, against the folder's name too.
A name that a pattern allows to be read in two ways is not read at all.

PatternError    the pattern can not be used; `str()` says why
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from retineye.grading.result import Eye

FIELDS: Final[Mapping[str, str]] = {
    "patient": "the patient's number",
    "order": "the number of the order, as the worklist gives it",
    "name": "the patient's name",
    "birth": "the patient's date of birth",
    "eye": "which eye it shows",
    "date": "the day on which it was taken",
    "time": "the time of day, such as 1015 or 101500",
    "field": "what it is centred on: macula or disc",
    "any": "anything; it is not looked at",
}
"""What may stand between braces in a pattern."""

MAX_PATTERNS: Final = 20
MAX_LENGTH: Final = 200
MAX_OPEN: Final = 3
"""So many parts of a pattern may stand for any text: more could be read in too many ways."""
DATES: Final = ("YYYYMMDD", "YYYY-MM-DD")
"""How dates are written, unless the clinic says otherwise: no other order can be mistaken for these."""

_OPEN: Final = frozenset({"patient", "order", "name", "any"})
_TIME: Final = r"[0-2]\d[-.]?[0-5]\d(?:[-.]?[0-5]\d)?"
_WORDS_OF_FIELDS: Final = {
    "macula": "macula",
    "mac": "macula",
    "m": "macula",
    "disc": "disc",
    "disk": "disc",
    "d": "disc",
}
_PART: Final = re.compile(r"\{([a-z]*)\}")
_DATE_PART: Final = {"YYYY": r"(?:19|20)\d\d", "MM": r"\d\d", "DD": r"\d\d"}


class PatternError(ValueError):
    """The pattern can not be used."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the clinic's programs write eyes and dates."""

    right: tuple[str, ...] = ("R", "RE", "OD", "RIGHT")
    left: tuple[str, ...] = ("L", "LE", "OS", "LEFT")
    """Words, in any case."""
    dates: tuple[str, ...] = DATES

    def __post_init__(self) -> None:
        """Refuse words that say nothing, or both.

        Raises
        ------
        PatternError
            If an eye has no word, a word stands for both eyes, or a date has no four-digit year, month and day.
        """
        right, left = ({word.casefold() for word in words} for words in (self.right, self.left))
        if not right or not left or not all(word.isalnum() for word in right | left):
            raise PatternError("Each eye needs at least one word of letters or digits.")
        if right & left:
            raise PatternError(f"{sorted(right & left)[0].upper()!r} can not stand for both eyes.")
        for written in self.dates:
            _date_expression(written)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name says. Empty or None: nothing."""

    patient: str = ""
    order: str = ""
    name: str = ""
    birth: date | None = None
    eye: Eye | None = None
    on: date | None = None
    at: time | None = None
    field: str = ""
    """macula, disc or empty."""


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading a name: one reading, or none, or several that do not agree."""

    reading: Reading | None
    pattern: str = ""
    """The name of the pattern that read it."""
    several: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, ready to read names with."""

    name: str
    text: str
    spelling: Spelling
    _folders: int = field(init=False)
    _short: "re.Pattern[str]" = field(init=False)
    _long: "re.Pattern[str]" = field(init=False)

    def __post_init__(self) -> None:
        """Understand the pattern.

        Raises
        ------
        PatternError
            If it can not be used.
        """
        parts = _parts(self.text)
        _check(parts)
        object.__setattr__(self, "_folders", self.text.count("/"))
        for name, greedy in (("_short", False), ("_long", True)):
            object.__setattr__(self, name, _expression(parts, self.spelling, greedy=greedy))

    def readings(self, path: str) -> tuple[Reading, ...]:
        """Give what the path says: one reading, none where the pattern does not fit, two where it is not clear."""
        parts = PurePosixPath(path.replace("\\", "/")).parts
        if len(parts) <= self._folders:
            return ()
        stem = PurePosixPath(parts[-1]).stem
        text = "/".join([*parts[len(parts) - 1 - self._folders : -1], stem])
        # Shortest and longest: where they are the same there is no third.
        found = [expression.fullmatch(text) for expression in (self._short, self._long)]
        if found[0] is None or found[1] is None:
            return ()
        if found[0].groups() != found[1].groups():
            return tuple(_reading(one, self.spelling) or Reading() for one in found if one)
        only = _reading(found[0], self.spelling)
        return () if only is None else (only,)


def read(path: str, patterns: Iterable[Pattern]) -> Read:
    """Read a path by every pattern; readings that do not agree count as none."""
    found: dict[Reading, str] = {}
    several = False
    for pattern in patterns:
        readings = pattern.readings(path)
        several = several or len(readings) > 1
        found.update(dict.fromkeys(readings, pattern.name))
    if several or len(found) > 1:
        return Read(None, several=True)
    for reading, name in found.items():
        return Read(reading, name)
    return Read(None)


def _parts(text: str) -> list[tuple[str, bool]]:
    """Give the pattern's parts in their order: text, and whether it is the name of a field."""
    if not text or len(text) > MAX_LENGTH:
        raise PatternError(f"A pattern has 1 to {MAX_LENGTH} characters.")
    pieces = _PART.split(text)
    parts = [(piece, bool(number % 2)) for number, piece in enumerate(pieces) if piece or number % 2]
    stray = [piece for piece, named in parts if not named and ("{" in piece or "}" in piece)]
    if stray:
        raise PatternError("A brace stands alone: write fields as {patient}.")
    return parts


def _check(parts: Sequence[tuple[str, bool]]) -> None:
    names = [piece for piece, named in parts if named]
    for name in names:
        if name not in FIELDS:
            known = ", ".join("{" + one + "}" for one in FIELDS)
            raise PatternError("{" + name + f"}} is not known. There are {known}.")
        if name != "any" and names.count(name) > 1:
            raise PatternError("{" + name + "} stands twice.")
    if not {"patient", "order"} & set(names):
        raise PatternError("It needs {patient} or {order}: else nobody knows whose photograph it is.")
    if sum(name in _OPEN for name in names) > MAX_OPEN:
        raise PatternError(
            f"At most {MAX_OPEN} parts may stand for any text: {{patient}}, {{order}}, {{name}}, {{any}}."
        )
    for (one, named), (other, next_named) in pairwise(parts):
        if named and next_named and (one in _OPEN or other in _OPEN):
            raise PatternError(f"Nothing parts {{{one}}} from {{{other}}}: put a letter such as _ between them.")
    for piece, named in parts:
        if not named and (any(not letter.isprintable() or letter in '\\:*?"<>|' for letter in piece) or ".." in piece):
            raise PatternError("It holds a letter that no file's name has.")
    if parts[0][0].startswith("/") or parts[-1][0].endswith("/"):
        raise PatternError("It begins or ends with a slash: write the last folder and the file, as {patient}/{eye}.")


def _expression(parts: Sequence[tuple[str, bool]], spelling: Spelling, *, greedy: bool) -> "re.Pattern[str]":
    written = []
    for number, (piece, named) in enumerate(parts):
        if not named:
            written.append(re.escape(piece))
        else:
            name = piece if piece != "any" else f"any{number}"
            written.append(f"(?P<{name}>{_field(piece, spelling, greedy=greedy)})")
    return re.compile("".join(written), re.IGNORECASE)


def _field(name: str, spelling: Spelling, *, greedy: bool) -> str:
    if name in _OPEN:
        return r"[^/]+" if greedy else r"[^/]+?"
    if name in ("date", "birth"):
        choices = [_date_expression(one) for one in sorted(spelling.dates, key=len, reverse=greedy)]
        return "(?:" + "|".join(choices) + ")"
    if name == "time":
        return _TIME if greedy else _TIME[:-1] + "??"
    words = [*spelling.right, *spelling.left] if name == "eye" else list(_WORDS_OF_FIELDS)
    return "(?:" + "|".join(re.escape(one) for one in sorted(words, key=len, reverse=greedy)) + ")"


def _date_expression(written: str) -> str:
    rest = written
    expression = ""
    seen = []
    while rest:
        part = next((one for one in _DATE_PART if rest.startswith(one)), None)
        if part is None and rest[0] not in "-._":
            break
        expression += _DATE_PART[part] if part else re.escape(rest[0])
        seen += [part] if part else []
        rest = rest[len(part) :] if part else rest[1:]
    if rest or sorted(seen) != ["DD", "MM", "YYYY"]:
        raise PatternError(f"A date is written with YYYY, MM and DD once each, such as DD-MM-YYYY; not {written!r}.")
    return expression


def _reading(found: "re.Match[str]", spelling: Spelling) -> Reading | None:
    """Give the reading, or None where it names a day or a time that does not exist."""
    said = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        eye = said.get("eye", "").casefold()
        right = {word.casefold() for word in spelling.right}
        return Reading(
            patient=said.get("patient", "").strip(),
            order=said.get("order", "").strip(),
            name=_spoken(said.get("name", "")),
            birth=_day(said["birth"], spelling) if "birth" in said else None,
            eye=None if not eye else Eye.RIGHT if eye in right else Eye.LEFT,
            on=_day(said["date"], spelling) if "date" in said else None,
            at=_time(said["time"]) if "time" in said else None,
            field=_WORDS_OF_FIELDS.get(said.get("field", "").casefold(), ""),
        )
    except ValueError:
        return None


def _spoken(written: str) -> str:
    return " ".join(re.sub(r"[_^+,]+", " ", written).split())


def _day(written: str, spelling: Spelling) -> date:
    found = set()
    for one in spelling.dates:
        form = one.replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d")
        try:
            found.add(datetime.strptime(written, form).date())
        except ValueError:
            continue
    if len(found) != 1:
        raise ValueError("no such day, or two")
    return found.pop()


def _time(written: str) -> time:
    digits = re.sub(r"\D", "", written)
    return time(int(digits[:2]), int(digits[2:4]), int(digits[4:6] or "0"))
