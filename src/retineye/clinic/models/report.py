"""Results that somebody was told, the reports that told them, and the calls that a later result asks for."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation
from retineye.clinic.models.exam import Exam
from retineye.clinic.models.patient import Patient


class StoredResult(models.Model):
    """A patient's result as it stood: with the table, its version and the rule that fired. Written once.

    A later table, pack or review adds a row; it never rewrites this one.
    """

    class Basis(models.TextChoices):
        """Whose reading it comes from."""

        MACHINE = "machine", _("The software, not confirmed")
        SIGNED = "signed", _("Signed by a doctor")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="results")
    basis = models.CharField(max_length=7, choices=Basis.choices)
    review_id = models.UUIDField(null=True, help_text="The signed review it follows from.")
    guideline_key = models.CharField(max_length=40)
    guideline_name = models.CharField(max_length=80)
    guideline_version = models.CharField(max_length=40)
    guideline_setting = models.CharField(max_length=80)
    guideline_sha256 = models.CharField(max_length=64, help_text="Of the table's file.")
    rule = models.CharField(max_length=40, help_text="Code of the rule that fired.")
    conclusion = models.CharField(max_length=12)
    finding = models.CharField(max_length=20, blank=True)
    worse_eye = models.CharField(max_length=5, blank=True)
    grade = models.PositiveSmallIntegerField(null=True)
    interval = models.CharField(max_length=40, blank=True, help_text="The table's, such as 3 months/6 months.")
    due_by = models.DateField(null=True)
    urgency = models.PositiveSmallIntegerField(default=0)
    eyes = models.JSONField(default=dict, help_text="What was known of each eye, in codes.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["exam", "-created_at"], name="result_latest"),)

    def __str__(self) -> str:
        return f"result {self.id}"


def report_place(report: "Report", name: str) -> str:
    """Say where the PDF lies: in a folder of the exam's, apart from those of its photographs."""
    return f"{report.exam.patient.organisation_id}/{report.exam_id}/report-{report.id}.pdf"


class Report(models.Model):
    """One PDF that was made. Its bytes never change; when it holds no more it is marked, and another is made."""

    class Kind(models.TextChoices):
        """For whom."""

        PATIENT = "patient", _("For the patient")
        CLINICIAN = "clinician", _("For the clinician")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="reports")
    result = models.ForeignKey(StoredResult, on_delete=models.CASCADE, related_name="reports")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    language = models.CharField(max_length=8)
    number = models.PositiveIntegerField(help_text="Counts the reports of an exam.")
    provisional = models.BooleanField(help_text="Made before a doctor signed.")
    content_sha256 = models.CharField(max_length=64, help_text="Of all that it says: the same again is not made twice.")
    sha256 = models.CharField(max_length=64, help_text="Of the file.")
    file = models.FileField(max_length=200, upload_to=report_place)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    superseded_at = models.DateTimeField(null=True, blank=True, help_text="When the result changed, or another came.")
    void_at = models.DateTimeField(null=True, blank=True, help_text="When it became wrong: never to be acted on.")
    void_reason = models.CharField(max_length=40, blank=True, help_text="A code of `clinic.reports`.")

    class Meta:
        indexes = (models.Index(fields=["exam", "kind", "language", "-number"], name="report_latest"),)
        constraints = (models.UniqueConstraint(fields=["exam", "number"], name="report_number_once"),)

    def __str__(self) -> str:
        return f"report {self.id}"

    @property
    def code(self) -> str:
        """Give the number that is printed on it."""
        return f"{str(self.exam_id)[:8].upper()}-{self.number}"

    @property
    def current(self) -> bool:
        """Say whether it still holds."""
        return self.superseded_at is None and self.void_at is None


class CallBack(models.Model):
    """A patient to be called, because what they were told is not so."""

    class Why(models.TextChoices):
        """What became of the page that the patient has."""

        WORSE = "worse", _("A later read is worse")
        VOID = "void", _("The page is void")

    class Outcome(models.TextChoices):
        """How it ended."""

        REACHED = "reached", _("Reached and told")
        REFUSED = "refused", _("Reached, will not come")
        NOT_REACHED = "not_reached", _("Given up: can not be reached")
        NOT_NEEDED = "not_needed", _("Not needed any more")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="call_backs")
    told = models.ForeignKey(StoredResult, on_delete=models.CASCADE, related_name="+", help_text="What they heard.")
    now = models.ForeignKey(StoredResult, on_delete=models.CASCADE, related_name="+", help_text="What holds now.")
    why = models.CharField(max_length=5, choices=Why.choices, default=Why.WORSE)
    patient = models.ForeignKey(
        Patient,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Who was told, where the exam turned out to be another patient's.",
    )
    urgency = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=11, choices=Outcome.choices, blank=True)

    class Meta:
        indexes = (models.Index(fields=["closed_at", "-urgency", "opened_at"], name="call_back_list"),)
        constraints = (
            models.UniqueConstraint(
                fields=["exam"],
                condition=models.Q(closed_at=None, patient=None),
                name="call_back_once_open_an_exam",
            ),
        )

    def __str__(self) -> str:
        return f"call back {self.id}"

    @property
    def whom(self) -> Patient:
        """Give the patient to be called."""
        return self.patient or self.exam.patient


class CallBackTry(models.Model):
    """One attempt to reach a patient."""

    class How(models.TextChoices):
        """What came of it."""

        NO_ANSWER = "no_answer", _("No answer")
        WRONG_NUMBER = "wrong_number", _("Wrong number")
        MESSAGE = "message", _("Left a message to call the clinic")
        RELATIVE = "relative", _("Asked a relative to have the patient call")
        SPOKE = "spoke", _("Spoke with the patient")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call_back = models.ForeignKey(CallBack, on_delete=models.CASCADE, related_name="tries")
    how = models.CharField(max_length=12, choices=How.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"try {self.id}"


class ClinicText(models.Model):
    """A sentence of the reports in the clinic's own words."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=8)
    key = models.CharField(max_length=60)
    text = models.TextField()
    edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    edited_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organisation", "language", "key"], name="clinic_text_once_a_key"),
        )

    def __str__(self) -> str:
        return f"{self.language} {self.key}"


class TextReview(models.Model):
    """That a person who speaks the language has read every sentence of it; holds for those very sentences alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=8)
    reviewed_by = models.CharField(max_length=200, help_text="Who read them, as it is printed.")
    texts_sha256 = models.CharField(max_length=64)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"review of {self.language}"
