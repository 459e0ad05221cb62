"""A camera that sends until it is answered with success, and a listener that is killed while it does."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.dicoms import as_bytes, photograph
from tests.exchange.listening import House
from tests.photos import retina


def draw(folder: Path, count: int) -> list[tuple[Path, str]]:
    """Write so many small photographs, no two alike, and give path and identifier of each."""
    base, made = retina(width_px=96, height_px=64, seed=7), []
    for number in range(count):
        pixels = base.copy()
        pixels[0, :4] = [[number % 256, number // 256, 3]]  # another picture each
        one = photograph(pixels=pixels, eye="RL"[number % 2], AcquisitionDateTime=time.strftime("%Y%m%d%H%M%S"))
        path = folder / f"{number}.dcm"
        path.write_bytes(as_bytes(one))
        made.append((path, str(one.SOPInstanceUID)))
    return made


@dataclass
class Sending:
    """Associations of their own for each photograph, each tried until it is answered with success."""

    hill: House
    answered: int = 0
    refused: int = 0
    """Calls that were not answered with success: nobody there, or gone in the middle."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def send(self, path: Path) -> None:
        """Send one, as a camera does."""
        until = time.monotonic() + 600
        while self.hill.call("storescu", str(path)).returncode != 0:
            assert time.monotonic() < until, "never taken"
            with self._changed:
                self.refused += 1
            time.sleep(0.1)
        with self._changed:
            self.answered += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many were answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.answered >= count, 600), f"{self.answered} of {count}"


def send_and_kill(hill: House, paths: Sequence[Path], *, kills: int, rng: random.Random, at_once: int = 4) -> Sending:
    """Send all, and kill the listener so often: each time at random, with others in the middle of a call."""
    sending = Sending(hill)
    with ThreadPoolExecutor(at_once) as cameras:
        sent = [cameras.submit(sending.send, path) for path in paths]
        for after in sorted(rng.sample(range(1, len(paths) - at_once), kills)):
            sending.wait_for(after)
            # Somewhere inside the next calls, which take some hundredths of a second each.
            time.sleep(rng.uniform(0, 0.05))
            hill.kill()
            hill.start()
        for one in sent:
            one.result()
    return sending
