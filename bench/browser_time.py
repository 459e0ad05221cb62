"""Measure the time from pressing upload to the verdict on the page, in a real browser.

    python -m bench.browser_time --photographs tests/idrid --rounds 10

Starts the service with its worker in a folder of its own, signs in with Chromium, and sends one photograph after the
other into new exams. The clock starts when the file is chosen and stops when the page shows it; the first photograph,
which also loads the network, is printed apart.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import sync_playwright

from tests.e2e.nurse import FINAL, Nurse
from tests.e2e.service import Service, fresh
from tests.peers import CHROMIUM_ARGUMENTS, chromium


def wait_until(shown: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Look every 10 ms; Playwright's own `expect` looks once a second after a while, which is too coarse here."""
    deadline = time.perf_counter() + limit_s
    while not shown():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"The page did not show it within {limit_s:.0f} s.")
        time.sleep(0.01)


def measure(nurse: Nurse, photograph: Path) -> dict[str, float]:
    """Send one photograph into a new exam, and give the seconds to each thing that the page shows."""
    nurse.add_patient()
    nurse.open_exam()
    start = time.perf_counter()
    nurse.send("right", photograph)
    card = nurse.photograph("right")
    wait_until(card.is_visible)
    stored_s = time.perf_counter() - start
    wait_until(lambda: bool(FINAL.match(card.get_attribute("data-state") or "")))
    verdict_s = time.perf_counter() - start
    wait_until(lambda: nurse.outcome.get_attribute("data-conclusion") != "pending")
    return {"stored": stored_s, "verdict": verdict_s, "patient's result": time.perf_counter() - start}


def main(
    photographs: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of photographs to send.")],
    rounds: Annotated[int, typer.Option(min=1, max=500, help="How many photographs to send.")] = 10,
) -> None:
    """Print median, 95th percentile and maximum of each time."""
    files = sorted(path for path in photographs.resolve().iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    with tempfile.TemporaryDirectory() as place, Service(Path(place)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        nurse = Nurse(browser.new_page(viewport={"width": 1280, "height": 800}), service)
        nurse.set_up()
        times = [measure(nurse, fresh(Path(place), files[number % len(files)])) for number in range(rounds + 1)]
        browser.close()
    first, rest = times[0], times[1:]
    typer.echo(f"{'seconds after the press':26}{'first':>8}{'median':>8}{'p95':>8}{'max':>8}   n = {len(rest)}")
    for name, first_s in first.items():
        found = sorted(one[name] for one in rest)
        p95 = found[min(len(found) - 1, round(0.95 * (len(found) - 1)))]
        typer.echo(f"{name:26}{first_s:8.2f}{statistics.median(found):8.2f}{p95:8.2f}{found[-1]:8.2f}")


if __name__ == "__main__":
    typer.run(main)
