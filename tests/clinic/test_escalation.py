"""A case that presses does not wait for ever: who is told, when, and of what."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from retineye.accounts.models import AuditEvent
from retineye.clinic.escalation import escalate
from retineye.clinic.models import ClinicSettings, Exam
from retineye.clinic.reviews import EyeRead, Read, read
from retineye.clinic.standing import refresh
from retineye.clinic.worklist import Show, escalated_for, worklist_for
from retineye.grading.result import Grade
from tests.cast import Clinic
from tests.clinic.test_worklist import exam_with

DAY = 24 * 60


def waiting(clinic: Clinic, right: Grade, minutes: int, **facts: Any) -> Exam:
    """Have an exam that came so many minutes ago."""
    exam = exam_with(clinic, right, Grade.NONE, minutes_ago=minutes)
    if facts:
        Exam.objects.filter(pk=exam.pk).update(**facts)
        refresh(Exam.objects.get(pk=exam.pk))
    return exam


def test_severe_disease_and_complaints_that_wait_too_long_are_escalated_and_nothing_else_is(hill: Clinic) -> None:
    severe = waiting(hill, Grade.SEVERE, DAY + 5)
    complains = waiting(hill, Grade.NONE, DAY + 5, symptoms=["floaters"])
    waiting(hill, Grade.SEVERE, DAY - 5)
    waiting(hill, Grade.MODERATE, 9 * DAY)
    assert escalate(timezone.now()) == 2
    assert {row.exam.pk for row in worklist_for(hill.doctor, Show.ESCALATED)} == {severe.pk, complains.pk}
    assert escalated_for(hill.doctor) == escalated_for(hill.manager) == 2
    assert escalated_for(hill.technician) == 0
    assert AuditEvent.objects.filter(action="exam_escalated").count() == 2
    assert escalate(timezone.now()) == 0


def test_each_clinic_sets_its_own_time(hill: Clinic, lake: Clinic) -> None:
    ClinicSettings.objects.create(organisation=hill.organisation, escalate_after_hours=2)
    waiting(hill, Grade.PROLIFERATIVE, 3 * 60)
    waiting(lake, Grade.PROLIFERATIVE, 3 * 60)
    assert escalate(timezone.now()) == 1
    assert (escalated_for(hill.doctor), escalated_for(lake.doctor)) == (1, 0)


def test_a_read_ends_the_escalation(hill: Clinic) -> None:
    exam = waiting(hill, Grade.SEVERE, 2 * DAY)
    escalate(timezone.now())
    said = Read(EyeRead("good", Grade.SEVERE, "no_sign"), EyeRead("good", Grade.NONE, "no_sign"))
    read(hill.doctor, exam, said)
    assert escalated_for(hill.doctor) == 0
    assert escalate(timezone.now() + timedelta(days=9)) == 0


def test_the_mail_goes_to_doctors_and_managers_and_names_no_patient(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_MAIL_FROM = "retineye@hill.example"
    exam = waiting(hill, Grade.SEVERE, 2 * DAY)
    escalate(timezone.now())
    assert sorted(one for message in mail.outbox for one in message.to) == [
        "doctor@hill.example",
        "manager@hill.example",
    ]
    for message in mail.outbox:
        said = message.subject + message.body
        assert "1 exam waits too long" in said
        for word in (*exam.patient.name.split(), str(exam.pk), "Severe"):
            assert word not in said


@pytest.mark.parametrize("sender", ["", None])
def test_without_mail_the_notice_stands_alone(hill: Clinic, settings: Any, sender: str | None) -> None:
    settings.RETINEYE_MAIL_FROM = sender
    waiting(hill, Grade.SEVERE, 2 * DAY)
    assert escalate(timezone.now()) == 1
    assert mail.outbox == []
