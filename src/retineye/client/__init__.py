"""A small client for the REST API of RetinEye. It needs httpx alone: ``pip install retineye[client]``."""

from retineye.client.client import Client
from retineye.client.errors import BadSignature, NoConnection, ProblemError, RetinEyeError
from retineye.client.values import Decision, Exam, Grade, Me, Pack, Patient, Photograph, Report, Single
from retineye.client.webhook import Message, open_message

__all__ = [
    "BadSignature",
    "Client",
    "Decision",
    "Exam",
    "Grade",
    "Me",
    "Message",
    "NoConnection",
    "Pack",
    "Patient",
    "Photograph",
    "ProblemError",
    "Report",
    "RetinEyeError",
    "Single",
    "open_message",
]
