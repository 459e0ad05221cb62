"""Files that arrive piece by piece, over a line that breaks.

1. `begin` makes a row under the browser's own id; asked twice, it gives the row that is there.
2. `append` writes a piece at the offset where the row stands; at any other it says the right one (`WrongOffset`).
3. `pieces.finish` takes the whole apart where it holds several photographs, or hands it to `intake.receive`.

UploadError
├── WrongOffset      a piece does not begin where the last one ended
├── TooLarge         more bytes than a photograph may have
├── TooMany          too much lies unfinished already
├── Changed          the bytes that arrived are not those that were sent
├── Incomplete       it is not all here yet
└── Gone             its bytes are no longer there: send them again
"""

import hashlib
import os
import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, Eye, Field, Upload

log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(hours=48)
"""So long an upload waits for its next piece, or for a person."""
MAX_OPEN: Final = 500
"""Files of one person that lie unfinished."""
MAX_OPEN_SETS: Final = 16
"""And their bytes together, in largest photographs."""

_FREE_BYTES: Final = 512 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


class UploadError(Exception):
    """The upload does not go on; `str()` is a sentence for a person."""

    code = "upload"
    again = False
    """The same may be tried again."""


class WrongOffset(UploadError):
    """The piece does not begin where the last one ended."""

    code = "wrong_offset"

    def __init__(self, offset: int) -> None:
        super().__init__(_("The photograph goes on from another place."))
        self.offset = offset


class TooLarge(UploadError):
    """It has more bytes than are accepted."""

    code = "upload_too_large"


class TooMany(UploadError):
    """The person has too much under way, or the disk is full."""

    code = "too_many_uploads"
    again = True


class Changed(UploadError):
    """What arrived is not what was sent; it begins anew."""

    code = "upload_changed"
    again = True


class Incomplete(UploadError):
    """There is more to come."""

    code = "upload_incomplete"
    again = True


class Gone(UploadError):
    """The bytes are no longer here."""

    code = "upload_gone"
    again = True


def uploads_for(user: User) -> QuerySet[Upload]:
    """Give the person's own uploads into exams of the clinic: nobody else sees them."""
    return Upload.objects.filter(user=user, exam__in=exams_for(user)).select_related("exam__patient")


def begin(
    user: User,
    exam: Exam,
    upload_id: UUID,
    *,
    size: int,
    eye: Eye | None = None,
    field: Field = Field.UNKNOWN,
    hint: Eye | None = None,
    sha256: str = "",
) -> Upload:
    """Make room for a file, or give the one that is there under this id.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    Exam.DoesNotExist
        If it is another clinic's exam, or the id is somebody else's.
    UploadError
        TooLarge, TooMany.
    """
    require(user, Right.SEND_PHOTOGRAPH)
    exam = exams_for(user).get(pk=exam.pk)
    there = _same(user, exam, upload_id, size)
    if there is not None:
        return there
    _refuse_too_much(user, size)
    try:
        with transaction.atomic():
            return Upload.objects.create(
                id=upload_id,
                exam=exam,
                user=user,
                bytes=size,
                eye=eye or "",
                field=field,
                hint=hint or "",
                sha256=sha256,
            )
    except IntegrityError:
        first = _same(user, exam, upload_id, size)
        if first is None:
            raise
        return first


def _same(user: User, exam: Exam, upload_id: UUID, size: int) -> Upload | None:
    there = Upload.objects.filter(pk=upload_id).select_related("exam__patient").first()
    if there is None:
        return None
    if there.user_id != user.pk or there.exam_id != exam.pk or there.bytes != size:
        raise Exam.DoesNotExist
    if there.received and there.photograph_id is None and there.opened_at is None and not place_of(there).exists():
        # Somebody cleared the disk: the browser still has it.
        Upload.objects.filter(pk=there.pk).update(received=0)
        there.received = 0
    return there


def _refuse_too_much(user: User, size: int) -> None:
    most = settings.RETINEYE_MAX_UPLOAD_BYTES
    if size > most:
        raise TooLarge(
            _("The file is larger than this service accepts (%(mib)d MiB). Send it in smaller parts.")
            % {"mib": most // 1024 // 1024}
        )
    mine = Upload.objects.filter(user=user, photograph=None, opened_at=None)
    lying = mine.aggregate(total=Sum("bytes"))["total"] or 0
    if mine.count() >= MAX_OPEN or lying + size > MAX_OPEN_SETS * most:
        raise TooMany(_("Too many photographs wait already. Say of those which eye they are, then go on."))
    if shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free < size * 3 + _FREE_BYTES:
        raise TooMany(_("The server's disk is nearly full. Tell whoever runs it; the photograph stays on this device."))


def append(user: User, upload: Upload, offset: int, data: bytes) -> int:
    """Write a piece at an offset and give where the next one begins.

    The bytes come before the row, so that a row never counts bytes that are not there. Of two that write at the same
    place one counts, and both hold the same bytes.

    Raises
    ------
    UploadError
        WrongOffset, TooLarge.
    """
    if offset != upload.received or upload.photograph_id or upload.opened_at:
        raise WrongOffset(upload.received)
    if offset + len(data) > upload.bytes:
        raise TooLarge(_("More arrived than was announced. Send the photograph again."))
    path = place_of(upload)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.seek(offset)
            file.write(data)
    except OSError as exc:
        raise TooMany(_("The photograph could not be stored on the server. It stays on this device.")) from exc
    moved = Upload.objects.filter(pk=upload.pk, received=offset).update(
        received=F("received") + len(data), touched_at=timezone.now()
    )
    if not moved:
        raise WrongOffset(Upload.objects.values_list("received", flat=True).get(pk=upload.pk))
    upload.received = offset + len(data)
    return upload.received


def leave_out(upload: Upload) -> None:
    """Forget an upload and its bytes."""
    place_of(upload).unlink(missing_ok=True)
    upload.delete()


def place_of(upload: Upload) -> Path:
    """Say where an upload's bytes lie until they are taken."""
    return _folder() / str(upload.pk)


def _folder() -> Path:
    return Path(settings.FILE_UPLOAD_TEMP_DIR) / "uploads"


def expire(now: datetime) -> int:
    """Forget uploads that nobody touched for two days, and bytes without a row; give how many."""
    stale = Upload.objects.filter(touched_at__lt=now - KEPT_FOR)
    forgotten = 0
    for upload in stale[:1000]:
        leave_out(upload)
        forgotten += 1
    old = (now - KEPT_FOR).timestamp()
    for path in _folder().glob("*"):
        with suppress(OSError, ValueError):
            if path.stat().st_mtime < old and not Upload.objects.filter(pk=UUID(path.name)).exists():
                path.unlink()
                forgotten += 1
    if forgotten:
        log.info("uploads_forgotten", uploads=forgotten)
    return forgotten


def whole(upload: Upload) -> Path:
    """Say where an upload lies that has arrived as a whole, byte for byte.

    Raises
    ------
    UploadError
        Incomplete, Gone, Changed.
    """
    if upload.received < upload.bytes:
        raise Incomplete(_("The photograph has not arrived as a whole yet."))
    path = place_of(upload)
    if not path.exists() and upload.bytes:
        raise Gone(_("The photograph is no longer on the server. Send it again."))
    if not upload.bytes:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    if upload.sha256 and _sha256(path) != upload.sha256:
        path.unlink(missing_ok=True)
        Upload.objects.filter(pk=upload.pk).update(received=0)
        raise Changed(_("The photograph was damaged on the way. It is sent again."))
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
