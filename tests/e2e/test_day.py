"""One clinic's day from the first patient to the recall list, as people live it, and the wall around the clinic."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.e2e.conftest import watch
from tests.e2e.nurse import PASSWORD, Nurse
from tests.e2e.people import invite, join, sign_in
from tests.e2e.service import Service, fresh
from tests.exchange.papers import words

LATER = Path(__file__).parent / "later"
A_YEAR = "370"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FINE, MODERATE, DARK = "Ana Ruiz", "Ben Okoro", "Suharto"
PEOPLE = {
    "technician": "technician@hill.example",
    "doctor": "doctor@hill.example",
    "second": "doctor-two@hill.example",
    "manager": "manager@hill.example",
}
STRANGERS = ("administrator@lake.example", "doctor@lake.example")


class Day:
    """The clinic, its people at their screens, and every address that a browser asked for."""

    def __init__(self, browser: Browser, service: Service, folder: Path) -> None:
        self.browser, self.service, self.folder = browser, service, folder
        self.asked: set[tuple[str, str]] = set()
        self.wrong: list[list[str]] = []
        self.exams: dict[str, str] = {}

    def note(self, request: Request) -> None:
        """Remember an address of the service, without what says nothing of any patient."""
        path = urlsplit(request.url).path
        if request.url.startswith(self.service.url) and not path.startswith("/static/"):
            self.asked.add((request.method, path))

    def watched(self, context: BrowserContext) -> Page:
        """Give the page of somebody who joined, and remember where it goes from now on."""
        context.on("request", self.note)
        self.wrong.append(watch(context, self.service))
        return context.pages[0]


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


def test_a_day_in_the_clinic(day: Day) -> None:
    links = dict(zip(PEOPLE, invite(day.service, *PEOPLE.values()), strict=True))
    people = {
        who: day.watched(join(day.browser, day.service, path, f"{who.title()} of Hill")) for who, path in links.items()
    }
    images(day, Nurse(people["technician"], day.service))
    papers = [printed(day, people["technician"], FINE, "es"), printed(day, people["technician"], MODERATE, "sw")]
    reads(day, people["doctor"], people["second"])
    papers += [printed(day, people["technician"], one, code) for one, code in ((FINE, "es"), (DARK, "ar"))]
    say_what_they_should(papers)
    is_called_back(day, people["manager"])
    for page in people.values():
        page.context.close()
    assert [wrong for wrong in day.wrong if wrong] == []
    a_stranger_sees_nothing(day)
    recall_a_year_later(day)


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


# --- the doctors, somewhere else


def reads(day: Day, doctor: Page, second: Page) -> None:
    """Read blind, override with a reason, have a second doctor read, and sign."""
    doctor.goto(f"{day.service.url}/worklist/")
    expect(doctor.get_by_text("Not shown before your own read").first).to_be_visible()
    expect(doctor.locator("tbody")).not_to_contain_text("NPDR")
    doctor.get_by_role("link", name=MODERATE).click()
    read_blind(doctor, "3", "d", "e", "0", "d")
    expect(doctor.get_by_text("The software", exact=True)).to_be_visible()
    expect(doctor.locator("main")).to_contain_text("Moderate NPDR")
    doctor.locator("textarea[name=override_reason]").fill("Venous beading in two quadrants.")
    doctor.get_by_role("button", name="Record the change").click()
    expect(doctor.get_by_text("Differs from the software, because: Venous beading")).to_be_visible()
    doctor.locator(".deskbar-more > summary").click()
    doctor.get_by_role("button", name="Ask for a second read").click()
    expect(doctor.get_by_text("Somebody else reads this exam too")).to_be_visible()
    expect(doctor.get_by_role("link", name="Sign")).to_have_count(0)

    second.goto(f"{day.service.url}/worklist/?q=Okoro")
    second.get_by_role("link", name=MODERATE).click()
    expect(second.locator("main")).not_to_contain_text("in two quadrants")
    read_blind(second, "3", "d", "e", "0", "d")
    expect(second.locator("main")).to_contain_text("Venous beading in two quadrants.")

    doctor.reload()
    sign(doctor, first=True)
    for name, keys in ((FINE, ("0", "d", "e", "0", "d")), (DARK, ("u", "e", "0", "d"))):
        doctor.goto(f"{day.service.url}/worklist/?q={name.split()[0]}")
        doctor.get_by_role("link", name=name).click()
        read_blind(doctor, *keys)
        sign(doctor)


def read_blind(page: Page, *keys: str) -> None:
    """Read by keys what nobody has told anything of."""
    expect(page.get_by_text("Blind read.")).to_be_visible()
    expect(page.locator(".stage-heat")).to_have_count(0)
    expect(page.locator(".desk-eye.is-active")).to_be_visible()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("r")
    expect(page.get_by_text(re.compile("(First|Second) read, yours"))).to_be_visible()


def sign(page: Page, *, first: bool = False) -> None:
    """Sign what one has read; the first time of a while the password is asked for."""
    page.get_by_role("link", name=re.compile("^Sign")).click()
    if first:
        page.locator("input[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign and lock").click()
    expect(page.get_by_text("Signed and locked.")).to_be_visible()


# --- what the patients take home


def printed(day: Day, page: Page, name: str, language: str) -> str:
    """Print the patient's page in a language, and give its words."""
    page.goto(day.service.url + day.exams[name])
    page.get_by_label("Language", exact=True).select_option(language)
    with (
        page.context.expect_page() as opened,
        page.context.expect_event(
            "response", lambda response: urlsplit(response.url).path.endswith(".pdf")
        ) as answered,
    ):
        page.get_by_role("button", name="Page for the patient").click()
    address = answered.value.url
    opened.value.close()
    return words(page.context.request.get(address).body())


def say_what_they_should(papers: list[str]) -> None:
    """Look at what the pages say: provisional first, the signed word afterwards, each in its language."""
    before, called, signed, dark = papers
    for said, sure in ((before, "PROVISIONAL"), (called, "YA MUDA")):
        assert sure in said
        assert "PROVISIONAL" in said
        assert "2027" not in said
    assert "PROVISIONAL" not in signed
    assert FINE in signed
    assert "2027" in signed
    assert DARK in dark
    assert "You need an eye examination" in dark
    assert any("\u0600" <= letter <= "\u06ff" for letter in dark)


# --- the evening


def is_called_back(day: Day, manager: Page) -> None:
    """Find the patient to call, whose page said less than the doctors found; and write down that he was reached."""
    manager.goto(f"{day.service.url}/call-backs/")
    task = manager.get_by_role("region", name=MODERATE)
    expect(task).to_contain_text("Severe NPDR")
    expect(manager.locator(".call")).to_have_count(1)
    task.get_by_role("button", name="Close").click()
    expect(manager.get_by_text("Nobody is to be called")).to_be_visible()
    manager.goto(f"{day.service.url}/recall/referrals/")
    for name in (MODERATE, DARK):
        expect(manager.get_by_role("link", name=name)).to_be_visible()
    expect(manager.get_by_role("link", name=FINE)).to_have_count(0)


def recall_a_year_later(day: Day) -> None:
    """Let a year and some days pass: the manager sees who is overdue."""
    with later(day) as service:
        context = day.browser.new_context()
        page = context.new_page()
        sign_in(page, service, PEOPLE["manager"])
        page.goto(f"{service.url}/recall/")
        for name in (FINE, MODERATE):
            row = page.get_by_role("row").filter(has_text=name)
            expect(row).to_contain_text("overdue")
        page.get_by_role("link", name=FINE).click()
        page.get_by_label("What was done?").select_option(value="reached")
        page.get_by_role("button", name="Write down").first.click()
        expect(page.locator(".log").first).to_contain_text("reached, will come")
        context.close()


@contextmanager
def later(day: Day) -> Iterator[Service]:
    """Have a copy of the service started when a year has passed; the one of today goes on."""
    folder = day.folder / "later"
    data = day.service.folder / "data"
    shutil.copytree(data, folder / "data", ignore=shutil.ignore_patterns("*.sqlite3*"))
    for database in data.glob("*.sqlite3"):
        with (
            closing(sqlite3.connect(database)) as now,
            closing(sqlite3.connect(folder / "data" / database.name)) as then,
        ):
            now.backup(then)
    environment = {"LATER_DAYS": A_YEAR, "PYTHONPATH": f"{LATER}:{day.service.settings.get('PYTHONPATH', '')}"}
    with Service(folder, **environment) as service:
        yield service


# --- the wall


def a_stranger_sees_nothing(day: Day) -> None:
    """Have people of another clinic ask for every address that was asked for during the day."""
    assert {method for method, _ in day.asked} >= {"GET", "POST"}
    assert len([path for _, path in day.asked if UUID.search(path)]) > 30
    for path, who in zip(invite(day.service, *STRANGERS), STRANGERS, strict=True):
        context = join(day.browser, day.service, path, f"{who.split('@')[0].title()} of Lake")
        wrong = {
            f"{method} {path}: {said}"
            for method, path in sorted(day.asked)
            if (said := seen(day, context, method, path))
        }
        assert wrong == set()
        context.close()


def seen(day: Day, context: BrowserContext, method: str, path: str) -> str:
    """Give what a stranger finds at an address and should not; empty where it is nothing."""
    token = next(one["value"] for one in context.cookies() if one["name"] == "retineye_csrf")
    answer = context.request.fetch(
        day.service.url + path, method=method, headers={"X-CSRFToken": token}, max_redirects=0
    )
    if any(name in answer.text() for name in day.exams):
        return "a patient's name"
    # Who may not do a thing at all is told so before anybody looks whose exam it is.
    if UUID.search(path) and answer.status not in (403, 404):
        return str(answer.status)
    return ""
