"""The app with codes and the recovery codes: set up, asked for at the sign-in, counted, and on record."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client, RequestFactory
from django.urls import reverse

from retineye.accounts.models import AuditEvent, Membership
from retineye.accounts.people import drop_second_factor
from retineye.accounts.second_factor import takes_passkeys
from tests.accounts.codes import code_of
from tests.cast import PASSWORD, Clinic

DOCTOR = "doctor@hill.example"


def sign_in(client: Client) -> Any:
    return client.post("/account/login/", {"login": DOCTOR, "password": PASSWORD})


def confirm(client: Client, back_to: str) -> Any:
    return client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": back_to})


def set_up(client: Client) -> str:
    """Set the app up as a person does, and give its secret."""
    address = reverse("mfa_activate_totp")
    assert client.get(address).headers["Location"].startswith(reverse("account_reauthenticate"))
    assert confirm(client, address).headers["Location"] == address
    page = client.get(address).content.decode()
    secret = re.search(r'<span class="code secret">([A-Z2-7]+)</span>', page)
    assert secret
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org/2000/svg", ""), "drawn here"
    answer = client.post(address, {"code": code_of(secret[1])})
    assert answer.headers["Location"] == reverse("mfa_view_recovery_codes")
    return secret[1]


@pytest.fixture()
def secret(client: Client, hill: Clinic) -> str:
    """Have the doctor with an app, signed out."""
    sign_in(client)
    found = set_up(client)
    client.post("/account/logout/")
    return found


def test_once_set_up_the_sign_in_asks_for_the_code_of_the_app(client: Client, hill: Clinic, secret: str) -> None:
    asked = sign_in(client)
    assert asked.headers["Location"] == reverse("mfa_authenticate")
    assert client.get("/worklist/").status_code == 302, "half a sign-in opens nothing"
    assert AuditEvent.objects.filter(action="signed_in").count() == 1
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "That was not right" in wrong.content.decode()
    # The code of this half minute was used at the setting up: the app shows the next one by now.
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret, later=1)}).status_code == 302
    assert client.get("/worklist/").status_code == 200
    assert AuditEvent.objects.filter(action="signed_in").count() == 2


def test_a_code_opens_once(client: Client, secret: str) -> None:
    code = code_of(secret, later=1)
    sign_in(client)
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    other = Client()
    sign_in(other)
    assert other.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200


def test_codes_can_not_be_tried_one_after_the_other(client: Client, secret: str) -> None:
    sign_in(client)
    for number in range(5):
        client.post(reverse("mfa_authenticate"), {"code": f"{number:06}"})
    refused = client.post(reverse("mfa_authenticate"), {"code": code_of(secret, later=1)})
    assert refused.status_code == 200
    assert "Too many" in refused.content.decode()
    other = Client(REMOTE_ADDR="203.0.113.9")
    sign_in(other)
    assert other.post(reverse("mfa_authenticate"), {"code": code_of(secret, later=1)}).status_code == 200
    with time_machine.travel(timedelta(minutes=6)):
        later = Client()
        sign_in(later)
        assert later.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).status_code == 302


def test_a_recovery_code_lets_in_once_when_the_telephone_is_lost(client: Client, hill: Clinic) -> None:
    sign_in(client)
    set_up(client)
    page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    assert codes[0] in client.get(reverse("mfa_download_recovery_codes")).content.decode()
    client.post("/account/logout/")
    for expected in (302, 200):
        other = Client()
        sign_in(other)
        assert other.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == expected


def test_each_change_is_on_record_and_no_secret_is(
    client: Client, hill: Clinic, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client)
    with django_capture_on_commit_callbacks(execute=True):
        secret = set_up(client)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("mfa_generate_recovery_codes"))
    client.post(reverse("mfa_deactivate_totp"))
    events = AuditEvent.objects.filter(action="second_factor_changed", actor_id=hill.doctor.pk)
    assert [event.detail["what"] for event in events.order_by("at")] == [
        "totp_activated",
        "recovery_codes_generated",
        "totp_deactivated",
    ]
    assert secret not in repr(list(AuditEvent.objects.values_list("detail", flat=True)))
    assert not Authenticator.objects.exists(), "recovery codes go with what they stand in for"


def test_after_a_lost_device_the_administrator_opens_the_way_with_the_password_alone(
    client: Client, hill: Clinic, secret: str
) -> None:
    drop_second_factor(hill.administrator, Membership.objects.get(user=hill.doctor))
    assert sign_in(client).headers["Location"] == reverse("worklist")


def test_the_secret_of_the_app_is_not_kept_as_it_is(secret: str) -> None:
    assert secret not in repr(list(Authenticator.objects.values_list("data", flat=True)))


@pytest.mark.parametrize("name", ["mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes"])
def test_the_pages_need_a_person_and_changes_a_fresh_proof(client: Client, hill: Clinic, name: str) -> None:
    assert client.get(reverse(name)).headers["Location"].startswith(reverse("account_login"))
    sign_in(client)
    answer = client.get(reverse(name))
    if name == "mfa_index":
        assert answer.status_code == 200
    elif name == "mfa_view_recovery_codes":
        assert answer.status_code == 404
    else:
        assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))


@pytest.mark.parametrize(
    ("host", "secure", "takes"),
    [
        ("localhost:8000", False, True),
        ("retineye.localhost", False, True),
        ("eyes.example.org", True, True),
        ("eyes.example.org", False, False),
        ("127.0.0.1:8000", False, False),
        ("192.168.1.20:8443", True, False),
        ("[::1]:8000", False, False),
    ],
)
def test_a_passkey_is_bound_to_a_name_over_a_secure_line(
    rf: RequestFactory, settings: Any, host: str, secure: bool, takes: bool
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert takes_passkeys(rf.get("/", headers={"host": host}, secure=secure)) is takes
