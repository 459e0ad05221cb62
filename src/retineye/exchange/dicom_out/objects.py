"""The DICOM objects of an exam: photographs that came as pictures, attention maps, the PDF, and the structured report.

Every object names its patient, its study and its source. UIDs follow from exam, photograph and signed state, so that
sending the same state again sends the same objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import highdicom as hd
import numpy as np
import pydicom
from highdicom.sr import CodedConcept
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from retineye.exchange.codes import (
    DME_QUESTION,
    IMAGE_QUALITY,
    LATERALITY,
    LOINC,
    RETINA_REGION,
    SCREENING,
    SEVERITY_ANSWER,
    SEVERITY_FINDING,
    SEVERITY_QUESTION,
    SIDE,
    SNOMED,
    Code,
)
from retineye.exchange.dicom_in.worklist import person_name
from retineye.exchange.fhir import uid_of
from retineye.exchange.told import ADVICE_OF_USE, Dme, EyeTold, Shot, Told
from retineye.grading.result import Eye

MANUFACTURER: Final = "RetinEye"
OWN_SCHEME: Final = "99RETINEYE"
"""For what no public code says without claiming more."""

_ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
_SCHEMES: Final[Mapping[str, str]] = {LOINC: "LN", SNOMED: "SCT"}
_SEX: Final[Mapping[str, str]] = {"female": "F", "male": "M", "other": "O"}
_DME: Final[Mapping[Dme, str]] = {
    Dme.SUSPECTED: "Suspected",
    Dme.NO_SIGN: "No sign seen",
    Dme.CANNOT_JUDGE: "Can not judge",
}


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
    sources = {shot.id: source(told, shot, files[shot.id]) for shot in shots}
    made = [sources[shot.id] for shot in shots if shot.mime != "application/dicom"]
    made += [capture(told, shot, files[shot.id], sources[shot.id]) for shot in shots if files[shot.id].heatmap]
    if told.pdf:
        made.append(encapsulated_pdf(told, list(sources.values())))
    if sources and told.eyes:
        made.append(structured_report(told, {shot.id: sources[shot.id] for shot in shots}))
    return made


def source(told: Told, shot: Shot, files: Files) -> FileDataset:
    """Give a photograph as DICOM: the file that came, or its display copy as a Secondary Capture."""
    if shot.mime == "application/dicom":
        return pydicom.dcmread(BytesIO(files.original))
    made = _plain(told, _SECONDARY_CAPTURE, uid_of(told.exam_id, f"photograph-{shot.id}"), _JPEG_BASELINE)
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


def capture(told: Told, shot: Shot, files: Files, of: Dataset) -> FileDataset:
    """Give the attention map over the photograph as a Secondary Capture that names its source."""
    photo = Image.open(BytesIO(files.display)).convert("RGBA")
    overlay = Image.open(BytesIO(files.heatmap)).convert("RGBA").resize(photo.size)
    overlay.putalpha(overlay.getchannel("A").point(lambda value: value // 2))
    pixels = np.asarray(Image.alpha_composite(photo, overlay).convert("RGB"))
    made = _plain(told, _SECONDARY_CAPTURE, uid_of(told.exam_id, f"attention-{shot.id}-{told.pack_sha256}"), _EXPLICIT)
    made.StudyInstanceUID = of.StudyInstanceUID
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


def encapsulated_pdf(told: Told, sources: Sequence[Dataset]) -> FileDataset:
    """Give the report for the clinician as an Encapsulated PDF."""
    made = _plain(told, _ENCAPSULATED_PDF, uid_of(told.exam_id, f"pdf-{told.revision}"), _EXPLICIT)
    if sources:
        made.StudyInstanceUID = sources[0].StudyInstanceUID
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


def structured_report(told: Told, sources: Mapping[str, Dataset]) -> FileDataset:
    """Give what holds of each eye as a structured report by template TID 1500, with its photographs as evidence."""
    if told.signer:
        person = hd.sr.PersonObserverIdentifyingAttributes(name=person_name(told.signer))
        observer = hd.sr.ObserverContext(
            observer_type=_concept("121006", "DCM", "Person"), observer_identifying_attributes=person
        )
        context = hd.sr.ObservationContext(observer_person_context=observer)
    else:
        program = hd.sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of(told.exam_id, f"device-{told.pack_sha256}"), name="RetinEye", model_name=told.pack_id or None
        )
        observer = hd.sr.ObserverContext(
            observer_type=_concept("121007", "DCM", "Device"), observer_identifying_attributes=program
        )
        context = hd.sr.ObservationContext(observer_device_context=observer)
    groups = [_group(told, eye, sources) for eye in told.eyes if eye.photographed]
    content = hd.sr.MeasurementReport(
        observation_context=context,
        procedure_reported=_coded(SCREENING),
        imaging_measurements=groups,
        title=_concept("126000", "DCM", "Imaging Measurement Report"),
    )
    evidence = list(sources.values())
    verified: dict[str, Any] = {
        "verifying_observer_name": person_name(told.signer),
        "verifying_organization": told.clinic,
    }
    report: FileDataset = hd.sr.ComprehensiveSR(  # type: ignore[assignment]  # it is one, though typed as less
        evidence=evidence,
        content=content[0],
        series_instance_uid=uid_of(told.exam_id, "series-sr"),
        series_number=6,
        sop_instance_uid=uid_of(told.exam_id, f"sr-{told.revision}"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="RetinEye",
        software_versions=told.version,
        is_complete=bool(told.signer),
        is_final=bool(told.signer),
        is_verified=bool(told.signer),
        institution_name=told.clinic,
        **(verified if told.signer else {}),
    )
    return report


def _group(told: Told, eye: EyeTold, sources: Mapping[str, Dataset]) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    evaluations = [
        hd.sr.QualitativeEvaluation(
            _coded(IMAGE_QUALITY), _own("GRADABLE", "Gradable") if eye.readable else _own("UNGRADABLE", "Not gradable")
        ),
        hd.sr.QualitativeEvaluation(_coded(DME_QUESTION[eye.eye]), _own(f"DME_{eye.dme.name}", _DME[eye.dme])),
    ]
    # An eye that can not be read has no severity at all.
    if eye.grade is not None:
        value = SEVERITY_FINDING.get(eye.grade, SEVERITY_ANSWER[eye.grade])
        evaluations.insert(0, hd.sr.QualitativeEvaluation(_coded(SEVERITY_QUESTION[eye.eye]), _coded(value)))
    pictures = [sources[shot.id] for shot in told.shots if shot.eye is eye.eye and shot.id in sources]
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=uid_of(told.exam_id, f"eye-{eye.eye.value}"), identifier=f"{eye.eye.value} eye"
        ),
        algorithm_id=None
        if told.signer
        else hd.sr.AlgorithmIdentification(name="RetinEye", version=told.pack_id or told.version),
        finding_sites=[hd.sr.FindingSite(_coded(RETINA_REGION), laterality=_coded(SIDE[eye.eye]))],
        qualitative_evaluations=evaluations,
        source_images=[hd.sr.SourceImageForMeasurementGroup(one.SOPClassUID, one.SOPInstanceUID) for one in pictures],
    )


def as_bytes(made: FileDataset) -> bytes:
    """Give an object as a DICOM file."""
    out = BytesIO()
    pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def _plain(told: Told, sop_class: str, uid: str, syntax: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(uid)
    meta.TransferSyntaxUID = UID(syntax)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    who = told.patient
    made.PatientName, made.PatientID = person_name(who.name), who.number
    made.PatientBirthDate = who.birth_date.strftime("%Y%m%d") if who.birth_date else ""
    made.PatientSex = _SEX.get(who.sex, "")
    made.StudyInstanceUID = uid_of(told.exam_id, "study")
    made.StudyDate = told.taken_on.strftime("%Y%m%d")
    made.StudyTime = told.taken_at.strftime("%H%M%S") if told.taken_at else ""
    made.StudyID, made.AccessionNumber, made.ReferringPhysicianName = "1", told.order, ""
    made.InstitutionName = told.clinic
    made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = MANUFACTURER, "RetinEye", told.version
    # The moment of the state that is told, so that the same state gives the same bytes.
    at = told.signed_at or told.made_at
    made.ContentDate, made.ContentTime = _day(at), at.strftime("%H%M%S")
    made.InstanceCreationDate, made.InstanceCreationTime = made.ContentDate, made.ContentTime
    made.ImageComments = ADVICE_OF_USE
    if sop_class == _ENCAPSULATED_PDF:
        del made.ImageComments
    return made


def _series(made: Dataset, told: Told, name: str, modality: str, number: int) -> None:
    made.SeriesInstanceUID = uid_of(told.exam_id, name)
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


def _concept(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, scheme, meaning[:64])


def _coded(code: Code) -> CodedConcept:
    return _concept(code.code, _SCHEMES[code.system], code.display)


def _own(value: str, meaning: str) -> CodedConcept:
    return _concept(value, OWN_SCHEME, meaning)


def _day(at: datetime) -> str:
    return at.strftime("%Y%m%d")
