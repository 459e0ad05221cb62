"""Photographs that come piece by piece, as the page's script sends them; and what a browser keeps for whom."""

import io
import json
import re
import zipfile
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retineye.clinic import standing
from retineye.clinic.models import Exam, Photograph, State, Upload, Verdict
from retineye.web.owner import HEADER
from retineye.web.templatetags.line import SIDE_WORDS
from tests.cast import Clinic, add_exam, add_patient, picture, send
from tests.dicoms import as_bytes, photograph

PIECE = 10_000


def sign_in(client: Client, user: Any) -> Client:
    """Open a session for one of the cast."""
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture()
def nurse(client: Client, hill: Clinic) -> Client:
    """Have the technician signed in."""
    return sign_in(client, hill.technician)


@pytest.fixture()
def exam(hill: Clinic) -> Exam:
    """Have an exam without photographs."""
    return add_exam(hill)


def begin(client: Client, exam: Exam, data: bytes, pk: UUID, **more: str) -> Any:
    """Announce a file."""
    return client.post(reverse("upload_new", args=[exam.pk]), {"id": pk, "bytes": len(data), **more})


def piece(client: Client, pk: UUID, offset: int, data: bytes) -> Any:
    """Send one piece."""
    return client.patch(
        reverse("upload", args=[pk]),
        data,
        content_type="application/offset+octet-stream",
        headers={"Upload-Offset": str(offset)},
    )


def bring(client: Client, exam: Exam, data: bytes, **more: str) -> UUID:
    """Send a whole file in pieces."""
    pk = uuid4()
    assert begin(client, exam, data, pk, **more).status_code == 201
    for start in range(0, len(data), PIECE):
        assert piece(client, pk, start, data[start : start + PIECE]).status_code == 204
    return pk


def finish(client: Client, pk: UUID, **more: Any) -> Any:
    """Say that all is there."""
    return client.post(reverse("upload_finish", args=[pk]), more)


def test_a_photograph_in_pieces_gets_its_card(nurse: Client, exam: Exam) -> None:
    pk = bring(nurse, exam, picture(), eye="right")
    answer = finish(nurse, pk, eye="right", field="macula")
    assert answer.status_code == 201
    said = answer.json()
    assert said["id"] in said["html"]
    assert (said["eye"], said["created"]) == ("right", True)
    again = finish(nurse, pk, eye="right")
    assert (again.status_code, again.json()["id"]) == (201, said["id"])
    assert Photograph.objects.count() == 1


def test_who_asks_is_told_how_far_it_has_come(nurse: Client, exam: Exam) -> None:
    pk = uuid4()
    begin(nurse, exam, picture(), pk)
    piece(nurse, pk, 0, picture()[:PIECE])
    for method in (nurse.get, nurse.head):
        answer = method(reverse("upload", args=[pk]))
        assert answer.status_code == 200
        assert answer["Upload-Offset"] == str(PIECE)
        assert answer["Upload-Length"] == str(len(picture()))
    assert begin(nurse, exam, picture(), pk).json()["offset"] == PIECE
    wrong = piece(nurse, pk, 5, b"x")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["offset"]) == (409, "wrong_offset", PIECE)
    assert finish(nurse, pk, eye="right").json()["code"] == "upload_incomplete"


def test_a_photograph_may_be_left_out(nurse: Client, exam: Exam) -> None:
    pk = bring(nurse, exam, picture())
    assert nurse.delete(reverse("upload", args=[pk])).status_code == 204
    assert nurse.get(reverse("upload", args=[pk])).status_code == 404
    assert not Upload.objects.exists()


@pytest.mark.parametrize("form", [{}, {"id": "no"}, {"bytes": "-1"}, {"eye": "middle"}, {"sha256": "x"}], ids=str)
def test_a_form_that_makes_no_sense_is_refused(nurse: Client, exam: Exam, form: dict[str, str]) -> None:
    whole = {"id": str(uuid4()), "bytes": "10"} if form else {}
    assert nurse.post(reverse("upload_new", args=[exam.pk]), whole | form).status_code == 400
    pk = bring(nurse, exam, picture())
    assert finish(nurse, pk, eye="middle").status_code == 400
    assert piece(nurse, pk, -1, b"x").status_code == 400


def test_a_file_that_is_too_large_is_refused_before_it_comes(nurse: Client, exam: Exam, settings: Any) -> None:
    settings.RETINEYE_MAX_UPLOAD_BYTES = 1000
    answer = begin(nurse, exam, bytes(1001), uuid4())
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


def test_nobody_else_reaches_an_upload(nurse: Client, hill: Clinic, lake: Clinic, exam: Exam) -> None:
    pk = bring(nurse, exam, picture())
    for stranger in (hill.doctor, lake.technician):
        other = sign_in(Client(), stranger)
        assert other.get(reverse("upload", args=[pk])).status_code == 404
        assert other.get(reverse("upload_preview", args=[pk])).status_code == 404
        assert other.delete(reverse("upload", args=[pk])).status_code == 404
        assert finish(other, pk, eye="right").status_code == 404
        assert begin(other, exam, picture(), pk).status_code == 404
    assert sign_in(Client(), hill.manager).get(reverse("upload", args=[pk])).status_code == 403
    assert begin(sign_in(Client(), hill.manager), exam, picture(), uuid4()).status_code == 403


def test_what_is_sent_for_somebody_who_has_left_is_turned_away(nurse: Client, hill: Clinic, exam: Exam) -> None:
    pk, address = uuid4(), reverse("upload_new", args=[exam.pk])
    form = {"id": pk, "bytes": 10}
    for left in (str(hill.doctor.pk), "", "nobody"):
        answer = nurse.post(address, form, headers={HEADER: left})
        assert (answer.status_code, answer.json()["code"]) == (409, "other_user")
    assert not Upload.objects.exists()
    assert nurse.post(address, form, headers={HEADER: str(hill.technician.pk)}).status_code == 201


def test_a_page_says_whose_it_is(nurse: Client, hill: Clinic, exam: Exam) -> None:
    assert nurse.get(reverse("exam", args=[exam.pk]))[HEADER] == str(hill.technician.pk)
    assert Client().get(reverse("account_login"))[HEADER] == ""
    assert HEADER not in nurse.get(reverse("health"))


def test_an_archive_comes_back_as_photographs_to_look_at(nurse: Client, exam: Exam) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("OD/Jane Doe.jpg", picture(1))
        made.writestr("2.jpg", picture(2))
        made.writestr("letter.txt", b"Dear colleague")
    said = finish(nurse, bring(nurse, exam, out.getvalue())).json()
    assert [one["eye"] for one in said["pieces"]] == ["right", ""]
    assert said["left_out"][0].startswith("letter.txt: ")
    assert "Jane" not in json.dumps(said["pieces"])
    shown = nurse.get(said["pieces"][0]["preview"])
    assert shown["Content-Type"] == "image/jpeg"
    assert shown.content[:2] == b"\xff\xd8"
    # Whoever opens the page later finds them still.
    page = nurse.get(reverse("exam", args=[exam.pk])).content.decode()
    kept = re.search(r'<script id="pieces" type="application/json">(.*?)</script>', page)
    assert kept
    assert {one["id"] for one in json.loads(kept[1])} == {one["id"] for one in said["pieces"]}
    for one, eye in zip(said["pieces"], ("right", "left"), strict=True):
        assert finish(nurse, one["id"], eye=eye).status_code == 201
    assert Photograph.objects.count() == 2


def test_a_dicom_file_that_does_not_fit_asks_in_words(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill, add_patient(hill, "Ben Okoro", None))
    now = timezone.localtime().strftime("%Y%m%d%H%M%S")
    pk = bring(nurse, exam, as_bytes(photograph(eye="L", AcquisitionDateTime=now)))
    asked = finish(nurse, pk, eye="right")
    assert (asked.status_code, asked.json()["question"]) == (409, "patient_named")
    assert "Ana Ruiz, born 5 Mar 1968, number A-17" in asked.json()["sentence"]
    asked = finish(nurse, pk, eye="right", confirmed=["patient_named"])
    assert (asked.json()["question"], asked.json()["eye"]) == ("other_eye", "left")
    assert finish(nurse, pk, eye="left", confirmed=["patient_named"]).status_code == 201


def test_a_camera_without_a_clock_asks_in_words(nurse: Client, hill: Clinic) -> None:
    exam = add_exam(hill, add_patient(hill))
    pk = bring(nurse, exam, as_bytes(photograph(eye="R", AcquisitionDateTime="20000101000000")))
    asked = finish(nurse, pk, eye="right")
    assert asked.json()["question"] == "date"
    assert "1 Jan 2000" in asked.json()["sentence"]
    assert finish(nurse, pk, eye="right", confirmed=["date"]).status_code == 201


def test_the_page_knows_the_words_that_tell_the_eyes_apart(nurse: Client, exam: Exam) -> None:
    page = nurse.get(reverse("exam", args=[exam.pk])).content.decode()
    found = re.search(r'<script id="side-words" type="application/json">(.*?)</script>', page)
    assert found
    assert json.loads(found[1]) == json.loads(json.dumps(SIDE_WORDS))


def test_tries_are_counted_and_after_two_the_pupil_is_to_be_dilated(nurse: Client, hill: Clinic, exam: Exam) -> None:
    def advice() -> str:
        page = nurse.get(reverse("exam", args=[exam.pk])).content.decode()
        found = re.search(r'data-coach="(\w+)"', page)
        result = nurse.get(reverse("exam_result", args=[exam.pk])).content.decode()
        assert (found[1] if found else "") in result
        return found[1] if found else ""

    assert advice() == ""
    fail(send(hill, exam, picture(1)))
    assert advice() == "retake"
    fail(send(hill, exam, picture(2)))
    assert advice() == "dilate"
    nurse.post(reverse("exam_dilated", args=[exam.pk]), {"eye": "right"})
    exam.refresh_from_db()
    assert (exam.right_dilated, exam.left_dilated) == (True, None)
    assert advice() == "close"
    nurse.post(reverse("exam_absence", args=[exam.pk]), {"eye": "right", "absence": "clouding"})
    assert advice() == ""


def fail(sent: Photograph) -> None:
    """Have a photograph be out of focus."""
    Verdict.objects.create(
        photograph=sent,
        attempt=1,
        pack_id="tiny",
        pack_sha256="0" * 64,
        status=Verdict.Status.UNGRADABLE,
        quality={"score": 0.1},
        reasons=["out_of_focus"],
    )
    Photograph.objects.filter(pk=sent.pk).update(state=State.UNGRADABLE, attempt=1)
    standing.refresh(sent.exam)


def test_the_script_for_a_cut_line_lies_at_the_root_and_holds_nothing_of_anybody(db: None) -> None:
    script = Client().get(reverse("service_worker"))
    assert (script.status_code, script["Content-Type"]) == (200, "text/javascript")
    assert reverse("service_worker") == "/sw.js"
    assert "no-store" in script["Cache-Control"]
    assert Client().get(reverse("offline")).status_code == 200
