"""From an exam's rows to its papers: made once, kept, marked, and made anew when the result changes."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from retineye.accounts.models import AuditEvent
from retineye.clinic import corrections, reports, reviews, standing
from retineye.clinic.eye import EyeStatus
from retineye.clinic.models import CallBack, ClinicSettings, Exam, Photograph, Report, Signature, StoredResult, Verdict
from retineye.exchange.report_pdf import clinician_report, issue_report, pdf_of_report
from retineye.exchange.report_pdf.content import Seen
from retineye.exchange.report_pdf.issue import _say
from retineye.grading.result import Grade
from tests.cast import Clinic, add_exam, picture, send
from tests.exchange.papers import words

PATIENT, CLINICIAN = Report.Kind.PATIENT, Report.Kind.CLINICIAN


def graded(clinic: Clinic, right: int, left: int = 0) -> Exam:
    """Give an exam with a graded photograph of each eye, as the worker leaves it."""
    exam = add_exam(clinic)
    for number, (eye, grade) in enumerate((("right", right), ("left", left)), start=1):
        photograph = send(clinic, exam, picture(number), eye=eye)  # type: ignore[arg-type]
        Photograph.objects.filter(pk=photograph.pk).update(state="graded", attempt=1)
        Verdict.objects.create(
            photograph=photograph,
            attempt=1,
            pack_id="tiny-test",
            pack_sha256="a" * 64,
            status="graded",
            grade=grade,
            probabilities=[1.0 if one == grade else 0.0 for one in range(5)],
            referable=grade >= 2,
            vision_threatening=grade >= 3,
            dme_suspected=False,
            quality={},
        )
    standing.refresh(exam)
    return exam


def signs(clinic: Clinic, exam: Exam, right: Grade, left: Grade = Grade.NONE, **more: Any) -> None:
    """Have the doctor read those grades and sign."""
    said = reviews.Read(
        reviews.EyeRead("good", right, "no_sign"),
        reviews.EyeRead("good", left, "no_sign"),
        override_reason="Seen in the photograph.",
        **more,
    )
    reviews.read(clinic.doctor, exam, said)
    reviews.sign(clinic.doctor, exam, Signature.How.PASSWORD)


@pytest.fixture()
def plain_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set no paper where only the rows matter: setting is slow, and other tests read real papers."""
    for name in ("patient_page", "clinician_report"):
        monkeypatch.setattr(f"retineye.exchange.report_pdf.issue.{name}", lambda data: f"%PDF {data.number}".encode())


def test_the_page_of_an_exam_is_provisional_until_it_is_signed_and_says_so_across_the_old_one(hill: Clinic) -> None:
    exam = graded(hill, right=0)
    first = issue_report(hill.technician, exam, PATIENT, "en")
    said = words(pdf_of_report(first))
    assert first.provisional
    assert "PROVISIONAL" in said
    assert "Ana Ruiz" in said
    signs(hill, exam, Grade.MODERATE)
    second = issue_report(hill.technician, exam, PATIENT, "en")
    said = words(pdf_of_report(second))
    assert "See an eye doctor before" in said
    assert "PROVISIONAL" not in said
    assert f"Read and signed by {hill.doctor.full_name}" in said
    first.refresh_from_db()
    assert first.superseded_at is not None
    assert "SUPERSEDED" in words(pdf_of_report(first))
    assert (first.number, second.number) == (1, 2)


@pytest.mark.usefixtures("plain_paper")
def test_the_same_again_is_not_made_twice(hill: Clinic) -> None:
    exam = graded(hill, right=2)
    first = issue_report(hill.technician, exam, PATIENT, "es")
    assert issue_report(hill.doctor, exam, PATIENT, "es") == first
    assert issue_report(hill.doctor, exam, PATIENT, "sw") != first
    assert issue_report(hill.doctor, exam, CLINICIAN, "es") != first
    assert AuditEvent.objects.filter(action="report_made").count() == 3


@pytest.mark.usefixtures("plain_paper")
def test_what_is_signed_keeps_guideline_version_and_rule_with_the_exam(hill: Clinic) -> None:
    exam = graded(hill, right=2)
    signs(hill, exam, Grade.MODERATE)
    kept = StoredResult.objects.get(exam=exam)
    assert (kept.basis, kept.guideline_name, kept.guideline_version, kept.rule) == (
        "signed",
        "ICO",
        "2017",
        "worse_eye",
    )
    report = issue_report(hill.doctor, exam, PATIENT, "en")
    assert report.result == kept
    assert not report.provisional


@pytest.mark.usefixtures("plain_paper")
def test_a_doctor_who_signs_worse_than_the_page_opens_a_call_back(hill: Clinic) -> None:
    exam = graded(hill, right=0)
    issue_report(hill.technician, exam, PATIENT, "en")
    signs(hill, exam, Grade.SEVERE)
    task = CallBack.objects.get(exam=exam)
    assert (task.told.basis, task.now.basis) == ("machine", "signed")


@pytest.mark.usefixtures("plain_paper")
def test_a_withdrawn_signature_makes_the_signed_paper_void(hill: Clinic) -> None:
    exam = graded(hill, right=2)
    signs(hill, exam, Grade.MODERATE)
    report = issue_report(hill.doctor, exam, PATIENT, "en")
    reviews.withdraw_signature(hill.doctor, exam, "Read the wrong patient's photographs")
    report.refresh_from_db()
    assert report.void_reason == "signature_withdrawn"
    assert issue_report(hill.doctor, exam, PATIENT, "en").provisional


@pytest.mark.usefixtures("plain_paper")
def test_an_addendum_has_the_report_made_anew(hill: Clinic) -> None:
    exam = graded(hill, right=2)
    signs(hill, exam, Grade.MODERATE)
    before = issue_report(hill.doctor, exam, CLINICIAN, "en")
    reviews.add_addendum(hill.doctor, exam, "Spoke with the patient.")
    before.refresh_from_db()
    assert before.superseded_at is not None
    assert issue_report(hill.doctor, exam, CLINICIAN, "en").number == 2


@pytest.mark.usefixtures("plain_paper")
def test_a_photograph_of_the_other_eye_and_a_cancelled_exam_make_papers_void(hill: Clinic) -> None:
    exam = graded(hill, right=2)
    issue_report(hill.technician, exam, PATIENT, "en")
    photograph = Photograph.objects.filter(exam=exam, eye="right").first()
    assert photograph is not None
    corrections.to_other_eye(hill.technician, photograph, "The lanes were mixed up")
    assert Report.objects.get(exam=exam).void_reason == "photograph_moved"
    issue_report(hill.technician, exam, PATIENT, "en")
    corrections.cancel_exam(hill.technician, exam, "The wrong patient was open")
    assert {one.void_reason for one in reports.history_of(exam)} == {"photograph_moved", "exam_cancelled"}
    with pytest.raises(ValidationError):
        issue_report(hill.technician, exam, PATIENT, "en")


def test_in_shadow_mode_nothing_of_the_software_is_on_paper_before_a_doctor_signs(hill: Clinic) -> None:
    exam = graded(hill, right=4)
    ClinicSettings.objects.create(organisation=hill.organisation, shadow_mode=True)
    exam = Exam.objects.select_related("patient__organisation").get(pk=exam.pk)
    for kind in (PATIENT, CLINICIAN):
        data = _say(exam, kind, "en").data
        assert (data.right.seen, data.right.grade, data.advice.due_by) == (Seen.WAITING, None, None)
        assert all(one.grade is None and not one.probabilities and not one.heatmap_png for one in data.pictures)
    signs(hill, exam, Grade.PROLIFERATIVE)
    assert _say(exam, PATIENT, "en").data.right.grade == 4


def test_an_eye_that_is_not_whole_is_not_read_on_paper(hill: Clinic) -> None:
    exam = graded(hill, right=0)
    Photograph.objects.filter(exam=exam, eye="right").update(field="disc")
    exam = Exam.objects.select_related("patient__organisation").get(pk=exam.pk)
    said = _say(exam, PATIENT, "en")
    assert said.outcome.right.status is EyeStatus.INCOMPLETE
    assert said.data.right.seen is Seen.UNREADABLE


def test_the_clinician_s_report_names_grades_rule_guideline_pack_and_signature(hill: Clinic) -> None:
    exam = graded(hill, right=1)
    signs(hill, exam, Grade.SEVERE, comment="Venous beading.", other_finding="Drusen")
    exam = Exam.objects.select_related("patient__organisation").get(pk=exam.pk)
    said = words(clinician_report(_say(exam, CLINICIAN, "en").data))
    for wanted in (
        "Severe NPDR",
        "Mild NPDR",
        "DME: no sign seen",
        "worse_eye",
        "ICO 2017, high resource",
        f"Read and signed by {hill.doctor.full_name}",
        "Venous beading.",
        "Drusen",
        "Seen in the photograph.",
        "Not a cleared medical device.",
        "We looked only for diabetic eye disease.",
    ):
        assert wanted in said


def test_nobody_prints_of_another_clinic_or_in_a_language_that_is_not_offered(hill: Clinic, lake: Clinic) -> None:
    exam = graded(hill, right=2)
    with pytest.raises(Exam.DoesNotExist):
        issue_report(lake.doctor, exam, PATIENT, "en")
    with pytest.raises(ValidationError):
        issue_report(hill.doctor, exam, PATIENT, "xx")
    hill.technician.is_active = False
    with pytest.raises(PermissionDenied):
        issue_report(hill.technician, exam, PATIENT, "en")
