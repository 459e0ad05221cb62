"""Signing in and out: what the page answers, what is remembered and what never is."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

from retineye.accounts.adapter import client_address
from retineye.accounts.models import AuditEvent, User
from tests.cast import PASSWORD, Clinic

LOGIN = "/account/login/"
CHANGE = "/account/password/change/"


def sign_in(client: Client, email: str, password: str = PASSWORD, **options: Any) -> Any:
    return client.post(LOGIN, {"login": email, "password": password}, **options)


def test_a_person_signs_in_by_e_mail_and_password_upper_and_lower_case_alike(client: Client, hill: Clinic) -> None:
    answer = sign_in(client, "Doctor@HILL.example")
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(hill.doctor.pk)
    event = AuditEvent.objects.get(action="signed_in")
    assert (event.actor_id, event.organisation_id) == (hill.doctor.pk, hill.organisation.pk)


def test_a_wrong_password_gives_the_form_again_and_is_remembered_without_what_was_typed(
    client: Client, hill: Clinic
) -> None:
    answer = sign_in(client, "doctor@hill.example", "wrong password 12")
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session
    event = AuditEvent.objects.get(action="sign_in_failed")
    assert event.actor_id == hill.doctor.pk
    assert event.organisation_id == hill.organisation.pk
    assert "wrong" not in json.dumps(event.detail)


def test_an_unknown_address_gets_the_same_answer_as_a_wrong_password(client: Client, hill: Clinic) -> None:
    wrong = sign_in(client, "doctor@hill.example", "wrong password 12")
    unknown = sign_in(client, "nobody@hill.example", "wrong password 12")
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()
    assert AuditEvent.objects.filter(action="sign_in_failed", actor_id=None).count() == 1


def test_signing_out_takes_a_post(client: Client, hill: Clinic) -> None:
    client.force_login(hill.doctor)
    assert client.get("/account/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/account/logout/").status_code == 302
    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.get(action="signed_out").actor_id == hill.doctor.pk


def test_too_many_failed_tries_lock_the_address_for_a_while_even_for_the_right_password(
    client: Client, hill: Clinic, settings: Any
) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    for _ in range(3):
        last = sign_in(client, "doctor@hill.example", "wrong password 12")
    assert last.status_code == 429
    assert sign_in(client, "doctor@hill.example").status_code == 429
    assert "_auth_user_id" not in client.session
    assert sign_in(client, "technician@hill.example").status_code == 302


def test_somebody_who_was_switched_off_does_not_come_in(client: Client, hill: Clinic) -> None:
    User.objects.filter(pk=hill.doctor.pk).update(is_active=False)
    sign_in(client, "doctor@hill.example")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("name", ["account_signup", "account_email", "account_reset_password", "account_set_password"])
def test_there_is_no_way_to_register_or_to_reset_a_password_alone(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_passwords_are_kept_as_salted_hashes(hill: Clinic) -> None:
    kept = User.objects.values_list("password", flat=True)
    assert len(set(kept)) == len(kept)
    assert not any(PASSWORD in one for one in kept)


def test_a_changed_password_is_remembered(client: Client, hill: Clinic) -> None:
    client.force_login(hill.doctor)
    answer = client.post(
        "/account/password/change/",
        {"oldpassword": PASSWORD, "password1": "another quiet walk 9", "password2": "another quiet walk 9"},
    )
    assert answer.status_code == 302
    assert AuditEvent.objects.filter(action="password_changed", actor_id=hill.doctor.pk).exists()
    hill.doctor.refresh_from_db()
    assert hill.doctor.check_password("another quiet walk 9")


def test_no_name_address_or_password_gets_into_the_log(
    client: Client, hill: Clinic, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        sign_in(client, "doctor@hill.example", "wrong password 12")
        sign_in(client, "doctor@hill.example")
        client.get("/nowhere/?q=Ana+Ruiz")
    said = capfd.readouterr()
    written = (
        said.out + said.err + json.dumps([record.getMessage() for record in caplog.records if "sql" not in record.name])
    )
    for secret in ("doctor@hill", "wrong password", PASSWORD, hill.doctor.full_name, "Ruiz"):
        assert secret not in written


def test_a_session_ends_after_so_many_idle_minutes_and_work_moves_the_end_on(
    client: Client, hill: Clinic, settings: Any
) -> None:
    settings.SESSION_COOKIE_AGE = 600
    with time_machine.travel("2026-11-24 09:00", tick=False) as clock:
        sign_in(client, "doctor@hill.example")
        for _ in range(3):
            clock.shift(timedelta(minutes=8))
            assert client.get(CHANGE).status_code == 200
        clock.shift(timedelta(minutes=11))
        assert client.get(CHANGE).status_code == 302


def test_a_page_that_asks_every_half_second_writes_the_session_once_a_minute(
    client: Client, hill: Clinic, django_assert_max_num_queries: Any
) -> None:
    client.force_login(hill.doctor)
    client.get(CHANGE)
    with django_assert_max_num_queries(8) as asked:
        client.get(CHANGE)
    assert not any("UPDATE" in one["sql"] for one in asked.captured_queries)


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "10.0.0.9"), (1, "203.0.113.7"), (2, "198.51.100.1")], ids=["none", "one", "two"]
)
def test_a_client_can_not_choose_the_address_that_its_tries_are_counted_for(
    rf: RequestFactory, settings: Any, proxies: int, address: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    said = {"x-forwarded-for": "1.2.3.4, 198.51.100.1, 203.0.113.7"}
    assert client_address(rf.post(LOGIN, headers=said, REMOTE_ADDR="10.0.0.9")) == address
