"""A patient of one clinic."""

import unicodedata
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.accounts.models import Organisation

# Letters that Unicode does not take apart into a base letter and a mark.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h"})


def search_key(text: str) -> str:
    """Fold a name so that case, accents and stray spaces do not tell two spellings apart."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(bare.translate(_PLAIN).replace("-", " ").replace("'", "").split())


class SearchKeyField(models.CharField[str, str]):
    """A column that follows another one, folded by `search_key`, however the row is written."""

    def __init__(self, *args: Any, source: str = "name", **kwargs: Any) -> None:
        self.source = source
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Hand the source column to the migration."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"]
        return name, path, args, {**kwargs, "source": self.source}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Fold the source column at the moment of writing: bulk writes pass here too, `save()` they do not."""
        key = search_key(getattr(model_instance, self.source))[: self.max_length]
        setattr(model_instance, self.attname, key)
        return key


class DiabetesType(models.TextChoices):
    """The patient's kind of diabetes."""

    TYPE_1 = "type1", _("Type 1")
    TYPE_2 = "type2", _("Type 2")
    GESTATIONAL = "gestational", _("In pregnancy")
    OTHER = "other", _("Another kind")
    UNKNOWN = "unknown", _("Not known")


class Sex(models.TextChoices):
    """The patient's sex as the record states it."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    OTHER = "other", _("Other")


class Patient(models.Model):
    """A person whose eyes are photographed. Belongs to one clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    name_key = SearchKeyField(max_length=200, source="name")
    birth_date = models.DateField(null=True, blank=True)
    birth_year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Where only the year is known.")
    local_id = models.CharField("clinic's own number", max_length=60, blank=True)
    sex = models.CharField(max_length=6, choices=Sex.choices, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=8, blank=True, help_text="Of the patient's page; empty: the clinic's.")
    diabetes_type = models.CharField(max_length=11, choices=DiabetesType.choices, blank=True)
    diabetes_year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="When diabetes was found.")
    deceased_on = models.DateField(null=True, blank=True)
    research_consent = models.BooleanField(null=True, help_text="To anonymised use in research; null: nobody asked.")
    research_consent_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Legal hold: nothing is erased.")
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    held_reason = models.CharField(max_length=300, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True, help_text="When the record last changed.")

    class Meta:
        indexes = (
            models.Index(fields=["organisation", "changed_at", "id"], name="patient_changed"),
            models.Index(fields=["organisation", "name_key"], name="patient_name"),
            models.Index(fields=["organisation", "local_id"], name="patient_local_id"),
        )

    def __str__(self) -> str:
        return self.name


class PatientIdentifier(models.Model):
    """A further number of a patient: an identity card's, an insurer's, another hospital's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="identifiers")
    system = models.CharField(max_length=200, blank=True, help_text="Who gave the number: a URI, or a short name.")
    value = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["patient", "system", "value"], name="identifier_once_a_patient"),
        )
        indexes = (models.Index(fields=["value", "system"], name="identifier_value"),)

    def __str__(self) -> str:
        return f"identifier {self.id}"
