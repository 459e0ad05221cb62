"""Machines that bring photographs or take results: who they are, what came and is not filed yet, what is to go out."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation
from retineye.clinic.models.exam import Exam, Eye, Field


class Sender(models.Model):
    """A camera, an archive or a folder that brings photographs to one clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    ae_title = models.CharField(
        max_length=16, unique=True, null=True, blank=True, help_text="How it calls itself by DICOM; null: a folder."
    )
    acts_as = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The account, which nobody can sign in to, under which its photographs are received.",
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


def arrival_place(arrival: "Arrival", name: str) -> str:
    """Say where the bytes lie until they are filed."""
    return f"{arrival.organisation_id}/arrivals/{arrival.id}{'.dcm' if arrival.sop_class else '.bin'}"


class Arrival(models.Model):
    """A file that a machine brought: safe on disk first, filed under its patient and eye afterwards."""

    class State(models.TextChoices):
        """Where it is on its road."""

        WAITING = "waiting", _("Being filed")
        TO_ASSIGN = "to_assign", _("To be assigned")
        FILED = "filed", _("Filed")
        DROPPED = "dropped", _("Set aside")

    class Reason(models.TextChoices):
        """Why a person has to say where it belongs."""

        NO_PATIENT = "no_patient", _("No patient of yours has this number")
        SEVERAL_PATIENTS = "several_patients", _("Several patients have this number")
        NO_NUMBER = "no_number", _("The file names no patient number")
        OTHER_NAME = "other_name", _("The number is one patient's, the name or birth date another's")
        SEVERAL_EXAMS = "several_exams", _("The patient has several exams on that day")
        NO_EYE = "no_eye", _("The file does not say which eye it shows")
        EXAM_CLOSED = "exam_closed", _("The exam of that day is signed or cancelled")
        OTHER_CONTENT = "other_content", _("Another file came under the same identifier before")
        OTHER_PATIENT = "other_patient", _("The very same photograph belongs to another patient")
        OTHER_EYE = "other_eye", _("The very same photograph is filed as the other eye")
        QUESTION = "question", _("Something about it does not fit, and a person must look")
        UNREADABLE = "unreadable", _("The picture could not be read")
        NO_PATTERN = "no_pattern", _("The file's name fits none of the patterns that you set")
        SEVERAL_PATTERNS = "several_patterns", _("The file's name can be understood in several ways")
        NAME_AND_FILE = "name_and_file", _("The file and its name contradict each other")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(Sender, null=True, on_delete=models.PROTECT, related_name="arrivals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=20, help_text="The door it came by: dicom, api, folder.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Processes that have begun to file it.")
    lease_until = models.DateTimeField(null=True, blank=True)

    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveBigIntegerField()
    file = models.FileField(max_length=200, upload_to=arrival_place, blank=True)
    sop_instance_uid = models.CharField(max_length=64, blank=True, help_text="Empty: a picture that is no DICOM file.")
    sop_class = models.CharField(max_length=64, blank=True)
    file_name = models.CharField(max_length=300, blank=True, help_text="Of a folder's file; emptied when filed.")

    patient_id = models.CharField(max_length=100, blank=True, help_text="What the file says; emptied when filed.")
    issuer = models.CharField(max_length=100, blank=True)
    patient_name = models.CharField(max_length=200, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    accession = models.CharField(max_length=64, blank=True)
    eye = models.CharField(max_length=5, choices=Eye.choices, blank=True)
    field = models.CharField(max_length=7, choices=Field.choices, default=Field.UNKNOWN)
    taken_at = models.DateTimeField(null=True, blank=True)

    exam = models.ForeignKey(Exam, null=True, on_delete=models.PROTECT, related_name="arrivals")
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    filed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "sop_instance_uid", "sha256"], name="arrival_once_a_clinic"
            ),
        )
        indexes = (models.Index(fields=["organisation", "state", "created_at"], name="arrival_tray"),)

    def __str__(self) -> str:
        return f"arrival {self.id}"


class Destination(models.Model):
    """A system that takes the results of signed exams."""

    class Kind(models.TextChoices):
        """How it is spoken to."""

        DICOM = "dicom", _("DICOM archive")
        STOW = "stow", _("DICOM archive over the web (STOW-RS)")
        FHIR = "fhir", _("FHIR R4 server")
        HL7_MLLP = "mllp", _("HL7 version 2 over MLLP")
        HL7_FILE = "hl7file", _("HL7 version 2 into a folder")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    address = models.CharField(max_length=500, help_text="host:port, an https address, or a folder.")
    ae_title = models.CharField(max_length=16, blank=True, help_text="The archive's own title.")
    token_file = models.CharField(max_length=500, blank=True, help_text="File that holds the Authorization header.")
    tls = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One signed state of an exam on its way to one destination. Kept as a log when it is done."""

    class State(models.TextChoices):
        """Where it is on its road."""

        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Given up")
        STOPPED = "stopped", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="deliveries")
    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="deliveries")
    revision = models.CharField(max_length=64, help_text="Which signed state: the signature, and how many addenda.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=40, blank=True, help_text="A code: what the last try ran into.")
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["destination", "exam", "revision"], name="delivery_once_a_revision"),
        )
        indexes = (models.Index(fields=["state", "next_at"], name="delivery_due"),)

    def __str__(self) -> str:
        return f"delivery {self.id}"
