"""A passkey in a real browser, with its virtual authenticator: made, asked for at the sign-in, and signed with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.service import Service

PASSWORD = "a quiet walk by the lake"
SEED = """
import django; django.setup()
from retineye.clinic.reviews import read
from retineye.grading.result import Grade
from tests.cast import open_clinic
from tests.clinic.test_reviews import both
from tests.clinic.test_worklist import exam_with
hill = open_clinic("hill")
exam = exam_with(hill, Grade.MODERATE, Grade.MILD)
read(hill.doctor, exam, both(Grade.MODERATE, Grade.MILD))
print(exam.pk)
"""
FINGER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def exam(service: Service) -> str:
    """Have a clinic whose doctor has read an exam and not signed it; give the exam's id."""
    return subprocess.run(
        [sys.executable, "-c", SEED],
        env=os.environ | service.settings,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[-1]


@pytest.fixture()
def here(service: Service) -> str:
    """Give the service's address by name: a passkey is bound to a name."""
    return f"http://localhost:{service.port}"


@pytest.fixture()
def desk(browser: Browser, exam: str) -> Iterator[BrowserContext]:
    """Have a browser of the doctor's own."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, service_workers="block")
    context.set_default_timeout(60_000)
    yield context
    context.close()


def sign_in(page: Page, here: str) -> None:
    page.goto(f"{here}/account/login/")
    page.locator("input[name=login]").fill("doctor@hill.example")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_a_doctor_makes_a_passkey_comes_in_and_signs_with_it(desk: BrowserContext, here: str, exam: str) -> None:
    page = desk.new_page()
    finger = desk.new_cdp_session(page)
    finger.send("WebAuthn.enable")
    made = finger.send("WebAuthn.addVirtualAuthenticator", {"options": FINGER})
    sign_in(page, here)
    page.wait_for_url("**/worklist/")

    page.goto(f"{here}/account/second/")
    page.get_by_role("link", name="Add a passkey").click()
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("A name to know it by").fill("Desk in room 2")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert len(finger.send("WebAuthn.getCredentials", {"authenticatorId": made["authenticatorId"]})["credentials"]) == 1

    desk.clear_cookies()
    sign_in(page, here)
    expect(page.get_by_role("heading", name="One step more")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/worklist/")

    page.goto(f"{here}/exams/{exam}/sign/")
    expect(page.get_by_role("heading", name="Your passkey, please")).to_be_visible()
    expect(page.get_by_role("link", name="Use your password")).to_be_visible()
    expect(page.get_by_role("link", name="Use a code")).to_have_count(0)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("confirmed who you are by passkey")).to_be_visible()
    page.get_by_role("button", name="Sign and lock").click()
    page.goto(f"{here}/exams/{exam}/read/")
    expect(page.get_by_text("Signed by Doctor of Hill")).to_be_visible()


def test_without_the_passkey_nobody_comes_in_and_the_page_says_so(desk: BrowserContext, here: str) -> None:
    page = desk.new_page()
    finger = desk.new_cdp_session(page)
    finger.send("WebAuthn.enable")
    finger.send("WebAuthn.addVirtualAuthenticator", {"options": FINGER | {"isUserVerified": False}})
    sign_in(page, here)
    expect(page.get_by_role("heading", name="One step more")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("That did not work, or was cancelled. Try again.")).to_be_visible()
    page.goto(f"{here}/worklist/")
    expect(page.get_by_role("heading", name="Worklist")).to_have_count(0)
    expect(page.get_by_role("heading", name="One step more")).to_be_visible()


def test_at_a_bare_address_the_page_says_why_there_is_none(browser: Browser, service: Service, exam: str) -> None:
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.goto(f"{service.url}/account/login/")
    page.locator("input[name=login]").fill("technician@hill.example")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist/")
    page.goto(f"{service.url}/account/second/")
    expect(page.get_by_text("a passkey is bound to a name")).to_be_visible()
    expect(page.get_by_role("link", name="Set the app up")).to_be_visible()
    context.close()
