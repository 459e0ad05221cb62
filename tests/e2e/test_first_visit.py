"""The whole main job in a real browser: from the first-run link to the patient's result on the page."""

import re
from datetime import date
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from retineye.grading.result import GRADE_NAMES
from tests.e2e.conftest import watch
from tests.e2e.nurse import Nurse
from tests.e2e.service import Service, fresh

GRADES = re.compile("^(" + "|".join(GRADE_NAMES.values()) + ")$")


def read_eye(nurse: Nurse, eye: str) -> str:
    """Read one eye's grade from the page, with all that belongs to it."""
    photograph = nurse.wait_for_verdict(eye)
    expect(photograph).to_have_attribute("data-state", "graded")
    grade = photograph.get_by_role("heading", level=3)
    expect(grade).to_have_text(GRADES)
    shares = photograph.locator(".probs tbody").first.get_by_role("row")
    expect(shares).to_have_count(5)
    expect(photograph.get_by_text(re.compile("^(Not referable|Referable)$")).first).to_be_visible()
    expect(photograph.get_by_text(re.compile("Model pack "))).to_be_visible()
    expect(photograph.get_by_text("not a lesion outline")).to_be_visible()
    heat = photograph.locator("img.stage-heat")
    expect(heat).to_be_attached()
    assert heat.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    expect(photograph.locator(".openseadragon-canvas canvas")).to_be_visible()
    return grade.inner_text()


def test_from_the_first_run_link_to_both_grades_the_heatmap_and_the_patients_result(
    browser: Browser, service: Service, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    wrong = watch(context, service)
    nurse = Nurse(context.new_page(), service)
    nurse.set_up()
    expect(nurse.page.get_by_text("Nothing waits here")).to_be_visible()
    nurse.add_patient("Ana Ruiz")
    nurse.open_exam()
    nurse.send("right", fresh(tmp_path, "idrid_test_005.jpg"))
    nurse.send("left", fresh(tmp_path, "idrid_test_012.jpg"))
    grades = [read_eye(nurse, "right"), read_eye(nurse, "left")]
    expect(nurse.outcome).not_to_have_attribute("data-conclusion", re.compile("empty|pending"))
    expect(nurse.page.locator("#say[aria-live=polite]")).to_contain_text(re.compile("(Right|Left) eye: "))
    said = nurse.outcome.inner_text()
    assert all(grade in said for grade in grades)
    if "ICO 2017" in said:
        assert str(date.today().year) in said or str(date.today().year + 1) in said
    left, right = nurse.lane("right").bounding_box(), nurse.lane("left").bounding_box()
    assert left and right and left["x"] < right["x"], "the right eye is on the left, as the clinician faces the patient"
    nurse.page.goto(service.link)
    expect(nurse.page.get_by_role("heading", name="This link does not open")).to_be_visible()
    assert wrong == []
    context.storage_state(path=service.folder / "first.json")
    context.close()


def test_a_second_exam_leaves_the_first_one_as_it_was(browser: Browser, service: Service, tmp_path: Path) -> None:
    context = browser.new_context(storage_state=service.folder / "first.json")
    nurse = Nurse(context.new_page(), service)
    nurse.open("/worklist/?show=all")
    nurse.page.get_by_role("link", name="Ana Ruiz").click()
    read_eye(nurse, "right")
    first, before = nurse.page.url, what_the_exam_says(nurse.page)
    nurse.page.get_by_role("heading", level=1).get_by_role("link").click()
    nurse.open_exam()
    nurse.send("right", fresh(tmp_path, "idrid_test_033.jpg"))
    nurse.wait_for_verdict("right")
    nurse.page.get_by_role("heading", level=1).get_by_role("link").click()
    expect(nurse.page.locator("tbody tr")).to_have_count(2)
    nurse.page.goto(first)
    read_eye(nurse, "right")
    assert what_the_exam_says(nurse.page) == before
    context.close()


def what_the_exam_says(page: Page) -> list[str]:
    """Read result and photographs of an exam as text."""
    return [page.locator("#outcome").inner_text(), *page.locator(".photo .read").all_inner_texts()]
