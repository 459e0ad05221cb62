"""Who and what the FHIR resources of exams speak of: patients, clinics, software; and how codes are written. Pure."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from retineye.exchange.codes import Code
from retineye.exchange.told import ADVICE_OF_USE, Person

Resource = dict[str, Any]

SYSTEM: Final = "urn:retineye"
_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def patient_of(who: Person, clinic_id: str, *, replaced_by: str = "") -> Resource:
    """Give a patient as the clinic's own registry knows them.

    Parameters
    ----------
    replaced_by
        The id of the record that this one was merged into.
    """
    given = who.name.split()
    resource: Resource = {
        "resourceType": "Patient",
        "id": who.id,
        "identifier": [
            {"use": "usual", "system": f"{SYSTEM}:clinic:{clinic_id}:patient", "value": who.number},
            *(
                {"system": system if ":" in system else f"{SYSTEM}:issuer:{_word(system)}", "value": value}
                for system, value in who.identifiers
            ),
        ],
        "name": [{"use": "official", "text": who.name, "family": given[-1]}],
        "gender": who.sex or "unknown",
        "managingOrganization": ref("Organization", clinic_id),
    }
    if replaced_by:
        resource["active"] = False
        resource["link"] = [{"other": ref("Patient", replaced_by), "type": "replaced-by"}]
    if given[:-1]:
        resource["name"][0]["given"] = given[:-1]
    if who.birth_date or who.birth_year:
        resource["birthDate"] = who.birth_date.isoformat() if who.birth_date else f"{who.birth_year:04d}"
    if who.deceased_on:
        resource["deceasedDateTime"] = who.deceased_on.isoformat()
    return resource


def organization_of(clinic_id: str, name: str) -> Resource:
    """Give the clinic."""
    return {"resourceType": "Organization", "id": clinic_id, "name": name}


def device_of(pack_id: str, pack_sha256: str, version: str) -> Resource:
    """Give software with a network: name, version, and the checksum of its weights."""
    resource: Resource = {
        "resourceType": "Device",
        "id": device_key(pack_sha256, version),
        "status": "active",
        "manufacturer": "The RetinEye developers",
        "deviceName": [{"name": "RetinEye", "type": "user-friendly-name"}],
        "modelNumber": pack_id or "none",
        "type": {"text": "Software that grades fundus photographs"},
        "version": [
            {"type": {"text": "software"}, "value": version},
            {"type": {"text": "model pack, with its preprocessing"}, "value": pack_id or "none"},
        ],
        "note": [{"text": ADVICE_OF_USE}],
    }
    if pack_sha256:
        resource["identifier"] = [{"system": f"{SYSTEM}:pack:sha256", "value": pack_sha256}]
    return resource


def device_key(pack_sha256: str, version: str) -> str:
    """Give the id of software with a network: another version or another pack is another device."""
    return str(uuid5(NAMESPACE_URL, f"{SYSTEM}:device:{version}:{pack_sha256}"))


def ref(kind: str, key: str) -> Resource:
    """Refer to a resource of the same server."""
    return {"reference": f"{kind}/{key}"}


def coding(code: Code) -> Mapping[str, str]:
    """Write a code."""
    return {"system": code.system, "code": code.code, "display": code.display}


def concept(code: Code) -> Resource:
    """Write a code as a concept."""
    return {"coding": [coding(code)], "text": code.display}


def absent(why: str) -> Resource:
    """Say that there is no value, and why."""
    return {"coding": [{"system": _ABSENT, "code": "unknown", "display": "Unknown"}], "text": why or "Not known"}


def _word(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower()) or "unknown"
