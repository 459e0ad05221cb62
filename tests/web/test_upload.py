"""Photographs that come in by the page: what is taken, what is refused, and in which words."""

import zlib
from io import BytesIO
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from retineye.clinic.models import Exam, Photograph
from tests.cast import Clinic, add_exam, add_patient, picture


def upload(client: Client, exam: Exam, data: bytes, eye: str = "right", **more: str) -> Any:
    """Send one file as the page does."""
    file = SimpleUploadedFile("Jane Doe OD.jpg", data, content_type="image/jpeg")
    return client.post(reverse("exam_upload", args=[exam.pk]), {"eye": eye, "photograph": file, **more})


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    """Have the technician signed in."""
    client.force_login(hill.technician, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    """Have an exam without photographs."""
    return add_exam(hill)


def test_a_photograph_is_taken_into_its_lane_and_its_card_asks_for_the_verdict(nurse: Client, exam: Exam) -> None:
    answer = upload(nurse, exam, picture(), field="macula")
    assert answer.status_code == 201
    said = answer.json()
    photograph = Photograph.objects.get()
    assert (photograph.eye, photograph.field, photograph.via) == ("right", "macula", "web")
    assert said["id"] in said["html"]
    assert said["created"] is True
    assert "hx-get" in said["html"]
    with photograph.original.open("rb") as kept:
        assert kept.read() == picture()


def test_the_files_own_name_is_neither_kept_nor_shown(nurse: Client, exam: Exam) -> None:
    answer = upload(nurse, exam, picture())
    page = nurse.get(reverse("exam", args=[exam.pk]))
    assert "Jane Doe" not in answer.content.decode() + page.content.decode()
    assert "Jane" not in Photograph.objects.get().original.name


def test_the_same_file_again_gives_the_photograph_that_is_there(nurse: Client, exam: Exam) -> None:
    first = upload(nurse, exam, picture()).json()
    again = upload(nurse, exam, picture()).json()
    assert again["created"] is False
    assert again["id"] == first["id"]
    assert Photograph.objects.count() == 1


def test_the_same_file_for_the_other_eye_is_refused_in_words(nurse: Client, exam: Exam) -> None:
    upload(nurse, exam, picture())
    answer = upload(nurse, exam, picture(), eye="left")
    assert answer.status_code == 409
    assert answer.json()["code"] == "same_for_other_eye"
    assert "other eye" in answer.json()["sentence"]
    assert "ask" not in answer.json()
    assert Photograph.objects.count() == 1


def test_the_same_file_under_another_patient_waits_for_a_person_to_decide(
    nurse: Client, hill: Clinic, exam: Exam
) -> None:
    upload(nurse, exam, picture())
    other = add_exam(hill, add_patient(hill, "Ben Okoro"))
    asked = upload(nurse, other, picture())
    assert asked.status_code == 409
    assert asked.json()["ask"] is True
    assert exam.patient.name in asked.json()["sentence"]
    assert Photograph.objects.count() == 1
    decided = upload(nurse, other, picture(), confirmed_other_patient="on")
    assert decided.status_code == 201
    assert Photograph.objects.count() == 2


def test_the_same_file_in_another_clinic_is_nobodys_business(
    client: Client, hill: Clinic, lake: Clinic, exam: Exam, nurse: Client
) -> None:
    upload(nurse, exam, picture())
    stranger = Client()
    stranger.force_login(lake.technician, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert upload(stranger, add_exam(lake), picture()).status_code == 201


def png_that_says(width: int, height: int) -> bytes:
    """Give a small PNG whose header claims a size."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("what", "data", "code", "words"),
    [
        ("empty", b"", "empty_file", "empty"),
        ("text", b"dear colleague, " * 100, "not_an_image", "JPEG, PNG, TIFF, BMP"),
        ("broken off", picture()[: len(picture()) // 2], "truncated", "incomplete"),
        ("a bomb", png_that_says(60_000, 60_000), "too_large", "larger than this service accepts"),
    ],
    ids=["empty", "text", "truncated", "bomb"],
)
def test_a_file_that_can_not_be_graded_is_refused_with_the_way_out_and_nothing_is_kept(
    nurse: Client, exam: Exam, what: str, data: bytes, code: str, words: str
) -> None:
    answer = upload(nurse, exam, data)
    assert answer.status_code == 422, what
    assert answer.json()["code"] == code
    assert words in answer.json()["sentence"]
    assert not Photograph.objects.exists()


def test_an_enormous_file_is_refused(nurse: Client, exam: Exam, settings: Any) -> None:
    settings.RETINEYE_MAX_UPLOAD_BYTES = 10_000
    answer = upload(nurse, exam, picture())
    assert answer.status_code == 422
    assert answer.json()["code"] == "too_large"
    assert not Photograph.objects.exists()


def test_a_full_disk_is_said_and_the_photograph_may_be_sent_again(nurse: Client, exam: Exam) -> None:
    full = OSError(28, "No space left on device")
    with mock.patch.object(FileSystemStorage, "_save", side_effect=full):
        answer = upload(nurse, exam, picture())
    assert answer.status_code == 507
    assert answer.json()["again"] is True
    assert "Nothing was kept" in answer.json()["sentence"]
    assert upload(nurse, exam, picture()).status_code == 201


def test_a_form_without_an_eye_is_refused_in_words(nurse: Client, exam: Exam) -> None:
    answer = upload(nurse, exam, picture(), eye="middle")
    assert answer.status_code == 400
    assert answer.json()["sentence"]


def test_an_upload_into_an_exam_that_is_not_there_finds_nothing(nurse: Client) -> None:
    assert upload(nurse, Exam(pk=uuid4()), picture()).status_code == 404
