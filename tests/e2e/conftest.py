"""A real service and a real browser for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.e2e.nurse import Nurse
from tests.e2e.service import Service
from tests.peers import CHROMIUM_ARGUMENTS, chromium

# A machine that trains or tests on all its cores at the same time is slow, and not wrong.
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that drive a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Have a service without anybody in it."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Have Chromium; for a module at a time, because its event loop and Django's database do not mix."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def clinic(browser: Browser, service: Service) -> str:
    """Have the service set up by its link; give the cookies of the administrator, as a file."""
    context = browser.new_context()
    page = context.new_page()
    Nurse(page, service).set_up()
    state = service.folder / "cookies.json"
    context.storage_state(path=state)
    context.close()
    return str(state)


def watch(context: BrowserContext, service: Service) -> list[str]:
    """Collect what must not happen: requests to another host, errors in the console, broken scripts."""
    wrong: list[str] = []

    def requested(url: str) -> None:
        parts = urlsplit(url)
        # The browser shows a PDF by a part of its own, which it names like an address.
        if parts.scheme not in ("data", "blob", "chrome-extension") and parts.netloc != f"127.0.0.1:{service.port}":
            wrong.append(f"request to {url}")

    def said(message: ConsoleMessage) -> None:
        # A refusal (409, 422 ...) is no fault of the page, but Chromium writes it into the console.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(f"console: {message.text}")

    context.on("request", lambda request: requested(request.url))
    context.on("console", said)
    context.on("weberror", lambda error: wrong.append(f"script: {error.error}"))
    return wrong


@pytest.fixture()
def page(browser: Browser, service: Service, clinic: str) -> Iterator[Page]:
    """Have a page with the administrator signed in; nothing may go to another host or into the console."""
    # What a test holds back must not come out of the browser's own store: see test_offline for that.
    context = browser.new_context(
        storage_state=clinic, viewport={"width": 1280, "height": 800}, service_workers="block"
    )
    wrong = watch(context, service)
    yield context.new_page()
    context.close()
    assert wrong == []


@pytest.fixture()
def nurse(page: Page, service: Service) -> Nurse:
    """Have somebody who works with the page."""
    return Nurse(page, service)
