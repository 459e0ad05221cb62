"""THE door for a photograph, whoever brings it.

IntakeError
├── Unreadable               the bytes are no picture that can be graded
├── HoldsSeveral             the file holds several photographs, which are taken one by one
├── SameForOtherEye          the same bytes are there already, as the other eye
├── ExamClosed               the exam takes no more photographs
├── Asks                     a person decides, and brings the photograph again with the answer
│   ├── KnownUnderOtherPatient   the same bytes belong to another patient
│   ├── NamesOtherPatient        the file names another patient
│   ├── SaysOtherEye             the file says that it shows the other eye
│   └── OddDate                  it can hardly have been taken when the file says
└── StorageFailed            the store does not take the file; nothing is left behind

Files come before rows: a file without a row is harmless and swept, a row without its file can not arise.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import queue, standing
from retineye.clinic.access import exams_for, photographs_for
from retineye.clinic.capture import Said, doubt_about, names_another, said_by
from retineye.clinic.closed import Closed, refuse_if_closed, refuse_if_signed, refuse_without_consent
from retineye.clinic.grade import limits
from retineye.clinic.models import Exam, Eye, Field, Photograph
from retineye.clinic.models.exam import original_place
from retineye.clinic.settings import settings_of, zone_of
from retineye.grading.decode import Header, decode, probe
from retineye.grading.errors import DecodeError, TooLargeError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

_CHUNK = 1024 * 1024
# Pictures up to this size are decoded at the door, small, to find out whether they break off. Larger ones would cost
# the web process too much memory: their worker finds out.
_CHECKED_PIXELS = 25_000_000


class IntakeError(Exception):
    """The photograph is not taken. `str()` is the sentence, `advice` what to do."""

    code: str = "refused"
    advice: "str | StrPromise" = ""


class Unreadable(IntakeError):
    """The bytes are no picture that can be graded; `code` is the decoder's."""

    def __init__(self, cause: DecodeError) -> None:
        super().__init__(str(cause))
        self.code = cause.code
        self.advice = cause.advice


class SameForOtherEye(IntakeError):
    """One photograph can not show both eyes."""

    code = "same_for_other_eye"
    advice = gettext_lazy("Look at which eye it shows, and send the other eye's own photograph.")


class HoldsSeveral(IntakeError):
    """The file holds several photographs, and each has an eye of its own."""

    code = "holds_several"
    advice = gettext_lazy("Send it by the page of the exam, which takes it apart.")


class ExamClosed(IntakeError):
    """The exam is cancelled or signed."""

    code = "exam_closed"


class Question(StrEnum):
    """What a person may have answered already: go on all the same."""

    OTHER_PATIENT = "other_patient"
    """Identical bytes under another patient are right."""
    PATIENT_NAMED = "patient_named"
    """The file names somebody else, and is this patient's."""
    OTHER_EYE = "other_eye"
    """The file is wrong about the eye."""
    DATE = "date"
    """The file's day is wrong, or right and meant."""


class Asks(IntakeError):
    """Only a person can say whether this is right; `question` is what to confirm."""

    question: Question


class NamesOtherPatient(Asks):
    """The file names another patient than the exam's. The names are in `said` and not in the message: logs keep it."""

    code = "names_other_patient"
    question = Question.PATIENT_NAMED
    advice = gettext_lazy("Compare it with the patient in front of you before you go on.")

    def __init__(self, said: Said) -> None:
        super().__init__(_("The file names another patient."))
        self.said = said


class SaysOtherEye(Asks):
    """The file says that it shows the other eye."""

    code = "says_other_eye"
    question = Question.OTHER_EYE
    advice = gettext_lazy("Look at the photograph: the optic disc is on the side of the nose.")

    def __init__(self, eye: Eye) -> None:
        super().__init__(
            _("The file says that this is the right eye.")
            if eye is Eye.RIGHT
            else _("The file says that this is the left eye.")
        )
        self.eye = eye


class OddDate(Asks):
    """The photograph can hardly have been taken when the file says."""

    code = "odd_date"
    question = Question.DATE
    advice = gettext_lazy("Check that it is today's photograph of this patient, and set the camera's clock.")

    def __init__(self, taken_on: date, doubt: str) -> None:
        super().__init__(_("The camera says that it was taken on %(day)s.") % {"day": date_format(taken_on, "j M Y")})
        self.taken_on = taken_on
        self.doubt = doubt


class KnownUnderOtherPatient(Asks):
    """The same file was sent for somebody else: one of the two is the wrong patient."""

    code = "known_under_other_patient"
    question = Question.OTHER_PATIENT
    advice = gettext_lazy("Check whose eye it is before you go on.")

    def __init__(self, photographs: Sequence[Photograph]) -> None:
        super().__init__(_("This very file belongs to another patient already."))
        self.photographs = tuple(photographs)


class StorageFailed(IntakeError):
    """The store is full or out of order."""

    code = "storage_failed"
    advice = gettext_lazy("Nothing was kept. Tell whoever runs the server, and send the photograph again later.")


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
    said: Said


def receive(
    exam: Exam,
    stream: Stream,
    *,
    eye: Eye,
    by: User,
    via: str,
    field: Field = Field.UNKNOWN,
    confirmed_other_patient: bool = False,
    confirmed: Collection[Question] = (),
) -> Received:
    """Take a photograph in: write it to disk while hashing, look at it, keep it, and tell the workers.

    1. Write the bytes aside, no more than the limit, and read the header.
    2. Already in this exam? Give that one; as the other eye, refuse. Under another patient? A person decides.
    3. What the file says of patient, eye and day is held against the exam. Where it does not fit, a person decides.
    4. Move the file into the store, then write the row, the message and the audit in one transaction.

    Parameters
    ----------
    by
        Who brings it; the exam must be of the person's own clinic.
    via
        The door: web, api, dicom, folder.
    confirmed_other_patient
        The same as `Question.OTHER_PATIENT` among those confirmed.
    confirmed
        What a person has looked at and says is right.

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
    answered = {*confirmed, *([Question.OTHER_PATIENT] if confirmed_other_patient else [])}
    with tempfile.TemporaryDirectory(prefix="photograph-", dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        arrived = _write_aside(stream, Path(folder) / "original")
        known = _known(exam, arrived.sha256, eye, by, Question.OTHER_PATIENT in answered)
        if known is not None:
            return Received(known, created=False)
        taken_at = _moment(exam, arrived.said)
        _ask(exam, arrived.said, eye, taken_at, answered)
        photograph = Photograph(
            exam=exam,
            eye=eye,
            field=arrived.said.field if field == Field.UNKNOWN else field,
            sha256=arrived.sha256,
            bytes=arrived.size,
            mime=arrived.header.mime,
            width_px=arrived.header.width_px,
            height_px=arrived.header.height_px,
            taken_at=taken_at,
            camera=arrived.said.camera,
            created_by=by,
            via=via,
        )
        photograph.original.name = _keep(arrived.path, original_place(photograph, ""))
    try:
        _write_row(photograph, by, answered)
    except BaseException as exc:
        _drop(photograph.original.name)
        # The same bytes came twice at one moment, and the other one's row was first.
        first = _known(exam, arrived.sha256, eye, by, True) if isinstance(exc, IntegrityError) else None
        if first is None:
            if isinstance(exc, Closed):
                raise ExamClosed(" ".join(exc.messages)) from exc
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
        raise StorageFailed(_("The photograph could not be stored.")) from exc
    try:
        header = probe(data, limits=bounds)
        said = said_by(data)
        if said.photographs > 1:
            raise HoldsSeveral(_("The file holds %(count)d photographs.") % {"count": said.photographs})
        if header.width_px * header.height_px <= _CHECKED_PIXELS:
            decode(data, limits=bounds, reduce_to_px=1)
    except DecodeError as exc:
        raise Unreadable(exc) from exc
    return _Arrived(path, digest.hexdigest(), size, header, said)


def _moment(exam: Exam, said: Said) -> datetime | None:
    if said.taken_at is None or timezone.is_aware(said.taken_at):
        return said.taken_at
    # A camera knows no zones: its clock shows the clinic's time.
    return said.taken_at.replace(tzinfo=zone_of(exam.patient.organisation_id))


def _ask(exam: Exam, said: Said, eye: Eye, taken_at: datetime | None, answered: Collection[Question]) -> None:
    if Question.PATIENT_NAMED not in answered and (said.patient_id or said.patient_name or said.birth_date):
        numbers = [exam.patient.local_id, *exam.patient.identifiers.values_list("value", flat=True)]
        if names_another(said, exam.patient, numbers):
            raise NamesOtherPatient(said)
    if Question.OTHER_EYE not in answered and said.eye not in (None, eye):
        raise SaysOtherEye(said.eye)
    if Question.DATE not in answered and taken_at is not None:
        clinic, zone = exam.patient.organisation_id, zone_of(exam.patient.organisation_id)
        taken_on, today = taken_at.astimezone(zone).date(), timezone.localdate(timezone=zone)
        doubt = doubt_about(taken_on, today, exam.taken_on, settings_of(clinic).capture_warn_days)
        if doubt:
            raise OddDate(taken_on, doubt)


def _known(exam: Exam, sha256: str, eye: Eye, by: User, confirmed: bool) -> Photograph | None:
    alike = list(photographs_for(by).filter(sha256=sha256).order_by("created_at"))
    own = [photograph for photograph in alike if photograph.exam.patient_id == exam.patient_id]
    if any(photograph.eye != eye for photograph in own):
        raise SameForOtherEye(_("This very file is there already as the patient's other eye."))
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
        raise StorageFailed(_("The photograph could not be stored.")) from exc


def _drop(place: str) -> None:
    # What can not be deleted now has no row, so the sweep deletes it later.
    with suppress(OSError):
        default_storage.delete(place)


def _write_row(photograph: Photograph, by: User, answered: Collection[Question]) -> None:
    with transaction.atomic():
        exam = standing.lock(photograph.exam_id)
        refuse_if_closed(exam)
        refuse_if_signed(exam)
        refuse_without_consent(exam)
        photograph.save(force_insert=True)
        queue.enqueue(photograph.pk, via=photograph.via)
        standing.refresh(exam)
        for action in (
            audit.Action.PHOTOGRAPH_RECEIVED,
            *([audit.Action.OTHER_PATIENT_CONFIRMED] if Question.OTHER_PATIENT in answered else []),
        ):
            audit.record(
                action,
                actor=by,
                organisation=exam.patient.organisation_id,
                object_type="photograph",
                object_id=photograph.pk,
                detail={
                    "eye": photograph.eye,
                    "via": photograph.via,
                    "sha256": photograph.sha256,
                    **({"confirmed": "+".join(sorted(answered))} if answered else {}),
                },
            )
