"""A whole archive that is taken in from a table."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation
from retineye.clinic.models.exam import Eye, Photograph


def batch_place(batch: "Batch", name: str) -> str:
    """Say where the pictures that came with the table lie: apart from the folders of patients' photographs."""
    return f"{batch.organisation_id}/batch/{batch.id}.zip"


class Batch(models.Model):
    """One table of photographs, and how far its taking-in has come."""

    class Source(models.TextChoices):
        """Where its pictures are."""

        ZIP = "zip", _("A zip file that came with the table")
        FOLDER = "folder", _("A folder of the server")

    class State(models.TextChoices):
        """Whether something is left to do."""

        RUNNING = "running", _("Being taken in")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Taken in")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=6, choices=Source.choices)
    pictures = models.FileField(max_length=200, upload_to=batch_place, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "batches"
        indexes = (models.Index(fields=["organisation", "-created_at"], name="batch_list"),)

    def __str__(self) -> str:
        return f"batch {self.id}"


class BatchRow(models.Model):
    """One line of the table: one photograph, and what became of it."""

    class State(models.TextChoices):
        """Where it is on its road."""

        WAITING = "waiting", _("Waiting")
        TAKEN = "taken", _("Taken in")
        REFUSED = "refused", _("Not taken in")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField(help_text="In the table; its heading is line 1.")
    path = models.CharField(max_length=500)
    patient_number = models.CharField(max_length=60)
    patient_name = models.CharField(max_length=200, blank=True)
    birth_date = models.DateField(null=True)
    eye = models.CharField(max_length=5, choices=Eye.choices)
    taken_on = models.DateField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=40, blank=True, help_text="A code: why it was not taken in.")
    photograph = models.ForeignKey(Photograph, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["batch", "line"], name="batch_row_once_a_line"),)
        indexes = (models.Index(fields=["batch", "state", "line"], name="batch_row_next"),)

    def __str__(self) -> str:
        return f"line {self.line}"
