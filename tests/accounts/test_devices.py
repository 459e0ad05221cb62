"""Where a person is signed in, in plain words, and the way out of each place."""

import pytest
from django.test import Client

from retineye.accounts import devices
from retineye.accounts.models import AuditEvent
from tests.cast import PASSWORD, Clinic

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36 Edg/126.0.0.0"
)
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (EDGE, "Edge on Windows"),
        (CHROME, "Chrome on Android"),
        ("curl/8.5", "Another program"),
        ("", "Another program"),
    ],
)
def test_a_browser_is_named_in_words(said: str, words: str) -> None:
    assert devices.device_name(said) == words


def sign_in(email: str, browser: str, address: str) -> Client:
    client = Client(headers={"User-Agent": browser}, REMOTE_ADDR=address)
    assert client.post("/account/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def test_each_place_is_listed_this_one_first_and_signed_out_one_by_one_or_all_at_once(hill: Clinic) -> None:
    here = sign_in("doctor@hill.example", FIREFOX, "192.0.2.1")
    phone = sign_in("doctor@hill.example", IPHONE, "192.0.2.2")
    tablet = sign_in("doctor@hill.example", CHROME, "192.0.2.3")
    found = devices.devices_of(hill.doctor, here.session.session_key)
    assert (found[0].name, found[0].address, found[0].here) == ("Firefox on Linux", "192.0.2.1", True)
    assert {one.name for one in found} == {"Firefox on Linux", "Safari on iPhone", "Chrome on Android"}
    on_phone = next(one for one in found if "iPhone" in one.name)
    assert here.post(f"/account/devices/{on_phone.id}/end/").status_code == 302
    assert phone.get("/worklist/").status_code == 302
    assert tablet.get("/worklist/").status_code == 200
    assert here.post("/account/devices/end/").status_code == 302
    assert tablet.get("/worklist/").status_code == 302
    assert here.get("/worklist/").status_code == 200
    assert AuditEvent.objects.filter(action="session_ended", actor_id=hill.doctor.pk).count() == 2


def test_nobody_signs_somebody_else_out(hill: Clinic) -> None:
    mine = sign_in("doctor@hill.example", FIREFOX, "192.0.2.1")
    theirs = sign_in("technician@hill.example", IPHONE, "192.0.2.2")
    (one,) = devices.devices_of(hill.technician, None)
    assert mine.post(f"/account/devices/{one.id}/end/").status_code == 404
    assert theirs.get("/worklist/").status_code == 200


def test_a_session_that_has_ended_is_no_longer_listed(hill: Clinic) -> None:
    sign_in("doctor@hill.example", FIREFOX, "192.0.2.1").post("/account/logout/")
    assert devices.devices_of(hill.doctor, None) == []
