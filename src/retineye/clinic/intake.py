"""THE door for a photograph, whoever brings it.

IntakeError
├── Unreadable               the bytes are no picture that can be graded
├── SameForOtherEye          the same bytes are there already, as the other eye
├── KnownUnderOtherPatient   the same bytes belong to another patient: a person decides
└── StorageFailed            the store does not take the file; nothing is left behind

Files come before rows: a file without a row is harmless and swept, a row without its file can not arise.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import queue, standing
from retineye.clinic.access import exams_for, photographs_for
from retineye.clinic.grade import limits
from retineye.clinic.models import Exam, Eye, Field, Photograph
from retineye.clinic.models.exam import original_place
from retineye.grading.decode import Header, decode, probe
from retineye.grading.errors import DecodeError, TooLargeError

_CHUNK = 1024 * 1024
# Pictures up to this size are decoded at the door, small, to find out whether they break off. Larger ones would cost
# the web process too much memory: their worker finds out.
_CHECKED_PIXELS = 25_000_000


class IntakeError(Exception):
    """The photograph is not taken. `str()` is the sentence, `advice` what to do."""

    code: str = "refused"
    advice: str = ""


class Unreadable(IntakeError):
    """The bytes are no picture that can be graded; `code` is the decoder's."""

    def __init__(self, cause: DecodeError) -> None:
        super().__init__(str(cause))
        self.code = cause.code
        self.advice = cause.advice


class SameForOtherEye(IntakeError):
    """One photograph can not show both eyes."""

    code = "same_for_other_eye"
    advice = "Look at which eye it shows, and send the other eye's own photograph."


class KnownUnderOtherPatient(IntakeError):
    """The same file was sent for somebody else: one of the two is the wrong patient."""

    code = "known_under_other_patient"
    advice = "Check whose eye it is before you go on."

    def __init__(self, photographs: Sequence[Photograph]) -> None:
        super().__init__("This very file belongs to another patient already.")
        self.photographs = tuple(photographs)


class StorageFailed(IntakeError):
    """The store is full or out of order."""

    code = "storage_failed"
    advice = "Nothing was kept. Tell whoever runs the server, and send the photograph again later."


class Stream(Protocol):
    """Something that gives bytes piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Give up to so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Received:
    """The photograph, and whether it is new."""

    photograph: Photograph
    created: bool


@dataclass(frozen=True, slots=True)
class _Arrived:
    path: Path
    sha256: str
    size: int
    header: Header


def receive(
    exam: Exam,
    stream: Stream,
    *,
    eye: Eye,
    by: User,
    via: str,
    field: Field = Field.UNKNOWN,
    confirmed_other_patient: bool = False,
) -> Received:
    """Take a photograph in: write it to disk while hashing, look at it, keep it, and tell the workers.

    1. Write the bytes aside, no more than the limit, and read the header.
    2. Already in this exam? Give that one; as the other eye, refuse. Under another patient? A person decides.
    3. Move the file into the store, then write the row, the message and the audit in one transaction.

    Parameters
    ----------
    by
        Who brings it; the exam must be of the person's own clinic.
    via
        The door: web, api, dicom, folder.
    confirmed_other_patient
        A person has looked and says that identical bytes under another patient are right.

    Raises
    ------
    IntakeError
        See the tree above; nothing is kept.
    Exam.DoesNotExist
        If it is another clinic's exam.
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    """
    require(by, Right.SEND_PHOTOGRAPH)
    exam = exams_for(by).get(pk=exam.pk)
    with tempfile.TemporaryDirectory(prefix="photograph-", dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        arrived = _write_aside(stream, Path(folder) / "original")
        known = _known(exam, arrived.sha256, eye, by, confirmed_other_patient)
        if known is not None:
            return Received(known, created=False)
        photograph = Photograph(
            exam=exam,
            eye=eye,
            field=field,
            sha256=arrived.sha256,
            bytes=arrived.size,
            mime=arrived.header.mime,
            width_px=arrived.header.width_px,
            height_px=arrived.header.height_px,
            created_by=by,
            via=via,
        )
        photograph.original.name = _keep(arrived.path, original_place(photograph, ""))
    try:
        _write_row(photograph, by, confirmed_other_patient)
    except BaseException as exc:
        _drop(photograph.original.name)
        # The same bytes came twice at one moment, and the other one's row was first.
        first = _known(exam, arrived.sha256, eye, by, True) if isinstance(exc, IntegrityError) else None
        if first is None:
            raise
        return Received(first, created=False)
    return Received(photograph, created=True)


def _write_aside(stream: Stream, path: Path) -> _Arrived:
    bounds = limits()
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("xb") as file:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > bounds.max_bytes:
                    raise Unreadable(TooLargeError(f"The file has more than {bounds.max_bytes} bytes."))
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        data = path.read_bytes()
    except OSError as exc:
        raise StorageFailed("The photograph could not be stored.") from exc
    try:
        header = probe(data, limits=bounds)
        if header.width_px * header.height_px <= _CHECKED_PIXELS:
            decode(data, limits=bounds, reduce_to_px=1)
    except DecodeError as exc:
        raise Unreadable(exc) from exc
    return _Arrived(path, digest.hexdigest(), size, header)


def _known(exam: Exam, sha256: str, eye: Eye, by: User, confirmed: bool) -> Photograph | None:
    alike = list(photographs_for(by).filter(sha256=sha256).order_by("created_at"))
    own = [photograph for photograph in alike if photograph.exam.patient_id == exam.patient_id]
    if any(photograph.eye != eye for photograph in own):
        raise SameForOtherEye("This very file is there already as the patient's other eye.")
    here = [photograph for photograph in own if photograph.exam_id == exam.pk]
    if here:
        return here[0]
    others = [photograph for photograph in alike if photograph.exam.patient_id != exam.patient_id]
    if others and not confirmed:
        raise KnownUnderOtherPatient(others)
    return None


class _FileToMove(File):  # type: ignore[type-arg]  # generic in the stubs alone
    """A file that the store may take over by renaming it: then it is there as a whole or not at all."""

    def temporary_file_path(self) -> str:
        """Say where it lies."""
        return str(self.name)


def _keep(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            return default_storage.save(place, _FileToMove(file, name=str(path)))
    except OSError as exc:
        _drop(place)
        raise StorageFailed("The photograph could not be stored.") from exc


def _drop(place: str) -> None:
    # What can not be deleted now has no row, so the sweep deletes it later.
    with suppress(OSError):
        default_storage.delete(place)


def _write_row(photograph: Photograph, by: User, confirmed: bool) -> None:
    with transaction.atomic():
        exam = standing.lock(photograph.exam_id)
        photograph.save(force_insert=True)
        queue.enqueue(photograph.pk)
        standing.refresh(exam)
        for action in (
            audit.Action.PHOTOGRAPH_RECEIVED,
            *([audit.Action.OTHER_PATIENT_CONFIRMED] if confirmed else []),
        ):
            audit.record(
                action,
                actor=by,
                organisation=exam.patient.organisation_id,
                object_type="photograph",
                object_id=photograph.pk,
                detail={"eye": photograph.eye, "via": photograph.via, "sha256": photograph.sha256},
            )
