"""Read what a DICOM file says of its picture: kind, size, eye, patient, time and camera. Pixels: `dicom_pixels`.

What stands in a damaged or unusual attribute is left empty: a note about a picture is no reason to refuse the picture,
and an empty note is never guessed. SOP classes and attributes are those of DICOM PS3.3 and PS3.6.
"""

import io
import logging
import warnings
import zlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from retineye.grading.errors import (
    DicomUnavailableError,
    NotAnImageError,
    NotAPhotographError,
    TooLargeError,
    TruncatedError,
)
from retineye.grading.limits import DEFAULT_LIMITS, Limits
from retineye.grading.result import Eye

try:
    import pydicom
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.uid import UID, generate_uid
except ImportError:  # the extra `dicom` is not installed
    pydicom = None  # type: ignore[assignment]

# pydicom logs the values that it doubts, and a value may be a name.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

MIME: Final = "application/dicom"

_CLASS: Final = "1.2.840.10008.5.1.4.1.1."
GRADED_CLASSES: Final = {
    _CLASS + "77.1.5.1": "Ophthalmic Photography 8 Bit Image Storage",
    _CLASS + "77.1.5.2": "Ophthalmic Photography 16 Bit Image Storage",
    _CLASS + "7": "Secondary Capture Image Storage",
    _CLASS + "7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    _CLASS + "7.3": "Multi-frame Grayscale Word Secondary Capture Image Storage",
    _CLASS + "7.4": "Multi-frame True Color Secondary Capture Image Storage",
    _CLASS + "77.1.4": "VL Photographic Image Storage",
}
"""SOP classes whose pictures go to the network."""
SHOWN_CLASSES: Final = {
    _CLASS + "77.1.5.5": "Wide Field Ophthalmic Photography Stereographic Projection Image Storage",
    _CLASS + "77.1.5.6": "Wide Field Ophthalmic Photography 3D Coordinates Image Storage",
}
"""SOP classes that are kept and shown: the network was never tried on a wide field."""

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
TRANSFER_SYNTAXES: Final = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
    DEFLATED: "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, First-Order Prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}
"""Transfer syntaxes whose pictures are decoded."""

MAX_FRAMES: Final = 200
_EYES: Final = {"R": Eye.RIGHT, "L": Eye.LEFT}
# DICOM PS3.16, CID 4207: DCM 111900 macula centred, 111901 disc centred.
_FIELDS: Final = {"111900": "macula", "111901": "disc"}
_META_LENGTH_AT: Final = 140


@dataclass(frozen=True, slots=True)
class DicomPicture:
    """What a DICOM file says of its picture. Empty or None: the file does not say it, or contradicts itself."""

    sop_class: str
    sop_instance_uid: str
    transfer_syntax: str
    frames: int
    width_px: int
    height_px: int
    eye: Eye | None
    """None too where the picture shows both eyes, or the two tags of the side contradict each other."""
    field: str
    """What the camera was centred on: macula, disc or unknown."""
    taken_at: datetime | None
    """By the camera's clock; without a zone unless the file gives one."""
    camera: str
    """Maker and model."""
    station: str
    patient_id: str
    issuer: str
    """Who gave the patient id."""
    patient_name: str
    """As spoken: given names, then the family name."""
    birth_date: date | None
    sex: str
    """F, M, O or empty."""
    accession: str
    study_uid: str
    series_uid: str
    dilated: bool | None
    fov_deg: float | None
    """Horizontal field of view, in degrees."""
    burned_in: bool
    """The file warns that the patient's name is part of the picture."""

    @property
    def gradable_class(self) -> bool:
        """Say whether the network was tried on pictures of this class; if not, the picture is only kept and shown."""
        return self.sop_class in GRADED_CLASSES


def is_dicom(data: bytes) -> bool:
    """Say whether the bytes are a DICOM file (PS3.10: DICM and group 2 after 128 bytes)."""
    return data[128:134] == b"DICM\x02\x00"


def describe(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> DicomPicture:
    """Read what a DICOM file says of its picture, without making the pixels.

    Raises
    ------
    DecodeError
        The bytes are no DICOM file, hold no photograph, are beyond the limits, or break off.
    """
    picture = describe_dataset(read(data, limits=limits, pixels=False), limits=limits)
    return replace(picture, transfer_syntax=DEFLATED) if _deflated(data) else picture


def read(data: bytes, *, limits: Limits = DEFAULT_LIMITS, pixels: bool = True) -> "FileDataset":
    """Read a DICOM file's attributes; deflated ones are inflated no further than the limits allow.

    Raises
    ------
    DecodeError
        The bytes are no DICOM file, beyond the limits, or break off.
    """
    if pydicom is None:
        raise DicomUnavailableError("DICOM files can not be read here: pydicom is not installed.")
    if not is_dicom(data):
        raise NotAnImageError("The file is not a DICOM file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(io.BytesIO(_inflated(data, limits)), stop_before_pixels=not pixels)
    except (NotAnImageError, TooLargeError, TruncatedError):
        raise
    except Exception as exc:
        # pydicom raises nearly anything on damaged files. Its words may hold a value of the file: they stay here.
        raise TruncatedError("The DICOM file breaks off or is damaged.") from exc


def _inflated(data: bytes, limits: Limits) -> bytes:
    if len(data) > limits.max_bytes:
        raise TooLargeError(f"The file has {len(data)} bytes; at most {limits.max_bytes} are read.")
    if not _deflated(data):
        return data
    end = _meta_end(data)
    meta = data[:end]
    most = limits.max_bytes + limits.max_pixels * 6
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(data[end:], most)
    except zlib.error as exc:
        raise TruncatedError("The deflated DICOM file is damaged.") from exc
    if not inflater.eof:
        if len(plain) >= most:
            raise TooLargeError("The deflated DICOM file holds more than is read.")
        raise TruncatedError("The deflated DICOM file breaks off.")
    # The same syntax without the deflation, its name padded to the same length.
    return meta.replace(DEFLATED.encode("ascii"), b"1.2.840.10008.1.2.1\0\0\0") + plain


def _meta_end(data: bytes) -> int:
    return _META_LENGTH_AT + 4 + int.from_bytes(data[_META_LENGTH_AT : _META_LENGTH_AT + 4], "little")


def _deflated(data: bytes) -> bool:
    return DEFLATED.encode("ascii") in data[132 : _meta_end(data)]


def describe_dataset(dataset: "FileDataset", *, limits: Limits = DEFAULT_LIMITS) -> DicomPicture:
    """Give what the attributes of a DICOM file say of its picture.

    Raises
    ------
    DecodeError
        They are no photograph's, or beyond the limits.
    """
    sop_class = _text(dataset, "SOPClassUID")
    if sop_class not in GRADED_CLASSES and sop_class not in SHOWN_CLASSES:
        raise NotAPhotographError("The DICOM file holds no photograph of the retina but something of another class.")
    width_px, height_px = _count(dataset, "Columns"), _count(dataset, "Rows")
    frames = _count(dataset, "NumberOfFrames") or 1
    if not width_px or not height_px:
        raise NotAnImageError("The DICOM file holds no picture.")
    if width_px * height_px > limits.max_pixels:
        raise TooLargeError(
            f"The picture has {width_px} x {height_px} pixels; at most {limits.max_pixels:,} pixels are read."
        )
    if frames > MAX_FRAMES:
        raise TooLargeError(f"The DICOM file has {frames} pictures; at most {MAX_FRAMES} are read.")
    return DicomPicture(
        sop_class=sop_class,
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        transfer_syntax=transfer_syntax_of(dataset),
        frames=frames,
        width_px=width_px,
        height_px=height_px,
        eye=_eye(dataset),
        field=_field(dataset),
        taken_at=_taken_at(dataset),
        camera=" ".join(filter(None, (_text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName")))),
        station=_text(dataset, "StationName"),
        patient_id=_text(dataset, "PatientID"),
        issuer=_text(dataset, "IssuerOfPatientID"),
        patient_name=_name(dataset),
        birth_date=_date(_text(dataset, "PatientBirthDate")),
        sex=_text(dataset, "PatientSex")[:1].upper(),
        accession=_text(dataset, "AccessionNumber"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        dilated={"YES": True, "NO": False}.get(_text(dataset, "PupilDilated").upper()),
        fov_deg=_degrees(_text(dataset, "HorizontalFieldOfView")),
        burned_in=_text(dataset, "BurnedInAnnotation").upper() == "YES",
    )


def frames_of(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> list[bytes]:
    """Give a file with several pictures as files with one each, their samples untouched; a file with one as it came.

    Raises
    ------
    DecodeError
        See `describe`.
    """
    dataset = read(data, limits=limits)
    picture = describe_dataset(dataset, limits=limits)
    if picture.frames == 1:
        return [data]
    try:
        return [_one_frame(dataset, picture, number) for number in range(picture.frames)]
    except Exception as exc:
        raise TruncatedError("The DICOM file breaks off or is damaged.") from exc


def _one_frame(dataset: "FileDataset", picture: DicomPicture, number: int) -> bytes:
    syntax = UID(transfer_syntax_of(dataset))
    whole = dataset.PixelData
    if syntax.is_encapsulated:
        pixels = encapsulate([get_frame(whole, number, number_of_frames=picture.frames)])
    else:
        size = len(whole) // picture.frames
        pixels = whole[number * size : (number + 1) * size]
        pixels += b"\0" * (len(pixels) % 2)
    one = pydicom.dcmread(io.BytesIO(_bytes(dataset, without_pixels=True)))
    one.NumberOfFrames = 1
    for keyword in ("PerFrameFunctionalGroupsSequence", "FrameIncrementPointer", "ExtendedOffsetTable"):
        if keyword in one:
            delattr(one, keyword)
    uid = generate_uid(entropy_srcs=[picture.sop_instance_uid, str(number)])
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = uid
    one.InstanceNumber = number + 1
    one.add_new("PixelData", "OB" if syntax.is_encapsulated or one.get("BitsAllocated") == 8 else "OW", pixels)
    one["PixelData"].is_undefined_length = syntax.is_encapsulated
    return _bytes(one)


def _bytes(dataset: "FileDataset", *, without_pixels: bool = False) -> bytes:
    kept = dataset
    if without_pixels:
        kept = pydicom.FileDataset("", {}, file_meta=dataset.file_meta, preamble=b"\0" * 128)
        kept.update({element.tag: element for element in dataset if element.keyword != "PixelData"})
    out = io.BytesIO()
    pydicom.dcmwrite(out, kept, enforce_file_format=True)
    return out.getvalue()


def transfer_syntax_of(dataset: "FileDataset") -> str:
    """Give the UID of the transfer syntax that a file's meta information names; empty where it names none."""
    return str(getattr(dataset.file_meta, "TransferSyntaxUID", "")).strip(" \0")


def _text(dataset: "Dataset", keyword: str) -> str:
    """Give an attribute as text, its first value where there are several; empty where it is missing or damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = dataset.get(keyword)
        if value is not None and not isinstance(value, str) and hasattr(value, "__getitem__"):
            value = value[0] if len(value) else None
        return "" if value is None else str(value).strip(" \0\t\r\n")
    except Exception:
        return ""


def _count(dataset: "Dataset", keyword: str) -> int:
    try:
        return max(0, int(_text(dataset, keyword)))
    except ValueError:
        return 0


def _eye(dataset: "Dataset") -> Eye | None:
    image = _text(dataset, "ImageLaterality").upper() or _shared_laterality(dataset)
    series = _text(dataset, "Laterality").upper()
    said = {side for side in (image, series) if side}
    # R, L or B (both). Two tags that contradict each other say nothing.
    return _EYES.get(said.pop()) if len(said) == 1 else None


def _shared_laterality(dataset: "Dataset") -> str:
    try:
        shared = dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0]
    except Exception:
        return ""
    return _text(shared, "FrameLaterality").upper()


def _field(dataset: "Dataset") -> str:
    try:
        code = _text(dataset.ViewCodeSequence[0], "CodeValue")
    except Exception:
        return "unknown"
    return _FIELDS.get(code, "unknown")


def _name(dataset: "Dataset") -> str:
    groups = _text(dataset, "PatientName").split("=")
    family, given, middle = ([*(next(filter(None, groups), "")).split("^"), "", "", ""])[:3]
    return " ".join(" ".join((given, middle, family)).split())


def _taken_at(dataset: "Dataset") -> datetime | None:
    whole = _moment(_text(dataset, "AcquisitionDateTime"))
    if whole is not None:
        return whole
    zone = _text(dataset, "TimezoneOffsetFromUTC")
    for start in ("Acquisition", "Content", "Series", "Study"):
        day = _text(dataset, f"{start}Date")
        if day:
            return _moment(day.replace(".", "") + _text(dataset, f"{start}Time").replace(":", "") + zone)
    return None


def _moment(text: str) -> datetime | None:
    """Read YYYYMMDD[HH[MM[SS[.F]]]][+HHMM], as DICOM writes times."""
    zone = None
    for sign in "+-":
        head, found, offset = text.partition(sign)
        if found and len(offset) == 4 and offset.isdigit():
            minutes = int(offset[:2]) * 60 + int(offset[2:])
            if minutes < 24 * 60:
                zone = timezone(timedelta(minutes=-minutes if sign == "-" else minutes))
            text = head
    day, clock = _date(text[:8]), text[8:].partition(".")[0]
    if day is None:
        return None
    try:
        hour, minute, second = (int(clock[at : at + 2] or "0") for at in (0, 2, 4))
        return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return datetime(day.year, day.month, day.day, tzinfo=zone)


def _date(text: str) -> date | None:
    digits = text.replace(".", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None


def _degrees(text: str) -> float | None:
    try:
        degrees = float(text)
    except ValueError:
        return None
    return degrees if 0 < degrees <= 360 else None
