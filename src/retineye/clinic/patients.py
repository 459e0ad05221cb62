"""Find, add and change patients."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.clinic import standing
from retineye.clinic.access import patients_for, records_for
from retineye.clinic.models import Exam, Patient, PatientIdentifier, search_key
from retineye.clinic.settings import today_at

_OLDEST_YEARS = 130
_ALIKE = 0.8
"""Share of letters, 0-1, from which two names with one birth date are held to be one name in two spellings."""

RECORD = ("sex", "phone", "language", "diabetes_type", "diabetes_year", "deceased_on")
"""Columns of a patient that are written as they are given."""

# A scanner may send its symbology first, as ]C1, and separators that nobody typed.
_SYMBOLOGY = re.compile(r"^\][A-Za-z]\d")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def scanned(text: str) -> str:
    """Give the number that a barcode scanner typed, without what the scanner put around it."""
    return _CONTROL.sub("", _SYMBOLOGY.sub("", text.strip())).strip()


def is_number(text: str) -> bool:
    """Say whether a text is more likely a number than a name or a date: one word with a digit in it."""
    return bool(text) and " " not in text and any(letter.isdigit() for letter in text) and _a_date(text) is None


def find_patients(user: User, text: str, *, limit: int = 50) -> list[Patient]:
    """Give the clinic's patients whose name holds every word of the text, or whose number or birth date it is.

    Case and accents do not matter. A record that was merged finds the patient that it was merged into. An empty text
    gives the patients that were added last.
    """
    text = scanned(text)
    if not text:
        return list(patients_for(user).order_by("-created_at")[:limit])
    named = Q()
    for word in search_key(text).split():
        named &= Q(name_key__contains=word)
    found = _numbered(text) | (named if named else Q(pk__in=()))
    born = _a_date(text)
    if born:
        found |= Q(birth_date=born)
    return _kept(records_for(user).filter(found).order_by("name_key", "created_at")[:limit])


def with_number(user: User, text: str) -> list[Patient]:
    """Give the clinic's patients who carry this very number: the clinic's own, or one of their others."""
    number = scanned(text)
    return _kept(records_for(user).filter(_numbered(number)).order_by("created_at")) if number else []


def _numbered(text: str) -> Q:
    return Q(local_id__iexact=text) | Q(pk__in=PatientIdentifier.objects.filter(value__iexact=text).values("patient"))


def _kept(records: Iterable[Patient]) -> list[Patient]:
    return list({record.pk: record for record in map(survivor, records)}.values())


def survivor(record: Patient) -> Patient:
    """Give the patient that a record counts as: itself, or the one that it was merged into."""
    while record.merged_into is not None:
        record = record.merged_into
    return record


def _a_date(text: str) -> date | None:
    # With its dashes alone: eight digits are more likely somebody's number.
    try:
        return parse_date(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def possible_duplicates(
    user: User,
    name: str,
    birth_date: date | None,
    birth_year: int | None = None,
    local_id: str = "",
    *,
    but: Patient | None = None,
) -> list[Patient]:
    """Give the clinic's patients who may be the same person.

    1. Who carries the same number.
    2. Who has the same words in the name and no other birth date. Where one of the two has no birth date the year
       decides, and where there is no year either the name alone does.
    3. Who was born on the same day and has nearly the same name.
    """
    found = with_number(user, local_id)
    words = sorted(search_key(name).split())
    if words:
        alike = Q()
        for word in words:
            alike &= Q(name_key__contains=word)
        year = birth_date.year if birth_date else birth_year
        found += [
            patient
            for patient in patients_for(user).filter(alike).order_by("created_at")
            if sorted(patient.name_key.split()) == words and _may_be_born(patient, birth_date, year)
        ]
        if birth_date:
            same_day = patients_for(user).filter(birth_date=birth_date).order_by("created_at")
            found += [patient for patient in same_day if _spelt_alike(patient, words)]
    return [one for one in {patient.pk: patient for patient in found}.values() if but is None or one.pk != but.pk]


def _spelt_alike(patient: Patient, words: list[str]) -> bool:
    return SequenceMatcher(None, " ".join(sorted(patient.name_key.split())), " ".join(words)).ratio() >= _ALIKE


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
    **record: Any,
) -> Patient:
    """Add a patient to the person's clinic. Never changes one that is there.

    Parameters
    ----------
    record
        Further columns, of `RECORD`.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not add patients.
    django.core.exceptions.ValidationError
        If there is no name, or a date can not be.
    """
    require(user, Right.ADD_PATIENT)
    patient = Patient(organisation=user.membership.organisation)
    _fill(patient, {"name": name, "birth_date": birth_date, "birth_year": birth_year, "local_id": local_id, **record})
    with transaction.atomic():
        patient.save(force_insert=True)
        _remember(audit.Action.PATIENT_ADDED, user, patient)
    return patient


def change_patient(user: User, patient: Patient, **given: Any) -> Patient:
    """Write a patient's record anew: name, birth, number and the columns of `RECORD` that are given.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not.
    Patient.DoesNotExist
        If it is another clinic's patient, or was merged into another one.
    django.core.exceptions.ValidationError
        If there is no name, or a date can not be.
    """
    require(user, Right.ADD_PATIENT)
    with transaction.atomic():
        mine = patients_for(user).select_for_update().get(pk=patient.pk)
        before = {name: getattr(mine, name) for name in ("name", "birth_date", "birth_year", "local_id", *RECORD)}
        _fill(mine, {**before, **given})
        mine.save()
        changed = [name for name, value in before.items() if getattr(mine, name) != value]
        if {"birth_date", "birth_year"} & set(changed):
            # Who is under age is read by a person, so the age bears on each result.
            for exam in Exam.objects.select_for_update().filter(patient=mine):
                standing.refresh(exam)
        _remember(audit.Action.PATIENT_CHANGED, user, mine, fields="+".join(sorted(changed))[:80])
    return mine


def set_identifiers(user: User, patient: Patient, wanted: Mapping[str, str]) -> None:
    """Have the patient carry these further numbers and no others.

    Parameters
    ----------
    wanted
        The system of each number by the number itself.
    """
    require(user, Right.ADD_PATIENT)
    with transaction.atomic():
        mine = patients_for(user).select_for_update().get(pk=patient.pk)
        held = {one.value: one for one in mine.identifiers.all()}
        for value, one in held.items():
            if wanted.get(value) != one.system:
                one.delete()
        new = [
            PatientIdentifier(patient=mine, system=system, value=value)
            for value, system in wanted.items()
            if value not in held or held[value].system != system
        ]
        for one in new:
            one.full_clean()
        PatientIdentifier.objects.bulk_create(new)
        mine.save(update_fields=["changed_at"])
        _remember(audit.Action.PATIENT_CHANGED, user, mine, fields="identifiers")


def _fill(patient: Patient, given: Mapping[str, Any]) -> None:
    unknown = set(given) - {"name", "birth_date", "birth_year", "local_id", *RECORD}
    if unknown:
        raise TypeError(f"A patient has no {', '.join(sorted(unknown))}.")
    name = " ".join(given["name"].split())
    if not search_key(name):
        raise ValidationError({"name": _("Give the patient's name.")})
    born, today = given["birth_date"], today_at(patient.organisation_id)
    year = born.year if born else given["birth_year"]
    if (born and born > today) or (year and not today.year - _OLDEST_YEARS <= year <= today.year):
        raise ValidationError(
            {"birth_date" if born else "birth_year": _("Nobody alive was born then. Check the date.")}
        )
    found = given.get("diabetes_year")
    if found and not (year or today.year - _OLDEST_YEARS) <= found <= today.year:
        raise ValidationError({"diabetes_year": _("Diabetes can not have been found in that year. Check it.")})
    died = given.get("deceased_on")
    if died and (died > today or (born and died < born)):
        raise ValidationError({"deceased_on": _("Check this date.")})
    patient.name, patient.birth_date, patient.birth_year = name, born, year
    patient.local_id = scanned(given["local_id"])
    for column in RECORD:
        if column in given:
            setattr(patient, column, given[column] if given[column] is not None or column in _NULL else "")
    check_record(patient)


def check_record(patient: Patient) -> None:
    """Hold the columns of a patient's record against what they may be.

    Raises
    ------
    django.core.exceptions.ValidationError
        If one of them can not be so.
    """
    ours = {"organisation", "name", "birth_date", "birth_year", "local_id", *RECORD}
    patient.full_clean(exclude={field.name for field in Patient._meta.fields} - ours)


_NULL = ("diabetes_year", "deceased_on")


def _remember(action: audit.Action, user: User, patient: Patient, **detail: str) -> None:
    audit.record(
        action,
        actor=user,
        organisation=patient.organisation_id,
        object_type="patient",
        object_id=patient.pk,
        detail=detail,
    )
