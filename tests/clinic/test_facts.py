"""The facts of an exam: checked, carried over where they stay true, and bearing on the result."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from retineye.accounts.models import AuditEvent
from retineye.clinic.facts import Facts, facts_of, record_facts
from retineye.clinic.intake import ExamClosed
from retineye.clinic.intended_use import Circumstances
from retineye.clinic.models import ClinicSettings, Exam, Photograph, Standing, State, Verdict
from retineye.clinic.outcome import circumstances_of
from retineye.clinic.patients import change_patient, create_patient
from retineye.grading.result import Eye
from tests.cast import Clinic, add_exam, add_patient, picture, send

FULL = Facts(
    consent=True,
    symptoms=("distortion", "floaters"),
    right_acuity="6/12",
    left_acuity="HM",
    treated={"left": ("injections", "laser")},
    pregnant=False,
    hba1c=8.1,
    hba1c_unit="percent",
    hba1c_on=date(2024, 3, 1),
    last_eye_exam="2023-05",
    right_dilated=True,
    left_dilated=True,
)


def test_the_facts_are_kept_as_they_were_given_with_the_acuity_on_one_scale(hill: Clinic) -> None:
    exam = add_exam(hill)
    record_facts(hill.technician, exam, FULL)
    exam.refresh_from_db()
    assert facts_of(exam) == replace(
        FULL, symptoms=("floaters", "distortion"), treated={"left": ("laser", "injections")}
    )
    assert (exam.right_acuity_logmar, exam.left_acuity_logmar) == (0.3, 2.3)
    assert exam.facts_at
    assert exam.consent_at
    event = AuditEvent.objects.get(action="exam_changed")
    assert event.detail == {"facts": True, "consent": True}


def test_a_consent_that_is_taken_back_has_a_new_time(hill: Clinic) -> None:
    exam = add_exam(hill)
    first = record_facts(hill.technician, exam, Facts(consent=True)).consent_at
    assert record_facts(hill.technician, exam, Facts(consent=True)).consent_at == first
    assert record_facts(hill.technician, exam, Facts(consent=False)).consent_at != first
    assert record_facts(hill.technician, exam, Facts()).consent_at is None


def test_no_photograph_is_taken_in_of_a_patient_who_does_not_agree(hill: Clinic) -> None:
    exam = record_facts(hill.technician, add_exam(hill), Facts(consent=False))
    with pytest.raises(ExamClosed, match="does not agree"):
        send(hill, exam, picture())
    assert not Photograph.objects.exists()
    record_facts(hill.technician, exam, Facts(consent=True))
    assert send(hill, exam, picture()).exam == exam


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("right_acuity", {"right_acuity": "0.5"}),
        ("left_acuity", {"left_acuity": "bad"}),
        ("hba1c", {"hba1c": 8.1}),
        ("hba1c", {"hba1c": 65.0, "hba1c_unit": "percent"}),
        ("hba1c", {"hba1c": 8.1, "hba1c_unit": "mmol_mol"}),
        ("hba1c_on", {"hba1c": 8.1, "hba1c_unit": "percent", "hba1c_on": date(2999, 1, 1)}),
        ("last_eye_exam", {"last_eye_exam": "last year"}),
        ("last_eye_exam", {"last_eye_exam": "2023-13"}),
        ("last_eye_exam", {"last_eye_exam": "2999"}),
    ],
)
def test_what_can_not_be_is_refused_at_its_field_and_nothing_is_written(
    hill: Clinic, field: str, wrong: dict[str, Any]
) -> None:
    exam = add_exam(hill)
    with pytest.raises(ValidationError) as caught:
        record_facts(hill.technician, exam, Facts(**wrong))
    assert list(caught.value.message_dict) == [field]
    exam.refresh_from_db()
    assert exam.facts_at is None


def test_another_clinic_and_a_manager_write_no_facts(hill: Clinic, lake: Clinic) -> None:
    exam = add_exam(hill)
    with pytest.raises(Exam.DoesNotExist):
        record_facts(lake.technician, exam, FULL)
    with pytest.raises(PermissionDenied):
        record_facts(hill.manager, exam, FULL)


def test_the_next_exam_knows_what_stays_true_and_asks_the_rest_anew(hill: Clinic) -> None:
    patient = add_patient(hill)
    record_facts(hill.technician, add_exam(hill, patient, date(2024, 6, 1)), FULL)
    facts = facts_of(add_exam(hill, patient, date(2025, 6, 1)))
    assert facts == Facts(
        treated={"left": ("laser", "injections")},
        hba1c=8.1,
        hba1c_unit="percent",
        hba1c_on=date(2024, 3, 1),
        last_eye_exam="2024-06-01",
    )


def test_an_earlier_visit_that_is_entered_late_knows_nothing_of_a_later_one(hill: Clinic) -> None:
    patient = add_patient(hill)
    record_facts(hill.technician, add_exam(hill, patient, date(2024, 6, 1)), FULL)
    assert facts_of(add_exam(hill, patient, date(2023, 6, 1))) == Facts()


def test_the_facts_bear_on_the_result(hill: Clinic) -> None:
    exam = record_facts(hill.technician, add_exam(hill), replace(FULL, pregnant=True))
    assert circumstances_of(exam) == Circumstances(
        pregnant=True,
        treated_eyes=frozenset({Eye.LEFT}),
        symptoms=("floaters", "distortion"),
        low_acuity_eyes=frozenset({Eye.LEFT}),
    )


def healthy(hill: Clinic) -> Exam:
    """Have an exam of which the network says that both eyes are free of disease."""
    exam = add_exam(hill)
    for eye in ("right", "left"):
        photograph = Photograph.objects.create(
            exam=exam,
            eye=eye,
            state=State.GRADED,
            sha256=eye.ljust(64, "0"),
            bytes=1,
            mime="image/jpeg",
            width_px=1,
            height_px=1,
            via="web",
        )
        Verdict.objects.create(
            photograph=photograph,
            attempt=1,
            pack_id="tiny",
            pack_sha256="0" * 64,
            status="graded",
            grade=0,
            referable=False,
            vision_threatening=False,
            quality={},
        )
    return exam


@pytest.mark.parametrize(
    ("facts", "standing", "unsure"),
    [
        (Facts(), Standing.ROUTINE, False),
        (Facts(pregnant=True), Standing.HUMAN_READ, True),
        (Facts(treated={"right": ("laser",)}), Standing.HUMAN_READ, True),
        (Facts(symptoms=("curtain",)), Standing.REFER, False),
        (Facts(left_acuity="6/60"), Standing.REFER, False),
        (Facts(left_acuity="6/9"), Standing.ROUTINE, False),
    ],
    ids=["nothing", "pregnant", "treated", "a curtain", "sees badly", "sees well"],
)
def test_what_the_network_calls_healthy_is_not_let_go_by_where_the_facts_speak_against_it(
    hill: Clinic, facts: Facts, standing: Standing, unsure: bool
) -> None:
    exam = record_facts(hill.technician, healthy(hill), facts)
    assert (exam.standing, exam.unsure) == (standing, unsure)


def test_a_birth_date_that_is_put_right_makes_the_result_anew(hill: Clinic) -> None:
    exam = record_facts(hill.technician, healthy(hill), Facts())
    assert exam.standing == Standing.ROUTINE
    change_patient(hill.technician, exam.patient, birth_date=timezone.localdate() - timedelta(days=3650))
    exam.refresh_from_db()
    assert exam.standing == Standing.HUMAN_READ


@pytest.mark.parametrize(
    ("born", "under_age"),
    [
        ({"birth_date": date(2007, 6, 2)}, True),
        ({"birth_date": date(2007, 6, 1)}, False),
        ({"birth_year": 2007}, True),
        ({"birth_year": 2006}, False),
        ({}, False),
    ],
    ids=["17 years", "18 today", "perhaps 17", "surely 18", "not known"],
)
def test_who_may_be_younger_than_eighteen_on_the_day_is_outside_the_intended_use(
    hill: Clinic, born: dict[str, Any], under_age: bool
) -> None:
    patient = create_patient(hill.technician, name="Kofi", **born)
    exam = add_exam(hill, patient, date(2025, 6, 1))
    assert circumstances_of(exam).under_age is under_age


def test_an_exam_keeps_the_threshold_of_the_day_it_was_read_by(hill: Clinic) -> None:
    exam = record_facts(hill.technician, add_exam(hill), Facts(right_acuity="6/12"))
    assert not circumstances_of(exam).low_acuity_eyes
    ClinicSettings.objects.create(organisation=hill.organisation, low_acuity_logmar=0.3)
    exam.refresh_from_db()
    assert not circumstances_of(exam).low_acuity_eyes
    assert circumstances_of(record_facts(hill.technician, add_exam(hill), Facts(right_acuity="6/12"))).low_acuity_eyes


@time_machine.travel("2025-06-01 22:30:00 +0000")
def test_today_is_the_day_where_the_clinic_is(hill: Clinic, lake: Clinic) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, time_zone="Africa/Nairobi")
    assert (add_exam(hill).taken_on, add_exam(lake).taken_on) == (date(2025, 6, 2), date(2025, 6, 1))
