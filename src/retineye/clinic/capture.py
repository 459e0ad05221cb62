"""What a file says of its photograph besides the picture: eye, field, moment, camera, patient. Said, not believed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from difflib import SequenceMatcher
from io import BytesIO

from PIL import ExifTags, Image

from retineye.clinic.grade import limits, look_at, upright_copy
from retineye.clinic.models import Eye, Field, Patient, search_key
from retineye.grading import dicom
from retineye.grading.errors import DecodeError

PREVIEW_PX = 480
EARLIEST_YEAR = 2005
"""A camera that says an earlier year has lost its clock."""

_ALIKE = 0.85
_NOBODY = frozenset({"", "anonymous", "anonymized", "anonymised", "unknown", "none", "test", "no name", "noname"})


@dataclass(frozen=True, slots=True)
class Said:
    """What stands in the file. Empty or None: it says nothing of it."""

    eye: Eye | None = None
    field: Field = Field.UNKNOWN
    taken_at: datetime | None = None
    """By the camera's clock; without a zone unless the file gives one."""
    camera: str = ""
    patient_id: str = ""
    patient_name: str = ""
    birth_date: date | None = None
    dilated: bool | None = None
    photographs: int = 1
    """How many pictures the file holds."""


NOTHING = Said()


def said_by(data: bytes) -> Said:
    """Read what a picture file or a DICOM file says of its photograph.

    Raises
    ------
    retineye.grading.errors.DecodeError
        A DICOM file holds no photograph, or breaks off.
    """
    return _by_dicom(data) if dicom.is_dicom(data) else _by_exif(data)


def look(data: bytes) -> None:
    """Find out whether the bytes may be a photograph, by their header alone.

    Raises
    ------
    retineye.grading.errors.DecodeError
        They are no picture that is read, or too large.
    """
    look_at(data)


def taken_apart(data: bytes) -> list[bytes]:
    """Give each picture of a file as a file of its own; a file with one picture as it came.

    Raises
    ------
    retineye.grading.errors.DecodeError
        See `said_by`.
    """
    return dicom.frames_of(data, limits=limits()) if dicom.is_dicom(data) else [data]


def preview(data: bytes) -> bytes | None:
    """Make a small upright JPEG to tell the eyes apart by, without metadata; None where the bytes are no picture."""
    try:
        return upright_copy(data, PREVIEW_PX, quality=82)
    except DecodeError:
        return None


def _by_dicom(data: bytes) -> Said:
    picture = dicom.describe(data, limits=limits())
    return Said(
        eye=Eye(picture.eye.value) if picture.eye else None,
        field=Field(picture.field) if picture.field in Field.values else Field.UNKNOWN,
        taken_at=picture.taken_at,
        camera=picture.camera[:100],
        patient_id=picture.patient_id,
        patient_name=picture.patient_name,
        birth_date=picture.birth_date,
        dilated=picture.dilated,
        photographs=picture.frames,
    )


def _by_exif(data: bytes) -> Said:
    try:
        with Image.open(BytesIO(data)) as image:
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        # Pillow raises nearly anything on damaged notes, and a note is no reason to refuse a picture.
        return NOTHING
    # Not the tag DateTime: any program that touches the file writes it anew.
    taken = _moment(
        details.get(ExifTags.Base.DateTimeOriginal) or details.get(ExifTags.Base.DateTimeDigitized),
        details.get(ExifTags.Base.OffsetTimeOriginal) or details.get(ExifTags.Base.OffsetTimeDigitized),
    )
    maker, model = (_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    camera = model if model.startswith(maker) else f"{maker} {model}"
    return Said(taken_at=taken, camera=camera.strip()[:100])


def _moment(written: object, offset: object) -> datetime | None:
    # EXIF 2.32, 4.6.5: YYYY:MM:DD HH:MM:SS, and +HH:MM apart.
    try:
        moment = datetime.strptime(_text(written), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    try:
        zone = datetime.strptime(_text(offset), "%z").tzinfo
    except ValueError:
        return moment
    return moment.replace(tzinfo=zone)


def _text(value: object) -> str:
    text = value.decode("ascii", "ignore") if isinstance(value, bytes) else str(value or "")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def names_another(said: Said, patient: Patient, numbers: Iterable[str]) -> bool:
    """Say whether the file names somebody else than the patient.

    Parameters
    ----------
    numbers
        Every number that the patient carries.

    A number alone does not decide: cameras count on their own. It does where the name or the day of birth is not the
    same beyond doubt, for two patients may have one name.
    """
    name = _same_name(said.patient_name, patient.name)
    born = _same(said.birth_date, patient.birth_date)
    held = {search_key(number) for number in numbers if number.strip()}
    number = search_key(said.patient_id) in held if said.patient_id and held else None
    if name is False or born is False:
        return True
    return number is False and not (name and born)


def _same(one: object | None, other: object | None) -> bool | None:
    return None if one is None or other is None else one == other


def _same_name(written: str, name: str) -> bool | None:
    if search_key(written) in _NOBODY:
        return None
    one, other = sorted(search_key(written).split()), sorted(search_key(name).split())
    if set(one) <= set(other) or set(other) <= set(one):
        return True
    return SequenceMatcher(None, " ".join(one), " ".join(other)).ratio() >= _ALIKE


def doubt_about(taken_on: date, today: date, exam_day: date, warn_days: int) -> str:
    """Say why a day of capture asks a person: before_2005, future or another_day; empty where nothing is odd.

    Parameters
    ----------
    warn_days
        So many days may lie between the photograph and the exam.
    """
    if taken_on.year < EARLIEST_YEAR:
        return "before_2005"
    if taken_on > today:
        return "future"
    return "another_day" if abs((exam_day - taken_on).days) > warn_days else ""
