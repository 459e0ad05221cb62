"""An exam as FHIR R4: a bundle of plain dictionaries, made of nothing but what is told of the exam. Pure.

The software's word is `preliminary` and stays so; the doctor's is an Observation of its own. What can not be read has
no value but a `dataAbsentReason`. No Condition is ever made from a photograph.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from retineye.exchange.codes import (
    DISC_CENTRED,
    DME_QUESTION,
    IMAGE_QUALITY,
    MACULA_CENTRED,
    OPHTHALMIC_PHOTOGRAPHY,
    RETINA,
    SCREENING,
    SCREENING_REPORT,
    SEVERITY_ANSWER,
    SEVERITY_FINDING,
    SEVERITY_QUESTION,
    Code,
)
from retineye.exchange.fhir_who import (
    SYSTEM,
    absent,
    coding,
    concept,
    device_key,
    device_of,
    organization_of,
    patient_of,
    ref,
)
from retineye.exchange.fhir_who import (
    Resource as Resource,
)
from retineye.exchange.told import ADVICE_OF_USE, METHOD, Dme, EyeTold, Shot, Standing, Told
from retineye.exchange.uids import uid_of
from retineye.grading.result import REASONS, Eye, Grade, Reason

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_FIELDS: Final = {"macula": MACULA_CENTRED, "disc": DISC_CENTRED}


def bundle(told: Told, *, base: str, kind: str = "collection") -> Resource:
    """Give the exam as one bundle.

    Parameters
    ----------
    base
        Address of the server that holds the resources: full URLs start with it.
    kind
        `collection`, `searchset`, or `transaction`: then each resource is to be put under its own id, so that sending
        it again changes nothing.
    """
    entries = [_entry(resource, base, kind) for resource in resources(told)]
    whole: Resource = {
        "resourceType": "Bundle",
        "id": _id(told, "bundle", _signature(told.revision), told.revision.partition("+")[2] or "0"),
        "type": kind,
        "entry": entries,
    }
    if kind == "searchset":
        whole["total"] = len(entries)
    else:
        whole["timestamp"] = told.made_at.isoformat(timespec="seconds")
    if kind == "transaction":
        del whole["timestamp"]
    return whole


def _entry(resource: Resource, base: str, kind: str) -> Resource:
    place = f"{resource['resourceType']}/{resource['id']}"
    entry: Resource = {"fullUrl": f"{base.rstrip('/')}/{place}", "resource": resource}
    if kind == "transaction":
        entry["request"] = {"method": "PUT", "url": place}
    if kind == "searchset":
        entry["search"] = {"mode": "match"}
    return entry


def resources(told: Told) -> list[Resource]:
    """Give every resource of the exam, each before those that refer to it."""
    observations = list(_observations(told))
    made = [
        patient(told),
        organization_of(told.clinic_id, told.clinic),
        *practitioners(told),
        *([device(told)] if told.machine else []),
        *([imaging_study(told)] if told.shots else []),
        *(media(told, shot) for shot in told.shots),
        *observations,
        diagnostic_report(told, observations),
        *([service_request(told)] if told.refer or told.taken_back else []),
        *_taken_back(told),
    ]
    return [*made, *provenances(told, observations)]


def patient(told: Told) -> Resource:
    """Give the patient of the exam."""
    return patient_of(told.patient, told.clinic_id)


def practitioners(told: Told) -> list[Resource]:
    """Give the doctors who signed, those too whose signature was taken back."""
    signers = {one.signer_id: one.signer for one in told.taken_back}
    if told.signer_id:
        signers[told.signer_id] = told.signer
    return [{"resourceType": "Practitioner", "id": key, "name": [{"text": name}]} for key, name in signers.items()]


def device(told: Told) -> Resource:
    """Give the software and the network that spoke in the exam."""
    return device_of(told.pack_id, told.pack_sha256, told.version)


def imaging_study(told: Told) -> Resource:
    """Give the study: one series for each eye that was photographed."""
    series = []
    for number, eye in enumerate((Eye.RIGHT, Eye.LEFT), 1):
        shots = [shot for shot in told.shots if shot.eye is eye]
        if shots:
            series.append(
                {
                    "uid": uid_of(told.exam_id, f"series-{eye.value}"),
                    "number": number,
                    "modality": coding(OPHTHALMIC_PHOTOGRAPHY),
                    "numberOfInstances": len(shots),
                    "bodySite": coding(RETINA[eye]),
                }
            )
    study: Resource = {
        "resourceType": "ImagingStudy",
        "id": _id(told, "study"),
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{uid_of(told.exam_id, 'study')}"},
            {"type": {"text": "accession number"}, "system": f"{SYSTEM}:accession", "value": told.order},
        ],
        "status": "available",
        "modality": [coding(OPHTHALMIC_PHOTOGRAPHY)],
        "subject": ref("Patient", told.patient.id),
        "started": _taken(told),
        "numberOfSeries": len(series),
        "numberOfInstances": len(told.shots),
        "procedureCode": [concept(SCREENING)],
        "series": series,
    }
    return study


def media(told: Told, shot: Shot) -> Resource:
    """Give one photograph: side, field, size, and the SHA-256 of its file."""
    resource: Resource = {
        "resourceType": "Media",
        "id": shot.id,
        "identifier": [{"system": f"{SYSTEM}:sha256", "value": shot.sha256}],
        "status": "completed",
        "type": {"text": "photograph"},
        "modality": concept(OPHTHALMIC_PHOTOGRAPHY),
        "subject": ref("Patient", told.patient.id),
        "createdDateTime": shot.taken_at.isoformat(timespec="seconds") if shot.taken_at else _taken(told),
        "bodySite": concept(RETINA[shot.eye]),
        "height": shot.height_px,
        "width": shot.width_px,
        "content": {
            "contentType": shot.mime,
            "size": shot.bytes,
            "title": f"Fundus photograph, {shot.eye.value} eye",
        },
    }
    if shot.field in _FIELDS:
        resource["view"] = concept(_FIELDS[shot.field])
    if shot.camera:
        resource["deviceName"] = shot.camera
    return resource


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose word an observation is, and how firm it is."""

    key: str
    """Part of the observation's id."""
    status: str
    signer_id: str = ""
    """Empty: the software's."""
    issued: str = ""


_MACHINE: Final = _Reader("machine", "preliminary")


def _observations(told: Told) -> Iterator[Resource]:
    for eye in told.machine:
        if eye.photographed:
            yield from _of_eye(told, eye, _MACHINE)
    status = "amended" if told.standing is Standing.AMENDED else "final"
    reader = _Reader(_signature(told.revision), status, told.signer_id, _instant(told))
    for eye in told.human:
        if eye.photographed:
            yield from _of_eye(told, eye, reader)


def _taken_back(told: Told) -> Iterator[Resource]:
    """Give again what was signed and taken back, without its values: whoever holds it learns that it does not count."""
    for one in told.taken_back:
        issued = one.signed_at.isoformat(timespec="seconds")
        reader = _Reader(_signature(one.revision), "entered-in-error", one.signer_id, issued)
        for eye in one.eyes:
            if eye.photographed:
                for observation in _of_eye(told, eye, reader):
                    observation.pop("valueCodeableConcept", None)
                    observation["dataAbsentReason"] = absent("Taken back by who signed it")
                    yield observation


def _of_eye(told: Told, eye: EyeTold, reader: _Reader) -> Iterator[Resource]:
    machine = reader is _MACHINE
    severity = _observation(told, eye, "severity", SEVERITY_QUESTION[eye.eye], reader)
    if eye.grade is None:
        severity["dataAbsentReason"] = absent(eye.why_not)
    else:
        severity["valueCodeableConcept"] = severity_value(eye.grade)
    if machine and eye.grade is not None:
        severity["component"] = [
            {
                "code": {"text": f"Probability of {grade.label}", "coding": [coding(SEVERITY_ANSWER[grade])]},
                "valueQuantity": {
                    "value": round(probability, 4),
                    "unit": "probability",
                    "system": "http://unitsofmeasure.org",
                    "code": "1",
                },
            }
            for grade, probability in zip(Grade, eye.probabilities, strict=False)
        ]
    if machine and eye.unsure:
        severity["note"] = [{"text": "The network is unsure: a person must read the photographs."}]
    yield severity
    quality = _observation(told, eye, "gradability", IMAGE_QUALITY, reader)
    quality["valueCodeableConcept"] = {"text": "gradable" if eye.readable else "not gradable"}
    reasons = _reasons(told, eye.eye) if machine and not eye.readable else ()
    if reasons:
        quality["note"] = [{"text": reason} for reason in reasons]
    yield quality
    dme = _observation(told, eye, "dme", DME_QUESTION[eye.eye], reader)
    if eye.dme is Dme.CANNOT_JUDGE:
        dme["dataAbsentReason"] = absent("Cannot judge from the photographs")
    else:
        dme["valueCodeableConcept"] = {"text": eye.dme.value}
    yield dme


def severity_value(grade: Grade) -> Resource:
    """Give a grade as a concept: the LOINC answer, and the SNOMED finding where there is a disease."""
    finding = SEVERITY_FINDING.get(grade)
    return {
        "coding": [coding(SEVERITY_ANSWER[grade]), *([coding(finding)] if finding else [])],
        "text": f"ICDR grade {int(grade)}: {grade.label}",
    }


def _observation(told: Told, eye: EyeTold, what: str, code: Code, reader: _Reader) -> Resource:
    machine = reader is _MACHINE
    resource: Resource = {
        "resourceType": "Observation",
        "id": _id(told, what, eye.eye.value, reader.key),
        "status": reader.status,
        "category": [{"coding": [{"system": _CATEGORY, "code": "imaging", "display": "Imaging"}]}],
        "code": concept(code),
        "subject": ref("Patient", told.patient.id),
        "effectiveDateTime": _taken(told),
        "bodySite": concept(RETINA[eye.eye]),
        "method": {"text": METHOD if machine else "Colour fundus photographs read by a clinician"},
        "derivedFrom": [ref("Media", shot.id) for shot in told.shots if shot.eye is eye.eye],
    }
    if machine:
        resource["device"] = ref("Device", device_key(told.pack_sha256, told.version))
        resource["performer"] = [ref("Organization", told.clinic_id)]
    else:
        resource["issued"] = reader.issued
        resource["performer"] = [ref("Practitioner", reader.signer_id)]
    if not resource["derivedFrom"]:
        del resource["derivedFrom"]
    return resource


def diagnostic_report(told: Told, observations: list[Resource]) -> Resource:
    """Give the report: what was concluded, by which guideline, and the PDF."""
    withdrawn = told.standing is Standing.WITHDRAWN
    rule = f"; rule: {told.rule}" if told.rule else ""
    words = [told.conclusion, f"Guideline: {told.guideline}{rule}.", ADVICE_OF_USE]
    if withdrawn:
        words = ["This report was withdrawn after it was signed, and must not be used.", ADVICE_OF_USE]
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "id": _id(told, "report"),
        "identifier": [{"system": f"{SYSTEM}:exam", "value": told.exam_id}],
        "status": told.standing.value,
        "category": [{"coding": [{"system": _SECTION, "code": "IMG", "display": "Diagnostic Imaging"}]}],
        "code": concept(SCREENING_REPORT),
        "subject": ref("Patient", told.patient.id),
        "effectiveDateTime": _taken(told),
        "issued": told.made_at.isoformat(timespec="seconds"),
        "performer": [ref("Organization", told.clinic_id)],
        "conclusion": " ".join(
            word for word in [*words[:1], *(f"Addendum: {text}" for _at, _by, text in told.addenda), *words[1:]] if word
        ),
    }
    if told.signer_id:
        resource["resultsInterpreter"] = [ref("Practitioner", told.signer_id)]
    if observations:
        resource["result"] = [ref("Observation", one["id"]) for one in observations]
    if told.shots:
        resource["imagingStudy"] = [ref("ImagingStudy", _id(told, "study"))]
        resource["media"] = [{"link": ref("Media", shot.id)} for shot in told.shots]
    finding = SEVERITY_FINDING.get(told.grade) if told.grade is not None else None
    if finding and told.human:
        resource["conclusionCode"] = [concept(finding)]
    if told.pdf and not withdrawn:
        resource["presentedForm"] = [
            {
                "contentType": "application/pdf",
                "data": b64encode(told.pdf).decode("ascii"),
                "size": len(told.pdf),
                "title": "Report for the clinician",
            }
        ]
    return resource


def service_request(told: Told) -> Resource:
    """Give the referral: a proposal until a doctor has signed; one that holds no more says so under the same id."""
    status = "active" if told.signer_id else "draft"
    if not told.refer:
        status = "revoked" if told.signer_id else "entered-in-error"
    resource: Resource = {
        "resourceType": "ServiceRequest",
        "id": _id(told, "referral"),
        "status": status,
        "intent": "order" if told.signer_id else "proposal",
        "priority": "urgent" if told.urgent else "routine",
        "code": {"text": "Examination by an eye doctor"},
        "subject": ref("Patient", told.patient.id),
        "authoredOn": _instant(told),
        "requester": ref("Practitioner", told.signer_id) if told.signer_id else ref("Organization", told.clinic_id),
        "reasonReference": [ref("DiagnosticReport", _id(told, "report"))],
        "note": [{"text": told.conclusion}],
    }
    if told.due_by:
        resource["occurrencePeriod"] = {"end": told.due_by.isoformat()}
    return resource


def provenances(told: Told, observations: list[Resource]) -> list[Resource]:
    """Say who or what made each row."""
    by_machine = [one for one in observations if "device" in one]
    by_doctor = [one for one in observations if "device" not in one]
    made = []
    if by_machine:
        made.append(
            _provenance(
                told, "machine", by_machine, ref("Device", device_key(told.pack_sha256, told.version)), "assembler"
            )
        )
    if by_doctor:
        report = {"resourceType": "DiagnosticReport", "id": _id(told, "report")}
        who = ref("Practitioner", told.signer_id)
        made.append(_provenance(told, "clinician", [*by_doctor, report], who, "verifier"))
    return made


def _provenance(told: Told, who: str, targets: list[Resource], agent: Resource, role: str) -> Resource:
    return {
        "resourceType": "Provenance",
        "id": _id(told, "provenance", _signature(told.revision) if who == "clinician" else who),
        "target": [ref(one["resourceType"], one["id"]) for one in targets],
        "recorded": _instant(told) if who == "clinician" else told.made_at.isoformat(timespec="seconds"),
        "agent": [
            {
                "type": {"coding": [{"system": _AGENT, "code": role, "display": role.capitalize()}]},
                "who": agent,
                "onBehalfOf": ref("Organization", told.clinic_id),
            }
        ],
    }


def _reasons(told: Told, eye: Eye) -> Iterator[str]:
    codes = dict.fromkeys(code for shot in told.shots if shot.eye is eye and not shot.graded for code in shot.reasons)
    return (REASONS[Reason(code)][0] for code in codes)


def _id(told: Told, *parts: str) -> str:
    # The exam is part of the id, so that whoever holds an id is led back to its rows. At most 64 letters, says R4.
    return "-".join((UUID(told.exam_id).hex, *parts))


def exam_in(resource_id: str) -> UUID | None:
    """Give the exam that a resource's id names; None where it names none."""
    key, dash, _what = resource_id.partition("-")
    try:
        return UUID(key) if dash and len(key) == 32 else None
    except ValueError:
        return None


def _signature(revision: str) -> str:
    # The revision is the signature's id and a count of addenda; eight digits tell an exam's few signatures apart.
    return revision[:8]


def _taken(told: Told) -> str:
    return told.taken_at.isoformat(timespec="seconds") if told.taken_at else told.taken_on.isoformat()


def _instant(told: Told) -> str:
    return (told.signed_at or told.made_at).isoformat(timespec="seconds")
