"""Kill the DICOM listener at random while cameras send, and count what was lost and what was doubled.

Usage: python -m bench.killed_listener [--associations 1000] [--kills 20] [--seed N]
Prints the figures that docs/benchmarks.md holds.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.exchange.killing import draw, send_and_kill
from tests.exchange.listening import house


def main() -> None:
    """Send, kill, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--associations", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retineye-killed-") as folder:
        (Path(folder) / "sent").mkdir()
        drawn = draw(Path(folder) / "sent", asked.associations)
        with house(Path(folder) / "house") as hill:
            hill.start()
            begun = time.monotonic()
            rng = random.Random(asked.seed)  # noqa: S311  chooses moments, no secrets
            sending = send_and_kill(hill, [path for path, _uid in drawn], kills=asked.kills, rng=rng)
            seconds = time.monotonic() - begun
            held = [line.split()[2] for line in hill.arrivals()]
            print(f"associations answered with success: {sending.answered}")
            print(f"calls that broke off or found nobody: {sending.refused}; kills: {asked.kills}; seed: {asked.seed}")
            print(f"lost: {len({uid for _path, uid in drawn} - set(held))}")
            print(f"doubled: {len(held) - len(set(held))}")
            print(f"seconds: {seconds:.0f}")


if __name__ == "__main__":
    main()
