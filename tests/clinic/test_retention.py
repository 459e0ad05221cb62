"""Keeping, holding and erasing: what goes, what stays, and who may."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone

from retineye.accounts import audit
from retineye.accounts.models import AuditEvent
from retineye.clinic import recall, reviews
from retineye.clinic.decisions import decide
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import (
    Erasure,
    Exam,
    Patient,
    Photograph,
    Reminder,
    Report,
    Review,
    Signature,
    Upload,
    Verdict,
)
from retineye.clinic.orphans import remove_orphans
from retineye.clinic.retention import due, erase, erasures_of, hold, purge, release
from retineye.clinic.reviews import EyeRead, Read
from retineye.clinic.uploads import place_of
from retineye.exchange.report_pdf import issue_report
from retineye.grading.result import Grade
from tests.cast import Clinic, add_exam, add_patient, picture, send
from tests.clinic.test_worklist import exam_with


def files_under(folder: Any) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_erasing_takes_every_row_and_file_and_leaves_the_audit_and_a_tombstone(
    hill: Clinic, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    exam = add_exam(hill)
    photograph = send(hill, exam, picture(3))
    grade_photograph(photograph.pk)
    good = EyeRead("good", Grade.NONE, "no_sign")
    reviews.read(hill.doctor, exam, Read(good, None, override_reason="clear"))
    reviews.sign(hill.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    reviews.add_addendum(hill.doctor, Exam.objects.get(pk=exam.pk), "seen with the daughter")
    recall.remind(hill.manager, exam, Reminder.How.LETTER)
    issue_report(hill.technician, Exam.objects.get(pk=exam.pk), Report.Kind.PATIENT, "en")
    other = add_exam(hill, add_patient(hill, "Ben Ito"))
    kept = send(hill, other, picture(4))
    lines = AuditEvent.objects.count()
    assert len(files_under(settings.MEDIA_ROOT)) >= 3

    with django_capture_on_commit_callbacks(execute=True):
        erase(hill.administrator, exam.patient, Erasure.Why.ASKED, name="ana ruiz")

    assert [patient.name for patient in Patient.objects.all()] == ["Ben Ito"]
    assert list(Photograph.objects.all()) == [kept]
    for model in (Verdict, Review, Signature, Report, Reminder):
        assert not model.objects.filter().exclude(pk=None).exists(), model
    assert [path.name for path in files_under(settings.MEDIA_ROOT)] == ["original.jpg"]
    assert AuditEvent.objects.count() == lines + 1
    assert AuditEvent.objects.filter(object_id=photograph.pk, action="photograph_received").exists()
    tombstone = erasures_of(hill.manager).get()
    assert (tombstone.patient_id, tombstone.exams, tombstone.photographs, tombstone.by) == (
        exam.patient_id,
        1,
        1,
        hill.administrator,
    )
    audit.seal()
    assert list(audit.verify()) == []


def test_erasing_takes_what_was_on_its_way_up(hill: Clinic, django_capture_on_commit_callbacks: Any) -> None:
    exam = add_exam(hill)
    place = place_of(Upload.objects.create(exam=exam, user=hill.technician, bytes=9, received=5))
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"half a")
    with django_capture_on_commit_callbacks(execute=True):
        erase(hill.administrator, exam.patient, Erasure.Why.ASKED, name="ana ruiz")
    assert not Upload.objects.exists()
    assert not place.exists()


def test_the_tombstone_can_not_be_changed(hill: Clinic) -> None:
    erase(hill.administrator, add_patient(hill), Erasure.Why.MISTAKE, name="Ana Ruiz")
    with pytest.raises(DatabaseError), transaction.atomic():
        Erasure.objects.update(patient_id=hill.organisation.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        Erasure.objects.all().delete()


def test_a_held_patient_is_not_erased_by_anybody_until_the_hold_is_lifted(hill: Clinic) -> None:
    patient = add_patient(hill)
    hold(hill.manager, patient, "a court asks for it")
    with pytest.raises(ValidationError, match="hold"):
        erase(hill.administrator, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    release(hill.manager, patient)
    erase(hill.administrator, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    assert not Patient.objects.exists()


def test_another_name_erases_nothing(hill: Clinic) -> None:
    patient = add_patient(hill)
    with pytest.raises(ValidationError):
        erase(hill.administrator, patient, Erasure.Why.ASKED, name="Ana")
    assert Patient.objects.filter(pk=patient.pk).exists()


def test_a_merged_record_goes_with_the_one_it_was_merged_into(hill: Clinic) -> None:
    patient, double = add_patient(hill), add_patient(hill, "Anna Ruiz")
    Patient.objects.filter(pk=double.pk).update(merged_into=patient)
    hold(hill.manager, double, "a court asks for it")
    with pytest.raises(ValidationError, match="hold"):
        erase(hill.administrator, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    release(hill.manager, double)
    erase(hill.administrator, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    assert not Patient.objects.exists()


@time_machine.travel("2026-11-25T08:00:00+00:00", tick=True)
def test_after_the_clinic_s_time_patients_go_by_themselves_but_not_held_ones(hill: Clinic, lake: Clinic) -> None:
    old, held, young, never = (exam_with(hill, Grade.NONE, Grade.NONE, minutes_ago=n).patient for n in range(4))
    stranger = exam_with(lake, Grade.NONE, Grade.NONE).patient
    Exam.objects.exclude(patient=young).update(taken_on=date(2016, 11, 24))
    Exam.objects.filter(patient=never).update(taken_on=date(2016, 11, 25))
    hold(hill.manager, held, "a court asks for it")
    assert purge() == 0
    decide(hill.administrator, {"retention_years": 10})
    assert list(due(hill.organisation.pk, 10)) == [old]
    assert purge() == 1
    assert set(Patient.objects.values_list("pk", flat=True)) == {held.pk, young.pk, never.pk, stranger.pk}
    tombstone = Erasure.objects.get()
    assert (tombstone.why, tombstone.by) == ("retention", None)
    assert purge() == 0


def test_a_patient_without_an_exam_counts_from_the_day_of_adding(hill: Clinic) -> None:
    patient = add_patient(hill)
    Patient.objects.filter(pk=patient.pk).update(created_at=datetime(2010, 1, 1, tzinfo=UTC))
    decide(hill.administrator, {"retention_years": 10})
    assert purge() == 1


def test_the_rights_are_the_administrator_s_and_strangers_reach_nothing(hill: Clinic, lake: Clinic) -> None:
    patient = add_patient(hill)
    for user in (hill.technician, hill.doctor, hill.manager):
        with pytest.raises(PermissionDenied):
            erase(user, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    with pytest.raises(PermissionDenied):
        hold(hill.technician, patient, "x")
    with pytest.raises(Patient.DoesNotExist):
        erase(lake.administrator, patient, Erasure.Why.ASKED, name="Ana Ruiz")
    with pytest.raises(Patient.DoesNotExist):
        hold(lake.manager, patient, "x")


def test_the_round_that_clears_files_without_rows_leaves_reports_alone(hill: Clinic, settings: Any) -> None:
    exam = exam_with(hill, Grade.NONE, Grade.NONE)
    issue_report(hill.technician, exam, Report.Kind.PATIENT, "en")
    assert remove_orphans(timezone.now() + 2 * (datetime(2026, 1, 2) - datetime(2026, 1, 1))) == 0
    assert len(files_under(settings.MEDIA_ROOT)) == 1
