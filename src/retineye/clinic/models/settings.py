"""What a clinic has decided about how it works."""

import uuid
import zoneinfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation


def a_time_zone(value: str) -> None:
    """Refuse what is no time zone's name."""
    if value and value not in zoneinfo.available_timezones():
        raise ValidationError(_("This is not the name of a time zone, such as Africa/Nairobi."), code="time_zone")


class ClinicSettings(models.Model):
    """One row a clinic; a clinic without a row works by the defaults."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, related_name="+")
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[a_time_zone], help_text="Empty: the time zone of the service."
    )
    language = models.CharField(max_length=8, default="en", help_text="Of the patient's page, unless the patient says.")
    report_contact = models.TextField(blank=True, help_text="Whom the patient calls, as the report prints it.")
    blind_first = models.BooleanField(default=False, help_text="The reader sees the photograph before the grade.")
    second_read_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    escalate_after_hours = models.PositiveSmallIntegerField(default=24, validators=[MinValueValidator(1)])
    shadow_mode = models.BooleanField(default=False, help_text="Verdicts are stored and not shown.")
    retention_years = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: kept for good.")
    low_acuity_logmar = models.FloatField(
        default=0.5,
        validators=[MinValueValidator(-0.3), MaxValueValidator(3.0)],
        help_text="An eye that sees this badly or worse overrides the interval (logMAR; 0.5 is 6/19 or 20/63).",
    )
    capture_warn_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1)], help_text="A photograph that is older asks a person."
    )

    class Meta:
        verbose_name_plural = "clinic settings"

    def __str__(self) -> str:
        return f"settings of {self.organisation_id}"
