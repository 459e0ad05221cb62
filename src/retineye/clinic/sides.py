"""Guess which eye a photograph shows, and what it is centred on. It is only a guess: a person always confirms.

The words are looked for in file names and folders as whole words: `IMG_0012_OD.jpg`, `left-macula.png`, `R1.dcm`. The
page gets the same table, so that a name, which may hold a patient's, need not leave the browser.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from retineye.clinic.models import Eye, Field

EYE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        Eye.RIGHT.value: (
            *("od", "right", "rt", "dexter", "dextra", "derecho", "derecha", "der", "droit", "droite"),
            *("direito", "direita", "rechts", "kulia", "يمين", "اليمنى", "أيمن", "दायाँ", "दायां", "दाईं", "दाहिनी"),
        ),
        Eye.LEFT.value: (
            *("os", "oi", "og", "oe", "left", "lt", "sinister", "sinistra", "izquierdo", "izquierda", "izq", "gauche"),
            *("esquerdo", "esquerda", "links", "kushoto", "يسار", "اليسرى", "أيسر", "बायाँ", "बायां", "बाईं"),
        ),
    }
)
"""Whole words, in any case, with or without accents."""
EYE_CODES: Mapping[str, tuple[str, ...]] = MappingProxyType({Eye.RIGHT.value: ("R", "RE"), Eye.LEFT.value: ("L", "LE")})
"""They count in capitals alone, and only where no word says anything: letters are initials too, and `le` is a word."""
FIELD_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        Field.MACULA.value: ("macula", "macular", "mac", "fovea"),
        Field.DISC.value: ("disc", "disk", "disco", "disque", "papilla", "papila", "onh"),
    }
)

# A capital after a small letter begins a word: RightEye.
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Source(StrEnum):
    """Where a guess comes from, the more trustworthy first."""

    FILE = "file"
    """The file itself says so, as DICOM files do."""
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Guess:
    """Which eye it may be; None where nothing speaks for one, or two things speak against each other."""

    eye: Eye | None = None
    source: Source | None = None
    conflict: bool = False
    """The file and its name contradict each other."""


def guess(*, in_file: Eye | None = None, by_name: Eye | None = None) -> Guess:
    """Weigh what is known against each other: what the file says, then its name; else a person is left to say."""
    if in_file and by_name and in_file != by_name:
        return Guess(conflict=True)
    if in_file:
        return Guess(in_file, Source.FILE)
    return Guess(by_name, Source.NAME) if by_name else Guess()


def eye_by_name(path: str) -> Eye | None:
    """Give the eye that a file's name speaks of; where it speaks of none, its folder, and so on upwards."""
    found = _nearest(path, EYE_WORDS, EYE_CODES)
    return Eye(found) if found else None


def field_by_name(path: str) -> Field:
    """Give what a file's name says that the camera was centred on."""
    return Field(_nearest(path, FIELD_WORDS, {}) or Field.UNKNOWN.value)


def _nearest(path: str, words: Mapping[str, tuple[str, ...]], codes: Mapping[str, tuple[str, ...]]) -> str:
    for part in reversed(path.replace("\\", "/").split("/")):
        found = _one(part, words, codes)
        if found is not None:
            return found
    return ""


def _one(text: str, words: Mapping[str, tuple[str, ...]], codes: Mapping[str, tuple[str, ...]]) -> str | None:
    # None: it says nothing. Empty: it contradicts itself, and what stands further up can not mend that.
    spoken = list(_words(text))
    folded = {_folded(word) for word in spoken}
    hits = {key for key, known in words.items() if folded & {_folded(word) for word in known}}
    if not hits:
        hits = {key for key, known in codes.items() if set(known) & set(spoken)}
    if not hits:
        return None
    return hits.pop() if len(hits) == 1 else ""


def _words(text: str) -> Iterator[str]:
    kept = "".join(letter if unicodedata.category(letter)[0] in "LM" else " " for letter in text)
    for word in kept.split():
        yield from _HUMP.split(word)


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Mn")
