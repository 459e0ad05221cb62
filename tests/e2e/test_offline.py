"""A technician whose line breaks: nothing is lost, nothing is hidden, and nobody else sees the queue."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from tests.e2e.nurse import PASSWORD, Nurse
from tests.e2e.service import Service, fresh
from tests.e2e.wire import Wire
from tests.peers import CHROMIUM_ARGUMENTS, chromium

SMALL = "small_IDRiD_005_test.jpg"
CUT = "No line to the server"


@pytest.fixture(scope="module")
def player() -> Iterator[Playwright]:
    """Have Playwright, to open and close whole browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def people(player: Playwright, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Have the clinic set up, with a colleague who joined."""
    with opened(player, tmp_path_factory.mktemp("first")) as context:
        nurse = Nurse(context.new_page(), service)
        nurse.set_up()
        nurse.open("/team/")
        nurse.page.get_by_label("E-mail address").fill("colleague@hill.example")
        nurse.page.get_by_role("button", name=re.compile("invitation|Invite", re.IGNORECASE)).first.click()
        link = nurse.page.locator("input[value*='/join/']").first.input_value()
        nurse.page.context.clear_cookies()
        nurse.page.goto(link)
        nurse.page.get_by_label("Your name").fill("Colleague of Hill")
        nurse.page.get_by_label("Password").fill(PASSWORD)
        nurse.page.get_by_role("button", name=re.compile("Join|sign in", re.IGNORECASE)).first.click()
        expect(nurse.page.get_by_role("heading", name="Worklist")).to_be_visible()
    return service


@contextmanager
def opened(player: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """Open a browser whose profile outlives it."""
    context = player.chromium.launch_persistent_context(
        profile, executable_path=chromium(), args=CHROMIUM_ARGUMENTS, viewport={"width": 1280, "height": 900}
    )
    try:
        yield context
    finally:
        context.close()


@pytest.fixture()
def wire(people: Service) -> Iterator[Wire]:
    """Have a line to the service that can be cut."""
    with Wire(people.port) as line:
        yield line


@pytest.fixture()
def profile(tmp_path: Path) -> Iterator[Path]:
    """Have a browser profile."""
    folder = tmp_path / "profile"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Worker(Nurse):
    """A nurse whose browser reaches the service by a wire."""

    def __init__(self, page: Page, service: Service, wire: Wire) -> None:
        super().__init__(page, service)
        self.wire = wire

    def open(self, path: str) -> None:
        """Go to a page over the wire."""
        self.page.goto(self.wire.url + path)

    def sign_in(self, email: str = "administrator@hill.example") -> None:
        """Sign in by e-mail and password."""
        self.open("/account/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Worklist")).to_be_visible()
        self.page.evaluate("navigator.serviceWorker.ready.then((worker) => Boolean(worker.active))")

    def queued(self) -> int:
        """Count what the browser keeps, of whomever."""
        return int(
            self.page.evaluate(
                """() => new Promise((resolve) => {
                  const asked = indexedDB.open("retineye", 1);
                  asked.onsuccess = () => {
                    const change = asked.result.transaction(["queue", "files"]);
                    const [rows, files] = [change.objectStore("queue").count(), change.objectStore("files").count()];
                    change.oncomplete = () => { asked.result.close(); resolve(rows.result + files.result); };
                  };
                })"""
            )
        )

    def start(self) -> str:
        """Add a patient, open an exam and give its path."""
        self.add_patient()
        return self.open_exam().removeprefix(self.wire.url)


def test_photographs_taken_without_a_line_survive_a_closed_browser_and_go_up_when_it_is_back(
    player: Playwright, people: Service, wire: Wire, profile: Path, tmp_path: Path
) -> None:
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.sign_in()
        exam = nurse.start()
        wire.cut()
        nurse.send("right", fresh(tmp_path, SMALL))
        nurse.send("left", fresh(tmp_path, "small_IDRiD_006_test.jpg"))
        expect(nurse.page.locator("#line")).to_contain_text(CUT)
        expect(nurse.lane("right").locator(".up")).to_contain_text("Nothing is lost")
        # A reload without a line shows the page as it was: patient, lanes and queue.
        nurse.page.reload()
        expect(nurse.page.locator("html[data-kept]")).to_have_count(1)
        expect(nurse.page.locator("#line")).to_contain_text(CUT)
        for eye in ("right", "left"):
            expect(nurse.lane(eye).locator(".up")).to_have_count(1)
        # And takes photographs still.
        nurse.send("left", fresh(tmp_path, "small_IDRiD_009_test.jpg"))
        expect(nurse.lane("left").locator(".up")).to_have_count(2)
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.open(exam)
        expect(nurse.page.locator("html[data-kept]")).to_have_count(1)
        expect(nurse.lane("right").locator(".up")).to_have_count(1)
        expect(nurse.lane("left").locator(".up")).to_have_count(2)
        # Any other page says that there is no line, and which exam can be gone on with.
        nurse.open("/worklist/")
        expect(nurse.page.get_by_role("heading", name=CUT)).to_be_visible()
        expect(nurse.page.locator("#kept a")).to_have_count(1)
        nurse.page.locator("#kept a").click()
        expect(nurse.lane("left").locator(".up")).to_have_count(2)
        wire.mend()
        nurse.sign_in()
        nurse.open(exam)
        nurse.wait_for_verdict("right")
        expect(nurse.lane("left").locator(".photo")).to_have_count(2)
        nurse.wait_for_verdict("left")
        expect(nurse.page.locator(".up")).to_have_count(0)
        expect(nurse.page.locator("#line")).to_be_hidden()
        assert nurse.queued() == 0


def test_a_photograph_goes_up_by_itself_when_the_line_is_back_and_no_byte_is_sent_twice(
    player: Playwright, people: Service, wire: Wire, profile: Path, tmp_path: Path
) -> None:
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.sign_in()
        nurse.start()
        sent: list[int] = []
        context.on(
            "request",
            lambda request: request.method == "PATCH" and sent.append(int(request.headers["upload-offset"])),
        )
        wire.bytes_per_s = 150_000
        nurse.send("right", fresh(tmp_path, "idrid_test_090.jpg"))
        # Some of it is there when the line breaks.
        while nurse.page.evaluate("document.querySelector('.up progress')?.value || 0") < 0.3:
            nurse.page.wait_for_timeout(50)
        wire.cut()
        expect(nurse.lane("right").locator(".up")).to_contain_text("Nothing is lost")
        before = max(sent)
        wire.bytes_per_s = None
        wire.mend()
        nurse.wait_for_verdict("right")
        assert before > 0
        assert sent.count(0) == 1, "it began again from the start"
        assert nurse.queued() == 0


def test_a_browser_that_knows_it_is_offline_says_so_at_once(
    player: Playwright, people: Service, wire: Wire, profile: Path, tmp_path: Path
) -> None:
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.sign_in()
        nurse.start()
        context.set_offline(True)
        expect(nurse.page.locator("#line")).to_contain_text(CUT)
        nurse.send("right", fresh(tmp_path, SMALL))
        expect(nurse.page.locator("#line")).to_contain_text("Kept on this device")
        context.set_offline(False)
        nurse.wait_for_verdict("right")
        expect(nurse.page.locator("#line")).to_be_hidden()


def test_another_person_in_the_same_browser_sees_nothing_of_the_queue_and_sends_nothing_of_it(
    player: Playwright, people: Service, wire: Wire, profile: Path, tmp_path: Path
) -> None:
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.sign_in()
        exam = nurse.start()
        wire.cut()
        nurse.send("right", fresh(tmp_path, SMALL))
        expect(nurse.lane("right").locator(".up")).to_contain_text("Nothing is lost")
        # Left alone, and signed out by the clock.
        context.clear_cookies()
        wire.mend()
        nurse.sign_in("colleague@hill.example")
        expect(nurse.page.locator("#line")).to_be_hidden()
        nurse.open(exam)
        expect(nurse.lane("right").locator(".drop")).to_be_visible()
        expect(nurse.page.locator(".up")).to_have_count(0)
        expect(nurse.page.locator(".photo")).to_have_count(0)
        assert nurse.queued() == 2
        # Without a line the colleague gets pages of their own alone.
        nurse.open("/worklist/")
        wire.cut()
        nurse.open("/patients/")
        expect(nurse.page.locator("#kept a")).to_have_count(1)
        wire.mend()
        # Whoever took the photograph comes back, and it goes up.
        context.clear_cookies()
        nurse.sign_in()
        nurse.open(exam)
        nurse.wait_for_verdict("right")
        assert nurse.queued() == 0


def test_signing_out_asks_and_erases_what_has_not_gone_up(
    player: Playwright, people: Service, wire: Wire, profile: Path, tmp_path: Path
) -> None:
    with opened(player, profile) as context:
        nurse = Worker(context.pages[0], people, wire)
        nurse.sign_in()
        exam = nurse.start()
        wire.cut()
        nurse.send("right", fresh(tmp_path, SMALL))
        expect(nurse.lane("right").locator(".up")).to_contain_text("Nothing is lost")
        sign_out(nurse.page)
        dialog = nurse.page.get_by_role("dialog", name="Sign out and erase photographs?")
        expect(dialog).to_contain_text("Photographs that have not gone up yet: 1")
        dialog.get_by_role("button", name="Stay signed in").click()
        assert nurse.queued() == 2
        sign_out(nurse.page)
        dialog.get_by_role("button", name="Sign out and erase").click()
        expect(nurse.page.get_by_role("heading", name=CUT)).to_be_visible()
        assert nurse.queued() == 0
        # And the page of the exam is no longer shown.
        nurse.open(exam)
        expect(nurse.page.get_by_role("heading", name=CUT)).to_be_visible()
        expect(nurse.page.locator("#kept a")).to_have_count(0)
        # The server is told as soon as there is a line.
        wire.mend()
        nurse.open("/worklist/")
        expect(nurse.page.get_by_role("link", name="Sign in").first).to_be_visible()
        nurse.open("/worklist/")
        expect(nurse.page.get_by_role("button", name="Sign in")).to_be_visible()


def sign_out(page: Page) -> None:
    """Choose to sign out in the menu."""
    if not page.get_by_role("button", name="Sign out").is_visible():
        page.locator(".menu > summary").last.click()
    page.locator(".menu").get_by_role("button", name="Sign out").click()
