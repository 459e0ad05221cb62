"""Who may ask what: walked over every operation of the description, so that a new one can not be forgotten."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.utils import timezone

from retineye.accounts import tokens
from retineye.accounts.models import ApiToken, AuditEvent
from retineye.accounts.tokens import Scope
from retineye.api.problems import CONTENT_TYPE
from retineye.api.root import api
from retineye.clinic.grade import grade_photograph
from tests.api.conftest import token_for
from tests.cast import Clinic, add_exam, picture, send

BODIES = {
    "record_facts": {}, "set_absence": {"absence": None}, "open_exam": {}, "change_patient": {"phone": "1"},
    "begin_upload": {"id": str(uuid4()), "bytes": 9}, "finish_upload": {}, "hand_in_read": {},
    "make_report": {"kind": "patient"}, "change_webhook": {"active": True}, "add_patient": {"name": "A"},
    "make_token": {"name": "a", "scopes": ["grade"]},
    "remind": {"how": "letter"}, "follow_referral": {"state": "missed"},
    "add_webhook": {"url": "https://a.example", "events": ["exam.signed"]},
}  # fmt: skip


def operations() -> Iterator[tuple[str, str, str]]:
    """Give method, address and name of every operation."""
    for address, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            yield method, address, operation["operationId"]


OPERATIONS = list(operations())
IDS = [name for _method, _address, name in OPERATIONS]


def ask(method: str, address: str, name: str, token: str = "", pk: Any = None) -> Any:
    """Send a request that is well made, for an object that may or may not be there."""
    place = address.replace("{pk}", str(pk or uuid4())).replace("{eye}", "right")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    browser = Browser(raise_request_exception=False)
    if name in ("send_photograph", "grade"):
        from django.core.files.uploadedfile import SimpleUploadedFile

        form = {"eye": "right", "file": SimpleUploadedFile("a.jpg", b"x")}
        return browser.post(place, form, headers=headers)
    if name == "send_piece":
        headers["Upload-Offset"] = "0"
        return browser.patch(place, b"x", content_type="application/offset+octet-stream", headers=headers)
    body = BODIES.get(name)
    kind = "application/json" if body is not None else "application/octet-stream"
    return (
        getattr(browser, method)(place, body if body is not None else b"", content_type=kind, headers=headers)
        if method != "get"
        else browser.get(place, headers=headers)
    )


@pytest.mark.parametrize(("method", "address", "name"), OPERATIONS, ids=IDS)
def test_nobody_gets_anything_without_a_token(db: None, method: str, address: str, name: str) -> None:
    answer = ask(method, address, name)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["Content-Type"] == CONTENT_TYPE and answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "address", "name"), OPERATIONS, ids=IDS)
def test_a_token_without_the_scope_gets_nothing(hill: Clinic, method: str, address: str, name: str) -> None:
    if name == "me":
        return
    other = Scope.TOKENS_READ if "grade" in name else Scope.GRADE
    answer = ask(method, address, name, token_for(hill.administrator, other))
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize(
    ("method", "address", "name"), [one for one in OPERATIONS if "{pk}" in one[1]],
    ids=[name for _m, address, name in OPERATIONS if "{pk}" in address],
)  # fmt: skip
def test_a_stranger_from_another_clinic_finds_nothing(
    hill: Clinic, lake: Clinic, method: str, address: str, name: str
) -> None:
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    token = token_for(lake.doctor if name in ("hand_in_read", "get_original") else lake.administrator)
    for pk in (exam.patient_id, exam.pk, sent.pk):
        answer = ask(method, address, name, token, pk)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.content


def test_a_token_never_does_more_than_its_person(hill: Clinic) -> None:
    exam = add_exam(hill)
    manager, technician = token_for(hill.manager), token_for(hill.technician)
    assert ask("post", "/api/v1/patients", "add_patient", manager).status_code == 403
    assert (
        ask("post", "/api/v1/exams/{pk}/photographs", "send_photograph", manager, exam.pk).json()["code"] == "forbidden"
    )
    assert ask("get", "/api/v1/webhooks", "list_webhooks", technician).json()["code"] == "forbidden"
    assert ask("post", "/api/v1/exams/{pk}/reviews", "hand_in_read", technician, exam.pk).json()["code"] == "forbidden"
    sent = send(hill, exam, picture())
    assert ask("get", "/api/v1/photographs/{pk}/original", "get_original", technician, sent.pk).status_code == 403
    assert (
        ask("get", "/api/v1/photographs/{pk}/original", "get_original", token_for(hill.doctor), sent.pk).status_code
        == 200
    )


def test_a_token_ends_with_its_day_its_revocation_and_its_person(hill: Clinic) -> None:
    text = token_for(hill.technician)
    assert ask("get", "/api/v1/me", "me", text).json()["role"] == "technician"
    token = ApiToken.objects.get()
    assert token.last_used_at is not None and text not in (token.token_hash, token.prefix)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask("get", "/api/v1/me", "me", text).status_code == 401
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(days=1))
    hill.technician.is_active = False
    hill.technician.save()
    assert ask("get", "/api/v1/me", "me", text).status_code == 401
    hill.technician.is_active = True
    hill.technician.save()
    tokens.revoke(hill.technician, token)
    assert ask("get", "/api/v1/me", "me", text).status_code == 401
    assert {"token_made", "token_revoked"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_a_session_of_a_browser_is_no_token(hill: Clinic, client: Browser) -> None:
    client.force_login(hill.administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/api/v1/me").status_code == 401


def test_too_many_calls_in_a_minute_are_turned_away_with_a_time(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_API_RATE = 2
    text = token_for(hill.technician)
    answers = [ask("get", "/api/v1/me", "me", text) for _ in range(4)]
    statuses = [one.status_code for one in answers]
    # The minute may turn in between.
    assert statuses[:2] == [200, 200] and 429 in statuses[2:]
    refused = next(one for one in answers if one.status_code == 429)
    assert refused.json()["code"] == "too_many_requests" and 0 < int(refused["Retry-After"]) <= 60
    assert answers[0]["RateLimit-Limit"] == "2" and answers[0]["RateLimit-Remaining"] == "1"


def test_what_is_not_there_and_what_is_not_known_is_a_problem_too(hill: Clinic) -> None:
    text = token_for(hill.technician)
    for method, place, status, code in (
        ("get", "/api/v1/nothing", 404, "not_found"),
        ("delete", "/api/v1/patients", 405, "method_not_allowed"),
        ("get", "/api/v1/patients?limit=0", 422, "invalid"),
        ("get", "/api/v1/patients?cursor=abc", 400, "bad_cursor"),
        ("get", "/api/v1/patients?cursor=WzEsMl0", 400, "bad_cursor"),
    ):
        answer = getattr(Browser(raise_request_exception=False), method)(
            place, headers={"Authorization": f"Bearer {text}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (status, code), place
        assert answer["Content-Type"] == CONTENT_TYPE
    broken = Browser().post(
        "/api/v1/patients", b"{", content_type="application/json", headers={"Authorization": f"Bearer {text}"}
    )
    assert broken.json()["code"] == "bad_request"


def test_a_refusal_does_not_repeat_what_was_sent(hill: Clinic) -> None:
    body = {"name": "Very Secret\u0007Person", "birth_date": "1968-13-05"}
    answer = Browser().post(
        "/api/v1/patients", body, content_type="application/json",
        headers={"Authorization": f"Bearer {token_for(hill.technician)}"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert {one["at"] for one in answer.json()["errors"]} == {"body.body.name", "body.body.birth_date"}
    assert "Secret" not in answer.content.decode()
