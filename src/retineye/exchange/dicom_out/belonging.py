"""Whose an object is: the patient and the study that an archive files it under."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from retineye.exchange.dicom_out.texts import long_string
from retineye.exchange.told import Told
from retineye.exchange.uids import uid_of

_OF_STUDY: Final = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")


@dataclass(frozen=True, slots=True)
class Belonging:
    """The patient's number, who gave it, and the study."""

    patient_id: str
    issuer: str
    study_uid: str
    study: Dataset
    """What the camera's file says of its study; empty where the study is our own."""


def belonging_of(told: Told, originals: Iterable[Dataset]) -> Belonging:
    """Put what is made into the study of the camera's file where that names the exam's patient, else into its own.

    A person may have assigned a file to another patient than it names. What is made then goes by the exam's patient: in
    the study of the file, an archive would hold a result under the wrong person.
    """
    for original in originals:
        number = str(original.get("PatientID", "") or "").strip()
        issuer = str(original.get("IssuerOfPatientID", "") or "").strip()
        study = str(original.get("StudyInstanceUID", "") or "")
        if number and study and _is_of(told, number, issuer):
            return Belonging(number, issuer, study, _study(original))
    return Belonging(long_string(told.patient.number), "", uid_of(told.exam_id, "study"), Dataset())


def _study(original: Dataset) -> Dataset:
    made = Dataset()
    for keyword in _OF_STUDY:
        if original.get(keyword):
            made[keyword] = original[keyword]
    return made


def _is_of(told: Told, number: str, issuer: str) -> bool:
    if number in (told.patient.number, long_string(told.patient.number)):
        return True
    return any(value == number and issuer in ("", system) for system, value in told.patient.identifiers)
