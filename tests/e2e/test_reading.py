"""A doctor's day in a real browser: reading and signing by keyboard alone, drawing, two visits at one zoom."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watch
from tests.e2e.nurse import PASSWORD, Nurse
from tests.e2e.service import Service, fresh
from tests.e2e.test_look import look_at

INVITE = """
import django; django.setup()
from retineye.accounts.invitations import open_invitation
from retineye.accounts.models import Organisation, Role
print(open_invitation(Organisation.objects.get(), email="doctor@hill.example", role=Role.DOCTOR)[1])
"""
KEEP_VIEWERS = """
window.viewers = [];
document.addEventListener("stage:open", (event) => window.viewers.push(event.detail.viewer));
"""
MOST_TABS = 80


@pytest.fixture(scope="module")
def doctors_cookies(browser: Browser, service: Service, clinic: str) -> str:
    """Have a doctor who joined by an invitation; give the cookies, as a file."""
    path = subprocess.run(
        [sys.executable, "-c", INVITE], env=os.environ | service.settings, capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    context = browser.new_context()
    page = context.new_page()
    page.goto(service.url + path)
    page.get_by_label("Your name").fill("Doctor of Hill")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Join and sign in").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    state = service.folder / "doctor.json"
    context.storage_state(path=state)
    context.close()
    return str(state)


@pytest.fixture()
def doctor(browser: Browser, service: Service, doctors_cookies: str) -> Iterator[Page]:
    """Have a page with the doctor signed in; nothing may go to another host or into the console."""
    context = browser.new_context(
        storage_state=doctors_cookies, viewport={"width": 1280, "height": 800}, service_workers="block"
    )
    context.add_init_script(KEEP_VIEWERS)
    wrong = watch(context, service)
    yield context.new_page()
    context.close()
    assert wrong == []


def imaged(nurse: Nurse, folder: Path) -> tuple[str, str]:
    """Have a patient with both eyes photographed and graded; give the name and the exam's address."""
    name = nurse.add_patient()
    address = nurse.open_exam()
    for eye, picture in (("right", "small_IDRiD_004_test.jpg"), ("left", "small_IDRiD_005_test.jpg")):
        nurse.send(eye, fresh(folder, picture))
        nurse.wait_for_verdict(eye)
    return name, address


def tab_to(page: Page, selector: str) -> None:
    """Go on with the tab key until an element has the focus."""
    for _ in range(MOST_TABS):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The tab key does not lead to {selector}.")


def test_a_doctor_reads_and_signs_by_keyboard_alone(
    nurse: Nurse, doctor: Page, service: Service, tmp_path: Path
) -> None:
    name, _ = imaged(nurse, tmp_path)
    doctor.goto(f"{service.url}/worklist/?q={name}")
    tab_to(doctor, "a.who")
    doctor.keyboard.press("Enter")
    expect(doctor.locator(".desk-eye.is-active")).to_have_attribute("data-eye", "right")
    expect(doctor.locator(".legend")).to_be_visible()
    for key in ("3", "d", "d", "e", "1", "d"):
        doctor.keyboard.press(key)
    expect(doctor.locator("input[name=right_grade][value='3']")).to_be_checked()
    expect(doctor.locator("input[name=right_dme][value=suspected]")).to_be_checked()
    expect(doctor.locator("input[name=left_grade][value='1']")).to_be_checked()
    expect(doctor.locator("input[name=left_dme][value=no_sign]")).to_be_checked()
    # A reason is asked for where the read differs from the software, and letters in it are letters.
    tab_to(doctor, "textarea[name=override_reason]")
    doctor.keyboard.type("Venous beading, and exudates near the fovea.")
    tab_to(doctor, "button[data-key=r]")
    doctor.keyboard.press("Enter")
    expect(doctor.get_by_text("First read, yours")).to_be_visible()
    doctor.keyboard.press("s")
    expect(doctor.locator("input[name=password]")).to_be_visible()
    tab_to(doctor, "input[name=password]")
    doctor.keyboard.type(PASSWORD)
    doctor.keyboard.press("Enter")
    expect(doctor.get_by_role("button", name="Sign and lock")).to_be_visible()
    doctor.keyboard.press("s")
    expect(doctor.get_by_text("Signed and locked.")).to_be_visible()
    doctor.goto(f"{service.url}/worklist/?show=signed&q={name}")
    expect(doctor.get_by_role("cell", name="Severe NPDR")).to_be_visible()


def test_a_drawing_stays_on_its_place_of_the_photograph(
    nurse: Nurse, doctor: Page, service: Service, tmp_path: Path
) -> None:
    name, _ = imaged(nurse, tmp_path)
    doctor.goto(f"{service.url}/worklist/?q={name}")
    doctor.get_by_role("link", name=name).click()
    stage = doctor.locator(".desk-eye[data-eye=right] .stage")
    doctor.wait_for_function(
        "() => window.viewers.length == 2 && window.viewers.every((one) => one.world.getItemAt(0))"
    )
    stage.get_by_role("button", name="Circle").click()
    box = stage.locator(".stage-view").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    doctor.mouse.move(*middle)
    doctor.mouse.down()
    doctor.mouse.move(middle[0] + 40, middle[1], steps=4)
    doctor.mouse.up()
    [drawn] = json.loads(doctor.locator("input[name=marks]").input_value())
    width, height = doctor.evaluate(
        "(() => { const size = viewers[0].world.getItemAt(0).getContentSize(); return [size.x, size.y]; })()"
    )
    assert drawn["shape"] == "circle"
    assert abs(drawn["points"][0] - width / 2) < width * 0.02
    assert abs(drawn["points"][1] - height / 2) < height * 0.02
    assert drawn["points"][2] > drawn["points"][0]
    # By keyboard: the button draws in the middle of what is in view.
    stage.get_by_role("button", name="Arrow").focus()
    doctor.keyboard.press("Enter")
    assert len(json.loads(doctor.locator("input[name=marks]").input_value())) == 2
    stage.locator("[data-draw=undo]").click()
    before = stage.locator(".marks circle").first.get_attribute("r")
    stage.get_by_role("button", name="Zoom in").click()
    expect(stage.locator(".marks circle").first).not_to_have_attribute("r", str(before))
    for key in ("2", "d", "e", "2", "d"):
        doctor.keyboard.press(key)
    doctor.locator("textarea[name=override_reason]").fill("As drawn.")
    doctor.get_by_role("button", name="Record my read").click()
    expect(doctor.get_by_text("First read, yours")).to_be_visible()
    assert json.loads(doctor.locator("input[name=marks]").input_value()) == [drawn]


def test_two_visits_zoom_together(nurse: Nurse, doctor: Page, service: Service, tmp_path: Path) -> None:
    _, address = imaged(nurse, tmp_path)
    nurse.open(path_of(nurse.page.locator("h1 a").get_attribute("href")))
    second = nurse.open_exam()
    for eye in ("right", "left"):
        nurse.send(eye, fresh(tmp_path, "small_IDRiD_006_test.jpg"))
        nurse.wait_for_verdict(eye)
    assert address != second
    doctor.goto(second + "read/")
    doctor.keyboard.press("c")
    expect(doctor.get_by_role("heading", name="Two visits side by side")).to_be_visible()
    doctor.wait_for_function(
        "() => window.viewers.length == 4 && window.viewers.every((one) => one.world.getItemAt(0))"
    )
    doctor.locator(".pair").first.get_by_role("button", name="Zoom in").first.click()
    doctor.wait_for_function(
        "() => { const share = (one) => one.viewport.getZoom(true) / one.viewport.getHomeZoom();"
        " return share(viewers[0]) > 1.4 && Math.abs(share(viewers[0]) - share(viewers[1])) < 0.05; }"
    )
    assert doctor.evaluate("viewers[2].viewport.getZoom() / viewers[2].viewport.getHomeZoom()") < 1.05


def path_of(href: str | None) -> str:
    """Give the path of a link."""
    assert href
    return href


def test_the_doctors_pages_are_accessible_and_keep_their_width(
    nurse: Nurse, doctor: Page, service: Service, tmp_path: Path
) -> None:
    name, address = imaged(nurse, tmp_path)
    for path in (f"/worklist/?q={name}", "/worklist/?show=all&grade=2", "/agreement/"):
        look_at(doctor, service.url + path)
    look_at(doctor, address + "read/")
    for key in ("2", "d", "e", "2", "d"):
        doctor.keyboard.press(key)
    doctor.locator("textarea[name=override_reason]").fill("To have one.")
    doctor.get_by_role("button", name="Record my read").click()
    expect(doctor.get_by_text("First read, yours")).to_be_visible()
    look_at(doctor, address + "read/")
    look_at(doctor, service.url + "/agreement/")
