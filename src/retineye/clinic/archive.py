"""Take photographs out of a zip archive. Nothing is written, and no name in the archive becomes a path.

ArchiveError
├── TooMuch      more files or bytes than an archive of photographs has: a bomb, or a whole disk
└── Damaged      it is no zip archive, or breaks off
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from django.utils.translation import gettext as _

MAX_FILES: Final = 400
MAX_TIMES: Final = 200
"""A member may be so many times larger than its part of the archive, beyond the first mebibyte."""
MAX_SETS: Final = 8
"""All members together may have so many times the bytes of the largest photograph that is accepted."""

_CHUNK: Final = 256 * 1024
_FREE: Final = 1024 * 1024
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED: Final = 0x1


class ArchiveError(Exception):
    """The archive is not taken; `str()` is a sentence for the person who sent it."""

    code = "archive"


class TooMuch(ArchiveError):
    """It holds more than photographs do."""

    code = "archive_too_much"


class Damaged(ArchiveError):
    """It can not be read."""

    code = "archive_damaged"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    name: str
    """Only to guess the eye by."""
    data: bytes
    """Empty where it is locked with a password."""


def is_archive(head: bytes) -> bool:
    """Say whether a file that begins so is a zip archive."""
    return head.startswith(_ZIP)


def members(path: Path, *, max_bytes: int) -> Iterator[Member]:
    """Give the files of an archive one by one, each read no further than the limits allow.

    Folders, and what file managers leave behind, are passed over.

    Parameters
    ----------
    max_bytes
        Of the largest photograph that is accepted.

    Raises
    ------
    ArchiveError
        See above; what was given before stays given.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [member for member in archive.infolist() if not _passed_over(member)]
            _check(listed, path.stat().st_size, max_bytes)
            left = MAX_SETS * max_bytes
            for member in listed:
                if member.flag_bits & _ENCRYPTED:
                    yield Member(member.filename, b"")
                    continue
                with archive.open(member) as file:
                    data = _read(file, _most(member, max_bytes, left))
                left -= len(data)
                yield Member(member.filename, data)
    except ArchiveError:
        raise
    except Exception as exc:
        # zipfile, zlib, bz2 and lzma each raise errors of their own on damaged bytes.
        raise Damaged(_("The archive breaks off or is damaged. Make it again, or send the photographs alone.")) from exc


def _passed_over(member: zipfile.ZipInfo) -> bool:
    parts = [part for part in member.filename.replace("\\", "/").split("/") if part]
    return member.is_dir() or not parts or "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in _LITTER


_LITTER: Final = frozenset({"Thumbs.db", "desktop.ini", "DICOMDIR"})


def _check(listed: list[zipfile.ZipInfo], archive_bytes: int, max_bytes: int) -> None:
    if len(listed) > MAX_FILES:
        raise TooMuch(_("The archive holds more than %(count)d files. Send the photographs of one exam.") % {
            "count": MAX_FILES
        })  # fmt: skip
    # Parts of an archive that lie over each other are a bomb: together they are larger than what they lie in.
    overlapping = sum(member.compress_size for member in listed) > archive_bytes
    if overlapping or any(_is_bomb(member, max_bytes) for member in listed) or sum(
        member.file_size for member in listed
    ) > MAX_SETS * max_bytes:  # fmt: skip
        raise TooMuch(_too_much())


def _is_bomb(member: zipfile.ZipInfo, max_bytes: int) -> bool:
    return member.file_size > max_bytes or member.file_size > _FREE + MAX_TIMES * member.compress_size


def _most(member: zipfile.ZipInfo, max_bytes: int, left: int) -> int:
    return min(max_bytes, left, _FREE + MAX_TIMES * member.compress_size)


def _read(file: IO[bytes], most: int) -> bytes:
    # The sizes in an archive are claims: what comes out is counted.
    kept = bytearray()
    while chunk := file.read(_CHUNK):
        kept += chunk
        if len(kept) > most:
            raise TooMuch(_too_much())
    return bytes(kept)


def _too_much() -> str:
    return _("The archive unpacks to more than photographs would. Send the photographs of one exam.")
