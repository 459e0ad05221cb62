"""STOW-RS (PS3.18, 10.5): objects that come over the web end where those by C-STORE do, and are answered as it says.

StowError    the request as a whole can not be understood; carries the HTTP status
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final, Protocol

import structlog
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError

from retineye.accounts.models import User
from retineye.clinic.arrivals import ArrivalLost, keep
from retineye.clinic.grade import limits
from retineye.grading import dicom
from retineye.grading.errors import DecodeError, NotAPhotographError, TooLargeError

log = structlog.get_logger(__name__)

MOST_OBJECTS: Final = 1000
"""So many objects may come in one request."""
VIA: Final = "stow"
_CHUNK: Final = 256 * 1024
_MOST_HEADER: Final = 16 * 1024
_UID: Final = re.compile(r"[0-9.]{1,64}")

# PS3.18, table 10.5.3-2, and PS3.4, B.2.3: why an object was not stored.
NO_ROOM, MISMATCH, DAMAGED, CLASS_NOT_TAKEN, BROKE = 0xA700, 0xA900, 0xC000, 0x0122, 0x0110


class StowError(Exception):
    """The request can not be understood."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Stream(Protocol):
    """Something that gives bytes piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Give up to so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one object."""

    sop_class: str
    sop_instance: str
    failure: int | None = None
    """None: it is safe on disk."""


def boundary_of(content_type: str) -> bytes:
    """Give what parts the body, where it is one of DICOM objects.

    Raises
    ------
    StowError
        415 where it is something else; 400 where nothing parts it.
    """
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_type() != "multipart/related":
        raise StowError(415, "Send multipart/related; type=application/dicom.")
    inner = str(message.get_param("type") or "application/dicom")
    if inner.lower() != "application/dicom":
        raise StowError(415, "Only whole objects are taken: type=application/dicom.")
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise StowError(400, "The Content-Type names no boundary.")
    return boundary.encode("ascii")


def parts(stream: Stream, boundary: bytes, *, most_bytes: int) -> Iterator[bytes | None]:
    """Give the parts of a body one by one (RFC 2046, 5.1); None for one that is larger than is taken.

    Raises
    ------
    StowError
        If the body breaks off, is not parted so, or holds parts of another kind.
    """
    body = _Body(stream)
    fence = b"--" + boundary
    if body.until(fence, most_bytes=_MOST_HEADER) is None:
        raise StowError(400, "The body does not begin with its boundary.")
    for _number in range(MOST_OBJECTS + 1):
        ending = body.take(2)
        if ending == b"--":
            return
        while ending.strip(b" \t") != b"\r\n":
            # Blanks may follow the boundary.
            more = body.take(1)
            if not more or len(ending) > 100:
                raise StowError(400, "The body breaks off.")
            ending += more
        head = body.until(b"\r\n", most_bytes=_MOST_HEADER)
        kind = b""
        while head:
            name, _colon, value = head.partition(b":")
            kind = value.strip().lower() if name.strip().lower() == b"content-type" else kind
            head = body.until(b"\r\n", most_bytes=_MOST_HEADER)
        if head is None:
            raise StowError(400, "A part has no end of its headers.")
        if (kind and not kind.startswith(b"application/dicom")) or kind.startswith(b"application/dicom+"):
            raise StowError(415, "Each part must be application/dicom.")
        yield body.until(b"\r\n" + fence, most_bytes=most_bytes)
    raise StowError(413, f"More than {MOST_OBJECTS} objects came in one request.")


class _Body:
    """Reads a stream up to what is looked for, holding no more than one part."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = bytearray()

    def take(self, size: int) -> bytes:
        while len(self._held) < size and (chunk := self._stream.read(_CHUNK)):
            self._held += chunk
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def until(self, mark: bytes, *, most_bytes: int) -> bytes | None:
        """Give what stands before the mark, and step over the mark; None where it is more than may be."""
        seen, dropped = 0, False
        while (at := self._held.find(mark, seen)) < 0:
            seen = max(0, len(self._held) - len(mark) + 1)
            if seen > most_bytes:
                dropped = True
                del self._held[:seen]
                seen = 0
            chunk = self._stream.read(_CHUNK)
            if not chunk:
                raise StowError(400, "The body breaks off.")
            self._held += chunk
        found = None if dropped or at > most_bytes else bytes(self._held[:at])
        del self._held[: at + len(mark)]
        return found


def store(user: User, objects: Iterable[bytes | None], *, study: str = "") -> list[Stored]:
    """Make each object safe, or say why not; the one does not keep the others from it.

    Parameters
    ----------
    study
        The study that all of them must belong to; empty: any.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    """
    return [_store(user, data, study) for data in objects]


def _store(user: User, data: bytes | None, study: str) -> Stored:
    if data is None:
        return Stored("", "", NO_ROOM)
    sop_class, sop_instance, of_study = _named(data)
    failure: int | None = None
    if study and of_study != study:
        failure = MISMATCH
    else:
        try:
            kept = keep(data, by=user, via=VIA)
            log.info("arrived", arrival=str(kept.arrival.pk), via=VIA, new=kept.created)
        except NotAPhotographError:
            failure = CLASS_NOT_TAKEN
        except TooLargeError:
            failure = NO_ROOM
        except DecodeError:
            failure = DAMAGED
        except (ArrivalLost, DatabaseError):
            log.exception("arrival_refused")
            failure = NO_ROOM
        except PermissionDenied:
            raise
        except Exception:
            # Whatever may be sent, the others go on, and what is not understood is not kept.
            log.exception("arrival_not_understood")
            failure = BROKE
    return Stored(sop_class, sop_instance, failure)


def _named(data: bytes) -> tuple[str, str, str]:
    """Give SOP class, SOP instance and study as far as they can be read."""
    try:
        dataset = dicom.read(data, limits=limits(), pixels=False)
        uids = [str(dataset.get(one, "") or "") for one in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")]
    except Exception:
        return "", "", ""
    sop_class, sop_instance, study = (uid if _UID.fullmatch(uid) else "" for uid in uids)
    return sop_class, sop_instance, study


def status_of(stored: list[Stored]) -> int:
    """Give the HTTP status: all stored, some, or none (PS3.18, table 10.5.3-1)."""
    failed = sum(one.failure is not None for one in stored)
    return 200 if not failed else 409 if failed == len(stored) else 202


def answer(stored: list[Stored]) -> dict[str, Any]:
    """Say in DICOM JSON what became of each object."""
    # What is stored is not given back by WADO-RS, so each place to fetch it from is empty (type 2).
    made: dict[str, Any] = {"00081190": {"vr": "UR"}}
    good = [{**_reference(one), "00081190": {"vr": "UR"}} for one in stored if one.failure is None]
    bad = [
        {**_reference(one), "00081197": {"vr": "US", "Value": [one.failure]}}
        for one in stored
        if one.failure is not None
    ]
    if bad:
        made["00081198"] = {"vr": "SQ", "Value": bad}
    if good:
        made["00081199"] = {"vr": "SQ", "Value": good}
    return made


def _reference(one: Stored) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", **({"Value": [one.sop_class]} if one.sop_class else {})},
        "00081155": {"vr": "UI", **({"Value": [one.sop_instance]} if one.sop_instance else {})},
    }
