"""Patients, exams, photographs and verdicts."""

from retineye.clinic.models.exam import Absence, Exam, Eye, Field, Photograph, Standing, State
from retineye.clinic.models.patient import Patient, search_key
from retineye.clinic.models.verdict import Verdict

__all__ = ["Absence", "Exam", "Eye", "Field", "Patient", "Photograph", "Standing", "State", "Verdict", "search_key"]
