"""What a nurse does in the browser, in a nurse's words."""

import re
import secrets
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.service import Service

PASSWORD = "a quiet walk by the lake"
FINAL = re.compile("^(graded|ungradable|failed)$")
VERDICT_MS = 30_000


class Nurse:
    """Somebody in front of a page of the service."""

    def __init__(self, page: Page, service: Service) -> None:
        self.page = page
        self.service = service

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(self.service.url + path)

    def set_up(self) -> None:
        """Use the first-run link."""
        self.page.goto(self.service.link)
        self.page.get_by_label("Name of the clinic").fill("Hill Clinic")
        self.page.get_by_label("Your name").fill("Administrator of Hill")
        self.page.get_by_label("E-mail address").fill("administrator@hill.example")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Set up and sign in").click()
        expect(self.page.get_by_role("heading", name="Worklist")).to_be_visible()

    def add_patient(self, name: str = "") -> str:
        """Add a patient, and give the name."""
        # Names that have nothing in common: likeness would ask whether it is the same person.
        name = name or secrets.token_hex(10)
        self.open("/patients/")
        self.page.get_by_role("link", name="New patient").click()
        self.page.get_by_role("textbox", name="Name", exact=True).fill(name)
        self.page.get_by_label("Date of birth").fill("1968-03-05")
        self.page.get_by_role("button", name="Add the patient").click()
        expect(self.page.get_by_role("heading", name=name)).to_be_visible()
        return name

    def open_exam(self) -> str:
        """Start an exam of the patient on the page, and give its address."""
        self.page.get_by_role("button", name="New exam").click()
        expect(self.page.get_by_text("No photographs yet")).to_be_visible()
        return self.page.url

    def lane(self, eye: str) -> Locator:
        """Give the lane of an eye."""
        return self.page.get_by_role("region", name=f"{eye.capitalize()} eye", exact=True)

    def send(self, eye: str, *files: Path) -> None:
        """Choose files in the file dialog of a lane."""
        self.lane(eye).get_by_label(f"Choose photographs of the {eye} eye").set_input_files(
            [str(file) for file in files]
        )

    def photograph(self, eye: str) -> Locator:
        """Give the newest photograph of a lane."""
        return self.lane(eye).locator(".photo").first

    def wait_for_verdict(self, eye: str) -> Locator:
        """Wait, without touching the page, until the newest photograph of a lane has its verdict."""
        photograph = self.photograph(eye)
        expect(photograph).to_have_attribute("data-state", FINAL, timeout=VERDICT_MS)
        return photograph

    @property
    def outcome(self) -> Locator:
        """Give the panel with the patient's result."""
        return self.page.locator("#outcome .outcome")
