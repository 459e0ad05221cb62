"""Other people than the administrator who set the service up: colleagues by invitation, and strangers."""

import os
import subprocess
import sys
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.nurse import PASSWORD
from tests.e2e.service import Service

INVITE = """
import sys
import django; django.setup()
from retineye.accounts.invitations import open_invitation
from retineye.accounts.models import Organisation, Role
for address in sys.argv[1:]:
    person, host = address.split("@")
    clinic, _ = Organisation.objects.get_or_create(name=host.split(".")[0].title() + " Clinic")
    print(open_invitation(clinic, email=address, role=Role(person.split("-")[0]))[1])
"""


def invite(service: Service, *addresses: str) -> list[str]:
    """Invite people to the clinics and roles that their addresses name; give the path of each one's link."""
    return subprocess.run(
        [sys.executable, "-c", INVITE, *addresses],
        env=os.environ | service.settings,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


def join(browser: Browser, service: Service, path: str, name: str, **options: Any) -> BrowserContext:
    """Have somebody come in by an invitation, in a browser of their own."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    page = context.new_page()
    page.goto(service.url + path)
    page.get_by_label("Your name").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Join and sign in").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    return context


def sign_in(page: Page, service: Service, address: str) -> None:
    """Sign in by address and password."""
    page.goto(f"{service.url}/account/login/")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
