"""A clinic decides who needs a second factor, and when somebody who does nothing is signed out."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from retineye.accounts import guarding
from retineye.accounts.models import AuditEvent, Role
from tests.cast import PASSWORD, Clinic

LIST = "/worklist/"


def sign_in(client: Client, email: str) -> None:
    assert client.post("/account/login/", {"login": email, "password": PASSWORD}).status_code == 302


def demand(clinic: Clinic, *roles: Role, idle_minutes: int | None = None) -> None:
    guarding.set_policy(clinic.administrator, second_factor_roles=roles, idle_minutes=idle_minutes)


def test_who_must_have_a_second_factor_and_has_none_can_do_nothing_but_set_it_up(client: Client, hill: Clinic) -> None:
    demand(hill, Role.DOCTOR)
    sign_in(client, "doctor@hill.example")
    for path in (LIST, "/patients/", "/programs/", "/account/devices/", "/account/password/change/"):
        assert client.get(path).headers["Location"] == reverse("mfa_index"), path
    assert client.get(LIST, headers={"HX-Request": "true"}).headers["HX-Redirect"] == reverse("mfa_index")
    assert client.get(LIST, headers={"Accept": "application/json"}).status_code == 401
    page = client.get(reverse("mfa_index")).content.decode()
    assert "Your clinic asks for a second factor" in page
    assert client.post("/account/logout/").status_code == 302


def test_once_it_is_there_everything_opens(client: Client, hill: Clinic) -> None:
    demand(hill, Role.DOCTOR)
    sign_in(client, "doctor@hill.example")
    assert client.get(LIST).status_code == 302
    Authenticator.objects.create(user=hill.doctor, type="totp", data={"secret": "x"})
    assert client.get(LIST).status_code == 200


def test_other_roles_and_other_clinics_are_left_alone(client: Client, hill: Clinic, lake: Clinic) -> None:
    demand(hill, Role.DOCTOR)
    for email in ("technician@hill.example", "doctor@lake.example"):
        sign_in(client, email)
        assert client.get(LIST).status_code == 200
        client.post("/account/logout/")


def test_a_new_demand_reaches_who_is_signed_in_within_a_minute(client: Client, hill: Clinic) -> None:
    with time_machine.travel("2026-11-24 09:00", tick=False) as clock:
        sign_in(client, "doctor@hill.example")
        assert client.get(LIST).status_code == 200
        demand(hill, Role.DOCTOR)
        clock.shift(timedelta(seconds=61))
        assert client.get(LIST).status_code == 302


def test_recovery_codes_alone_are_no_second_factor(client: Client, hill: Clinic) -> None:
    demand(hill, Role.DOCTOR)
    Authenticator.objects.create(user=hill.doctor, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    sign_in(client, "doctor@hill.example")
    assert client.get(LIST).status_code == 302


def test_a_clinic_signs_out_earlier_than_the_service(client: Client, hill: Clinic, lake: Clinic) -> None:
    demand(hill, idle_minutes=5)
    with time_machine.travel("2026-11-24 09:00", tick=False) as clock:
        sign_in(client, "doctor@hill.example")
        assert client.get(LIST).status_code == 200
        for _ in range(3):
            clock.shift(timedelta(minutes=4))
            assert client.get(LIST).status_code == 200, "work moves the end on"
        clock.shift(timedelta(minutes=6))
        assert client.get(LIST).headers["Location"].startswith(reverse("account_login"))
        sign_in(client, "doctor@lake.example")
        assert client.get(LIST).status_code == 200
        clock.shift(timedelta(minutes=30))
        assert client.get(LIST).status_code == 200, "the other clinic has the service's hour"


@pytest.mark.parametrize("minutes", [0, 1, 61, 10_000])
def test_minutes_have_bounds_and_a_clinic_is_never_laxer_than_the_service(hill: Clinic, minutes: int) -> None:
    with pytest.raises(ValueError, match="minutes"):
        demand(hill, idle_minutes=minutes)


def test_it_is_the_administrators_to_decide_and_on_record(hill: Clinic) -> None:
    demand(hill, Role.DOCTOR, Role.ADMINISTRATOR, idle_minutes=15)
    event = AuditEvent.objects.get(action="guarding_changed")
    assert event.detail == {"second_factor": "administrator+doctor", "idle_minutes": 15}
    with pytest.raises(PermissionDenied):
        guarding.set_policy(hill.doctor, second_factor_roles=(), idle_minutes=None)
