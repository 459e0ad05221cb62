"""That a patient was erased: no name, no date of birth, only ids and counts."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation


class Erasure(models.Model):
    """The tombstone of a patient: under which id there was one, and who erased it, why and when."""

    class Why(models.TextChoices):
        """What asked for it."""

        ASKED = "asked", _("The patient asked for it")
        MISTAKE = "mistake", _("The record was made by mistake")
        RETENTION = "retention", _("The clinic's time for keeping was over")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    patient_id = models.UUIDField(help_text="The id that the audit names.")
    why = models.CharField(max_length=9, choices=Why.choices)
    exams = models.PositiveIntegerField()
    photographs = models.PositiveIntegerField()
    files = models.PositiveIntegerField(help_text="How many files were deleted.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["organisation", "-at"], name="erasure_list"),)

    def __str__(self) -> str:
        return f"erasure {self.id}"
