"""Measure in a real browser, against the real service, from sending a photograph to its verdict on the page.

Usage: python -m bench.upload_to_verdict FOLDER [--repeat 5]
Starts a service of its own in a temporary folder, and Chromium; prints Markdown.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.nurse import FINAL, Nurse
from tests.e2e.service import Service
from tests.peers import CHROMIUM_ARGUMENTS, chromium

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VERDICT_S = 60.0


def other_bytes(file: Path, folder: Path) -> Path:
    """Copy a photograph with some bytes after its end: the same picture, which the service has not seen before."""
    made = folder / f"{os.urandom(6).hex()}{file.suffix}"
    made.write_bytes(file.read_bytes() + os.urandom(12))
    return made


def send_and_wait(nurse: Nurse, page: Page, file: Path) -> tuple[float, str]:
    """Send one photograph in an exam of its own; give the seconds to its verdict, and the state it ended in."""
    nurse.add_patient()
    nurse.open_exam()
    begun = time.perf_counter()
    nurse.send("right", file)
    card = page.locator(".photo[data-state]")
    while not (card.count() and FINAL.match(card.first.get_attribute("data-state") or "")):
        if time.perf_counter() - begun > VERDICT_S:
            raise TimeoutError(f"no verdict on {file.name} after {VERDICT_S:.0f} s")
        time.sleep(0.01)
    return time.perf_counter() - begun, str(card.first.get_attribute("data-state"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="photographs, as a camera writes them")
    parser.add_argument("--repeat", type=int, default=5, help="how often each one is sent")
    options = parser.parse_args()
    files = sorted(file for file in options.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"no photographs in {options.folder}")

    with tempfile.TemporaryDirectory(prefix="retineye-bench-") as name, sync_playwright() as playwright:
        folder = Path(name)
        begun = time.perf_counter()
        with Service(folder) as service:
            started = time.perf_counter() - begun
            browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            nurse = Nurse(page, service)
            nurse.set_up()
            first, _ = send_and_wait(nurse, page, other_bytes(files[0], folder))
            print("| photograph | outcome | median | slowest |")
            print("|---|---|---:|---:|")
            for file in files:
                runs = [send_and_wait(nurse, page, other_bytes(file, folder)) for _ in range(options.repeat)]
                seconds = [took for took, _ in runs]
                outcome = ", ".join(sorted({state for _, state in runs}))
                size = f"{file.stat().st_size / 1e6:.1f} MB"
                print(f"| {file.name} ({size}) | {outcome} | {statistics.median(seconds):.2f} s "
                      f"| {max(seconds):.2f} s |")
            browser.close()
    print(f"\nThe service answered {started:.1f} s after its start; its first photograph took {first:.2f} s.")


if __name__ == "__main__":
    main()
