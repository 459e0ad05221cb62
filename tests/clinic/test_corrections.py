"""What went wrong is put right: with a reason, a line in the audit, and the result made anew."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction

from retineye.accounts.models import AuditEvent
from retineye.clinic import corrections, exams, facts
from retineye.clinic.closed import Closed, is_signed
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Correction, Exam, Eye, Patient, Photograph, Signature, Standing
from retineye.clinic.patients import find_patients
from retineye.clinic.reviews import EyeRead, Read, read, sign
from retineye.grading.result import Grade
from tests.cast import Clinic, add_exam, add_patient, picture, send

WHY = "The file was dropped on the wrong patient"


def graded(clinic: Clinic, exam: Exam, seed: int = 1, eye: Eye = Eye.RIGHT) -> Photograph:
    """Have a photograph graded."""
    sent = send(clinic, exam, picture(seed), eye)
    grade_photograph(sent.pk)
    sent.refresh_from_db()
    return sent


def test_a_photograph_goes_to_the_other_eye_and_the_result_is_made_anew(hill: Clinic) -> None:
    exam = add_exam(hill)
    photograph = graded(hill, exam)
    corrections.to_other_eye(hill.technician, photograph, "  The lanes were   mixed up ")
    photograph.refresh_from_db()
    assert photograph.eye == Eye.LEFT
    made = Correction.objects.get()
    assert (made.kind, made.reason, made.by) == ("other_eye", "The lanes were mixed up", hill.technician)
    event = AuditEvent.objects.get(action="corrected")
    assert event.object_id == made.pk
    assert event.detail["photograph"] == str(photograph.pk)
    assert "lanes" not in str(event.detail)


def test_a_photograph_goes_to_another_patients_exam_of_that_day(hill: Clinic) -> None:
    mine = add_exam(hill, taken_on=date(2025, 6, 1))
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    theirs = add_exam(hill, other, date(2025, 6, 1))
    photograph = graded(hill, mine)
    verdict = photograph.verdicts.get()
    assert corrections.to_other_patient(hill.technician, photograph, other, WHY) == theirs
    photograph.refresh_from_db()
    assert photograph.exam == theirs
    assert photograph.verdicts.get() == verdict
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert mine.standing == Standing.EMPTY
    assert theirs.standing not in (Standing.EMPTY, Standing.PENDING)
    assert list(corrections.corrections_of(mine)) == list(corrections.corrections_of(theirs)) != []


def test_a_patient_without_an_exam_that_day_gets_one_for_it(hill: Clinic) -> None:
    photograph = graded(hill, add_exam(hill, taken_on=date(2025, 6, 1)))
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    exams.create_exam(hill.technician, other, taken_on=date(2025, 6, 2))
    made = corrections.to_other_patient(hill.technician, photograph, other, WHY)
    assert (made.patient, made.taken_on) == (other, date(2025, 6, 1))


def test_a_photograph_that_is_being_graded_waits_for_its_move(hill: Clinic) -> None:
    photograph = send(hill, add_exam(hill), picture())
    other = add_patient(hill, "Ben Okoro")
    with pytest.raises(ValidationError, match="being graded"):
        corrections.to_other_patient(hill.technician, photograph, other, WHY)


def test_a_file_that_the_other_exam_holds_already_is_not_moved_there_twice(hill: Clinic) -> None:
    mine, theirs = add_exam(hill), add_exam(hill, add_patient(hill, "Ben Okoro", date(1970, 1, 1)))
    photograph = graded(hill, mine)
    send(hill, theirs, picture(), confirmed_other_patient=True)
    with pytest.raises(ValidationError, match="holds this very file"):
        corrections.to_other_patient(hill.technician, photograph, theirs.patient, WHY)
    assert not Correction.objects.exists()


def test_a_whole_exam_goes_to_the_patient_whose_visit_it_was(hill: Clinic) -> None:
    exam = add_exam(hill, taken_on=date(2025, 6, 1))
    child = add_patient(hill, "Kofi Ruiz", date(2012, 1, 1))
    corrections.exam_to_other_patient(hill.technician, exam, child, "The mother's record was open")
    exam.refresh_from_db()
    assert exam.patient == child
    with pytest.raises(ValidationError, match="already"):
        corrections.exam_to_other_patient(hill.technician, exam, child, WHY)
    baby = add_patient(hill, "Baby Ruiz", date(2025, 8, 1))
    with pytest.raises(ValidationError, match="born after"):
        corrections.exam_to_other_patient(hill.technician, exam, baby, WHY)


def test_a_cancelled_exam_stays_to_be_seen_counts_no_more_and_takes_no_more(hill: Clinic) -> None:
    exam = add_exam(hill)
    photograph = graded(hill, exam)
    corrections.cancel_exam(hill.technician, exam, "Opened twice")
    exam.refresh_from_db()
    assert (exam.standing, exam.urgency, exam.unsure) == (Standing.CANCELLED, 0, False)
    assert (exam.cancelled_reason, exam.cancelled_by) == ("Opened twice", hill.technician)
    assert exam in exams.history_of(exam.patient)
    changes: list[Callable[[], object]] = [
        lambda: corrections.cancel_exam(hill.technician, exam, "Again"),
        lambda: corrections.to_other_eye(hill.technician, photograph, WHY),
        lambda: exams.move_to_other_eye(hill.technician, photograph),
        lambda: exams.set_absence(hill.technician, exam, Eye.LEFT, None),
        lambda: facts.record_facts(hill.technician, exam, facts.Facts()),
    ]
    for change in changes:
        with pytest.raises(Closed, match="cancelled"):
            change()


def test_a_verdict_that_arrives_after_the_cancellation_wakes_nothing(hill: Clinic) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    corrections.cancel_exam(hill.technician, exam, "Opened twice")
    grade_photograph(sent.pk)
    exam.refresh_from_db()
    assert exam.standing == Standing.CANCELLED


def test_two_records_of_one_person_become_one_and_both_stay_as_they_were_written(hill: Clinic) -> None:
    kept, other = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Anna Ruis")
    mine, theirs = add_exam(hill, kept), add_exam(hill, other)
    corrections.merge(hill.technician, kept, other, "One person, spelt two ways")
    assert set(exams.history_of(kept)) == {mine, theirs}
    assert exams.history_of(other) == []
    other.refresh_from_db()
    assert (other.name, other.merged_into) == ("Anna Ruis", kept)
    assert find_patients(hill.technician, "ruis") == [kept]
    assert find_patients(hill.technician, "") == [kept]
    assert AuditEvent.objects.get(action="corrected").detail["kind"] == "merged"


def test_a_merge_is_undone_with_the_exams_that_it_brought_and_no_others(hill: Clinic) -> None:
    kept, other = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Anna Ruis")
    mine, theirs = add_exam(hill, kept), add_exam(hill, other)
    corrections.merge(hill.technician, kept, other, "One person, spelt two ways")
    later = add_exam(hill, kept)
    corrections.part(hill.technician, other, "Twins, as it turned out")
    assert set(exams.history_of(kept)) == {mine, later}
    assert exams.history_of(other) == [theirs]
    assert find_patients(hill.technician, "ruis") == [other]
    other.refresh_from_db()
    with pytest.raises(ValidationError, match="not merged"):
        corrections.part(hill.technician, other, WHY)


def test_merges_in_a_row_lead_to_the_last_record_that_was_kept(hill: Clinic) -> None:
    first, second, third = (add_patient(hill, name) for name in ("Ana A", "Ana B", "Ana C"))
    theirs = add_exam(hill, first)
    corrections.merge(hill.technician, second, first, WHY)
    corrections.merge(hill.technician, third, second, WHY)
    assert exams.history_of(third) == [theirs]
    assert find_patients(hill.technician, "Ana A") == [third]
    second.refresh_from_db()
    corrections.part(hill.technician, second, WHY)
    assert exams.history_of(second) == [theirs]


def test_a_patient_is_not_merged_with_itself_or_with_a_record_that_is_merged_already(hill: Clinic) -> None:
    kept, other = add_patient(hill, "Ana Ruiz"), add_patient(hill, "Anna Ruis")
    with pytest.raises(ValidationError, match="two different"):
        corrections.merge(hill.technician, kept, kept, WHY)
    corrections.merge(hill.technician, kept, other, WHY)
    with pytest.raises(ValidationError, match="two different"):
        corrections.merge(hill.technician, kept, other, WHY)


def _corrections(by: Any, photograph: Photograph, other: Patient, reason: str) -> list[Callable[[], object]]:
    exam = photograph.exam
    return [
        lambda: corrections.to_other_eye(by, photograph, reason),
        lambda: corrections.to_other_patient(by, photograph, other, reason),
        lambda: corrections.exam_to_other_patient(by, exam, other, reason),
        lambda: corrections.cancel_exam(by, exam, reason),
        lambda: corrections.merge(by, exam.patient, other, reason),
        lambda: corrections.part(by, other, reason),
    ]


def test_nothing_is_put_right_without_a_reason_a_right_and_a_place_in_the_clinic(hill: Clinic, lake: Clinic) -> None:
    photograph = graded(hill, add_exam(hill))
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    for change in _corrections(hill.technician, photograph, other, " - "):
        with pytest.raises(ValidationError, match="why"):
            change()
    for change in _corrections(hill.manager, photograph, other, WHY):
        with pytest.raises(PermissionDenied):
            change()
    for change in _corrections(lake.technician, photograph, other, WHY):
        with pytest.raises((Exam.DoesNotExist, Photograph.DoesNotExist, Patient.DoesNotExist, ValidationError)):
            change()
    assert not Correction.objects.exists()


def test_nothing_goes_to_another_clinics_patient(hill: Clinic, lake: Clinic) -> None:
    photograph = graded(hill, add_exam(hill))
    stranger = add_patient(lake, "Ben Okoro")
    for change in _corrections(hill.technician, photograph, stranger, WHY)[1:3]:
        with pytest.raises(Patient.DoesNotExist):
            change()
    with pytest.raises(ValidationError):
        corrections.merge(hill.technician, photograph.exam.patient, stranger, WHY)


def test_the_database_refuses_to_change_a_correction(hill: Clinic) -> None:
    corrections.cancel_exam(hill.technician, add_exam(hill), "Opened twice")
    with pytest.raises(DatabaseError), transaction.atomic():
        Correction.objects.update(reason="Nothing happened")


def signed(hill: Clinic) -> tuple[Exam, Photograph]:
    """Have an exam that the doctor has read and signed."""
    exam = add_exam(hill, taken_on=date(2025, 6, 1))
    photograph = graded(hill, exam)
    good = EyeRead("good", Grade.NONE, "no_sign")
    said = Read(right=good, override_reason="Looked at it closely")
    read(hill.doctor, exam, said)
    sign(hill.doctor, exam, Signature.How.PASSWORD)
    return exam, photograph


@pytest.mark.parametrize("which", ["eye", "patient", "exam", "cancel"])
def test_a_signature_is_withdrawn_visibly_and_says_why(hill: Clinic, which: str) -> None:
    exam, photograph = signed(hill)
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    change: dict[str, Callable[[], object]] = {
        "eye": lambda: corrections.to_other_eye(hill.technician, photograph, WHY),
        "patient": lambda: corrections.to_other_patient(hill.technician, photograph, other, WHY),
        "exam": lambda: corrections.exam_to_other_patient(hill.technician, exam, other, WHY),
        "cancel": lambda: corrections.cancel_exam(hill.technician, exam, WHY),
    }
    change[which]()
    signature = Signature.objects.get()
    assert (signature.withdrawn_by, signature.withdrawn_reason) == (hill.technician, WHY)
    assert Correction.objects.get().withdrew
    assert AuditEvent.objects.get(action="corrected").detail["withdrew"] is True
    assert exam.reviews.count() == 1
    exam.refresh_from_db()
    assert not is_signed(exam)
    assert exam.standing == (Standing.CANCELLED if which == "cancel" else exam.standing)


def test_a_signed_exam_takes_no_change_but_a_correction(hill: Clinic) -> None:
    exam, photograph = signed(hill)
    changes: list[Callable[[], object]] = [
        lambda: exams.move_to_other_eye(hill.technician, photograph),
        lambda: exams.set_absence(hill.technician, exam, Eye.LEFT, None),
        lambda: exams.withdraw(hill.technician, photograph),
        lambda: facts.record_facts(hill.technician, exam, facts.Facts()),
    ]
    for change in changes:
        with pytest.raises(Closed, match="signed"):
            change()


def test_a_merge_leaves_a_signature_and_its_undoing_takes_back_what_was_signed_since(hill: Clinic) -> None:
    exam, _ = signed(hill)
    kept = add_patient(hill, "Anna Ruis")
    corrections.merge(hill.technician, kept, exam.patient, WHY)
    assert is_signed(exam)
    corrections.part(hill.technician, Patient.objects.get(name="Ana Ruiz"), WHY)
    assert is_signed(exam)
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    theirs = add_exam(hill, other, date(2025, 6, 1))
    corrections.merge(hill.technician, kept, other, WHY)
    graded(hill, theirs, 2)
    read(hill.doctor, theirs, Read(right=EyeRead("good", Grade.NONE, "no_sign"), override_reason="Looked closely"))
    sign(hill.doctor, theirs, Signature.How.PASSWORD)
    corrections.part(hill.technician, other, WHY)
    assert not is_signed(theirs)


def test_a_photograph_goes_to_a_new_exam_where_the_one_of_that_day_is_signed(hill: Clinic) -> None:
    exam, _ = signed(hill)
    other = add_patient(hill, "Ben Okoro", date(1970, 1, 1))
    stray = graded(hill, add_exam(hill, other, date(2025, 6, 1)), 2)
    made = corrections.to_other_patient(hill.technician, stray, exam.patient, WHY)
    assert made != exam
    assert is_signed(exam)
