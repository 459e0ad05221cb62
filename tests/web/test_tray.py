"""The tray: who may, sees what waits, says whose it is, and nobody else sees it."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retineye.clinic.arrivals import file_next, keep
from retineye.clinic.exams import create_exam
from retineye.clinic.models import Arrival, Photograph
from retineye.clinic.patients import create_patient
from retineye.clinic.senders import add_sender
from tests.cast import Clinic
from tests.dicoms import as_bytes, photograph


@pytest.fixture()
def waiting(hill: Clinic) -> Arrival:
    camera = add_sender(hill.administrator, "Camera", "CAM")
    now = datetime.now(tz=UTC).strftime("%Y%m%d%H%M%S")
    keep(as_bytes(photograph(AcquisitionDateTime=now)), by=camera.acts_as, via="dicom", sender=camera)
    file_next(timezone.now())
    return Arrival.objects.get()


def test_the_tray_is_shown_and_emptied(hill: Clinic, waiting: Arrival, client: Client) -> None:
    ana = create_patient(hill.technician, name="Ana Ruiz")
    exam = create_exam(hill.technician, ana)
    client.force_login(hill.technician)
    assert "Ana Ruiz" in client.get(reverse("tray")).content.decode()
    page = client.get(reverse("arrival", args=[waiting.pk])).content.decode()
    assert f"exam:{exam.pk}" in page
    assert client.get(reverse("arrival_picture", args=[waiting.pk])).content.startswith(b"\xff\xd8")
    address = reverse("arrival_assign", args=[waiting.pk])
    assert client.post(address, {"place": f"exam:{exam.pk}"}).url == reverse("arrival", args=[waiting.pk])
    assert client.post(address, {"place": f"exam:{exam.pk}", "eye": "left"}).url == reverse("exam", args=[exam.pk])
    assert Photograph.objects.get().eye == "left"
    assert "Nothing waits here" in client.get(reverse("tray")).content.decode()


def test_a_new_visit_is_opened_where_there_is_none(hill: Clinic, waiting: Arrival, client: Client) -> None:
    ana = create_patient(hill.technician, name="Ana Ruiz")
    client.force_login(hill.technician)
    client.post(reverse("arrival_assign", args=[waiting.pk]), {"place": f"new:{ana.pk}", "eye": "right"})
    assert Photograph.objects.get().exam.patient == ana


def test_a_stranger_sees_nothing(lake: Clinic, waiting: Arrival, client: Client) -> None:
    client.force_login(lake.technician)
    assert "Ana Ruiz" not in client.get(reverse("tray")).content.decode()
    for name in ("arrival", "arrival_picture"):
        assert client.get(reverse(name, args=[waiting.pk])).status_code == 404
    for name in ("arrival_assign", "arrival_set_aside"):
        assert client.post(reverse(name, args=[waiting.pk])).status_code == 404


def test_what_belongs_to_nobody_is_set_aside(hill: Clinic, waiting: Arrival, client: Client) -> None:
    client.force_login(hill.technician)
    client.post(reverse("arrival_set_aside", args=[waiting.pk]))
    waiting.refresh_from_db()
    assert waiting.state == Arrival.State.DROPPED


def test_a_manager_assigns_nothing(hill: Clinic, waiting: Arrival, client: Client) -> None:
    client.force_login(hill.manager)
    assert client.get(reverse("tray")).status_code == 403
