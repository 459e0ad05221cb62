"""What machines bring: safe on disk first, then filed under patient and eye, or laid into the tray for a person.

A machine is told "success" when `keep` has returned: then the bytes and the row are on disk. Filing follows, in a
process that a damaged picture may kill without harm, and may happen twice: `intake.receive` gives the same photograph.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed, membership_of, require
from retineye.clinic import intake
from retineye.clinic.access import exams_for
from retineye.clinic.capture import Said, look, said_by, taken_apart
from retineye.clinic.closed import is_signed
from retineye.clinic.exams import create_exam
from retineye.clinic.grade import limits
from retineye.clinic.matching import Named, Unmatched, carries, whose
from retineye.clinic.models import Arrival, Exam, Eye, Field, Patient, Photograph, Sender
from retineye.clinic.models.exchange import arrival_place
from retineye.clinic.settings import zone_of
from retineye.grading import dicom
from retineye.grading.errors import DecodeError

log = structlog.get_logger(__name__)

TRIES = 3
"""A file that killed so many processes goes into the tray unread."""
LEASE = timedelta(minutes=2)


class ArrivalLost(OSError):
    """The bytes could not be made safe: the machine keeps them and sends them again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The arrival, and whether it is new."""

    arrival: Arrival
    created: bool


@dataclass(frozen=True, slots=True)
class FileName:
    """A file's name, and what it says by the patterns that the clinic set. Empty or None: nothing."""

    path: str
    """Below the folder, so that a person can find it again."""
    number: str = ""
    order: str = ""
    name: str = ""
    birth_date: date | None = None
    eye: Eye | None = None
    field: Field = Field.UNKNOWN
    on: date | None = None
    at: time | None = None
    doubt: Arrival.Reason | None = None
    """Why the name says nothing: no pattern fits, or several do."""


def arrivals_for(user: Person) -> QuerySet[Arrival]:
    """Give what came for the person's clinic."""
    membership = membership_of(user)
    if membership is None or not allowed(user, Right.VIEW_PATIENTS):
        return Arrival.objects.none()
    return Arrival.objects.select_related("sender").filter(organisation=membership.organisation_id)


def tray_for(user: Person) -> QuerySet[Arrival]:
    """Give what waits for a person to say where it belongs, the oldest first."""
    return arrivals_for(user).filter(state=Arrival.State.TO_ASSIGN).order_by("created_at", "id")


def keep(data: bytes, *, by: User, via: str, sender: Sender | None = None, named: FileName | None = None) -> Kept:
    """Make a file safe: on disk, with a row. The same file a second time gives the first row.

    Parameters
    ----------
    named
        Of a folder's file: its name. A picture that is no DICOM file says by it alone whose it is and which eye.

    Raises
    ------
    retineye.grading.errors.DecodeError
        If it holds no photograph; nothing is kept.
    ArrivalLost
        If it could not be written.
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    """
    require(by, Right.SEND_PHOTOGRAPH)
    arrival = _tagged(data) if named is None or dicom.is_dicom(data) else _plain(data, named)
    arrival.organisation, arrival.sender, arrival.by, arrival.via = by.membership.organisation, sender, by, via
    arrival.sha256, arrival.bytes = hashlib.sha256(data).hexdigest(), len(data)
    arrival.taken_at = _aware(arrival.taken_at, arrival.organisation_id)
    if named is not None:
        _hold_against(arrival, named)
    same = Arrival.objects.filter(
        organisation=arrival.organisation, sop_instance_uid=arrival.sop_instance_uid, sha256=arrival.sha256
    )
    known = same.first()
    if known is not None:
        return Kept(known, created=False)
    arrival.file.name = _write(data, arrival_place(arrival, ""))
    try:
        with transaction.atomic():
            arrival.save(force_insert=True)
            _remember(audit.Action.ARRIVED, by, arrival)
    except BaseException as exc:
        _delete(arrival.file.name)
        # The same file came twice at one moment, and the other one's row was first.
        first = same.first() if isinstance(exc, IntegrityError) else None
        if first is None:
            raise
        return Kept(first, created=False)
    return Kept(arrival, created=True)


def _tagged(data: bytes) -> Arrival:
    picture = dicom.describe(data, limits=limits())
    return Arrival(
        sop_instance_uid=picture.sop_instance_uid[:64],
        sop_class=picture.sop_class,
        patient_id=picture.patient_id[:100],
        issuer=picture.issuer[:100],
        patient_name=picture.patient_name[:200],
        birth_date=picture.birth_date,
        accession=picture.accession[:64],
        eye=picture.eye.value if picture.eye else "",
        field=picture.field if picture.field in Field.values else Field.UNKNOWN,
        taken_at=picture.taken_at,
    )


def _plain(data: bytes, named: FileName) -> Arrival:
    look(data)
    return Arrival(
        patient_id=named.number[:100],
        patient_name=named.name[:200],
        birth_date=named.birth_date,
        accession=named.order[:64],
        eye=named.eye.value if named.eye else "",
        field=named.field,
        taken_at=_taken(named, said_by(data)),
    )


def _taken(named: FileName, said: Said) -> datetime | None:
    # What the camera wrote into the file knows the moment; the name knows the day, and wins where there is no other.
    if named.on is None or (said.taken_at is not None and said.taken_at.date() == named.on):
        return said.taken_at
    return datetime.combine(named.on, named.at or time())


def _hold_against(arrival: Arrival, named: FileName) -> None:
    """Write down the name of a folder's file, and leave it to a person where name and file do not agree."""
    arrival.file_name = named.path[-300:]
    doubt = named.doubt if not arrival.sop_class else None
    if arrival.sop_class and named.doubt is None:
        other_patient = named.number and arrival.patient_id and named.number.casefold() != arrival.patient_id.casefold()
        other_eye = named.eye and arrival.eye and named.eye != arrival.eye
        if other_patient or other_eye:
            doubt = Arrival.Reason.NAME_AND_FILE
    if doubt is not None:
        arrival.state, arrival.reason = Arrival.State.TO_ASSIGN, doubt


def is_other(arrival: Arrival, named: FileName) -> bool:
    """Say whether a name gives the very file that is here already to another patient, or to the other eye."""
    if arrival.exam is None:
        # What came first may have said nothing: then it lies in the tray, and a person decides.
        other = named.number and arrival.patient_id and named.number.casefold() != arrival.patient_id.casefold()
        return bool(other) or bool(named.eye and arrival.eye and named.eye != arrival.eye)
    eyes = set(Photograph.objects.filter(exam=arrival.exam, sha256=arrival.sha256).values_list("eye", flat=True))
    if named.eye and eyes and named.eye not in eyes:
        return True
    return bool(named.number) and not carries(arrival.exam.patient, named.number)


def _aware(moment: datetime | None, organisation: object) -> datetime | None:
    if moment is None or timezone.is_aware(moment):
        return moment
    return moment.replace(tzinfo=zone_of(organisation))  # type: ignore[arg-type]


class _FileToMove(File):  # type: ignore[type-arg]  # generic in the stubs alone
    """A file that the store may take over by renaming it: then it is there as a whole or not at all."""

    def temporary_file_path(self) -> str:
        """Say where it lies."""
        return str(self.name)


def _write(data: bytes, place: str) -> str:
    try:
        with tempfile.TemporaryDirectory(prefix="photograph-", dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
            path = Path(folder) / "arrival"
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with path.open("rb") as file:
                name = default_storage.save(place, _FileToMove(file, name=str(path)))
        with suppress(RuntimeError):  # a store without folders
            _sync_folder(Path(default_storage.path(name)).parent)
    except OSError as exc:
        raise ArrivalLost(_("The file could not be stored.")) from exc
    return name


def _sync_folder(folder: Path) -> None:
    # Else the name may be lost in a power cut, though the bytes are there.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _delete(place: str) -> None:
    with suppress(OSError):
        default_storage.delete(place)


def file_next(now: datetime) -> bool:
    """File what has waited longest; False where nothing waits."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    waiting = Arrival.objects.filter(free, state=Arrival.State.WAITING).order_by("created_at").first()
    if waiting is None:
        return False
    claim = Arrival.objects.filter(free, pk=waiting.pk, state=Arrival.State.WAITING)
    if claim.update(lease_until=now + LEASE, tries=F("tries") + 1):
        waiting.refresh_from_db()
        file_arrival(waiting)
    return True


def file_arrival(arrival: Arrival) -> None:
    """File an arrival under the patient, exam and eye that it names, or lay it into the tray with the reason."""
    bound = log.bind(arrival=str(arrival.pk))
    try:
        if arrival.tries > TRIES:
            raise Unmatched(Arrival.Reason.UNREADABLE)
        patient, exam = _place(arrival)
        _take(arrival, exam or _exam_on_day(arrival, patient), Eye(arrival.eye), arrival.by)
    except Unmatched as exc:
        _to_tray(arrival, exc.reason)
        bound.info("arrival_to_assign", reason=exc.reason.value)
    except OSError:
        # The store does not answer: the lease runs out, and it is tried again.
        bound.exception("arrival_waits")
    else:
        bound.info("arrival_filed")


def _place(arrival: Arrival) -> tuple[Patient, Exam | None]:
    others = Arrival.objects.filter(organisation=arrival.organisation_id, sop_instance_uid=arrival.sop_instance_uid)
    # A picture that is no DICOM file has no identifier that another one could carry.
    if (
        arrival.sop_instance_uid
        and others.exclude(sha256=arrival.sha256).filter(created_at__lt=arrival.created_at).exists()
    ):
        raise Unmatched(Arrival.Reason.OTHER_CONTENT)
    said = Named(arrival.patient_id, arrival.issuer, arrival.patient_name, arrival.birth_date, arrival.accession)
    # A file's name often holds the number alone: then the patient must be expected on that very day.
    by_name = not arrival.sop_class and arrival.taken_at is not None
    found = whose(arrival.by, said, expected_on=_day_of(arrival) if by_name else None)
    if not arrival.eye:
        raise Unmatched(Arrival.Reason.NO_EYE)
    return found


def _exam_on_day(arrival: Arrival, patient: Patient) -> Exam:
    day = _day_of(arrival)
    with transaction.atomic():
        # Of two files of one patient that are filed at one moment, the second one finds the first one's exam.
        Patient.objects.select_for_update().get(pk=patient.pk)
        that_day = list(exams_for(arrival.by).filter(patient=patient, taken_on=day, cancelled_at=None))
        still_open = [exam for exam in that_day if not is_signed(exam)]
        if len(still_open) == 1:
            return still_open[0]
        if that_day:
            raise Unmatched(Arrival.Reason.SEVERAL_EXAMS if still_open else Arrival.Reason.EXAM_CLOSED)
        try:
            return create_exam(arrival.by, patient, taken_on=day)
        except ValidationError as exc:
            raise Unmatched(Arrival.Reason.QUESTION) from exc


def _day_of(arrival: Arrival) -> date:
    if arrival.taken_at is None:
        raise Unmatched(Arrival.Reason.QUESTION)
    return arrival.taken_at.astimezone(zone_of(arrival.organisation_id)).date()


_REASONS: tuple[tuple[type[intake.IntakeError], Arrival.Reason], ...] = (
    (intake.KnownUnderOtherPatient, Arrival.Reason.OTHER_PATIENT),
    (intake.NamesOtherPatient, Arrival.Reason.OTHER_NAME),
    (intake.Asks, Arrival.Reason.QUESTION),
    (intake.SameForOtherEye, Arrival.Reason.OTHER_EYE),
    (intake.ExamClosed, Arrival.Reason.EXAM_CLOSED),
    (intake.IntakeError, Arrival.Reason.UNREADABLE),
)


def _take(arrival: Arrival, exam: Exam, eye: Eye, by: User, confirmed: Collection[intake.Question] = ()) -> None:
    with default_storage.open(arrival.file.name or "") as file:
        whole = file.read()
    if hashlib.sha256(whole).hexdigest() != arrival.sha256:
        raise Unmatched(Arrival.Reason.UNREADABLE)
    try:
        frames = taken_apart(whole)
        for frame in frames:
            intake.receive(
                exam, BytesIO(frame), eye=eye, by=by, via=arrival.via, field=Field(arrival.field), confirmed=confirmed
            )
    except intake.StorageFailed as exc:
        raise ArrivalLost(str(exc)) from exc
    except intake.IntakeError as exc:
        raise Unmatched(next(reason for kind, reason in _REASONS if isinstance(exc, kind))) from exc
    except DecodeError as exc:
        raise Unmatched(Arrival.Reason.UNREADABLE) from exc
    _filed(arrival, exam, by, keep_file=len(frames) > 1)


def _filed(arrival: Arrival, exam: Exam, by: User, *, keep_file: bool) -> None:
    # One picture: the photograph's original is the file. Several: they were taken apart, so the whole one stays too.
    place = "" if keep_file else arrival.file.name
    with transaction.atomic():
        arrival.state, arrival.reason, arrival.lease_until = Arrival.State.FILED, "", None
        arrival.exam, arrival.filed_by, arrival.filed_at = exam, by, timezone.now()
        arrival.patient_id = arrival.issuer = arrival.patient_name = arrival.accession = ""
        arrival.file_name = ""
        arrival.birth_date = None
        if place:
            arrival.file.name = ""
        arrival.save()
        _remember(audit.Action.ARRIVAL_FILED, by, arrival, exam=str(exam.pk))
    if place:
        _delete(place)


def _to_tray(arrival: Arrival, reason: Arrival.Reason) -> None:
    arrival.state, arrival.reason, arrival.lease_until = Arrival.State.TO_ASSIGN, reason, None
    arrival.save(update_fields=["state", "reason", "lease_until"])


def assign(user: User, arrival: Arrival, exam: Exam, eye: Eye, *, confirmed: Collection[intake.Question] = ()) -> None:
    """File something from the tray under the exam and eye that a person names.

    What the file says of patient, eye and day was in front of the person, and counts as answered. That identical
    bytes belong to another patient does not: `confirmed` must hold it.

    Raises
    ------
    Unmatched
        If it can not be taken there; the reason says why.
    Arrival.DoesNotExist, Exam.DoesNotExist
        If one of them is another clinic's, or no longer in the tray.
    django.core.exceptions.PermissionDenied
        If the person may not send photographs.
    """
    require(user, Right.SEND_PHOTOGRAPH)
    mine = tray_for(user).get(pk=arrival.pk)
    target = exams_for(user).get(pk=exam.pk)
    seen = {intake.Question.PATIENT_NAMED, intake.Question.OTHER_EYE, intake.Question.DATE}
    _take(mine, target, eye, user, {*seen, *confirmed})


def set_aside(user: User, arrival: Arrival) -> None:
    """Take something out of the tray that belongs to no exam; the file stays in the store."""
    require(user, Right.CORRECT)
    with transaction.atomic():
        mine = tray_for(user).get(pk=arrival.pk)
        mine.state, mine.filed_by, mine.filed_at = Arrival.State.DROPPED, user, timezone.now()
        mine.save(update_fields=["state", "filed_by", "filed_at"])
        _remember(audit.Action.ARRIVAL_SET_ASIDE, user, mine)


def _remember(action: audit.Action, by: User, arrival: Arrival, **detail: str) -> None:
    audit.record(
        action,
        actor=by,
        organisation=arrival.organisation_id,
        object_type="arrival",
        object_id=arrival.pk,
        detail={"via": arrival.via, "sha256": arrival.sha256, **detail},
    )
