"""Take one file of an inbox in: safe in the store first, then into `done`, or into `quarantine` with the reason.

The order makes it safe to be killed anywhere: what is in the store and still in the inbox is known again by its bytes,
and only moved. The reason is written before the file is moved, so that no file lies in quarantine without one.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError

from retineye.clinic import archive
from retineye.clinic.arrivals import FileName, Kept, is_other, keep
from retineye.clinic.models import Arrival, Eye, Field, Sender
from retineye.exchange.inbox.looking import Found, opened
from retineye.exchange.inbox.patterns import Pattern, read
from retineye.grading.errors import DecodeError, NotAnImageError

log = structlog.get_logger(__name__)

VIA: Final = "folder"
IN, DONE, QUARANTINE = "in", "done", "quarantine"
_REASON: Final = ".reason.txt"
_LONGEST: Final = 240


class Refused(Exception):
    """The file is laid aside; `str()` is the sentence that goes beside it."""


@dataclass
class Report:
    """What became of an archive's files, for the text beside it."""

    taken: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inbox:
    """A folder with `in`, `done` and `quarantine`, for one clinic."""

    folder: Path
    sender: Sender
    patterns: tuple[Pattern, ...]

    def take(self, found: Found, today: date) -> bool:
        """Take one file; True where it went into the store.

        Raises
        ------
        OSError, django.db.DatabaseError
            If the file changed meanwhile, or the store does not take it: it stays where it is.
        django.core.exceptions.PermissionDenied
            If the machine's account may not send photographs.
        """
        try:
            report = self._kept(found)
        except Refused as exc:
            self._lay_aside(found, today, str(exc))
            return False
        except (OSError, DatabaseError, PermissionDenied):
            raise
        except Exception:
            # Whatever a file may hold, the others go on, and what is not understood is not kept.
            log.exception("inbox_not_understood", sender=str(self.sender.pk))
            self._lay_aside(found, today, "Not taken: it could not be understood.")
            return False
        text = "".join(f"{line}\n" for line in report.left_out)
        _move(found, self.folder / DONE / today.isoformat(), f"Left out:\n{text}" if text else "")
        return True

    def _lay_aside(self, found: Found, today: date, why: str) -> None:
        _move(found, self.folder / QUARANTINE / today.isoformat(), why + "\n")
        log.warning("inbox_laid_aside", sender=str(self.sender.pk), bytes=found.stamp.bytes)

    def _kept(self, found: Found) -> Report:
        if not found.plain:
            raise Refused("Not taken: it is a link, or no plain file.")
        handle = opened(found)
        with os.fdopen(handle, "rb") as file:
            head = file.read(4)
            file.seek(0)
            if archive.is_archive(head):
                return self._archive(found)
            if found.stamp.bytes > settings.RETINEYE_MAX_UPLOAD_BYTES:
                raise Refused(f"Not taken: it has {found.stamp.bytes} bytes, more than this service accepts.")
            data = file.read()
        try:
            self._keep(data, found.relative)
        except DecodeError as exc:
            raise Refused(f"Not taken: {exc} {exc.advice}") from exc
        return Report(taken=1)

    def _keep(self, data: bytes, path: str) -> None:
        named = file_name(path, self.patterns)
        kept: Kept = keep(data, by=self.sender.acts_as, via=VIA, sender=self.sender, named=named)
        if not kept.created and kept.arrival.file_name != named.path and is_other(kept.arrival, named):
            raise Refused(
                "Not taken: this very photograph came before under a name that says another patient or the other eye. "
                "Find out whose it is. Nothing was changed."
            )
        log.info("inbox_took", arrival=str(kept.arrival.pk), sender=str(self.sender.pk), new=kept.created)

    def _archive(self, found: Found) -> Report:
        report = Report()
        try:
            # Once through to the end before anything is kept: of a bomb nothing is.
            for _member in self._members(found):
                continue
            wrong = []
            for member in self._members(found):
                try:
                    self._member(found, member, report)
                except Refused as exc:
                    wrong.append(f"{member.name}: {exc}")
        except archive.ArchiveError as exc:
            raise Refused(f"Not taken: {exc}") from exc
        if wrong or not report.taken:
            lines = [*(wrong or ["The archive holds no photograph that can be read."]), *report.left_out]
            raise Refused("\n".join([f"{report.taken} photographs of this archive were taken.", *lines]))
        return report

    def _members(self, found: Found) -> Iterator[archive.Member]:
        os.close(opened(found))
        return archive.members(found.path, max_bytes=settings.RETINEYE_MAX_UPLOAD_BYTES)

    def _member(self, found: Found, member: archive.Member, report: Report) -> None:
        if not member.data:
            raise Refused("It is empty, or locked with a password.")
        if archive.is_archive(member.data):
            raise Refused("An archive inside an archive is not opened.")
        name = PurePosixPath(member.name.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise Refused("Its name leads out of the archive.")
        inside = str(PurePosixPath(found.relative).with_suffix("") / name)
        try:
            self._keep(member.data, inside)
        except NotAnImageError as exc:
            report.left_out.append(f"{member.name}: {exc}")
        except DecodeError as exc:
            raise Refused(f"{exc} {exc.advice}") from exc
        else:
            report.taken += 1


def file_name(path: str, patterns: Sequence[Pattern]) -> FileName:
    """Give what a path says by the clinic's patterns."""
    said = read(path, patterns)
    if said.reading is None:
        doubt = Arrival.Reason.SEVERAL_PATTERNS if said.several else Arrival.Reason.NO_PATTERN
        return FileName(path[-300:], doubt=doubt)
    one = said.reading
    return FileName(
        path[-300:],
        number=one.patient,
        order=one.order,
        name=one.name,
        birth_date=one.birth,
        eye=Eye(one.eye.value) if one.eye else None,
        field=Field(one.field) if one.field else Field.UNKNOWN,
        on=one.on,
        at=one.at,
    )


def _move(found: Found, folder: Path, text: str) -> None:
    place = folder / found.relative
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = _free(place)
    if text:
        beside = place.with_name(place.name + _REASON)
        aside = beside.with_name(f".{beside.name}"[:_LONGEST])
        aside.write_text(text, encoding="utf-8", errors="replace")
        aside.replace(beside)
    # By its name in the inbox: a link is moved, and what it points to is not touched.
    found.path.rename(place)


def _free(place: Path) -> Path:
    # A name beside which a reason lies but no file is the rest of a move that was cut off: it is used again.
    number = 1
    wanted = place
    while os.path.lexists(wanted):
        number += 1
        wanted = place.with_name(f"{place.stem} ({number}){place.suffix}")
    return wanted
