"""What a person put right, and why. Written once."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.clinic.models.exam import Exam, Photograph
from retineye.clinic.models.patient import Patient


class Correction(models.Model):
    """One thing put right, with the reason that the audit, which keeps no free text, can not hold."""

    class Kind(models.TextChoices):
        """What was done."""

        OTHER_EYE = "other_eye", _("Photograph moved to the other eye")
        OTHER_EXAM = "other_exam", _("Photograph moved to another exam")
        EXAM_MOVED = "exam_moved", _("Exam moved to another patient")
        EXAM_CANCELLED = "exam_cancelled", _("Exam cancelled")
        PATIENTS_MERGED = "merged", _("Patients merged")
        PATIENTS_PARTED = "parted", _("Merge undone")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=14, choices=Kind.choices)
    reason = models.CharField(max_length=500)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="corrections")
    other_patient = models.ForeignKey(Patient, null=True, on_delete=models.CASCADE, related_name="+")
    exam = models.ForeignKey(Exam, null=True, on_delete=models.CASCADE, related_name="corrections")
    other_exam = models.ForeignKey(Exam, null=True, on_delete=models.CASCADE, related_name="corrections_into")
    photograph = models.ForeignKey(Photograph, null=True, on_delete=models.CASCADE, related_name="corrections")
    exams = models.JSONField(default=list, help_text="Ids of the exams that a merge brought along.")
    withdrew = models.BooleanField(default=False, help_text="A signature was withdrawn by it.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["patient", "-at"], name="correction_history"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
