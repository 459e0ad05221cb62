"""How patients are called to their next visit, and what became of those who were referred."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.clinic.models.exam import Exam


class RecallEnd(models.TextChoices):
    """Why a patient is not called again for what an exam asked."""

    UNDER_CARE = "under_care", _("Under an eye doctor's care")
    REFUSED = "refused", _("Does not want to be called")
    MOVED = "moved", _("Moved away, or goes to another clinic")
    DIED = "died", _("Has died")


class Reminder(models.Model):
    """One attempt to call a patient to the next visit. Written once."""

    class How(models.TextChoices):
        """What was done, and what came of it."""

        REACHED = "reached", _("Called: reached, will come")
        NO_ANSWER = "no_answer", _("Called: no answer")
        WRONG_NUMBER = "wrong_number", _("Called: wrong number")
        RELATIVE = "relative", _("Called: spoke with a relative")
        REFUSED = "refused", _("Called: will not come now")
        LETTER = "letter", _("Letter sent")
        MESSAGE = "message", _("Message sent")
        BOOKED = "booked", _("Appointment made")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="reminders")
    how = models.CharField(max_length=12, choices=How.choices)
    next_on = models.DateField(null=True, blank=True, help_text="The appointment, or the day to try again.")
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["exam", "-at"], name="reminder_latest"),)

    def __str__(self) -> str:
        return f"reminder {self.id}"


class ReferralOutcome(models.Model):
    """What is known of a referred patient's visit to the eye doctor. Written once; the latest of an exam holds."""

    class State(models.TextChoices):
        """Whether the patient was seen."""

        BOOKED = "booked", _("Appointment made")
        SEEN = "seen", _("Was seen")
        MISSED = "missed", _("Did not go")
        REFUSED = "refused", _("Does not want to go")

    class Found(models.TextChoices):
        """What the eye doctor found."""

        NOTHING = "nothing", _("No disease that needs care")
        WATCH = "watch", _("Disease, to be watched")
        LASER = "laser", _("Treated by laser")
        INJECTIONS = "injections", _("Treated by injections")
        SURGERY = "surgery", _("Surgery")
        OTHER = "other", _("Another eye disease")
        NOT_KNOWN = "not_known", _("Not known yet")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="referral_outcomes")
    state = models.CharField(max_length=7, choices=State.choices)
    where = models.CharField(max_length=200, blank=True, help_text="The hospital or doctor.")
    on = models.DateField(null=True, blank=True, help_text="The day of the visit, or of the appointment.")
    found = models.CharField(max_length=10, choices=Found.choices, blank=True)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["exam", "-at"], name="referral_outcome_latest"),)

    def __str__(self) -> str:
        return f"referral outcome {self.id}"
