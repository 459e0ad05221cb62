"""Patients, exams, photographs, verdicts, and what a clinic has decided."""

from retineye.clinic.models.batch import Batch, BatchRow
from retineye.clinic.models.correction import Correction
from retineye.clinic.models.earlier import EarlierRecord
from retineye.clinic.models.erasure import Erasure
from retineye.clinic.models.exam import (
    Absence,
    Exam,
    Eye,
    Field,
    HbA1cUnit,
    Photograph,
    ReadState,
    SecondRead,
    Standing,
    State,
    Symptom,
    Treatment,
)
from retineye.clinic.models.exchange import Arrival, Delivery, Destination, Sender
from retineye.clinic.models.patient import DiabetesType, Patient, PatientIdentifier, Sex, search_key
from retineye.clinic.models.recall import RecallEnd, ReferralOutcome, Reminder
from retineye.clinic.models.report import CallBack, CallBackTry, ClinicText, Report, StoredResult, TextReview
from retineye.clinic.models.review import Addendum, Change, Dme, Feature, Quality, Review, SavedFilter, Signature
from retineye.clinic.models.settings import ClinicSettings
from retineye.clinic.models.single import SingleGrade
from retineye.clinic.models.upload import Upload
from retineye.clinic.models.verdict import Verdict
from retineye.clinic.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "Absence",
    "Addendum",
    "Arrival",
    "Batch",
    "BatchRow",
    "CallBack",
    "CallBackTry",
    "Change",
    "ClinicSettings",
    "ClinicText",
    "Correction",
    "Delivery",
    "Destination",
    "DiabetesType",
    "Dme",
    "EarlierRecord",
    "Erasure",
    "Exam",
    "Eye",
    "Feature",
    "Field",
    "HbA1cUnit",
    "Patient",
    "PatientIdentifier",
    "Photograph",
    "Quality",
    "ReadState",
    "RecallEnd",
    "ReferralOutcome",
    "Reminder",
    "Report",
    "Review",
    "SavedFilter",
    "SecondRead",
    "Sender",
    "Sex",
    "Signature",
    "SingleGrade",
    "Standing",
    "State",
    "StoredResult",
    "Symptom",
    "TextReview",
    "Treatment",
    "Upload",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
    "search_key",
]
