"""A technician's morning: three patients, as a clinic has them."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.nurse import Nurse
from tests.e2e.people import invite, join
from tests.e2e.service import Service, fresh

FINE, MODERATE, DARK = "Ana Ruiz", "Ben Okoro", "Suharto"


class Day:
    """The clinic, its people at their screens."""

    def __init__(self, browser: Browser, service: Service, folder: Path) -> None:
        self.browser, self.service, self.folder = browser, service, folder
        self.exams: dict[str, str] = {}


@pytest.fixture()
def day(browser: Browser, service: Service, clinic: str, tmp_path: Path) -> Iterator[Day]:
    """Have a clinic that reads blind first, with everybody in it."""
    context = browser.new_context(storage_state=clinic)
    page = context.new_page()
    page.goto(f"{service.url}/settings/")
    page.get_by_label("Read blind first").check()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_role("status")).to_be_visible()
    context.close()
    yield Day(browser, service, tmp_path)


def test_three_patients_are_imaged_one_of_them_without_a_line(day: Day) -> None:
    [path] = invite(day.service, "technician@hill.example")
    context = join(day.browser, day.service, path, "Technician of Hill")
    images(day, Nurse(context.pages[0], day.service))
    context.close()


# --- the morning: three patients


def images(day: Day, nurse: Nurse) -> None:
    """Image three patients: one is fine, one has moderate disease, one can not be photographed well."""
    folder = day.folder
    start(day, nurse, FINE, "1968-03-05")
    nurse.send("right", fresh(folder, "small_IDRiD_068_test.jpg"))
    nurse.send("left", fresh(folder, "small_IDRiD_044_test.jpg"))
    for eye in ("right", "left"):
        expect(nurse.wait_for_verdict(eye).get_by_role("heading", level=3)).to_have_text("No DR")
    expect(nurse.outcome).to_have_attribute("data-conclusion", "routine")

    start(day, nurse, MODERATE, "1959-10-12")
    nurse.page.evaluate("navigator.serviceWorker.ready.then((worker) => Boolean(worker.active))")
    nurse.page.context.set_offline(True)
    nurse.send("right", fresh(folder, "small_IDRiD_046_test.jpg"))
    nurse.send("left", fresh(folder, "idrid_test_090.jpg"))
    expect(nurse.page.locator("#line")).to_contain_text("Kept on this device")
    nurse.page.context.set_offline(False)
    expect(nurse.wait_for_verdict("right").get_by_role("heading", level=3)).to_have_text("Moderate NPDR")
    expect(nurse.wait_for_verdict("left").get_by_role("heading", level=3)).to_have_text("No DR")
    expect(nurse.page.locator("#line")).to_be_hidden()
    expect(nurse.outcome).to_have_attribute("data-conclusion", "refer")

    start(day, nurse, DARK, "1961")
    nurse.send("left", fresh(folder, "idrid_test_012.jpg"))
    nurse.wait_for_verdict("left")
    right = nurse.lane("right")
    for tries, advice in enumerate(("take it again", "Dilate the pupil", "with a dilated pupil too"), start=1):
        nurse.send("right", fresh(folder, "small_IDRiD_098_test.jpg"))
        expect(right.locator(".photo[data-state=ungradable]")).to_have_count(tries, timeout=60_000)
        expect(right.locator(".coach")).to_contain_text(advice)
        if tries == 2:
            right.get_by_role("button", name="The pupil is dilated now").click()
            expect(right.get_by_role("button", name="The pupil is dilated now")).to_have_count(0)
    expect(nurse.photograph("right")).to_contain_text("no grade is given")
    right.get_by_label("No good photograph possible?").select_option("small_pupil")
    expect(right).to_contain_text("This eye is closed")
    expect(nurse.outcome).to_have_attribute("data-conclusion", "examination")


def start(day: Day, nurse: Nurse, name: str, born: str) -> None:
    """Add a patient and open an exam, from the worklist on."""
    nurse.open("/worklist/")
    nurse.page.get_by_role("link", name="New exam").click()
    nurse.page.get_by_role("link", name="New patient").click()
    nurse.page.get_by_role("textbox", name="Name", exact=True).fill(name)
    field = "Date of birth" if "-" in born else "or year of birth"
    nurse.page.get_by_label(field).fill(born)
    nurse.page.get_by_role("button", name="Add and start the exam").click()
    expect(nurse.page.get_by_text("No photographs yet")).to_be_visible()
    day.exams[name] = urlsplit(nurse.page.url).path
