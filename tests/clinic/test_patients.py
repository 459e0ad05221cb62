"""Patients are found whatever the spelling, warned of when they may be double, and never overwritten."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from retineye.accounts.models import AuditEvent
from retineye.clinic.models import Patient, search_key
from retineye.clinic.patients import (
    change_patient,
    create_patient,
    find_patients,
    is_number,
    possible_duplicates,
    set_identifiers,
    with_number,
)
from tests.cast import Clinic, add_patient

BORN = date(1968, 3, 5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José Núñez", "jose nunez"),
        ("MÜLLER", "muller"),
        ("Søren Ærø", "soren aero"),
        ("Łukasz", "lukasz"),
        ("Anne-Marie  O'Neil", "anne marie oneil"),
        ("Straße", "strasse"),
        ("Ünal", "u\u0308nal"),
    ],
)
def test_case_accents_and_stray_spaces_do_not_tell_two_spellings_apart(one: str, other: str) -> None:
    assert search_key(one) == search_key(other)


@pytest.mark.parametrize("text", ["jose", "NUNEZ", "núñez josé", "jos nun", "A-17", "1968-03-05"])
def test_a_patient_is_found_by_any_part_of_the_name_the_number_or_the_birth_date(hill: Clinic, text: str) -> None:
    mine = create_patient(hill.technician, name="José Núñez", birth_date=BORN, local_id="A-17")
    add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    assert find_patients(hill.technician, text) == [mine]


def test_an_empty_text_gives_the_latest_patients_and_a_strange_one_gives_none(hill: Clinic) -> None:
    first, second = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Ben Okoro")
    assert find_patients(hill.technician, " ") == [second, first]
    assert find_patients(hill.technician, "%") == []
    assert find_patients(hill.technician, "2026-02-31") == []


def test_the_same_name_and_birth_date_is_warned_of(hill: Clinic) -> None:
    mine = add_patient(hill, "José Núñez", BORN)
    for name in ("jose nunez", "NÚÑEZ JOSÉ", "José  Núñez"):
        assert possible_duplicates(hill.technician, name, BORN) == [mine]


def test_another_birth_date_or_another_name_is_no_duplicate(hill: Clinic) -> None:
    add_patient(hill, "José Núñez", BORN)
    assert possible_duplicates(hill.technician, "José Núñez", date(1971, 1, 1)) == []
    assert possible_duplicates(hill.technician, "José Núñez García", BORN) == []
    assert possible_duplicates(hill.technician, "", BORN) == []


def test_where_only_the_year_or_nothing_is_known_the_rest_decides(hill: Clinic) -> None:
    mine = add_patient(hill, "José Núñez", BORN)
    assert possible_duplicates(hill.technician, "Jose Nunez", None, 1968) == [mine]
    assert possible_duplicates(hill.technician, "Jose Nunez", None, 1969) == []
    assert possible_duplicates(hill.technician, "Jose Nunez", None) == [mine]


def test_adding_the_same_patient_again_makes_another_and_changes_none(hill: Clinic) -> None:
    first = add_patient(hill, "José Núñez", BORN)
    before = Patient.objects.values().get()
    second = add_patient(hill, "José Núñez", BORN)
    assert second.pk != first.pk
    assert Patient.objects.filter(pk=first.pk).values().get() == before


@pytest.mark.parametrize(
    "bad",
    [
        {"name": " "},
        {"name": "Ana", "birth_date": timezone.localdate() + timedelta(days=2)},
        {"name": "Ana", "birth_year": 1700},
        {"name": "x" * 201},
    ],
)
def test_a_patient_that_can_not_be_is_refused(hill: Clinic, bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        create_patient(hill.technician, **bad)
    assert not Patient.objects.exists()


def test_a_manager_adds_no_patient(hill: Clinic) -> None:
    with pytest.raises(PermissionDenied):
        create_patient(hill.manager, name="Ana")


def test_the_search_key_follows_the_name_however_the_row_is_written(hill: Clinic) -> None:
    [bulk] = Patient.objects.bulk_create([Patient(organisation=hill.organisation, name="Zoë")])
    assert find_patients(hill.technician, "zoe") == [bulk]
    bulk.name = "Chloé"
    bulk.save()
    assert find_patients(hill.technician, "chloe") == [bulk]


def test_a_patient_may_have_one_word_for_a_name_and_only_a_year_of_birth(hill: Clinic) -> None:
    mine = create_patient(hill.technician, name="Suharto", birth_year=1961)
    assert (mine.name, mine.birth_date, mine.birth_year) == ("Suharto", None, 1961)


def test_a_scanned_number_finds_its_patient_whatever_the_scanner_adds(hill: Clinic, lake: Clinic) -> None:
    mine = create_patient(hill.technician, name="Ana Ruiz", local_id="]C1A-0017\r")
    set_identifiers(hill.technician, mine, {"19680305-1": "national"})
    add_patient(hill, "Ben Okoro")
    for typed in ("A-0017", "a-0017 \n", "]C1A-0017", "\x1d19680305-1"):
        assert with_number(hill.technician, typed) == [mine]
        assert find_patients(hill.technician, typed) == [mine]
    assert with_number(hill.technician, "A-001") == []
    assert with_number(hill.technician, " ") == []
    assert with_number(lake.technician, "A-0017") == []


@pytest.mark.parametrize(
    ("text", "number"), [("A-0017", True), ("20394", True), ("Ana", False), ("Ana 2", False), ("1968-03-05", False)]
)
def test_a_number_is_told_from_a_name_and_a_date(text: str, number: bool) -> None:
    assert is_number(text) is number


def test_the_same_number_or_nearly_the_same_name_on_one_birth_date_is_warned_of(hill: Clinic) -> None:
    mine = create_patient(hill.technician, name="Anna Ruiz", birth_date=BORN, local_id="17")
    assert possible_duplicates(hill.technician, "Someone Else", None, 1990, "17") == [mine]
    assert possible_duplicates(hill.technician, "Ana Ruis", BORN) == [mine]
    assert possible_duplicates(hill.technician, "Ben Okoro", BORN) == []
    assert possible_duplicates(hill.technician, "Anna Ruiz", BORN, but=mine) == []


def test_the_record_is_changed_by_its_clinic_alone_and_the_audit_knows_which_columns(
    hill: Clinic, lake: Clinic
) -> None:
    mine = add_patient(hill)
    changed = change_patient(
        hill.technician, mine, name="Ana Ruiz Soto", diabetes_type="type2", diabetes_year=2010, phone="0700 12"
    )
    assert (changed.name, changed.birth_date, changed.diabetes_year) == ("Ana Ruiz Soto", BORN, 2010)
    assert find_patients(hill.technician, "soto") == [mine]
    event = AuditEvent.objects.get(action="patient_changed")
    assert event.detail == {"fields": "diabetes_type+diabetes_year+name+phone"}
    with pytest.raises(Patient.DoesNotExist):
        change_patient(lake.technician, mine, name="Stranger")
    with pytest.raises(PermissionDenied):
        change_patient(hill.manager, mine, name="Manager")


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"diabetes_year": 1950},
        {"diabetes_year": 2999},
        {"diabetes_type": "sugar"},
        {"deceased_on": date(1960, 1, 1)},
        {"sex": "unwritable"},
    ],
)
def test_a_record_that_can_not_be_is_refused(hill: Clinic, bad: dict[str, Any]) -> None:
    mine = add_patient(hill)
    with pytest.raises(ValidationError):
        change_patient(hill.technician, mine, **bad)
    mine.refresh_from_db()
    assert (mine.name, mine.diabetes_year) == ("Ana Ruiz", None)


def test_further_numbers_are_kept_as_a_set(hill: Clinic) -> None:
    mine = add_patient(hill)
    set_identifiers(hill.technician, mine, {"1": "national", "2": ""})
    first = mine.identifiers.get(value="1")
    set_identifiers(hill.technician, mine, {"1": "national", "3": "insurer"})
    assert {one.value: one.system for one in mine.identifiers.all()} == {"1": "national", "3": "insurer"}
    assert mine.identifiers.get(value="1") == first
