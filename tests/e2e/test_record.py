"""The record in a real browser: a scanner types, the day's facts change the result at once, mistakes are put right."""

import secrets
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.nurse import Nurse
from tests.e2e.service import fresh
from tests.e2e.test_look import look_at


def test_a_scanned_card_leads_to_a_new_patient_and_next_time_to_the_same_one(nurse: Nurse) -> None:
    page, number = nurse.page, f"A-{secrets.token_hex(4)}"
    nurse.open("/patients/")
    expect(page.locator("main input[name=q]")).to_be_focused()
    page.keyboard.type(f"{number}\n")
    page.get_by_role("link", name="New patient with this number").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Suharto")
    page.get_by_label("or year of birth").fill("1961")
    page.get_by_role("button", name="Add and start the exam").click()
    expect(page.get_by_role("heading", name="About today")).to_be_visible()
    nurse.open("/patients/")
    expect(page.locator("main input[name=q]")).to_be_focused()
    page.keyboard.type(f"{number}\n")
    expect(page.get_by_role("heading", name="Suharto")).to_be_visible()
    nurse.open("/patients/new/")
    page.get_by_label("Clinic's own number").focus()
    page.keyboard.type(f"{number}\n")
    expect(page.get_by_text("Perhaps this patient is here already")).to_be_visible()
    page.get_by_role("link", name="This one").click()
    expect(page.get_by_role("heading", name="Suharto")).to_be_visible()


def test_the_days_facts_are_saved_in_place_and_change_the_result_at_once(nurse: Nurse) -> None:
    page = nurse.page
    nurse.add_patient()
    nurse.open_exam()
    facts = page.get_by_role("region", name="About today")
    facts.get_by_label("Yes").first.check()
    facts.get_by_label("A curtain or shadow").check()
    facts.locator("[name=right_acuity]").fill("0.5")
    facts.get_by_role("button", name="Save").click()
    expect(facts.get_by_text("A bare number is unclear")).to_be_visible()
    look_at(page, page.url)
    page.set_viewport_size({"width": 1280, "height": 800})
    facts.get_by_label("Yes").first.check()
    facts.get_by_label("A curtain or shadow").check()
    facts.locator("[name=right_acuity]").fill("6/9")
    facts.get_by_role("button", name="Save").click()
    expect(facts.get_by_text("Right eye sees 6/9")).to_be_visible()
    expect(facts.get_by_role("button", name="Save")).to_be_hidden()
    expect(nurse.outcome.get_by_role("heading")).to_contain_text("at once")
    look_at(page, page.url)


def test_a_photograph_and_an_exam_are_put_right_with_a_reason_that_stays(nurse: Nurse, tmp_path: Path) -> None:
    page = nurse.page
    nurse.add_patient()
    exam = nurse.open_exam()
    nurse.send("right", fresh(tmp_path, "small_IDRiD_005_test.jpg"))
    nurse.wait_for_verdict("right")
    address = page.locator("a[href$='/correct/'][href*='/photographs/']").first.get_attribute("href")
    look_at(page, nurse.service.url + str(address))
    page.locator("#reason-eye").fill("The lanes were mixed up")
    page.get_by_role("button", name="Move it to the left eye").click()
    expect(nurse.lane("left").locator(".photo")).to_have_count(1)
    page.get_by_text("Put right once").click()
    expect(page.get_by_text("The lanes were mixed up")).to_be_visible()
    look_at(page, exam.rstrip("/") + "/correct/")
    page.locator("#reason-cancel").fill("Entered twice")
    page.get_by_role("button", name="Cancel the exam").click()
    expect(page.get_by_text("This exam was cancelled.")).to_be_visible()
    look_at(page, exam)


def test_two_records_are_merged_and_the_pages_for_it_are_accessible(nurse: Nurse) -> None:
    page = nurse.page
    kept = nurse.add_patient()
    nurse.add_patient()
    page.get_by_text("This person is here twice").click()
    page.get_by_role("link", name="Merge with another record").click()
    page.get_by_role("searchbox").fill(kept)
    page.get_by_role("button", name="Find").click()
    look_at(page, page.url)
    page.get_by_role("link", name="Compare").click()
    look_at(page, page.url)
    page.get_by_role("radio", name=kept).check()
    page.get_by_label("Why").fill("One person under two records")
    page.get_by_role("button", name="Merge the two records").click()
    expect(page.get_by_role("heading", name=kept)).to_be_visible()
    page.get_by_text("One more record was merged into this one").click()
    expect(page.get_by_role("button", name="Undo the merge")).to_be_visible()
    look_at(page, page.url.split("?")[0].rstrip("/") + "/edit/")
