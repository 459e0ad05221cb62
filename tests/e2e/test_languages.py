"""The pages in each language: inside the width of a phone, accessible, and with each eye in its clinical place."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watch
from tests.e2e.nurse import Nurse
from tests.e2e.service import Service, fresh
from tests.e2e.test_look import violations

DIRECTIONS = {"en": "ltr", "es": "ltr", "fr": "ltr", "hi": "ltr", "ar": "rtl"}
PHONE_PX, DESK_PX = 375, 1280


@contextmanager
def speaking(browser: Browser, service: Service, language: str, cookies: str | None, width_px: int) -> Iterator[Page]:
    """Open a browser whose person reads one language; nothing may go to another host or into the console."""
    context = browser.new_context(
        locale=language,
        storage_state=cookies,
        viewport={"width": width_px, "height": 800},
        service_workers="block",
    )
    wrong = watch(context, service)
    yield context.new_page()
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def exam(browser: Browser, service: Service, clinic: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Have a patient with a photograph of each eye graded; give the addresses of both pages."""
    folder = tmp_path_factory.mktemp("photographs")
    with speaking(browser, service, "en", clinic, DESK_PX) as page:
        nurse = Nurse(page, service)
        nurse.add_patient("سارة الخطيب de la Cruz-Hernández")
        patient = page.url
        address = nurse.open_exam()
        nurse.send("right", fresh(folder, "small_IDRiD_005_test.jpg"))
        nurse.send("left", fresh(folder, "small_IDRiD_006_test.jpg"))
        nurse.wait_for_verdict("right")
        nurse.wait_for_verdict("left")
    return {"patient": patient, "exam": address}


def look_at(page: Page, address: str, language: str) -> None:
    """Open a page on a phone, and look for what is wrong with it."""
    page.goto(address)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("html")).to_have_attribute("dir", DIRECTIONS[language])
    expect(page.locator("main h1, main h2").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_PX, f"{address} is wider than a phone"
    assert violations(page) == [], address


@pytest.mark.parametrize("language", DIRECTIONS)
def test_the_pages_of_a_visit_fit_a_phone_and_are_accessible_in_every_language(
    browser: Browser, service: Service, clinic: str, exam: dict[str, str], language: str
) -> None:
    with speaking(browser, service, language, None, PHONE_PX) as page:
        look_at(page, f"{service.url}/account/login/", language)
    with speaking(browser, service, language, clinic, PHONE_PX) as page:
        for address in (f"{service.url}/worklist/?show=all", exam["patient"], exam["exam"]):
            look_at(page, address, language)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_right_eye_lies_on_the_viewers_left_whichever_way_the_page_runs(
    browser: Browser, service: Service, clinic: str, exam: dict[str, str], language: str
) -> None:
    with speaking(browser, service, language, clinic, DESK_PX) as page:
        page.goto(exam["exam"])
        for kind in (".lane[data-eye={}]", ".lane[data-eye={}] .stage", "#id_{}_acuity"):
            right, left = (page.locator(kind.format(eye)).first for eye in ("right", "left"))
            expect(right).to_be_attached()
            if not right.is_visible():
                page.locator(".facts-edit > summary").click()
            places = right.bounding_box(), left.bounding_box()
            assert places[0] and places[1]
            assert places[0]["x"] + places[0]["width"] <= places[1]["x"], kind
            assert abs(places[0]["y"] - places[1]["y"]) < 2, kind


def test_a_page_from_right_to_left_starts_on_the_right_and_loads_bootstrap_once(
    browser: Browser, service: Service, clinic: str, exam: dict[str, str]
) -> None:
    with speaking(browser, service, "ar", clinic, DESK_PX) as page:
        page.goto(exam["exam"])
        brand, account = page.locator(".brand").bounding_box(), page.locator(".bar-end").bounding_box()
        assert brand and account
        assert brand["x"] > account["x"] + account["width"]
        sheets = page.evaluate("[...document.styleSheets].map((sheet) => sheet.href.split('/').pop())")
        assert [name for name in sheets if name.startswith("bootstrap")] == [
            name for name in sheets if name.startswith("bootstrap.rtl.min")
        ]
        spacing = page.evaluate("getComputedStyle(document.querySelector('h1')).letterSpacing")
        assert spacing == "normal"  # a joined script falls apart when its letters are moved
