"""Patients, exams, photographs, verdicts, and what a clinic has decided."""

from retineye.clinic.models.correction import Correction
from retineye.clinic.models.exam import (
    Absence,
    Exam,
    Eye,
    Field,
    HbA1cUnit,
    Photograph,
    Standing,
    State,
    Symptom,
    Treatment,
)
from retineye.clinic.models.patient import DiabetesType, Patient, PatientIdentifier, Sex, search_key
from retineye.clinic.models.settings import ClinicSettings
from retineye.clinic.models.verdict import Verdict

__all__ = [
    "Absence",
    "ClinicSettings",
    "Correction",
    "DiabetesType",
    "Exam",
    "Eye",
    "Field",
    "HbA1cUnit",
    "Patient",
    "PatientIdentifier",
    "Photograph",
    "Sex",
    "Standing",
    "State",
    "Symptom",
    "Treatment",
    "Verdict",
    "search_key",
]
