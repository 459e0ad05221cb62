"""What has arrived becomes photographs of the exam: at once, or after a person has said which eye each one is."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.clinic import archive, intake
from retineye.clinic.capture import NOTHING, Said, look, said_by, taken_apart
from retineye.clinic.models import Exam, Eye, Field, Upload
from retineye.clinic.sides import Guess, eye_by_name, field_by_name, guess
from retineye.clinic.uploads import TooMany, UploadError, place_of, uploads_for, whole
from retineye.grading.errors import DecodeError


class NotTaken(UploadError):
    """The archive can not be taken apart, or holds no photograph."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class NameSaysOtherEye(intake.SaysOtherEye):
    """The file's name speaks of the other eye."""

    code = "name_says_other_eye"

    def __init__(self, eye: Eye) -> None:
        super().__init__(eye)
        self.args = (
            _("The file's name speaks of the right eye.")
            if eye is Eye.RIGHT
            else _("The file's name speaks of the left eye."),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """A photograph that is all here and waits for a person to say which eye it is."""

    upload: Upload
    said: Said
    guess: Guess

    @property
    def field(self) -> Field:
        """Give what it is centred on, as far as anything says so."""
        return Field(self.upload.field) if self.upload.field != Field.UNKNOWN else self.said.field


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of an upload: one photograph, or pieces that a person has to look at."""

    received: intake.Received | None
    pieces: tuple[Piece, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """Name and reason of each file in the archive that was not taken."""


def finish(
    user: User,
    upload: Upload,
    *,
    eye: Eye | None,
    field: Field = Field.UNKNOWN,
    confirmed: Collection[intake.Question] = (),
) -> Finished:
    """Take what has arrived: one photograph of a known eye goes into the exam, anything else asks a person.

    Asked twice it answers alike.

    Parameters
    ----------
    eye
        The eye as the person says; None where nobody has said it yet.
    confirmed
        What the person has looked at and says is right.

    Raises
    ------
    UploadError
        NotTaken, and those of `uploads.whole`.
    intake.IntakeError
        See there. The bytes stay, so that a person's answer needs no second sending.
    """
    if upload.photograph is not None:
        return Finished(intake.Received(upload.photograph, created=False))
    if upload.opened_at is not None:
        return Finished(None, tuple(pieces_of(user, upload.exam)))
    path = whole(upload)
    with path.open("rb") as file:
        head = file.read(132)
    if archive.is_archive(head):
        return _open_archive(user, upload, path)
    if upload.number is None and _holds_several(path):
        return _open_frames(user, upload, path)
    if eye is None:
        return Finished(None, (_piece(upload),))
    if upload.hint and upload.hint != eye and intake.Question.OTHER_EYE not in confirmed:
        raise NameSaysOtherEye(Eye(upload.hint))
    with path.open("rb") as file:
        received = intake.receive(upload.exam, file, eye=eye, by=user, via="web", field=field, confirmed=confirmed)
    Upload.objects.filter(pk=upload.pk).update(photograph=received.photograph, touched_at=timezone.now())
    path.unlink(missing_ok=True)
    return Finished(received)


def pieces_of(user: User, exam: Exam) -> Iterator[Piece]:
    """Give the photographs that are all here and wait for the person to say which eye they are."""
    waiting = uploads_for(user).filter(exam=exam, photograph=None, opened_at=None, received=F("bytes"))
    for upload in waiting.order_by("created_at", "number"):
        if place_of(upload).exists():
            yield _piece(upload)


def _piece(upload: Upload) -> Piece:
    said = NOTHING
    with suppress(DecodeError, OSError):
        said = said_by(place_of(upload).read_bytes())
    by_name = Eye(upload.hint) if upload.hint else None
    found = guess(in_file=said.eye, by_name=by_name)
    if found.eye is None and not found.conflict and upload.eye:
        # The lane that the whole was dropped into.
        found = Guess(Eye(upload.eye))
    return Piece(upload, said, found)


def _holds_several(path: Path) -> bool:
    try:
        return said_by(path.read_bytes()).photographs > 1
    except DecodeError:
        # Intake says in words what is wrong with it.
        return False


def _open_frames(user: User, upload: Upload, path: Path) -> Finished:
    try:
        frames = taken_apart(path.read_bytes())
    except DecodeError as exc:
        raise intake.Unreadable(exc) from exc
    return _part(user, upload, ((frame, "") for frame in frames), [])


def _open_archive(user: User, upload: Upload, path: Path) -> Finished:
    left_out: list[tuple[str, str]] = []
    try:
        return _part(user, upload, _photographs(path, left_out), left_out)
    except archive.ArchiveError as exc:
        raise NotTaken(str(exc), exc.code) from exc


def _photographs(path: Path, left_out: list[tuple[str, str]]) -> Iterator[tuple[bytes, str]]:
    for member in archive.members(path, max_bytes=settings.RETINEYE_MAX_UPLOAD_BYTES):
        name = member.name.replace("\\", "/").rsplit("/", 1)[-1][:120]
        if not member.data:
            left_out.append((name, _("It is empty, or locked with a password.")))
        elif archive.is_archive(member.data):
            left_out.append((name, _("An archive inside an archive is not opened.")))
        else:
            try:
                look(member.data)
                apart = taken_apart(member.data)
            except DecodeError as exc:
                left_out.append((name, exc.advice))
                continue
            for data in apart:
                yield data, member.name


def _part(
    user: User, upload: Upload, photographs: Iterator[tuple[bytes, str]], left_out: list[tuple[str, str]]
) -> Finished:
    # Files before rows, as everywhere; of an archive that turns out to be a bomb none of them stays.
    rows: list[Upload] = []
    try:
        for number, (data, name) in enumerate(photographs, start=1):
            rows.append(_row(user, upload, number, len(data), name))
            place_of(rows[-1]).write_bytes(data)
            place_of(rows[-1]).chmod(0o600)
        if not rows:
            raise NotTaken(_("The archive holds no photograph that can be read."), "archive_empty")
        with transaction.atomic():
            mine = Upload.objects.filter(pk=upload.pk, opened_at=None).update(opened_at=timezone.now())
            if mine:
                Upload.objects.bulk_create(rows)
    except BaseException as exc:
        _clear(rows)
        if isinstance(exc, OSError):
            raise TooMany(_("The photograph could not be stored on the server. It stays on this device.")) from exc
        raise
    if not mine:
        _clear(rows)
        return Finished(None, tuple(pieces_of(user, upload.exam)))
    place_of(upload).unlink(missing_ok=True)
    return Finished(None, tuple(_piece(row) for row in rows), tuple(left_out))


def _row(user: User, upload: Upload, number: int, size: int, name: str) -> Upload:
    field = field_by_name(name) if name else Field.UNKNOWN
    return Upload(
        id=uuid4(),
        exam=upload.exam,
        user=user,
        eye=upload.eye,
        field=upload.field if field is Field.UNKNOWN else field,
        hint=(eye_by_name(name) or "") if name else upload.hint,
        number=number,
        bytes=size,
        received=size,
    )


def _clear(rows: list[Upload]) -> None:
    for row in rows:
        place_of(row).unlink(missing_ok=True)
