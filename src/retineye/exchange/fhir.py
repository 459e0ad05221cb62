"""An exam as FHIR R4: a bundle of plain dictionaries, made of nothing but what is told of the exam. Pure.

The software's word is `preliminary` and stays so; the doctor's is an Observation of its own. What can not be read has
no value but a `dataAbsentReason`. No Condition is ever made from a photograph.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

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
from retineye.exchange.told import ADVICE_OF_USE, METHOD, Dme, EyeTold, Shot, Standing, Told
from retineye.exchange.uids import uid_of
from retineye.grading.result import REASONS, Eye, Grade, Reason

Resource = dict[str, Any]

SYSTEM: Final = "urn:retineye"
_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
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
        "id": _id(told, "bundle", told.revision),
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
        organization(told),
        *([practitioner(told)] if told.signer_id else []),
        *([device(told)] if told.machine else []),
        *([imaging_study(told)] if told.shots else []),
        *(media(told, shot) for shot in told.shots),
        *observations,
        diagnostic_report(told, observations),
        *([service_request(told)] if told.refer else []),
    ]
    return [*made, *provenances(told, observations)]


def patient(told: Told) -> Resource:
    """Give the patient as the clinic's own registry knows them."""
    who = told.patient
    given = who.name.split()
    resource: Resource = {
        "resourceType": "Patient",
        "id": who.id,
        "identifier": [
            {"use": "usual", "system": f"{SYSTEM}:clinic:{told.clinic_id}:patient", "value": who.number},
            *(
                {"system": system if ":" in system else f"{SYSTEM}:issuer:{_word(system)}", "value": value}
                for system, value in who.identifiers
            ),
        ],
        "name": [{"use": "official", "text": who.name, "family": given[-1]}],
        "gender": who.sex or "unknown",
        "managingOrganization": _ref("Organization", told.clinic_id),
    }
    if given[:-1]:
        resource["name"][0]["given"] = given[:-1]
    if who.birth_date or who.birth_year:
        resource["birthDate"] = who.birth_date.isoformat() if who.birth_date else f"{who.birth_year:04d}"
    if who.deceased_on:
        resource["deceasedDateTime"] = who.deceased_on.isoformat()
    return resource


def organization(told: Told) -> Resource:
    """Give the clinic."""
    return {"resourceType": "Organization", "id": told.clinic_id, "name": told.clinic}


def practitioner(told: Told) -> Resource:
    """Give the doctor who signed."""
    return {"resourceType": "Practitioner", "id": told.signer_id, "name": [{"text": told.signer}]}


def device(told: Told) -> Resource:
    """Give the software and the network that spoke: name, version, and the checksum of its weights."""
    return {
        "resourceType": "Device",
        "id": _device(told),
        "identifier": [{"system": f"{SYSTEM}:pack:sha256", "value": told.pack_sha256}] if told.pack_sha256 else [],
        "status": "active",
        "manufacturer": "The RetinEye developers",
        "deviceName": [{"name": "RetinEye", "type": "user-friendly-name"}],
        "modelNumber": told.pack_id or "none",
        "type": {"text": "Software that grades fundus photographs"},
        "version": [
            {"type": {"text": "software"}, "value": told.version},
            {"type": {"text": "model pack, with its preprocessing"}, "value": told.pack_id or "none"},
        ],
        "note": [{"text": ADVICE_OF_USE}],
    }


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
                    "modality": _coding(OPHTHALMIC_PHOTOGRAPHY),
                    "numberOfInstances": len(shots),
                    "bodySite": _coding(RETINA[eye]),
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
        "modality": [_coding(OPHTHALMIC_PHOTOGRAPHY)],
        "subject": _ref("Patient", told.patient.id),
        "started": _taken(told),
        "numberOfSeries": len(series),
        "numberOfInstances": len(told.shots),
        "procedureCode": [_concept(SCREENING)],
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
        "modality": _concept(OPHTHALMIC_PHOTOGRAPHY),
        "subject": _ref("Patient", told.patient.id),
        "createdDateTime": shot.taken_at.isoformat(timespec="seconds") if shot.taken_at else _taken(told),
        "bodySite": _concept(RETINA[shot.eye]),
        "height": shot.height_px,
        "width": shot.width_px,
        "content": {
            "contentType": shot.mime,
            "size": shot.bytes,
            "title": f"Fundus photograph, {shot.eye.value} eye",
        },
    }
    if shot.field in _FIELDS:
        resource["view"] = _concept(_FIELDS[shot.field])
    if shot.camera:
        resource["deviceName"] = shot.camera
    return resource


def _observations(told: Told) -> Iterator[Resource]:
    for eye in told.machine:
        if eye.photographed:
            yield from _of_eye(told, eye, machine=True)
    for eye in told.human:
        if eye.photographed:
            yield from _of_eye(told, eye, machine=False)


def _of_eye(told: Told, eye: EyeTold, *, machine: bool) -> Iterator[Resource]:
    severity = _observation(told, eye, "severity", SEVERITY_QUESTION[eye.eye], machine=machine)
    if eye.grade is None:
        severity["dataAbsentReason"] = _absent(eye.why_not)
    else:
        severity["valueCodeableConcept"] = severity_value(eye.grade)
    if machine and eye.grade is not None:
        severity["component"] = [
            {
                "code": {"text": f"Probability of {grade.label}", "coding": [_coding(SEVERITY_ANSWER[grade])]},
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
    quality = _observation(told, eye, "gradability", IMAGE_QUALITY, machine=machine)
    quality["valueCodeableConcept"] = {"text": "gradable" if eye.readable else "not gradable"}
    reasons = _reasons(told, eye.eye) if machine and not eye.readable else ()
    if reasons:
        quality["note"] = [{"text": reason} for reason in reasons]
    yield quality
    dme = _observation(told, eye, "dme", DME_QUESTION[eye.eye], machine=machine)
    if eye.dme is Dme.CANNOT_JUDGE:
        dme["dataAbsentReason"] = _absent("Cannot judge from the photographs")
    else:
        dme["valueCodeableConcept"] = {"text": eye.dme.value}
    yield dme


def severity_value(grade: Grade) -> Resource:
    """Give a grade as a concept: the LOINC answer, and the SNOMED finding where there is a disease."""
    finding = SEVERITY_FINDING.get(grade)
    return {
        "coding": [_coding(SEVERITY_ANSWER[grade]), *([_coding(finding)] if finding else [])],
        "text": f"ICDR grade {int(grade)}: {grade.label}",
    }


def _observation(told: Told, eye: EyeTold, what: str, code: Code, *, machine: bool) -> Resource:
    who = "machine" if machine else "clinician"
    status = "preliminary" if machine else "amended" if told.standing is Standing.AMENDED else "final"
    identity = ("observation", what, eye.eye.value, who, *([] if machine else [told.revision.partition("+")[0]]))
    resource: Resource = {
        "resourceType": "Observation",
        "id": _id(told, *identity),
        "status": status,
        "category": [{"coding": [{"system": _CATEGORY, "code": "imaging", "display": "Imaging"}]}],
        "code": _concept(code),
        "subject": _ref("Patient", told.patient.id),
        "effectiveDateTime": _taken(told),
        "bodySite": _concept(RETINA[eye.eye]),
        "method": {"text": METHOD if machine else "Colour fundus photographs read by a clinician"},
        "derivedFrom": [_ref("Media", shot.id) for shot in told.shots if shot.eye is eye.eye],
    }
    if machine:
        resource["device"] = _ref("Device", _device(told))
        resource["performer"] = [_ref("Organization", told.clinic_id)]
    else:
        resource["issued"] = _instant(told)
        resource["performer"] = [_ref("Practitioner", told.signer_id)]
    if not resource["derivedFrom"]:
        del resource["derivedFrom"]
    return resource


def diagnostic_report(told: Told, observations: list[Resource]) -> Resource:
    """Give the report: what was concluded, by which guideline, and the PDF."""
    words = [told.conclusion, f"Guideline: {told.guideline}; rule: {told.rule}.", ADVICE_OF_USE]
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "id": _id(told, "report"),
        "identifier": [{"system": f"{SYSTEM}:exam", "value": told.exam_id}],
        "status": told.standing.value,
        "category": [{"coding": [{"system": _SECTION, "code": "IMG", "display": "Diagnostic Imaging"}]}],
        "code": _concept(SCREENING_REPORT),
        "subject": _ref("Patient", told.patient.id),
        "effectiveDateTime": _taken(told),
        "issued": told.made_at.isoformat(timespec="seconds"),
        "performer": [_ref("Organization", told.clinic_id)],
        "conclusion": " ".join(
            word for word in [*words[:1], *(f"Addendum: {text}" for _at, _by, text in told.addenda), *words[1:]] if word
        ),
    }
    if told.signer_id:
        resource["resultsInterpreter"] = [_ref("Practitioner", told.signer_id)]
    if observations:
        resource["result"] = [_ref("Observation", one["id"]) for one in observations]
    if told.shots:
        resource["imagingStudy"] = [_ref("ImagingStudy", _id(told, "study"))]
        resource["media"] = [{"link": _ref("Media", shot.id)} for shot in told.shots]
    finding = SEVERITY_FINDING.get(told.grade) if told.grade is not None else None
    if finding and told.human:
        resource["conclusionCode"] = [_concept(finding)]
    if told.pdf:
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
    """Give the referral: a proposal until a doctor has signed."""
    resource: Resource = {
        "resourceType": "ServiceRequest",
        "id": _id(told, "referral"),
        "status": "active" if told.signer_id else "draft",
        "intent": "order" if told.signer_id else "proposal",
        "priority": "urgent" if told.urgent else "routine",
        "code": {"text": "Examination by an eye doctor"},
        "subject": _ref("Patient", told.patient.id),
        "authoredOn": _instant(told),
        "requester": _ref("Practitioner", told.signer_id) if told.signer_id else _ref("Organization", told.clinic_id),
        "reasonReference": [_ref("DiagnosticReport", _id(told, "report"))],
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
        made.append(_provenance(told, "machine", by_machine, _ref("Device", _device(told)), "assembler"))
    if by_doctor:
        report = {"resourceType": "DiagnosticReport", "id": _id(told, "report")}
        who = _ref("Practitioner", told.signer_id)
        made.append(_provenance(told, "clinician", [*by_doctor, report], who, "verifier"))
    return made


def _provenance(told: Told, who: str, targets: list[Resource], agent: Resource, role: str) -> Resource:
    return {
        "resourceType": "Provenance",
        "id": _id(told, "provenance", who, told.revision if who == "clinician" else ""),
        "target": [_ref(one["resourceType"], one["id"]) for one in targets],
        "recorded": _instant(told) if who == "clinician" else told.made_at.isoformat(timespec="seconds"),
        "agent": [
            {
                "type": {"coding": [{"system": _AGENT, "code": role, "display": role.capitalize()}]},
                "who": agent,
                "onBehalfOf": _ref("Organization", told.clinic_id),
            }
        ],
    }


def _reasons(told: Told, eye: Eye) -> Iterator[str]:
    codes = dict.fromkeys(code for shot in told.shots if shot.eye is eye and not shot.graded for code in shot.reasons)
    return (REASONS[Reason(code)][0] for code in codes)


def _device(told: Told) -> str:
    return str(uuid5(NAMESPACE_URL, f"{SYSTEM}:device:{told.version}:{told.pack_sha256}"))


def _id(told: Told, *parts: str) -> str:
    return str(uuid5(UUID(told.exam_id), "/".join(parts)))


def _ref(kind: str, key: str) -> Resource:
    return {"reference": f"{kind}/{key}"}


def _coding(code: Code) -> Mapping[str, str]:
    return {"system": code.system, "code": code.code, "display": code.display}


def _concept(code: Code) -> Resource:
    return {"coding": [_coding(code)], "text": code.display}


def _absent(why: str) -> Resource:
    return {"coding": [{"system": _ABSENT, "code": "unknown", "display": "Unknown"}], "text": why or "Not known"}


def _taken(told: Told) -> str:
    return told.taken_at.isoformat(timespec="seconds") if told.taken_at else told.taken_on.isoformat()


def _instant(told: Told) -> str:
    return (told.signed_at or told.made_at).isoformat(timespec="seconds")


def _word(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower()) or "unknown"
