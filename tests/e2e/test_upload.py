"""Sending photographs in a real browser: several at once, dropped, refused, cut off and sent again."""

import base64
import re
from pathlib import Path

from playwright.sync_api import Browser, Route, expect

from tests.e2e.nurse import Nurse
from tests.e2e.service import PHOTOGRAPHS, Service, fresh
from tests.e2e.wire import Wire

SMALL = "small_IDRiD_005_test.jpg"


def start(nurse: Nurse) -> str:
    """Add a patient and open an exam."""
    nurse.add_patient()
    return nurse.open_exam()


def test_several_photographs_at_once_each_get_a_card(nurse: Nurse, tmp_path: Path) -> None:
    start(nurse)
    nurse.send(
        "right", *[fresh(tmp_path, name) for name in (SMALL, "small_IDRiD_006_test.jpg", "small_IDRiD_009_test.jpg")]
    )
    cards = nurse.lane("right").locator(".photo")
    expect(cards).to_have_count(3, timeout=20_000)
    for number in range(3):
        expect(cards.nth(number)).to_have_attribute("data-state", re.compile("graded|ungradable"), timeout=30_000)
    expect(nurse.lane("right").locator(".up")).to_have_count(0)


def test_the_same_file_in_both_lanes_is_refused_and_the_first_one_stays(nurse: Nurse, tmp_path: Path) -> None:
    start(nurse)
    photograph = fresh(tmp_path, SMALL)
    nurse.send("right", photograph)
    nurse.wait_for_verdict("right")
    nurse.send("left", photograph)
    refused = nurse.lane("left").locator(".up.is-refused")
    expect(refused).to_contain_text("other eye")
    expect(refused.get_by_role("button", name="Try again")).to_be_hidden()
    expect(nurse.lane("left").locator(".photo")).to_have_count(0)
    expect(nurse.lane("right").locator(".photo")).to_have_count(1)
    refused.get_by_role("button", name="Leave it out").click()
    expect(refused).to_have_count(0)


def test_what_is_no_photograph_is_refused_with_the_way_out(nurse: Nurse, tmp_path: Path) -> None:
    start(nurse)
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear colleague, " * 50)
    broken = tmp_path / "broken.jpg"
    data = (PHOTOGRAPHS / SMALL).read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    nurse.send("left", letter, broken)
    refused = nurse.lane("left").locator(".up.is-refused")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="letter.jpg")).to_contain_text("JPEG, PNG, TIFF, BMP")
    expect(refused.filter(has_text="broken.jpg")).to_contain_text("Copy it from the camera again")


def test_a_network_that_breaks_in_the_middle_loses_nothing_and_the_file_is_sent_again(
    browser: Browser, service: Service, clinic: str, tmp_path: Path
) -> None:
    context = browser.new_context(storage_state=clinic)
    nurse = Nurse(context.new_page(), service)
    address = start(nurse)
    with Wire(service.port) as wire:
        nurse.page.goto(address.replace(service.url, wire.url))
        wire.bytes_per_s = 60_000
        nurse.send("right", fresh(tmp_path, "idrid_test_090.jpg"))
        row = nurse.lane("right").locator(".up")
        expect(row.get_by_role("progressbar")).to_be_visible()
        nurse.page.wait_for_timeout(1500)
        wire.cut()
        expect(row).to_contain_text("The connection broke")
        expect(nurse.lane("right").locator(".photo")).to_have_count(0)
        # Only once this try has failed too is the line mended: it must not slip through.
        with nurse.page.expect_event("requestfailed", lambda request: request.method == "POST"):
            row.get_by_role("button", name="Try again").click()
        expect(row).to_contain_text("The connection broke")
        wire.bytes_per_s = None
        wire.mend()
        row.get_by_role("button", name="Try again").click()
        nurse.wait_for_verdict("right")
        expect(row).to_have_count(0)
    context.close()


def test_a_lane_is_shown_only_once_it_can_take_photographs(nurse: Nurse, tmp_path: Path) -> None:
    address = start(nurse)
    held: list[Route] = []
    nurse.page.route("**/upload*.js", lambda route: held.append(route))
    nurse.page.goto(address, wait_until="commit")
    nurse.page.wait_for_timeout(500)
    expect(nurse.lane("right")).to_have_count(0)
    held[0].continue_()
    nurse.send("right", fresh(tmp_path, SMALL))
    nurse.wait_for_verdict("right")
    nurse.page.unroute("**/upload*.js")


def test_a_file_that_is_chosen_before_the_page_is_ready_is_not_lost(nurse: Nurse, tmp_path: Path) -> None:
    address = start(nurse)
    held: list[Route] = []
    nurse.page.route("**/htmx*.js", lambda route: held.append(route))
    nurse.page.goto(address, wait_until="commit")
    nurse.send("right", fresh(tmp_path, SMALL))
    expect(nurse.lane("right").locator(".up")).to_have_count(0)
    held[0].continue_()
    nurse.wait_for_verdict("right")
    nurse.page.unroute("**/htmx*.js")


def test_a_photograph_may_be_dropped_into_its_lane(nurse: Nurse, tmp_path: Path) -> None:
    start(nurse)
    content = base64.b64encode(fresh(tmp_path, SMALL).read_bytes()).decode()
    dropped = nurse.page.evaluate_handle(
        """content => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
          return transfer;
        }""",
        content,
    )
    lane = nurse.lane("left")
    lane.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(lane).to_have_class(re.compile("is-over"))
    lane.dispatch_event("drop", {"dataTransfer": dropped})
    expect(lane).not_to_have_class(re.compile("is-over"))
    nurse.wait_for_verdict("left")


def test_a_file_of_another_patient_waits_for_a_person_to_decide(nurse: Nurse, tmp_path: Path) -> None:
    photograph = fresh(tmp_path, SMALL)
    first = nurse.add_patient()
    nurse.open_exam()
    nurse.send("right", photograph)
    nurse.wait_for_verdict("right")
    start(nurse)
    nurse.send("right", photograph)
    dialog = nurse.page.get_by_role("dialog", name="Is this the right patient?")
    expect(dialog).to_contain_text(first)
    dialog.get_by_role("button", name="Leave it out").click()
    expect(nurse.lane("right").locator(".up")).to_have_count(0)
    expect(nurse.lane("right").locator(".photo")).to_have_count(0)
    nurse.send("right", photograph)
    dialog.get_by_role("button", name="It belongs to this patient too").click()
    nurse.wait_for_verdict("right")


def test_a_photograph_in_the_wrong_lane_is_moved_to_the_other_eye(nurse: Nurse, tmp_path: Path) -> None:
    start(nurse)
    nurse.send("right", fresh(tmp_path, SMALL))
    photograph = nurse.wait_for_verdict("right")
    photograph.get_by_text("Correct this photograph").click()
    photograph.get_by_role("button", name="It is the left eye").click()
    expect(nurse.lane("left").locator(".photo")).to_have_count(1)
    expect(nurse.lane("right").locator(".photo")).to_have_count(0)


def test_who_was_signed_out_meanwhile_keeps_the_file_and_sends_it_after_signing_in(
    nurse: Nurse, tmp_path: Path
) -> None:
    start(nurse)
    kept = nurse.page.context.cookies()
    nurse.page.context.clear_cookies(name="retineye_session")
    nurse.send("right", fresh(tmp_path, SMALL))
    row = nurse.lane("right").locator(".up")
    expect(row).to_contain_text("You have been signed out")
    nurse.page.context.add_cookies([cookie for cookie in kept if cookie["name"] == "retineye_session"])  # type: ignore[arg-type]
    row.get_by_role("button", name="Try again").click()
    nurse.wait_for_verdict("right")
