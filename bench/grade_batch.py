"""Measure photographs a second and peak memory of `retineye grade` on many photographs.

Usage: python bench/grade_batch.py FOLDER [--count 400] [--jobs 2] [--pack PACK]
Takes an evenly spaced part of the photographs below FOLDER, runs the command, and prints Markdown.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
SAMPLE_EVERY_S = 0.05


def choose(folder: Path, count: int) -> list[Path]:
    """Take `count` photographs, evenly spaced in the sorted list of all below the folder."""
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    return [found[index * len(found) // count] for index in range(count)] if len(found) > count else found


def family(pid: int) -> list[int]:
    """List a process and all that came of it."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            waiting += [int(child) for child in task.read_text().split()]
    return found


def memory_mib(pid: int) -> float:
    """Sum the memory of a process and its children in MiB; what they share is counted once."""
    total_kib = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total_kib += int(line.split()[1])
    return total_kib / 1024


def watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Keep the largest sum of memory seen while the process lives."""
    while process.poll() is None:
        # A member that ends between two looks spoils that look alone.
        with contextlib.suppress(OSError):
            peak[0] = max(peak[0], memory_mib(process.pid))
        time.sleep(SAMPLE_EVERY_S)


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="photographs, looked for in all folders below too")
    parser.add_argument("--count", type=int, default=400, help="how many of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes of retineye grade")
    parser.add_argument("--pack", default="", help="another pack than the shipped one")
    options = parser.parse_args()

    files = choose(options.folder, options.count)
    if not files:
        parser.error(f"no photographs below {options.folder}")
    command = [
        str(Path(sys.executable).with_name("retineye")),
        "grade",
        "--format",
        "jsonl",
        "--jobs",
        str(options.jobs),
        *(["--pack", options.pack] if options.pack else []),
        *map(str, files),
    ]
    peak = [0.0]
    with tempfile.TemporaryFile("w+") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, text=True, env=os.environ)
        watcher = threading.Thread(target=watch, args=(process, peak))
        watcher.start()
        code = process.wait()
        took = time.perf_counter() - begun
        watcher.join()
        output.seek(0)
        lines = [json.loads(line) for line in output]

    outcomes = Counter(line["status"] for line in lines)
    told = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    cells = [
        f"{len(lines)}",
        f"{megabytes:.0f}",
        f"{options.jobs}",
        f"{took:.1f}",
        f"{len(lines) / took:.1f}",
        f"{peak[0]:.0f} MiB",
        told,
        f"{code}",
    ]
    print("| photographs | MB | jobs | seconds | photographs/s | peak memory | outcomes | exit |")
    print("|---:|---:|---:|---:|---:|---:|---|---:|")
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
