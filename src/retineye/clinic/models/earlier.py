"""What another system held of a patient: kept to be read, never counted."""

import uuid

from django.db import models
from django.utils import timezone

from retineye.clinic.models.exam import Eye, Photograph
from retineye.clinic.models.patient import Patient


def earlier_place(record: "EarlierRecord", name: str) -> str:
    """Say where a file of it lies: apart from the folders of photographs, which the sweep looks after."""
    return f"{record.patient.organisation_id}/earlier/{name}"


class EarlierRecord(models.Model):
    """A result and a picture out of the system before this one, as far as they are left.

    Nobody knows which eye the picture shows until a person has looked, and the grade is that system's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="earlier")
    source = models.CharField(max_length=40)
    happened_on = models.DateField()
    said = models.CharField(max_length=40, blank=True, help_text="The result, word for word.")
    grade = models.PositiveSmallIntegerField(null=True, help_text="What it means on the scale 0-4, by that system.")
    picture = models.FileField(max_length=200, upload_to=earlier_place, blank=True, help_text="The bytes as they came.")
    display = models.FileField(max_length=200, upload_to=earlier_place, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    width_px = models.PositiveIntegerField(null=True)
    height_px = models.PositiveIntegerField(null=True)
    thumbnail_only = models.BooleanField(default=False, help_text="Too small to be graded: the original is lost.")
    eye = models.CharField(max_length=5, choices=Eye.choices, blank=True, help_text="A guess, until it is filed.")
    photograph = models.ForeignKey(
        Photograph, null=True, on_delete=models.SET_NULL, related_name="+", help_text="What it was filed as."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["patient", "-happened_on"], name="earlier_history"),)

    def __str__(self) -> str:
        return f"earlier record {self.id}"
