"""A visit, and the photographs taken at it."""

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Site
from retineye.clinic.models.patient import Patient


class Eye(models.TextChoices):
    """The patient's own right or left eye."""

    RIGHT = "right", _("Right eye")
    LEFT = "left", _("Left eye")


class Field(models.TextChoices):
    """What the camera was centred on."""

    UNKNOWN = "unknown", _("Not stated")
    MACULA = "macula", _("Macula centred")
    DISC = "disc", _("Disc centred")


class State(models.TextChoices):
    """Where a photograph is on its road; the last three are final."""

    WAITING = "waiting", _("Waiting")
    GRADING = "grading", _("Being graded")
    GRADED = "graded", _("Graded")
    UNGRADABLE = "ungradable", _("Not gradable")
    FAILED = "failed", _("Failed")

    @property
    def final(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self in (State.GRADED, State.UNGRADABLE, State.FAILED)


class Absence(models.TextChoices):
    """Why there is no photograph of an eye, when nobody can change that today."""

    NO_EYE = "no_eye", _("No eye on this side")
    CATARACT = "cataract", _("Dense cataract")
    SMALL_PUPIL = "small_pupil", _("Pupil too small")
    COOPERATION = "cooperation", _("Patient could not hold still")
    CLOUDING = "clouding", _("Other clouding in the eye")
    DECLINED = "declined", _("Patient declined")
    CAMERA = "camera", _("Camera out of order")


class Standing(models.TextChoices):
    """What an exam asks of people; kept on the exam so that lists need no arithmetic."""

    EMPTY = "empty", _("No photographs yet")
    PENDING = "pending", _("Being graded")
    INCOMPLETE = "incomplete", _("Incomplete")
    HUMAN_READ = "human_read", _("Needs a human read")
    EXAMINATION = "examination", _("Refer for examination")
    REFER = "refer", _("Refer")
    ROUTINE = "routine", _("Routine")
    CANCELLED = "cancelled", _("Cancelled")


class ReadState(models.TextChoices):
    """What an exam asks of doctors; kept on the exam so that lists need no arithmetic."""

    NOT_YET = "not_yet", _("Nothing to read yet")
    UNREAD = "unread", _("To be read")
    SECOND = "second", _("Waits for a second read")
    ARBITRATION = "arbitration", _("Two reads differ")
    READ = "read", _("Read, not signed")
    SIGNED = "signed", _("Signed")


class SecondRead(models.TextChoices):
    """Why an exam is read twice."""

    NO = "", _("No")
    SHARE = "share", _("The clinic has a share of its exams read twice")
    ASKED = "asked", _("A reader asked for it")


class Symptom(models.TextChoices):
    """What the patient complains of today."""

    SUDDEN_LOSS = "sudden_loss", _("Sudden loss of sight")
    FLOATERS = "floaters", _("Many new floaters or flashes")
    CURTAIN = "curtain", _("A curtain or shadow")
    PAIN = "pain", _("Pain in the eye")
    DISTORTION = "distortion", _("Straight lines look bent")
    OTHER = "other", _("Another new complaint")


class Treatment(models.TextChoices):
    """What was done to an eye for its retina before."""

    LASER = "laser", _("Laser")
    INJECTIONS = "injections", _("Injections")
    SURGERY = "surgery", _("Surgery")


class HbA1cUnit(models.TextChoices):
    """How HbA1c is stated."""

    PERCENT = "percent", "%"
    MMOL_MOL = "mmol_mol", "mmol/mol"


def today() -> date:
    """Give the date where the clinic is."""
    return timezone.localdate()


class ClinicField(models.UUIDField[uuid.UUID | None, uuid.UUID | None]):
    """A column that follows the patient's organisation, however the row is written: lists of a clinic need no join."""

    def pre_save(self, model_instance: models.Model, add: bool) -> uuid.UUID:
        """Take the patient's organisation at the moment of writing."""
        key: uuid.UUID = model_instance.patient.organisation_id  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


class Exam(models.Model):
    """One visit of a patient. A later exam never touches an earlier one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="exams")
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Where the clinic took it."
    )
    taken_on = models.DateField(default=today)
    taken_at = models.DateTimeField(null=True, blank=True, help_text="The moment, where more than the day is known.")
    accession = models.CharField(max_length=64, blank=True, help_text="The order's number in the hospital's system.")

    consent = models.BooleanField(null=True, help_text="To being photographed and graded; null: nobody asked.")
    consent_at = models.DateTimeField(null=True, blank=True)
    hba1c = models.FloatField(null=True, blank=True)
    hba1c_unit = models.CharField(max_length=8, choices=HbA1cUnit.choices, blank=True)
    hba1c_on = models.DateField(null=True, blank=True)
    last_eye_exam = models.CharField(
        max_length=10, blank=True, help_text="As far as it is known: 2024, 2024-05, 2024-05-31 or never."
    )
    right_acuity = models.CharField(max_length=20, blank=True, help_text="In the notation given, such as 6/12.")
    right_acuity_logmar = models.FloatField(null=True, blank=True)
    left_acuity = models.CharField(max_length=20, blank=True, help_text="In the notation given, such as 6/12.")
    left_acuity_logmar = models.FloatField(null=True, blank=True)
    low_acuity_logmar = models.FloatField(default=0.5, help_text="From here on an eye sees badly, when this was read.")
    symptoms = models.JSONField(default=list, blank=True, help_text="Codes of Symptom.")
    symptoms_other = models.CharField(max_length=200, blank=True)
    treated = models.JSONField(default=dict, blank=True, help_text="Codes of Treatment by eye: right, left.")
    pregnant = models.BooleanField(null=True, help_text="Null: not asked, or does not apply.")
    facts_at = models.DateTimeField(null=True, blank=True, help_text="When somebody confirmed the facts above.")
    right_dilated = models.BooleanField(null=True)
    left_dilated = models.BooleanField(null=True)
    submitted_at = models.DateTimeField(null=True, blank=True, help_text="When it was handed over; null: a draft.")
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_reason = models.CharField(max_length=500, blank=True, editable=False)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )

    right_absence = models.CharField(max_length=12, choices=Absence.choices, blank=True)
    left_absence = models.CharField(max_length=12, choices=Absence.choices, blank=True)
    standing = models.CharField(max_length=12, choices=Standing.choices, default=Standing.EMPTY, editable=False)
    urgency = models.PositiveSmallIntegerField(default=0, editable=False, help_text="0 none to 5 within a month.")
    unsure = models.BooleanField(default=False, editable=False)
    clinic_id = ClinicField(null=True, editable=False, help_text="The patient's organisation, for lists.")
    read_state = models.CharField(max_length=11, choices=ReadState.choices, default=ReadState.NOT_YET, editable=False)
    right_grade = models.PositiveSmallIntegerField(null=True, editable=False, help_text="As known now, for lists.")
    left_grade = models.PositiveSmallIntegerField(null=True, editable=False, help_text="As known now, for lists.")
    dme_suspected = models.BooleanField(default=False, editable=False, help_text="Of either eye, for lists.")
    ungradable = models.BooleanField(default=False, editable=False, help_text="An eye is not readable, for lists.")
    second_read = models.CharField(max_length=5, choices=SecondRead.choices, blank=True, editable=False)
    first_reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    signed_at = models.DateTimeField(null=True, editable=False, help_text="While a signature stands.")
    due_on = models.DateField(null=True, editable=False, help_text="When to come again or be seen, as known now.")
    due_set_on = models.DateField(null=True, blank=True, help_text="A day that a person put in its place.")
    recall_end = models.CharField(max_length=10, blank=True, help_text="A code of RecallEnd: not called any more.")
    escalated_at = models.DateTimeField(null=True, editable=False, help_text="When it had waited too long unread.")
    guideline = models.CharField(
        max_length=40, default="ico-2017-high", help_text="Key of the referral table that this exam is read by."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True, help_text="When it, its photographs or its reads last changed.")

    class Meta:
        indexes = (
            models.Index(fields=["clinic_id", "changed_at", "id"], name="exam_changed"),
            models.Index(fields=["patient", "-taken_on"], name="exam_history"),
            models.Index(fields=["clinic_id", "due_on"], name="exam_due"),
            models.Index(
                fields=[
                    "clinic_id",
                    "-urgency",
                    "created_at",
                    "id",
                    "read_state",
                    "standing",
                    "unsure",
                    "ungradable",
                    "right_grade",
                    "left_grade",
                    "taken_on",
                    "assigned_to",
                    "first_reader",
                    "escalated_at",
                ],
                name="exam_desk",
            ),
            models.Index(fields=["clinic_id", "-created_at", "-id"], name="exam_newest"),
        )

    def __str__(self) -> str:
        return f"exam {self.id}"


def _place(photograph: "Photograph", name: str) -> str:
    # Each clinic's files lie apart; the name that came with the file is never used.
    return f"{photograph.exam.patient.organisation_id}/{photograph.id}/{name}"


def original_place(photograph: "Photograph", name: str) -> str:
    """Say where the bytes from the camera lie."""
    return _place(photograph, "original" + EXTENSIONS.get(photograph.mime, ".bin"))


def display_place(photograph: "Photograph", name: str) -> str:
    """Say where the upright sRGB JPEG without metadata lies."""
    return _place(photograph, f"display-{photograph.attempt}.jpg")


def thumbnail_place(photograph: "Photograph", name: str) -> str:
    """Say where the small display copy lies."""
    return _place(photograph, f"thumbnail-{photograph.attempt}.jpg")


EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "image/webp": ".webp",
    "application/dicom": ".dcm",
}
"""File extension of an original by its media type."""


class Photograph(models.Model):
    """One photograph of one eye. Its row is the truth about where it is on the road to a verdict."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="photographs")
    eye = models.CharField(max_length=5, choices=Eye.choices)
    field = models.CharField(max_length=7, choices=Field.choices, default=Field.UNKNOWN)

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveIntegerField(default=0, help_text="Counts claims; the last claim alone may record.")
    lapses = models.PositiveSmallIntegerField(default=0, help_text="Claims whose worker died, since it last began.")
    lease_until = models.DateTimeField(null=True, blank=True)
    nudged_at = models.DateTimeField(default=timezone.now, help_text="When the queue was last told of it.")
    failure = models.CharField(max_length=40, blank=True, help_text="A code of `clinic.failures`.")

    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveBigIntegerField()
    mime = models.CharField(max_length=40)
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    original = models.FileField(max_length=200, upload_to=original_place)
    display = models.FileField(max_length=200, upload_to=display_place, blank=True)
    thumbnail = models.FileField(max_length=200, upload_to=thumbnail_place, blank=True)
    quality = models.JSONField(null=True, blank=True)

    taken_at = models.DateTimeField(null=True, blank=True, help_text="By the camera's clock, where the file says so.")
    camera = models.CharField(max_length=100, blank=True, help_text="Maker and model, where the file says so.")

    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="When a person took it out of the exam.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=20, help_text="The door it came by: web, api, dicom, folder.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (
            models.Index(fields=["state", "nudged_at"], name="photograph_state"),
            models.Index(fields=["sha256"], name="photograph_sha256"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["exam", "sha256"],
                condition=models.Q(withdrawn_at=None),
                name="photograph_once_an_exam",
            ),
        )

    def __str__(self) -> str:
        return f"photograph {self.id}"
