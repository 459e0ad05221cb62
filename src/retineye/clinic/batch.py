"""Take a whole archive in from a table, line by line, in the background; it goes on where it stopped.

The table is a CSV file with a heading. Its columns:

``path``         Where the picture lies: in the zip file, or below the folder of the server. Needed.
``patient``      The patient's number. Needed.
``eye``          right or left (also R, L, OD, OS). Needed.
``date``         The day of the visit, as 2024-05-31. Needed.
``name``         The patient's name; needed where nobody carries the number yet.
``birth_date``   As 1968-03-05.

A patient is found by the number, and never guessed: two with one number, or another name, and the line is not taken.
"""

import csv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path, PurePosixPath
from typing import IO, Final

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, membership_of, require
from retineye.clinic import intake
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Batch, BatchRow, Exam, Eye, Patient, Photograph, State, search_key
from retineye.clinic.patients import create_patient, with_number

log = structlog.get_logger(__name__)

COLUMNS: Final = ("path", "patient", "eye", "date", "name", "birth_date")
NEEDED: Final = COLUMNS[:4]
MAX_LINES: Final = 200_000
_EYES: Final = {
    "right": Eye.RIGHT, "r": Eye.RIGHT, "od": Eye.RIGHT, "left": Eye.LEFT, "l": Eye.LEFT, "os": Eye.LEFT,
}  # fmt: skip
_AHEAD: Final = 4
"""So many photographs may wait for a worker before the next line is taken: patients who sit there come first."""
_LEASE: Final = timedelta(minutes=5)
_SHOWN_FAULTS: Final = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, as it is understood."""

    line: int
    path: str
    patient_number: str
    eye: Eye
    taken_on: date
    patient_name: str
    birth_date: date | None


class LineError(Exception):
    """The line is not taken in; `str()` is a code."""


def read_table(data: bytes) -> list[Line]:
    """Read the table as a whole, or say what is wrong with it.

    Raises
    ------
    django.core.exceptions.ValidationError
        With a sentence for each of the first lines that are wrong.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ValidationError(_("Save the table as CSV in UTF-8.")) from exc
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as exc:
        raise ValidationError(_("This is no table in CSV.")) from exc
    names = [name.strip().lower() for name in rows[0]] if rows else []
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise ValidationError(_("The table needs the columns %(names)s.") % {"names": ", ".join(missing)})
    if len(rows) > MAX_LINES + 1:
        raise ValidationError(_("The table has more than %(most)d lines. Split it.") % {"most": MAX_LINES})
    lines: list[Line] = []
    faults: list[str] = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            lines.append(_line(number, dict(zip(names, row, strict=False))))
        except ValueError as exc:
            faults.append(_("Line %(number)d: %(fault)s") % {"number": number, "fault": exc})
        if len(faults) == _SHOWN_FAULTS:
            break
    if faults:
        raise ValidationError(faults)
    if not lines:
        raise ValidationError(_("The table has no lines."))
    return lines


def _line(number: int, cells: dict[str, str]) -> Line:
    values = {name: " ".join(cells.get(name, "").split()) for name in COLUMNS}
    values["path"] = cells.get("path", "").strip()
    path = PurePosixPath(values["path"].replace("\\", "/"))
    if not values["path"] or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or len(str(path)) > 500:
        raise ValueError(_("the path must lead downwards from the folder or the zip file."))
    if not values["patient"] or len(values["patient"]) > 60:
        raise ValueError(_("the patient's number is missing or too long."))
    eye = _EYES.get(values["eye"].lower())
    if eye is None:
        raise ValueError(_("the eye must be right or left."))
    return Line(
        number, str(path), values["patient"], eye, _day(values["date"]), values["name"][:200],
        _day(values["birth_date"]) if values["birth_date"] else None,
    )  # fmt: skip


def _day(written: str) -> date:
    try:
        found = parse_date(written)
    except ValueError:
        found = None
    if found is None or found > timezone.localdate():
        raise ValueError(_("write each date as 2024-05-31, not in the future."))
    return found


def batches_for(user: User) -> QuerySet[Batch]:
    """Give the batches of the person's clinic, the newest first, with the number of their lines by state."""
    membership = membership_of(user)
    if membership is None:
        return Batch.objects.none()
    counted = {state.value: Count("rows", filter=Q(rows__state=state.value)) for state in BatchRow.State}
    return Batch.objects.filter(organisation=membership.organisation_id).annotate(**counted).order_by("-created_at")


def begin(user: User, *, name: str, table: bytes, pictures: File | None = None) -> Batch:  # type: ignore[type-arg]
    """Keep a table, and its pictures where they come along; the worker takes it in.

    Parameters
    ----------
    pictures
        A zip file; None where the paths lead into the folder of the server.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not.
    django.core.exceptions.ValidationError
        If the table or the zip file can not be used.
    """
    require(user, Right.TAKE_IN_BATCH)
    lines = read_table(table)
    if pictures is None and not settings.RETINEYE_BATCH_DIR:
        raise ValidationError(_("Send the pictures as a zip file: this server has no folder for archives."))
    batch = Batch(
        organisation=user.membership.organisation,
        created_by=user,
        name=" ".join(name.split())[:100] or timezone.localdate().isoformat(),
        source=Batch.Source.FOLDER if pictures is None else Batch.Source.ZIP,
    )
    if pictures is not None:
        if not zipfile.is_zipfile(pictures):
            raise ValidationError(_("The pictures must come as a zip file."))
        pictures.seek(0)
        batch.pictures.save("", pictures, save=False)
    with transaction.atomic():
        batch.save(force_insert=True)
        BatchRow.objects.bulk_create(
            (
                BatchRow(
                    batch=batch, line=one.line, path=one.path, patient_number=one.patient_number,
                    patient_name=one.patient_name, birth_date=one.birth_date, eye=one.eye, taken_on=one.taken_on,
                )
                for one in lines
            ),
            batch_size=500,
        )  # fmt: skip
        _remember(audit.Action.BATCH_BEGUN, user, batch, lines=len(lines))
    return batch


def pause(user: User, batch: Batch) -> None:
    """Have no further line taken in for now."""
    _set(user, batch, (Batch.State.RUNNING,), Batch.State.PAUSED)


def resume(user: User, batch: Batch) -> None:
    """Go on where it was paused; lines that were refused are tried again."""
    require(user, Right.TAKE_IN_BATCH)
    with transaction.atomic():
        mine = batches_for(user).get(pk=batch.pk)
        BatchRow.objects.filter(batch=mine, state=BatchRow.State.REFUSED).update(
            state=BatchRow.State.WAITING, error="", lease_until=None
        )
        _set(user, batch, (Batch.State.PAUSED, Batch.State.DONE), Batch.State.RUNNING)


def _set(user: User, batch: Batch, before: tuple[str, ...], after: str) -> None:
    require(user, Right.TAKE_IN_BATCH)
    mine = batches_for(user).get(pk=batch.pk)
    if Batch.objects.filter(pk=mine.pk, state__in=before).update(state=after, finished_at=None):
        _remember(audit.Action.BATCH_CHANGED, user, mine, state=str(after))


def take_line() -> bool:
    """Take the next line of a running batch in; False where there is none, or enough waits for a worker already."""
    batch = Batch.objects.filter(state=Batch.State.RUNNING).order_by("created_at").first()
    if batch is None or Photograph.objects.filter(state=State.WAITING).count() >= _AHEAD:
        return False
    now = timezone.now()
    open_rows = BatchRow.objects.filter(batch=batch, state=BatchRow.State.WAITING)
    free = open_rows.filter(Q(lease_until=None) | Q(lease_until__lt=now))
    row = free.order_by("line").first()
    if row is None:
        if not open_rows.exists():
            _finish(batch)
        return False
    if free.filter(pk=row.pk).update(lease_until=now + _LEASE):
        _take(batch, row)
    return True


def _take(batch: Batch, row: BatchRow) -> None:
    error, photograph = "", None
    try:
        photograph = _photograph(batch, row)
    except LineError as exc:
        error = str(exc)
    except intake.StorageFailed:
        # The disk is full: the line stays as it is, and its lease keeps others from it for a while.
        log.warning("batch_waits", batch=str(batch.pk))
        return
    except intake.IntakeError as exc:
        error = exc.code
    except PermissionDenied:
        error = "not_allowed"
    except ValidationError as exc:
        error = getattr(exc, "code", None) or "refused"
    BatchRow.objects.filter(pk=row.pk).update(
        state=BatchRow.State.REFUSED if error else BatchRow.State.TAKEN,
        error=error[:40],
        photograph=photograph,
        lease_until=None,
    )


def _photograph(batch: Batch, row: BatchRow) -> Photograph:
    user = User.objects.select_related("membership__organisation").get(pk=batch.created_by_id)
    require(user, Right.TAKE_IN_BATCH)
    with _opened(batch, row.path) as file:
        exam = _exam(user, _patient(user, row), row.taken_on)
        return intake.receive(exam, file, eye=Eye(row.eye), by=user, via="batch").photograph


def _patient(user: User, row: BatchRow) -> Patient:
    found = with_number(user, row.patient_number)
    if len(found) > 1:
        raise LineError("several_patients")
    if not found:
        if not row.patient_name:
            raise LineError("no_patient")
        return create_patient(user, name=row.patient_name, birth_date=row.birth_date, local_id=row.patient_number)
    patient = found[0]
    if row.patient_name and sorted(search_key(row.patient_name).split()) != sorted(patient.name_key.split()):
        raise LineError("other_name")
    if row.birth_date and patient.birth_date and row.birth_date != patient.birth_date:
        raise LineError("other_birth_date")
    return patient


def _exam(user: User, patient: Patient, day: date) -> Exam:
    there = Exam.objects.filter(patient=patient, taken_on=day, cancelled_at=None, signed_at=None)
    return there.order_by("created_at").first() or create_exam(user, patient, taken_on=day)


@contextmanager
def _opened(batch: Batch, path: str) -> Iterator[IO[bytes]]:
    """Open a picture of the batch, whether it lies in the zip file or below the folder."""
    if batch.source == Batch.Source.FOLDER:
        root = Path(settings.RETINEYE_BATCH_DIR).resolve()
        place = (root / path).resolve()
        if not settings.RETINEYE_BATCH_DIR or not place.is_relative_to(root) or not place.is_file():
            raise LineError("no_file")
        with place.open("rb") as file:
            yield file
        return
    try:
        with batch.pictures.open("rb") as stored, zipfile.ZipFile(stored) as archive:
            member = archive.getinfo(path)
            if member.file_size > settings.RETINEYE_MAX_UPLOAD_BYTES:
                raise LineError("too_large")
            with archive.open(member) as file:
                # As a whole, no more than it says: what says less than it holds is cut off and found damaged.
                yield BytesIO(file.read(settings.RETINEYE_MAX_UPLOAD_BYTES + 1))
    except (KeyError, FileNotFoundError) as exc:
        raise LineError("no_file") from exc
    except (zipfile.BadZipFile, RuntimeError, EOFError) as exc:
        raise LineError("damaged") from exc


def _finish(batch: Batch) -> None:
    done = Batch.objects.filter(pk=batch.pk, state=Batch.State.RUNNING)
    if done.update(state=Batch.State.DONE, finished_at=timezone.now()):
        log.info("batch_done", batch=str(batch.pk))


def forget_pictures(now: datetime) -> int:
    """Delete the zip files of batches that were taken in a week ago."""
    old = Batch.objects.filter(state=Batch.State.DONE, finished_at__lt=now - timedelta(days=7)).exclude(pictures="")
    count = 0
    for batch in old:
        default_storage.delete(batch.pictures.name or "")
        count += Batch.objects.filter(pk=batch.pk).update(pictures="")
    return count


def _remember(action: audit.Action, user: User, batch: Batch, **detail: str | int) -> None:
    audit.record(
        action,
        actor=user,
        organisation=batch.organisation_id,
        object_type="batch",
        object_id=batch.pk,
        detail=detail,
    )
