"""A file on its way in, piece by piece."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from retineye.clinic.models.exam import Exam, Eye, Field, Photograph


class Upload(models.Model):
    """So many bytes of a file have arrived; when all have, a person says which eye it is.

    The bytes lie beside the store until then. A file that holds several photographs becomes one row for each of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="The browser's, so that asking twice is one.")
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    eye = models.CharField(max_length=5, choices=Eye.choices, blank=True, help_text="As a person said; empty: not yet.")
    field = models.CharField(max_length=7, choices=Field.choices, default=Field.UNKNOWN)
    hint = models.CharField(
        max_length=5, choices=Eye.choices, blank=True, help_text="The eye that the file's name speaks of."
    )
    number = models.PositiveSmallIntegerField(null=True, help_text="Its place in the file that it was taken out of.")
    bytes = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the whole, where the sender said so.")
    photograph = models.ForeignKey(Photograph, null=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(null=True, help_text="When it was found to hold several, and parted.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (
            models.Index(fields=["exam", "user"], name="upload_exam_user"),
            models.Index(fields=["touched_at"], name="upload_touched"),
        )

    def __str__(self) -> str:
        return f"upload {self.id}"
