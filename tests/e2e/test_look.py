"""Every page as people meet it: accessible, inside its width, light, and with a viewer that never turns an eye."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watch
from tests.e2e.nurse import Nurse
from tests.e2e.service import Service, fresh

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
WIDTHS = (1280, 375)
WEIGHT_LIMIT = 200_000
"""Bytes over the line of the heaviest page, photographs apart, where static files are compressed."""

FRONT = ["/", "/about/", "/account/login/", "/password/forgotten/", "/nothing-here/"]
INSIDE = [
    "/worklist/",
    "/worklist/?show=all",
    "/patients/",
    "/patients/?q=nobody-of-that-name",
    "/patients/new/",
    "/team/",
    "/audit/",
    "/account/password/change/",
    "/account/second/",
    "/account/devices/",
    "/account/logout/",
]


def violations(page: Page) -> list[str]:
    """Have axe look at the page, and name what is serious."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def look_at(page: Page, address: str) -> None:
    """Open a page in both widths and look for what is wrong with it."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address)
        expect(page.locator("main h1, main h2").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{address} is wider than {width} px"
        assert violations(page) == [], f"{address} at {width} px"


@pytest.mark.parametrize("path", FRONT)
def test_a_page_before_signing_in_is_accessible_and_keeps_its_width(
    browser: Browser, service: Service, path: str
) -> None:
    context = browser.new_context()
    wrong = watch(context, service)
    look_at(context.new_page(), service.url + path)
    assert wrong == []
    context.close()


@pytest.mark.parametrize("path", INSIDE)
def test_a_page_behind_the_door_is_accessible_and_keeps_its_width(nurse: Nurse, path: str) -> None:
    look_at(nurse.page, nurse.service.url + path)


def test_an_exam_is_accessible_and_keeps_its_width_empty_and_with_verdicts(nurse: Nurse, tmp_path: Path) -> None:
    nurse.add_patient("Maria Guadalupe Hernández-Villanueva de la Cruz")
    look_at(nurse.page, nurse.page.url)
    exam = nurse.open_exam()
    look_at(nurse.page, exam)
    nurse.page.set_viewport_size({"width": 1280, "height": 800})
    nurse.send("right", fresh(tmp_path, "small_IDRiD_005_test.jpg"))
    nurse.send("left", fresh(tmp_path, "small_IDRiD_006_test.jpg"))
    nurse.wait_for_verdict("right")
    nurse.wait_for_verdict("left")
    look_at(nurse.page, exam)


def test_the_setup_page_is_accessible_and_keeps_its_width(browser: Browser, tmp_path: Path) -> None:
    with Service(tmp_path) as new:
        context = browser.new_context()
        look_at(context.new_page(), new.link)
        context.close()


def test_the_viewer_fades_the_attention_map_filters_and_zooms_and_never_turns_the_eye(
    nurse: Nurse, tmp_path: Path
) -> None:
    nurse.add_patient()
    nurse.open_exam()
    nurse.send("right", fresh(tmp_path, "small_IDRiD_005_test.jpg"))
    photograph = nurse.wait_for_verdict("right")
    heat = photograph.locator("img.stage-heat")
    slider = photograph.get_by_label(re.compile("Attention map"))
    slider.fill("80")
    expect(heat).to_have_css("opacity", "0.8")
    slider.fill("0")
    expect(heat).to_have_css("opacity", "0")
    canvas = photograph.locator(".openseadragon-canvas canvas").first
    for name, effect in (("Red-free", "red-free"), ("Contrast", "contrast")):
        button = photograph.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(canvas).to_have_css("filter", re.compile(effect))
    before = heat.bounding_box()
    photograph.get_by_role("button", name="Zoom in").click()
    nurse.page.wait_for_timeout(600)
    after = heat.bounding_box()
    assert before and after and after["width"] > 1.3 * before["width"]
    photograph.locator(".openseadragon-canvas").first.focus()
    for key in ("r", "f", "R", "F"):
        nurse.page.keyboard.press(key)
    nurse.page.wait_for_timeout(400)
    assert "rotate(90" not in (heat.get_attribute("style") or "")
    nurse.page.keyboard.press("0")
    nurse.page.wait_for_timeout(600)
    home = heat.bounding_box()
    assert home and abs(home["width"] - before["width"]) < 2


def test_outlined_lesions_show_while_their_switch_is_pressed_and_at_no_other_time(nurse: Nurse, tmp_path: Path) -> None:
    nurse.add_patient()
    nurse.open_exam()
    nurse.send("left", fresh(tmp_path, "idrid_test_033.jpg"))
    photograph = nurse.wait_for_verdict("left")
    expect(photograph.locator(".openseadragon-canvas canvas").first).to_be_visible()
    outline = photograph.locator(".openseadragon-container .lesion").first
    expect(outline).to_be_attached()
    switch, key = photograph.get_by_role("button", name="Lesions"), photograph.locator(".lesion-key")
    expect(outline).to_be_hidden()
    expect(key).to_be_hidden()
    switch.click()
    expect(outline).to_be_visible()
    expect(key).to_contain_text("it may err, and miss some")
    heat, lesions = (photograph.locator(one).bounding_box() for one in ("img.stage-heat", ".stage-lesions"))
    assert heat and lesions
    assert all(abs(heat[side] - lesions[side]) < 1 for side in ("x", "y", "width", "height"))
    switch.click()
    expect(outline).to_be_hidden()


def test_the_main_job_can_be_done_from_the_keyboard(nurse: Nurse) -> None:
    nurse.open("/worklist/")
    nurse.page.keyboard.press("Tab")
    expect(nurse.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    nurse.page.keyboard.press("Enter")
    for _ in range(12):
        nurse.page.keyboard.press("Tab")
        name = nurse.page.evaluate("document.activeElement.textContent.trim()")
        if name == "New exam":
            break
    outline = nurse.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (name, outline) == ("New exam", "solid")
    nurse.page.keyboard.press("Enter")
    expect(nurse.page.get_by_role("heading", name="Patients")).to_be_visible()
    expect(nurse.page.get_by_role("searchbox")).to_be_focused()


def test_the_exam_page_is_light(nurse: Nurse) -> None:
    nurse.add_patient()
    address = nurse.open_exam()
    network = nurse.page.context.new_cdp_session(nurse.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    nurse.page.goto(address, wait_until="networkidle")
    assert 0 < sum(sizes) < WEIGHT_LIMIT
