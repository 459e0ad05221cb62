"""The structured report of an exam: what holds of each eye, by template TID 1500, with the photographs as evidence."""

from collections.abc import Mapping
from typing import Any, Final

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import DT

from retineye.exchange.codes import (
    DME_QUESTION,
    IMAGE_QUALITY,
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
from retineye.exchange.dicom_out.texts import long_string, name
from retineye.exchange.told import Dme, EyeTold, Told
from retineye.exchange.uids import uid_of

MANUFACTURER: Final = "RetinEye"
OWN_SCHEME: Final = "99RETINEYE"
"""For what no public code says without claiming more."""

_SCHEMES: Final[Mapping[str, str]] = {LOINC: "LN", SNOMED: "SCT"}
_DME: Final[Mapping[Dme, str]] = {
    Dme.SUSPECTED: "Suspected",
    Dme.NO_SIGN: "No sign seen",
    Dme.CANNOT_JUDGE: "Can not judge",
}
_OF_PATIENT_AND_STUDY: Final = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_EVIDENCE: Final = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")


def structured_report(told: Told, sources: Mapping[str, Dataset], like: Dataset) -> FileDataset:
    """Give the report.

    Parameters
    ----------
    sources
        The photographs, by their ids.
    like
        Another object of the exam: the report is of its patient and lies in its study.
    """
    context = _observed_by(told)
    groups = [_group(told, eye, sources) for eye in told.eyes if eye.photographed]
    content = hd.sr.MeasurementReport(
        observation_context=context,
        procedure_reported=_coded(SCREENING),
        imaging_measurements=groups,
        title=_concept("126000", "DCM", "Imaging Measurement Report"),
    )
    verified: dict[str, Any] = {
        "verifying_observer_name": name(told.signer),
        "verifying_organization": long_string(told.clinic),
    }
    report: FileDataset = hd.sr.ComprehensiveSR(  # type: ignore[assignment]  # it is one, though typed as less
        evidence=[_as_evidence(one, like) for one in sources.values()],
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
        institution_name=long_string(told.clinic),
        # The camera's file may be written in a narrower set, in which the clinic's or the doctor's name is lost.
        specific_character_set="ISO_IR 192",
        **(verified if told.signer else {}),
    )
    _into_study(report, str(like.StudyInstanceUID))
    _dated(report, told)
    return report


def _as_evidence(source: Dataset, like: Dataset) -> Dataset:
    """Give a photograph's identifiers with patient and study of the report; a camera may leave some of them out."""
    made = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"):
        if keyword in source:
            made[keyword] = source[keyword]
    for keyword in _OF_PATIENT_AND_STUDY:
        if keyword in like:
            made[keyword] = like[keyword]
    return made


def _into_study(report: Dataset, study_uid: str) -> None:
    """Lay the report into a study, and part the evidence into that of this study and that of others."""
    held = [item for keyword in _EVIDENCE for item in report.get(keyword, ())]
    report.StudyInstanceUID = study_uid
    of_it = [item for item in held if item.StudyInstanceUID == study_uid]
    for keyword, items in zip(_EVIDENCE, (of_it, [item for item in held if item not in of_it]), strict=True):
        report.pop(keyword, None)
        if items:
            setattr(report, keyword, Items(items))


def _dated(report: Dataset, told: Told) -> None:
    """Give the moment of the state that is told, so that the same state gives the same bytes."""
    at = told.signed_at or told.made_at
    day, clock = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    report.ContentDate, report.ContentTime = day, clock
    report.InstanceCreationDate, report.InstanceCreationTime = day, clock
    for observer in report.get("VerifyingObserverSequence", ()):
        observer.VerificationDateTime = DT(at)
    for equipment in report.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = DT(at)
    scheme = Dataset()
    scheme.CodingSchemeDesignator = OWN_SCHEME
    scheme.CodingSchemeName = "RetinEye"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    report.CodingSchemeIdentificationSequence = Items([scheme])


def _observed_by(told: Told) -> hd.sr.ObservationContext:
    if told.signer:
        person = hd.sr.PersonObserverIdentifyingAttributes(name=name(told.signer))
        observer = hd.sr.ObserverContext(
            observer_type=_concept("121006", "DCM", "Person"), observer_identifying_attributes=person
        )
        return hd.sr.ObservationContext(observer_person_context=observer)
    program = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of(told.exam_id, f"device-{told.pack_sha256}"), name="RetinEye", model_name=told.pack_id or None
    )
    observer = hd.sr.ObserverContext(
        observer_type=_concept("121007", "DCM", "Device"), observer_identifying_attributes=program
    )
    return hd.sr.ObservationContext(observer_device_context=observer)


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


def _concept(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, scheme, meaning[:64])


def _coded(code: Code) -> CodedConcept:
    return _concept(code.code, _SCHEMES[code.system], code.display)


def _own(value: str, meaning: str) -> CodedConcept:
    return _concept(value, OWN_SCHEME, meaning)
