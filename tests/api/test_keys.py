"""The same request with the same key is done once and answered twice; lists come page by page."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone

from retineye.accounts import answers
from retineye.accounts.models import ApiToken, StoredAnswer
from retineye.clinic.models import Patient, Photograph
from tests.api.conftest import Program, token_for
from tests.cast import Clinic, add_exam, add_patient, picture


def post(token: str, place: str, body: Any, key: str = "k-1") -> Any:
    """Send a request with a key."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    browser = Browser(raise_request_exception=False)
    if isinstance(body, dict) and "file" in body:
        return browser.post(place, body, headers=headers)
    return browser.post(place, body, content_type="application/json", headers=headers)


def test_sent_again_with_its_key_it_is_answered_again_and_not_done_again(hill: Clinic) -> None:
    token = token_for(hill.technician)
    first = post(token, "/api/v1/patients", '{"name": "Ana Ruiz", "local_id": "7"}')
    again = post(token, "/api/v1/patients", '{"local_id":"7",  "name":"Ana Ruiz"}')
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert Patient.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(hill: Clinic) -> None:
    token = token_for(hill.technician)
    post(token, "/api/v1/patients", '{"name": "Ana Ruiz"}')
    other = post(token, "/api/v1/patients", '{"name": "Bea Ruiz"}')
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert post(token_for(hill.doctor), "/api/v1/patients", '{"name": "Bea Ruiz"}').status_code == 201


def test_a_refusal_is_answered_again_too(hill: Clinic) -> None:
    add_patient(hill)
    token = token_for(hill.technician)
    body = '{"name": "Ana Ruiz", "birth_date": "1968-03-05"}'
    first = post(token, "/api/v1/patients", body)
    Patient.objects.all().delete()
    assert post(token, "/api/v1/patients", body).content == first.content


def test_a_form_is_the_same_however_its_parts_are_fenced(hill: Clinic) -> None:
    token, exam = token_for(hill.technician), add_exam(hill)

    def send(data: bytes) -> Any:
        file = SimpleUploadedFile("a.jpg", data)
        return post(token, f"/api/v1/exams/{exam.pk}/photographs", {"eye": "right", "file": file})

    first, again = send(picture()), send(picture())
    assert first.status_code == again.status_code == 201 and first.content == again.content
    assert send(picture(2)).json()["code"] == "idempotency_mismatch"
    assert Photograph.objects.count() == 1


def test_while_the_first_is_at_work_the_second_waits_and_a_dead_one_gives_way(hill: Clinic) -> None:
    token_for(hill.technician)
    token = ApiToken.objects.get()
    answers.begin(token, "k", "a" * 64)
    with pytest.raises(answers.StillAtWork):
        answers.begin(token, "k", "a" * 64)
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    there, before = answers.begin(token, "k", "a" * 64)
    assert before is None and there.pk == StoredAnswer.objects.get().pk
    assert answers.forget(timezone.now() + timedelta(days=2)) == 1


def test_a_list_comes_page_by_page_and_a_new_row_shifts_nothing(hill: Clinic, program: Program) -> None:
    made = [add_patient(hill, name=f"Ana {number}", born=None) for number in range(7)]
    api = program(hill.technician)
    first = api._json("GET", "patients", params={"limit": 3})
    assert len(first["items"]) == 3 and first["next"]
    add_patient(hill, name="Later", born=None)
    names = [one["name"] for one in first["items"]]
    cursor = first["next"]
    while cursor:
        page = api._json("GET", "patients", params={"limit": 3, "cursor": cursor})
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert names == [*(one.name for one in made), "Later"]
    exams = [add_exam(hill, made[0]) for _ in range(3)]
    pages = api._json("GET", "worklist", params={"limit": 2, "show": "all"})
    rest = api._json("GET", "worklist", params={"limit": 2, "show": "all", "cursor": pages["next"]})
    assert [one["id"] for one in pages["items"] + rest["items"]] == [str(one.pk) for one in exams]


@pytest.mark.parametrize("key", ["", "two words", "ä", "k" * 256])
def test_a_key_that_is_none_is_refused_and_a_method_that_is_none_comes_first(hill: Clinic, key: str) -> None:
    token = token_for(hill.technician)
    refused = post(token, "/api/v1/patients", '{"name": "Ana Ruiz"}', key)
    assert (refused.status_code, refused.json()["errors"][0]["at"]) == (422, "header.Idempotency-Key")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    assert Browser().put("/api/v1/patients", b"{}", headers=headers).status_code == 405
    assert not Patient.objects.exists()
