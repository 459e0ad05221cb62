"""What lies in the inbox, and which of it is whole: nothing is taken while somebody may still be writing it.

Links are never followed, and what a program hides (a leading dot) or calls unfinished is never touched.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from retineye.clinic.archive import is_archive

UNFINISHED: Final = frozenset(
    {".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".upload"}
)
"""Endings of files that a program is still writing. A file beside one of its own name waits too."""
LITTER: Final = frozenset({"thumbs.db", "desktop.ini", "inbox.toml"})
MAX_DEPTH: Final = 8
MAX_ROUND: Final = 10_000
"""So many files are looked at in one round; the others follow when these are gone."""

_TAIL: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a file is known to be the same, and unchanged."""

    device: int
    inode: int
    bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """Something in the inbox."""

    path: Path
    relative: str
    stamp: Stamp
    plain: bool
    """A regular file with one name; else a link, a pipe or a device, which nobody reads."""


@dataclass
class Watch:
    """Remembers since when each file stands still."""

    _since: dict[Path, tuple[Stamp, float]] = field(default_factory=dict)

    def settled(self, found: list[Found], now_s: float, settle_s: float) -> Iterator[tuple[Found, float]]:
        """Give what stands still for long enough, and for how long; what is new or changed is remembered.

        Parameters
        ----------
        now_s
            By a clock that is never set: the one of the share may be wrong.
        """
        before, self._since = self._since, {}
        for one in found:
            stamp, since = before.get(one.path, (one.stamp, now_s))
            if stamp != one.stamp:
                since = now_s
            self._since[one.path] = (one.stamp, since)
            if now_s - since >= settle_s:
                yield one, now_s - since


def look_into(folder: Path) -> list[Found]:
    """Give what may be taken from a folder and the folders in it, the oldest first."""
    found = sorted(_walk(folder, "", MAX_DEPTH), key=lambda one: (one.stamp.changed_ns, one.relative))
    return found[:MAX_ROUND]


def _walk(folder: Path, below: str, depth: int) -> Iterator[Found]:
    try:
        with os.scandir(folder) as listed:
            entries = list(listed)
    except OSError:
        # Gone in the meantime, or not ours to read: the next round looks again.
        return
    names = {entry.name.casefold() for entry in entries}
    for entry in entries:
        relative = f"{below}{entry.name}"
        if entry.name.startswith((".", "~$")) or entry.name.casefold() in LITTER or _unfinished(entry.name, names):
            continue
        try:
            held = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISDIR(held.st_mode):
            if depth > 0 and entry.name != "__MACOSX":
                yield from _walk(folder / entry.name, f"{relative}/", depth - 1)
            continue
        # A second name of a file elsewhere would take it from there, or show what this folder may not.
        plain = stat.S_ISREG(held.st_mode) and held.st_nlink == 1
        yield Found(folder / entry.name, relative, stamp_of(held), plain)


def _unfinished(name: str, beside: set[str]) -> bool:
    folded = name.casefold()
    return Path(folded).suffix in UNFINISHED or any(folded + ending in beside for ending in UNFINISHED)


def stamp_of(held: os.stat_result) -> Stamp:
    """Give the stamp of a file."""
    return Stamp(held.st_dev, held.st_ino, held.st_size, held.st_mtime_ns)


def opened(found: Found) -> int:
    """Open the very file that was looked at, and no other that may stand in its place by now; give its descriptor.

    Raises
    ------
    OSError
        If it is gone, changed, or a link.
    """
    handle = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stamp_of(os.fstat(handle)) != found.stamp:
        os.close(handle)
        raise OSError("The file has changed.")
    return handle


def breaks_off(found: Found) -> bool:
    """Say whether the file's end is missing, as of one whose copying has stopped half way."""
    handle = opened(found)
    with os.fdopen(handle, "rb") as file:
        head = file.read(16)
        file.seek(max(0, found.stamp.bytes - _TAIL))
        tail = file.read(_TAIL)
        if head.startswith(b"\xff\xd8\xff"):
            return b"\xff\xd9" not in tail
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return b"IEND" not in tail
        if head.startswith(b"BM"):
            return found.stamp.bytes < int.from_bytes(head[2:6], "little")
        if head[:4] == b"RIFF":
            return found.stamp.bytes < int.from_bytes(head[4:8], "little")
        if is_archive(head):
            return not _listed(file)
    return not head


def _listed(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError):
        return False
    return True
