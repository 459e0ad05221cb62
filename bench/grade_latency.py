"""Measure the time from a photograph's bytes to its verdict, stage by stage, and a cold start.

Usage: python bench/grade_latency.py FOLDER [--repeat 20] [--threads 2] [--pack PACK]
Prints Markdown, for docs/benchmarks.md.
"""

import argparse
import math
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from retineye.grading import Grader
from retineye.grading.result import Verdict

STAGES = ("decode", "retina", "quality", "preprocess", "network", "calibrate", "explain")
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

COLD = """
import sys, time
from pathlib import Path
begun = time.perf_counter()
from retineye.grading import Grader
imported = time.perf_counter()
grader = Grader.from_pack(sys.argv[1] or None, threads=int(sys.argv[2]))
opened = time.perf_counter()
grader.grade(Path(sys.argv[3]).read_bytes())
graded = time.perf_counter()
print(imported - begun, opened - imported, graded - opened)
"""


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least `share` (0-1) of the values do not exceed."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def measure(grader: Grader, files: Sequence[Path], repeat: int) -> dict[str, list[Verdict]]:
    """Grade each file `repeat` times from memory, after one pass that is not counted."""
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    contents = {file.name: file.read_bytes() for file in files}
    for data in contents.values():
        grader.grade(data)
    for _ in range(repeat):
        for name, data in contents.items():
            verdicts[name].append(grader.grade(data))
    return verdicts


def cold_starts(file: Path, pack: str, threads: int, times: int = 5) -> list[list[float]]:
    """Time import, opening the pack and the first photograph in fresh processes, in seconds."""
    command = [sys.executable, "-c", COLD, pack, str(threads), str(file)]
    runs = []
    for _ in range(times):
        begun = time.perf_counter()
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        runs.append([*(float(part) for part in printed.split()), time.perf_counter() - begun])
    return runs


def row(name: str, verdicts: Sequence[Verdict]) -> str:
    """Write one row: the whole time, then the median of each stage, in milliseconds."""
    whole = [verdict.seconds * 1000 for verdict in verdicts]
    stages = [statistics.median(verdict.timings.get(stage, 0.0) * 1000 for verdict in verdicts) for stage in STAGES]
    status = ", ".join(sorted({verdict.status.value for verdict in verdicts}))
    cells = [f"{statistics.median(whole):.0f}", f"{percentile(whole, 0.95):.0f}", *(f"{stage:.1f}" for stage in stages)]
    return f"| {name} | {status} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="photographs, as a camera writes them")
    parser.add_argument("--repeat", type=int, default=20, help="how often each one is graded")
    parser.add_argument("--threads", type=int, default=2, help="threads of the network")
    parser.add_argument("--pack", default="", help="another pack than the shipped one")
    options = parser.parse_args()

    files = sorted(file for file in options.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"no photographs in {options.folder}")
    grader = Grader.from_pack(Path(options.pack) if options.pack else None, threads=options.threads)
    verdicts = measure(grader, files, options.repeat)

    print(
        f"Pack {grader.pack_id.id}, {options.threads} threads, each photograph {options.repeat} times, Python "
        f"{platform.python_version()}. Milliseconds; of the whole: median and 95th percentile, of a stage: median.\n"
    )
    print(f"| photograph | outcome | whole | p95 | {' | '.join(STAGES)} |")
    print(f"|---|---|{'---:|' * (len(STAGES) + 2)}")
    for file in files:
        print(row(f"{file.name} ({file.stat().st_size / 1e6:.1f} MB)", verdicts[file.name]))
    print(row("all", [verdict for each in verdicts.values() for verdict in each]))

    imports, opens, firsts, wholes = (
        statistics.median(part) for part in zip(*cold_starts(files[0], options.pack, options.threads), strict=True)
    )
    print(
        f"\nCold start, median of 5 fresh processes: import {imports:.2f} s, open the pack {opens:.2f} s, first "
        f"photograph ({files[0].name}) {firsts:.2f} s; whole process {wholes:.2f} s."
    )


if __name__ == "__main__":
    main()
