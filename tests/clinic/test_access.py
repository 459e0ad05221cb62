"""The wall between clinics: a stranger gets nothing, from any list and any verb."""

import pytest
from django.contrib.auth.models import AnonymousUser

from retineye.accounts.models import User
from retineye.clinic import exams
from retineye.clinic.access import exams_for, organisation_of, patients_for, photographs_for, verdicts_for
from retineye.clinic.grade import Graded, grade_photograph
from retineye.clinic.models import Absence, Exam, Eye, Field, Patient, Photograph
from retineye.clinic.patients import find_patients, possible_duplicates
from retineye.clinic.worklist import Show, counts_for, worklist_for
from tests.cast import Clinic, add_exam, picture, send

LISTS = [patients_for, exams_for, photographs_for, verdicts_for]


@pytest.fixture()
def photograph(hill: Clinic) -> Photograph:
    sent = send(hill, add_exam(hill), picture())
    assert grade_photograph(sent.pk) is Graded.RECORDED
    return sent


@pytest.mark.parametrize("rows_for", LISTS)
def test_each_role_of_the_clinic_sees_its_rows_and_no_role_of_another_clinic_does(
    rows_for: object, photograph: Photograph, hill: Clinic, lake: Clinic
) -> None:
    for user in hill.people.values():
        assert rows_for(user).count() == 1  # type: ignore[operator]
    for user in lake.people.values():
        assert not rows_for(user).exists()  # type: ignore[operator]


@pytest.mark.parametrize("rows_for", LISTS)
def test_people_without_a_clinic_see_nothing(rows_for: object, photograph: Photograph, hill: Clinic) -> None:
    loose = User.objects.create_user("loose@nowhere.example", "a quiet walk by the lake", full_name="Loose")
    hill.doctor.is_active = False
    hill.doctor.save()
    for user in (loose, AnonymousUser(), hill.doctor):
        assert not rows_for(user).exists()  # type: ignore[operator]
        assert organisation_of(user) is None


def test_a_stranger_finds_no_patient_and_no_duplicate_and_an_empty_worklist(
    photograph: Photograph, lake: Clinic
) -> None:
    stranger = lake.doctor
    assert find_patients(stranger, "Ana") == []
    assert possible_duplicates(stranger, "Ana Ruiz", None) == []
    assert worklist_for(stranger, Show.ALL) == []
    assert set(counts_for(stranger).values()) == {0}


def test_a_stranger_changes_nothing(photograph: Photograph, lake: Clinic) -> None:
    stranger = lake.administrator
    exam = photograph.exam
    with pytest.raises(Patient.DoesNotExist):
        exams.create_exam(stranger, exam.patient)
    with pytest.raises(Exam.DoesNotExist):
        exams.set_absence(stranger, exam, Eye.LEFT, Absence.NO_EYE)
    for change in (
        lambda: exams.set_field(stranger, photograph, Field.DISC),
        lambda: exams.move_to_other_eye(stranger, photograph),
        lambda: exams.withdraw(stranger, photograph),
        lambda: exams.grade_again(stranger, photograph),
    ):
        with pytest.raises(Photograph.DoesNotExist):
            change()
    photograph.refresh_from_db()
    assert (photograph.eye, photograph.field, photograph.withdrawn_at) == (Eye.RIGHT, Field.UNKNOWN, None)
