"""Take the person out of a DICOM photograph: DICOM PS3.15, Annex E, Basic Application Level Confidentiality Profile.

The profile names attributes to remove. Here it is the other way round: only what stands in `KEPT` stays, none of which
the profile touches; everything else goes, private attributes and unknown ones too. UIDs are made anew, days are moved.
"""

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, generate_uid

KEPT: Final = (
    # The picture.
    "SpecificCharacterSet",
    "SOPClassUID",
    "Modality",
    "ImageType",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfFrames",
    "PixelSpacing",
    "PixelAspectRatio",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "BurnedInAnnotation",
    "PresentationLUTShape",
    "PixelData",
    # The eye and how it was taken.
    "ImageLaterality",
    "Laterality",
    "HorizontalFieldOfView",
    "PupilDilated",
    "Manufacturer",
    "ManufacturerModelName",
)
_METHODS: Final = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)


class NotDeidentified(Exception):
    """The file can not be given away without the person; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def deidentify(data: bytes, *, pseudonym: str, days: int, uid: Callable[[str], str] | None = None) -> bytes:
    """Give the photograph without the person.

    Parameters
    ----------
    data
        The DICOM file as it came.
    pseudonym
        What stands in place of name and number.
    days
        By so many days the day of the photograph is moved.
    uid
        Gives the new UID for an old one; alike ones in one export stay alike. Without it each is new.

    Raises
    ------
    NotDeidentified
        burned_in: letters may stand in the picture itself. unreadable: it is no DICOM file that can be read.
    """
    try:
        came = pydicom.dcmread(io.BytesIO(data))
        with came:
            return _written(came, pseudonym, days, uid or (lambda _old: str(generate_uid())))
    except (InvalidDicomError, AttributeError, KeyError, ValueError, RuntimeError) as exc:
        raise NotDeidentified("unreadable") from exc


def _written(came: Dataset, pseudonym: str, days: int, uid: Callable[[str], str]) -> bytes:
    if str(came.get("BurnedInAnnotation", "NO")).strip().upper() == "YES":
        raise NotDeidentified("burned_in")
    made = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    for keyword in KEPT:
        if keyword in came:
            made.add(came[keyword])
    _say_where(came, made)
    made.SOPInstanceUID = UID(uid(str(came.SOPInstanceUID)))
    made.StudyInstanceUID = UID(uid(str(came.get("StudyInstanceUID", "study"))))
    made.SeriesInstanceUID = UID(uid(str(came.get("SeriesInstanceUID", "series"))))
    made.PatientName = made.PatientID = pseudonym
    made.PatientBirthDate = made.PatientSex = ""
    made.StudyDate = made.ContentDate = _moved(came, days)
    made.StudyTime = made.ContentTime = made.AccessionNumber = made.StudyID = made.ReferringPhysicianName = ""
    made.SeriesNumber = made.InstanceNumber = 1
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "PS3.15 Annex E Basic Profile; allow-list"
    made.DeidentificationMethodCodeSequence = Sequence([_code(value, meaning) for value, meaning in _METHODS])
    made.LongitudinalTemporalInformationModified = "MODIFIED"
    made.file_meta.TransferSyntaxUID = came.file_meta.TransferSyntaxUID
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def _say_where(came: Dataset, made: Dataset) -> None:
    """Keep the codes of region and view; their sequences may hold other things, so each is written anew."""
    for keyword in ("AnatomicRegionSequence", "ViewCodeSequence"):
        items = came.get(keyword) or []
        codes = [
            _code(str(item.CodeValue), str(item.get("CodeMeaning", "")), str(item.CodingSchemeDesignator))
            for item in items
            if "CodeValue" in item and "CodingSchemeDesignator" in item
        ]
        if codes:
            setattr(made, keyword, Sequence(codes))


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _moved(came: Dataset, days: int) -> str:
    for keyword in ("AcquisitionDateTime", "ContentDate", "StudyDate"):
        try:
            day: date = datetime.strptime(str(came.get(keyword, ""))[:8], "%Y%m%d").date()
        except ValueError:
            continue
        return f"{day + timedelta(days=days):%Y%m%d}"
    return ""
