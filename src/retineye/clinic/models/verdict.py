"""What grading said of a photograph, kept for good."""

import uuid

from django.db import models
from django.utils import timezone

from retineye.clinic.models.exam import Field, Photograph
from retineye.grading.result import GRADE_NAMES, Grade


def heatmap_place(verdict: "Verdict", name: str) -> str:
    """Say where the overlay lies: beside the display copy that it fits."""
    photograph = verdict.photograph
    return f"{photograph.exam.patient.organisation_id}/{photograph.id}/attention-{verdict.attempt}.png"


class Verdict(models.Model):
    """One verdict by one model pack. Never edited: the database refuses; a regrade adds another."""

    class Status(models.TextChoices):
        """How grading ended."""

        GRADED = "graded", "Graded"
        UNGRADABLE = "ungradable", "Not gradable"
        NOT_FUNDUS = "not_fundus", "Not a photograph of the retina"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photograph = models.ForeignKey(Photograph, on_delete=models.PROTECT, related_name="verdicts")
    attempt = models.PositiveIntegerField()
    pack_id = models.CharField(max_length=100)
    pack_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Status.choices)
    grade = models.PositiveSmallIntegerField(null=True, choices=[(grade.value, grade.label) for grade in Grade])
    probabilities = models.JSONField(null=True, help_text="Five calibrated probabilities, grades 0-4.")
    expected_grade = models.FloatField(null=True)
    referable_probability = models.FloatField(null=True)
    referable = models.BooleanField(null=True)
    vision_threatening_probability = models.FloatField(null=True)
    vision_threatening = models.BooleanField(null=True)
    dme_probability = models.FloatField(
        null=True, help_text="Of hard exudates within a disc diameter of the fovea; null where the pack says nothing."
    )
    dme_suspected = models.BooleanField(null=True)
    eye_guess = models.CharField(
        max_length=5, blank=True, help_text="The eye that the picture seems to show, where that is sure: a warning."
    )
    uncertain = models.BooleanField(default=False)
    quality = models.JSONField()
    reasons = models.JSONField(default=list, help_text="Codes of `grading.result.Reason`, the gravest first.")
    heatmap = models.FileField(max_length=200, upload_to=heatmap_place, blank=True)
    heatmap_inside = models.FloatField(null=True, help_text="Share of the attention inside the retina, 0-1.")
    lesions = models.JSONField(
        null=True,
        help_text="Code, score and outline in shares of the photograph; null where not looked for.",
    )
    timings = models.JSONField(default=dict, help_text="Seconds a stage, and `total`.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["photograph", "attempt"], name="verdict_once_an_attempt"),
            models.CheckConstraint(
                condition=models.Q(status="graded", grade__isnull=False)
                | (~models.Q(status="graded") & models.Q(grade__isnull=True)),
                name="verdict_grade_only_when_graded",
            ),
        )
        indexes = (models.Index(fields=["photograph", "-created_at"], name="verdict_latest"),)

    def __str__(self) -> str:
        return f"verdict {self.id}"

    @property
    def other_eye(self) -> str:
        """Name the eye that the picture seems to show, where that is not the one it was filed under; else nothing.

        A photograph centred on the disc shows no side by where the disc lies.
        """
        filed = self.photograph
        return self.eye_guess if filed.field != Field.DISC and self.eye_guess != filed.eye else ""

    @property
    def grade_name(self) -> str:
        """Name the grade in words; empty when there is none."""
        return "" if self.grade is None else GRADE_NAMES[Grade(self.grade)]
