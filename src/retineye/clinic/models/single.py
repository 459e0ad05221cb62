"""A photograph that a program sent for its verdict alone."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from retineye.accounts.models import Organisation


def single_place(single: "SingleGrade", name: str) -> str:
    """Say where its bytes lie until it is graded: apart from the folders of patients' photographs."""
    return f"{single.organisation_id}/single/{single.id}"


class SingleGrade(models.Model):
    """One photograph of nobody: its bytes go as soon as it is graded, its verdict after a day."""

    class State(models.TextChoices):
        """Where it is on its road."""

        WAITING = "waiting"
        GRADING = "grading"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255, help_text="Of the file, as the program gave it.")
    sha256 = models.CharField(max_length=64)
    original = models.FileField(max_length=200, upload_to=single_place, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, help_text="The line that `retineye grade` prints.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["state", "created_at"], name="single_waiting"),)

    def __str__(self) -> str:
        return f"single {self.id}"
