"""The DICOM objects of an exam: photographs that came as pictures, attention maps, the PDF, and the structured report.

Every object names its patient, its study and its source. UIDs follow from exam, photograph and signed state, so that
sending the same state again sends the same objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from retineye.exchange.codes import LATERALITY, RETINA_REGION
from retineye.exchange.dicom_out.belonging import Belonging, belonging_of
from retineye.exchange.dicom_out.report import MANUFACTURER, structured_report
from retineye.exchange.dicom_out.texts import long_string, name, short_string
from retineye.exchange.told import ADVICE_OF_USE, Shot, Told
from retineye.exchange.uids import uid_of
from retineye.grading.dicom import MIME
from retineye.grading.result import Eye

_ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
_SEX: Final[Mapping[str, str]] = {"female": "F", "male": "M", "other": "O"}


@dataclass(frozen=True, slots=True)
class Files:
    """The bytes that belong to a photograph."""

    original: bytes
    display: bytes
    """Upright JPEG without metadata."""
    heatmap: bytes = b""
    """The overlay, PNG with transparency; empty where there is none."""


def objects(told: Told, files: Mapping[str, Files]) -> list[FileDataset]:
    """Give every object that an archive is sent of an exam: sources it lacks, attention maps, PDF, structured report.

    Parameters
    ----------
    files
        By the id of the photograph.
    """
    shots = [shot for shot in told.shots if shot.id in files]
    came = {shot.id: pydicom.dcmread(BytesIO(files[shot.id].original)) for shot in shots if shot.mime == MIME}
    of = belonging_of(told, came.values())
    own = {shot.id: photograph(told, shot, files[shot.id], of) for shot in shots if shot.id not in came}
    sources = {shot.id: came.get(shot.id) or own[shot.id] for shot in shots}
    made = list(own.values())
    made += [capture(told, shot, files[shot.id], sources[shot.id], of) for shot in shots if files[shot.id].heatmap]
    if told.pdf:
        made.append(encapsulated_pdf(told, list(sources.values()), of))
    if sources and told.eyes:
        like = _plain(told, _SECONDARY_CAPTURE, uid_of(told.exam_id, "like"), _EXPLICIT, of)
        made.append(structured_report(told, sources, like))
    return made


def photograph(told: Told, shot: Shot, files: Files, belonging: Belonging) -> FileDataset:
    """Give the display copy of a photograph that did not come by DICOM as a Secondary Capture."""
    made = _plain(told, _SECONDARY_CAPTURE, uid_of(told.exam_id, f"photograph-{shot.id}"), _JPEG_BASELINE, belonging)
    with Image.open(BytesIO(files.display)) as image:
        width_px, height_px = image.size
    _series(made, told, f"series-{shot.eye.value}", "OP", 1 if shot.eye is Eye.RIGHT else 2)
    made.ConversionType = "DI"
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.DerivationDescription = "Upright sRGB copy without metadata of a file with SHA-256 " + shot.sha256
    made.Rows, made.Columns = height_px, width_px
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "YBR_FULL_422", 0
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_10918_1"
    made.LossyImageCompressionRatio = f"{max(1.0, 3 * width_px * height_px / len(files.display)):.2f}"
    made.PixelData = encapsulate([files.display])
    made["PixelData"].is_undefined_length = True
    _place(made, shot)
    if shot.taken_at:
        made.AcquisitionDateTime = shot.taken_at.strftime("%Y%m%d%H%M%S%z")
    return made


def capture(told: Told, shot: Shot, files: Files, of: Dataset, belonging: Belonging) -> FileDataset:
    """Give the attention map over the photograph as a Secondary Capture that names its source."""
    photo = Image.open(BytesIO(files.display)).convert("RGBA")
    overlay = Image.open(BytesIO(files.heatmap)).convert("RGBA").resize(photo.size)
    overlay.putalpha(overlay.getchannel("A").point(lambda value: value // 2))
    pixels = np.asarray(Image.alpha_composite(photo, overlay).convert("RGB"))
    uid = uid_of(told.exam_id, f"attention-{shot.id}-{told.pack_sha256}")
    made = _plain(told, _SECONDARY_CAPTURE, uid, _EXPLICIT, belonging)
    _series(made, told, f"attention-{shot.eye.value}", "OT", 3 if shot.eye is Eye.RIGHT else 4)
    made.SeriesDescription = "Attention map, not a lesion outline"
    made.ConversionType = "WSD"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = f"Where network {told.pack_id} looked; not an outline of lesions."
    made.SourceImageSequence = Items([_reference(of)])
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.BurnedInAnnotation = "NO"
    data = pixels.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB"
    _place(made, shot)
    return made


def encapsulated_pdf(told: Told, sources: Sequence[Dataset], belonging: Belonging) -> FileDataset:
    """Give the report for the clinician as an Encapsulated PDF."""
    made = _plain(told, _ENCAPSULATED_PDF, uid_of(told.exam_id, f"pdf-{told.revision}"), _EXPLICIT, belonging)
    _series(made, told, "reports", "DOC", 5)
    made.ConversionType = "WSD"
    made.BurnedInAnnotation = "YES"
    made.AcquisitionDateTime = told.taken_at.strftime("%Y%m%d%H%M%S") if told.taken_at else ""
    made.DocumentTitle = "Retinal screening report"
    made.ConceptNameCodeSequence = Items([_code("18748-4", "LN", "Diagnostic imaging report")])
    made.VerificationFlag = "VERIFIED" if told.signer else "UNVERIFIED"
    made.SourceInstanceSequence = Items([_reference(one) for one in sources])
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = told.pdf + b"\0" * (len(told.pdf) % 2)
    made.EncapsulatedDocumentLength = len(told.pdf)
    return made


def as_bytes(made: FileDataset) -> bytes:
    """Give an object as a DICOM file."""
    out = BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def as_sent(made: list[FileDataset]) -> list[FileDataset]:
    """Give objects as they stand in files: one made in memory is not sent whole where its picture is compressed."""
    return [pydicom.dcmread(BytesIO(as_bytes(one))) for one in made]


def _plain(told: Told, sop_class: str, uid: str, syntax: str, belonging: Belonging) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(uid)
    meta.TransferSyntaxUID = UID(syntax)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    who = told.patient
    made.PatientName, made.PatientID = name(who.name), belonging.patient_id
    if belonging.issuer:
        made.IssuerOfPatientID = belonging.issuer
    made.PatientBirthDate = who.birth_date.strftime("%Y%m%d") if who.birth_date else ""
    made.PatientSex = _SEX.get(who.sex, "")
    made.StudyInstanceUID = belonging.study_uid
    made.StudyDate = told.taken_on.strftime("%Y%m%d")
    made.StudyTime = told.taken_at.strftime("%H%M%S") if told.taken_at else ""
    made.StudyID, made.AccessionNumber, made.ReferringPhysicianName = "1", short_string(told.order), ""
    made.update(belonging.study)
    made.InstitutionName = long_string(told.clinic)
    made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = MANUFACTURER, "RetinEye", told.version
    # The moment of the state that is told, so that the same state gives the same bytes.
    at = told.signed_at or told.made_at
    made.ContentDate, made.ContentTime = _day(at), at.strftime("%H%M%S")
    made.InstanceCreationDate, made.InstanceCreationTime = made.ContentDate, made.ContentTime
    made.ImageComments = ADVICE_OF_USE
    if sop_class == _ENCAPSULATED_PDF:
        del made.ImageComments
    return made


def _series(made: Dataset, told: Told, series: str, modality: str, number: int) -> None:
    made.SeriesInstanceUID = uid_of(told.exam_id, series)
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, number, 1


def _place(made: Dataset, shot: Shot) -> None:
    made.ImageLaterality = LATERALITY[shot.eye]
    made.PatientOrientation = ""
    made.AnatomicRegionSequence = Items([_code(RETINA_REGION.code, "SCT", RETINA_REGION.display)])


def _reference(of: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = of.SOPClassUID, of.SOPInstanceUID
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning[:64]
    return item


def _day(at: datetime) -> str:
    return at.strftime("%Y%m%d")
