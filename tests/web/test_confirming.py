"""What counts as showing once more who one is, before a signature."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import reverse

from retineye.clinic.models import Signature
from tests.accounts.codes import code_of
from tests.cast import PASSWORD, Clinic, add_exam

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture()
def doctor(client: Client, hill: Clinic) -> Client:
    """Have the doctor signed in, with an app on the telephone."""
    TOTP.activate(hill.doctor, SECRET)
    client.force_login(hill.doctor, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture()
def signing(hill: Clinic) -> str:
    """Give the address at which an exam is signed."""
    return reverse("sign", args=[add_exam(hill).pk])


def password(client: Client, back_to: str) -> Any:
    return client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": back_to})


def test_a_code_of_the_app_shows_who_one_is_and_signs_nothing(doctor: Client, signing: str) -> None:
    shown = doctor.post(reverse("mfa_reauthenticate"), {"code": code_of(SECRET), "next": "/worklist/"})
    assert shown.headers["Location"] == "/worklist/"
    for answer in (doctor.get(signing), doctor.post(signing)):
        assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not Signature.objects.exists()


def test_on_the_way_to_a_signature_a_code_is_not_offered(doctor: Client, signing: str) -> None:
    page = doctor.get(reverse("account_reauthenticate"), {"next": signing}).content.decode()
    assert "Use a code" not in page
    assert "Use a code" in doctor.get(reverse("account_reauthenticate"), {"next": "/team/"}).content.decode()
    led = doctor.get(reverse("mfa_reauthenticate"), {"next": signing})
    assert led.headers["Location"].startswith(reverse("account_reauthenticate"))


def test_the_password_counts_and_the_page_says_so(doctor: Client, signing: str) -> None:
    assert password(doctor, signing).headers["Location"] == signing
    assert doctor.get(signing).status_code == 200


def test_signing_in_alone_does_not_count(client: Client, hill: Clinic, signing: str) -> None:
    client.post(reverse("account_login"), {"login": hill.doctor.email, "password": PASSWORD})
    assert client.get(signing).status_code == 302
