"""Find and add patients."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic.access import patients_for
from retineye.clinic.models import Patient, search_key

_OLDEST_YEARS = 130


def find_patients(user: User, text: str, *, limit: int = 50) -> list[Patient]:
    """Give the clinic's patients whose name holds every word of the text, or whose number or birth date it is.

    Case and accents do not matter. An empty text gives the patients that were added last.
    """
    patients = patients_for(user)
    text = text.strip()
    if not text:
        return list(patients.order_by("-created_at")[:limit])
    named = Q()
    for word in search_key(text).split():
        named &= Q(name_key__contains=word)
    found = Q(local_id__iexact=text) | (named if named else Q(pk__in=()))
    born = _a_date(text)
    if born:
        found |= Q(birth_date=born)
    return list(patients.filter(found).order_by("name_key", "created_at")[:limit])


def _a_date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def possible_duplicates(user: User, name: str, birth_date: date | None, birth_year: int | None = None) -> list[Patient]:
    """Give the clinic's patients who may be the same person: the same words in the name, and no other birth date.

    Where one of the two has no birth date the year decides, and where there is no year either the name alone does.
    """
    words = sorted(search_key(name).split())
    if not words:
        return []
    alike = Q()
    for word in words:
        alike &= Q(name_key__contains=word)
    year = birth_date.year if birth_date else birth_year
    return [
        patient
        for patient in patients_for(user).filter(alike).order_by("created_at")
        if sorted(patient.name_key.split()) == words and _may_be_born(patient, birth_date, year)
    ]


def _may_be_born(patient: Patient, birth_date: date | None, year: int | None) -> bool:
    if patient.birth_date and birth_date:
        return patient.birth_date == birth_date
    return not patient.birth_year or not year or patient.birth_year == year


def create_patient(
    user: User,
    *,
    name: str,
    birth_date: date | None = None,
    birth_year: int | None = None,
    local_id: str = "",
) -> Patient:
    """Add a patient to the person's clinic. Never changes one that is there.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not add patients.
    django.core.exceptions.ValidationError
        If there is no name, or the birth date can not be.
    """
    require(user, Right.ADD_PATIENT)
    name = " ".join(name.split())
    if not search_key(name):
        raise ValidationError({"name": "Give the patient's name."})
    year = birth_date.year if birth_date else birth_year
    now = timezone.localdate()
    if (birth_date and birth_date > now) or (year and not now.year - _OLDEST_YEARS <= year <= now.year):
        field = "birth_date" if birth_date else "birth_year"
        raise ValidationError({field: "Nobody alive was born then. Check the date."})
    patient = Patient(
        organisation=user.membership.organisation,
        name=name,
        birth_date=birth_date,
        birth_year=year,
        local_id=local_id.strip(),
    )
    patient.full_clean()
    with transaction.atomic():
        patient.save(force_insert=True)
        audit.record(
            audit.Action.PATIENT_ADDED,
            actor=user,
            organisation=patient.organisation_id,
            object_type="patient",
            object_id=patient.pk,
        )
    return patient
