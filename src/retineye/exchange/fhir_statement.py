"""What the FHIR server can do, and how it says that something failed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from retineye.exchange.fhir_who import Resource

EVERYTHING: Final = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
ISSUES: Final[Mapping[int, str]] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    429: "throttled",
}
"""Codes of http://hl7.org/fhir/issue-type; any other status is an exception."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource that can be read."""

    name: str
    searched_by: Mapping[str, str]
    """The parameters that it can be searched by, with their types; none: it can be read by its id alone."""
    by_exam: bool = True
    """Each exam has its own; else it stands for itself."""


_OF_EXAM: Final = {
    "_id": "token", "_lastUpdated": "date", "patient": "reference", "patient.identifier": "token", "exam": "token",
}  # fmt: skip
KINDS: Final[Mapping[str, Kind]] = {
    one.name: one
    for one in (
        Kind("Patient", {"_id": "token", "_lastUpdated": "date", "identifier": "token"}, by_exam=False),
        Kind("Device", {"_id": "token", "identifier": "token"}, by_exam=False),
        Kind("Organization", {}, by_exam=False),
        Kind("Practitioner", {}),
        Kind("ImagingStudy", {**_OF_EXAM, "identifier": "token"}),
        Kind("Media", dict(_OF_EXAM)),
        Kind("Observation", {**_OF_EXAM, "code": "token", "status": "token"}),
        Kind("DiagnosticReport", {**_OF_EXAM, "identifier": "token", "status": "token"}),
        Kind("ServiceRequest", {**_OF_EXAM, "status": "token"}),
        Kind("Provenance", dict(_OF_EXAM)),
    )
}

_WORDS: Final = {
    "_lastUpdated": "When the exam, or the patient's record, last changed; with eq, ge, gt, le or lt.",
    "exam": "The exam's id: everything that was made of it.",
    "patient.identifier": "System and value of one of the patient's numbers.",
}


def outcome(status: int, text: str) -> Resource:
    """Say that a request failed, and why; never with a value that was sent."""
    issue = {"severity": "error", "code": ISSUES.get(status, "exception"), "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def statement(*, base: str, version: str, date: str) -> Resource:
    """Say what the server can do (CapabilityStatement)."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": "The RetinEye developers",
        "kind": "instance",
        "software": {"name": "RetinEye", "version": version},
        "implementation": {"description": "Results of retinal screening, to read", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A token of a program as bearer: Authorization: Bearer rtn_..."},
                "resource": [_resource(kind, base) for kind in KINDS.values()],
            }
        ],
    }


def _resource(kind: Kind, base: str) -> Resource:
    made: Resource = {
        "type": kind.name,
        "interaction": [{"code": "read"}, *([{"code": "search-type"}] if kind.searched_by else [])],
        "versioning": "no-version",
    }
    if kind.searched_by:
        made["searchParam"] = [
            {"name": name, "type": form, **({"documentation": _WORDS[name]} if name in _WORDS else {})}
            for name, form in kind.searched_by.items()
        ]
    if kind.name == "Patient":
        made["operation"] = [{"name": "everything", "definition": EVERYTHING}]
    if kind.name == "DiagnosticReport":
        made["operation"] = [{"name": "everything", "definition": f"{base}/OperationDefinition/exam-everything"}]
    return made


def exam_everything(*, base: str) -> Resource:
    """Define the operation that gives an exam as a whole."""
    return {
        "resourceType": "OperationDefinition",
        "id": "exam-everything",
        "url": f"{base}/OperationDefinition/exam-everything",
        "name": "ExamEverything",
        "title": "Everything of an exam",
        "status": "active",
        "kind": "operation",
        "code": "everything",
        "description": "Gives every resource of the exam whose report is named, as one searchset.",
        "resource": ["DiagnosticReport"],
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [{"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"}],
    }
