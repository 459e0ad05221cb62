"""A whole day, from sign-in to signature, with what goes wrong on the way: no log line holds a name."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retineye.clinic import drift, intake, queue, webhooks
from retineye.clinic.escalation import escalate
from retineye.clinic.models import Exam, Patient, Photograph, State
from retineye.clinic.sweep import sweep
from tests.api.conftest import token_for
from tests.cast import PASSWORD, Clinic, picture
from tests.config.test_logs import as_the_service_logs

pytestmark = pytest.mark.django_db

NAME = "Zebulon Quartermaine"
SECRETS = ("Zebulon", "Quartermaine", "MRN-77341", "1951-08-17", "+254711", "hill.example", "Hill Clinic", PASSWORD)
IDRID = Path(__file__).parents[1] / "idrid" / "idrid_test_005.jpg"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def day(client: Client, hill: Clinic) -> tuple[Exam, Photograph]:
    """Do what people, programs and workers do in a day; give the exam and the photograph that could not be graded."""
    login = reverse("account_login")
    for password in ("Zebulon Quartermaine", PASSWORD):
        client.post(login, {"login": hill.technician.email, "password": password})
    born = {"birth_date": "1951-08-17", "local_id": "MRN-77341", "phone": "+254711000111", "sex": "male"}
    client.post(reverse("patient_new"), {"name": NAME, **born})
    patient = Patient.objects.get()
    client.get(reverse("patients"), {"q": NAME})
    client.get(f"/patients/{NAME}/")
    client.get(f"/nowhere/{NAME}", {"q": "MRN-77341"})
    client.post(reverse("exam_new", args=[patient.pk]), {"taken_on": timezone.localdate().isoformat()})
    exam = Exam.objects.get()
    for eye, data in (("right", IDRID.read_bytes()), ("left", picture(2)), ("left", b"GIF89a, no photograph")):
        file = SimpleUploadedFile(f"{NAME} {eye}.jpg", data, content_type="image/jpeg")
        client.post(reverse("exam_upload", args=[exam.pk]), {"eye": eye, "photograph": file})
    lost = Photograph.objects.get(eye="left")
    Path(lost.original.path).unlink()
    while queue.take_one("worker"):
        pass
    for name in ("exam", "exam_result", "exam_facts", "reading"):
        client.get(reverse(name, args=[exam.pk]))
    client.get(reverse("worklist"), {"q": NAME})
    programs_ask(client, hill, exam)
    doctors_read(client, hill, exam)
    what_breaks(hill, patient)
    for work in (sweep, escalate, drift.refresh, webhooks.forget):
        work(timezone.now())
    return exam, lost


def programs_ask(client: Client, hill: Clinic, exam: Exam) -> None:
    """Have a program look for the patient, with a right token and with a wrong one."""
    for token in (token_for(hill.doctor), "Zebulon Quartermaine"):
        program = Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})
        program.get("/api/v1/patients", {"q": NAME})
        program.get(f"/api/v1/exams/{exam.pk}")
        program.get(f"/api/v1/exams/{NAME}")
        program.post("/api/v1/patients", {"name": NAME, "birth_date": "17.8.1951"}, content_type="application/json")


def doctors_read(client: Client, hill: Clinic, exam: Exam) -> None:
    """Read, sign, and print the reports."""
    client.force_login(hill.doctor, backend=BACKEND)
    said = {"right_quality": "good", "right_grade": "2", "right_dme": "no_sign", "left_quality": "poor", "marks": "[]"}
    client.post(reverse("reading", args=[exam.pk]), {**said, "override_reason": f"{NAME} has laser scars."})
    address = reverse("sign", args=[exam.pk])
    client.post(f"{reverse('account_reauthenticate')}?next={address}", {"password": PASSWORD, "next": address})
    client.post(address)
    client.post(reverse("report_make", args=[exam.pk]), {"kind": "clinician", "language": "en"})
    client.force_login(hill.manager, backend=BACKEND)
    for name in ("recall", "statistics", "call_backs", "data_care"):
        client.get(reverse(name), {"q": NAME})


def what_breaks(hill: Clinic, patient: Patient) -> None:
    """Have the database refuse a row, and a page break on a patient's name."""
    log = intake.__name__
    import logging

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_user (id, email, full_name) VALUES (%s, %s, %s)", [uuid4().hex, None, NAME]
            )
    except IntegrityError:
        logging.getLogger(log).exception("broke")
    try:
        raise ValueError(f"{patient.name} has no eye")
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error")


def test_no_line_of_a_day_s_log_holds_a_name_and_each_grade_names_its_exam(
    client: Client, hill: Clinic, capfd: pytest.CaptureFixture[str], settings: Any
) -> None:
    client.raise_request_exception = False
    with as_the_service_logs():
        exam, lost = day(client, hill)
    text = capfd.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    # The day did happen: people were turned away, a grade was made, one failed, and errors were written down.
    assert {State.GRADED, State.FAILED} == set(Photograph.objects.values_list("state", flat=True))
    graded, failed = ([line for line in lines if line["event"] == event] for event in ("graded", "failed"))
    assert [line["exam"] for line in graded + failed] == [str(exam.pk)] * 2
    assert failed[0]["photograph"] == str(lost.pk)
    assert any("IntegrityError" in line.get("error", "") for line in lines)
    for secret in SECRETS:
        assert [line for line in lines if secret in json.dumps(line)] == [], secret
    for line in lines:
        assert {"timestamp", "level", "logger", "event"} <= set(line)
