"""Shadow mode: verdicts are made and kept, and nobody is shown one."""

import json

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from retineye.accounts.models import AuditEvent
from retineye.clinic import recall, reviews
from retineye.clinic.access import verdicts_for
from retineye.clinic.blind import sight_of
from retineye.clinic.decisions import decide
from retineye.clinic.models import Exam, Review, Signature, Standing, State, Verdict
from retineye.clinic.recall import Referred
from retineye.clinic.reviews import EyeRead, Read
from retineye.clinic.worklist import Filters, Show, worklist_for
from retineye.grading.result import GRADE_NAMES, Grade
from tests.cast import Clinic
from tests.clinic.test_worklist import exam_with

GOOD = EyeRead("good", Grade.NONE, "no_sign")


@pytest.fixture()
def shadowed(hill: Clinic) -> Clinic:
    decide(hill.administrator, {"shadow_mode": True})
    return hill


def page(user: object, name: str, *args: object) -> str:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return str(answer.content, "utf-8")


@pytest.mark.parametrize("found", [Grade.PROLIFERATIVE, Grade.NONE, State.UNGRADABLE])
@pytest.mark.parametrize("role", ["technician", "manager", "doctor", "administrator"])
def test_no_page_says_what_the_software_found(shadowed: Clinic, found: Grade | State, role: str) -> None:
    exam = exam_with(shadowed, found, found)
    user = shadowed.people[role]
    photograph = exam.photographs.first()
    assert photograph is not None
    said = page(user, "exam", exam.pk) + page(user, "photograph_card", photograph.pk)
    said += page(user, "exam_result", exam.pk) + page(user, "patient", exam.patient_id)
    if role == "doctor":
        said += page(user, "reading", exam.pk)
    for words in (*[f"<h3>{name}" for name in GRADE_NAMES.values()], "Referable", "Not gradable", "out of focus"):
        assert words not in said
    assert Verdict.objects.filter(photograph__exam=exam).count() == 2
    assert not verdicts_for(user).exists()


def test_every_exam_waits_alike_for_a_person_whatever_the_software_found(shadowed: Clinic) -> None:
    exams = [exam_with(shadowed, one, one) for one in (Grade.NONE, Grade.PROLIFERATIVE, State.UNGRADABLE)]
    rows = Exam.objects.filter(pk__in=[exam.pk for exam in exams])
    assert {row.standing for row in rows} == {Standing.HUMAN_READ}
    assert len({row.urgency for row in rows}) == 1
    assert {(row.right_grade, row.left_grade, row.dme_suspected, row.ungradable) for row in rows} == {
        (None, None, False, False)
    }
    assert len(worklist_for(shadowed.technician, Show.ALL, Filters(grades=frozenset({4})))) == 0
    assert recall.referrals_for(shadowed.manager, Referred.OPEN) == []


def test_the_read_is_blind_needs_no_reason_and_its_agreement_is_kept(shadowed: Clinic) -> None:
    exam = exam_with(shadowed, Grade.SEVERE, Grade.NONE)
    review = reviews.read(shadowed.doctor, exam, Read(GOOD, GOOD))
    assert (review.blind, review.overrides, review.right_machine, review.pack_id) == (True, True, 3, "tiny")
    reviews.sign(shadowed.doctor, Exam.objects.get(pk=exam.pk), Signature.How.PASSWORD)
    result = reviews.final_result(Exam.objects.get(pk=exam.pk))
    assert result.grade == Grade.NONE
    sight = sight_of(shadowed.doctor, Exam.objects.get(pk=exam.pk))
    assert [one.verdict for one in sight.pictures] == [None, None]
    assert sight.machine.patient.grade is None
    assert "Severe" not in page(shadowed.doctor, "exam", exam.pk)
    assert Review.objects.get().right_machine == 3


def test_nobody_can_agree_with_what_is_not_shown(shadowed: Clinic) -> None:
    exam = exam_with(shadowed, Grade.SEVERE, Grade.NONE)
    with pytest.raises(ValidationError):
        reviews.agreed_read(shadowed.doctor, exam, Read(GOOD, GOOD))


def test_when_shadow_mode_ends_the_verdicts_are_shown(shadowed: Clinic) -> None:
    exam = exam_with(shadowed, Grade.PROLIFERATIVE, Grade.NONE)
    assert Exam.objects.get(pk=exam.pk).right_grade is None
    decide(shadowed.administrator, {"shadow_mode": False})
    row = Exam.objects.get(pk=exam.pk)
    assert (row.standing, row.right_grade) == (Standing.REFER, 4)
    decide(shadowed.administrator, {"shadow_mode": True})
    row = Exam.objects.get(pk=exam.pk)
    assert (row.standing, row.right_grade) == (Standing.HUMAN_READ, None)


def test_the_other_clinic_sees_its_verdicts(shadowed: Clinic, lake: Clinic) -> None:
    exam = exam_with(lake, Grade.PROLIFERATIVE, Grade.NONE)
    assert verdicts_for(lake.technician).count() == 2
    assert Exam.objects.get(pk=exam.pk).right_grade == 4


def test_settings_are_kept_audited_and_belong_to_the_administrator(hill: Clinic) -> None:
    decide(hill.administrator, {"guideline": "ada-2017", "retention_years": 10, "report_contact": "Sister Ana"})
    hill.organisation.refresh_from_db()
    assert hill.organisation.guideline == "ada-2017"
    details = [event.detail for event in AuditEvent.objects.filter(action="settings_changed").order_by("at")]
    assert {"setting": "retention_years", "value": 10} in details
    assert "Ana" not in json.dumps(details)
    with pytest.raises(ValidationError):
        decide(hill.administrator, {"time_zone": "Moon/Sea"})
    with pytest.raises(PermissionDenied):
        decide(hill.manager, {"shadow_mode": True})
