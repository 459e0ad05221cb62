"""A patient of one clinic."""

import unicodedata
import uuid
from typing import Any

from django.db import models
from django.utils import timezone

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


class Patient(models.Model):
    """A person whose eyes are photographed. Belongs to one clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    name_key = SearchKeyField(max_length=200, source="name")
    birth_date = models.DateField(null=True, blank=True)
    birth_year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Where only the year is known.")
    local_id = models.CharField("clinic's own number", max_length=60, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (
            models.Index(fields=["organisation", "name_key"], name="patient_name"),
            models.Index(fields=["organisation", "local_id"], name="patient_local_id"),
        )

    def __str__(self) -> str:
        return self.name
