"""Grade many picture files, in order, with several processes; a bad file never stops the others."""

import hashlib
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from retineye.grading.decode import Header, probe
from retineye.grading.errors import DecodeError, GradingError, PackError, TooLargeError
from retineye.grading.explain import render_heatmap
from retineye.grading.grader import Grader
from retineye.grading.limits import DEFAULT_LIMITS, Limits
from retineye.grading.pack import ModelPack
from retineye.grading.result import GRADE_NAMES, Decision, Heatmap, PackId, Verdict

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm"})
"""Files of a folder that are taken for pictures."""
HEATMAP_PX: Final = 1024
"""Longest side of a heatmap that is written to a file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a verdict, or why there is none."""

    file: str
    """The path as it was given; for a file of a folder, the folder's path joined with its name."""
    sha256: str | None
    """Of the file's bytes, hex; None where they could not be read."""
    pack: PackId
    seconds: float
    verdict: Verdict | None = None
    error: str | None = None
    """Code and sentence."""
    advice: str = ""

    def row(self) -> dict[str, Any]:
        """Give the outcome as the command line's JSON object, its keys in order."""
        verdict = self.verdict
        grade = verdict.grade if verdict else None
        return {
            "file": self.file,
            "sha256": self.sha256,
            "status": verdict.status.value if verdict else "error",
            "reasons": [reason.value for reason in verdict.reasons] if verdict else [],
            "advice": verdict.advice if verdict else self.advice,
            "grade": None if grade is None else int(grade),
            "grade_name": None if grade is None else GRADE_NAMES[grade],
            "probabilities": list(verdict.probabilities) if verdict and verdict.probabilities else None,
            "expected_grade": verdict.expected_grade if verdict else None,
            "referable": _decision(verdict.referable) if verdict else None,
            "vision_threatening": _decision(verdict.vision_threatening) if verdict else None,
            "uncertain": bool(verdict and verdict.uncertain),
            "quality": {"score": verdict.quality.score, **verdict.quality.scores} if verdict else None,
            "eye": verdict.eye.value if verdict and verdict.eye else None,
            "seconds": round(self.seconds, 4),
            "pack": {"id": self.pack.id, "sha256": self.pack.sha256},
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class _Order:
    """One file to grade."""

    file: str
    heatmap: Path | None


def expand(paths: Sequence[str]) -> list[str]:
    """List the files to grade: a file as it is given, a folder's pictures sorted by name.

    Of a folder are left out: hidden files, symbolic links, folders within, and what is no picture by its name.
    """
    files: list[str] = []
    for path in paths:
        folder = Path(path)
        if not folder.is_dir():
            files.append(path)
            continue
        names = sorted(entry.name for entry in folder.iterdir() if _is_picture(entry))
        files += [str(folder / name) for name in names]
    return files


def grade_files(
    files: Sequence[str],
    *,
    pack: Path | str | None = None,
    jobs: int = 1,
    threads: int = 2,
    heatmaps: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
    allow_test: bool = False,
) -> Iterator[Outcome]:
    """Grade files one after the other and give the outcomes in their order.

    Parameters
    ----------
    files
        As `expand` gives them.
    jobs
        Processes that grade side by side.
    threads
        Threads of each.
    heatmaps
        A folder that exists; each graded photograph's heatmap is written there.

    Raises
    ------
    PackError
        The pack can not be used; raised before the first outcome.
    """
    grader = Grader.from_pack(pack, threads=threads, limits=limits, allow_test=allow_test)
    orders = [_Order(file, path) for file, path in zip(files, _heatmap_paths(files, heatmaps), strict=True)]
    if jobs == 1 or len(orders) < 2:
        return (_grade_file(grader, limits, order) for order in orders)
    # The folder is named once more, so that the processes open what was checked here.
    start = (str(grader.pack.folder), threads, limits, allow_test)
    return _grade_side_by_side(orders, min(jobs, len(orders)), start, grader.pack_id)


def _is_picture(entry: Path) -> bool:
    hidden = entry.name.startswith(".")
    return entry.suffix.lower() in SUFFIXES and not hidden and not entry.is_symlink() and entry.is_file()


def _heatmap_paths(files: Sequence[str], folder: Path | None) -> Iterator[Path | None]:
    taken: set[str] = set()
    for file in files:
        if folder is None:
            yield None
            continue
        name, number = Path(file).name, 1
        while name in taken:
            number += 1
            name = f"{Path(file).stem}-{number}{Path(file).suffix}"
        taken.add(name)
        yield folder / f"{name}.heatmap.png"


def _grade_file(grader: Grader, limits: Limits, order: _Order) -> Outcome:
    start = time.perf_counter()
    sha256 = None
    try:
        path = Path(order.file)
        if path.stat().st_size > limits.max_bytes:
            raise TooLargeError(f"The file has {path.stat().st_size} bytes; at most {limits.max_bytes} are read.")
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        start = time.perf_counter()
        verdict = grader.grade(data)
        if verdict.heatmap is not None and order.heatmap is not None:
            order.heatmap.write_bytes(_draw(verdict.heatmap, probe(data, limits=limits)))
    except PackError:
        raise
    except (GradingError, OSError) as exc:
        code, said = (exc.code, str(exc)) if isinstance(exc, GradingError) else ("unreadable", _os_text(exc))
        advice = exc.advice if isinstance(exc, DecodeError) else "Check that the file is there and may be read."
        return Outcome(
            order.file, sha256, grader.pack_id, time.perf_counter() - start, error=f"{code}: {said}", advice=advice
        )
    return Outcome(order.file, sha256, grader.pack_id, verdict.seconds, verdict)


def _draw(heatmap: Heatmap, header: Header) -> bytes:
    scale = min(1.0, HEATMAP_PX / max(header.width_px, header.height_px))
    return render_heatmap(heatmap, max(1, round(header.width_px * scale)), max(1, round(header.height_px * scale)))


def _os_text(exc: OSError) -> str:
    return f"{exc.strerror or exc}."


def _decision(decision: Decision | None) -> dict[str, float | bool] | None:
    return None if decision is None else {"probability": decision.probability, "decision": decision.decision}


_Start = tuple[str, int, Limits, bool]
_worker: dict[str, Any] = {}


def _open_worker(pack: str, threads: int, limits: Limits, allow_test: bool) -> None:
    warnings.filterwarnings("ignore", module="PIL")
    _worker["grader"] = Grader.from_pack(pack, threads=threads, limits=limits, allow_test=allow_test)
    _worker["limits"] = limits


def _grade_in_worker(order: _Order) -> Outcome:
    return _grade_file(_worker["grader"], _worker["limits"], order)


def _grade_side_by_side(orders: Sequence[_Order], jobs: int, start: _Start, pack: PackId) -> Iterator[Outcome]:
    """Keep `jobs` processes busy; a file that ends its process is tried once more alone, and then given up."""
    waiting = deque(orders)
    alone = False
    while waiting:
        with ProcessPoolExecutor(1 if alone else jobs, get_context("spawn"), _open_worker, start) as pool:
            sent: deque[tuple[_Order, Future[Outcome]]] = deque()
            try:
                while waiting or sent:
                    while waiting and len(sent) < (1 if alone else 3 * jobs):
                        sent.append((waiting[0], pool.submit(_grade_in_worker, waiting[0])))
                        waiting.popleft()
                    outcome = sent[0][1].result()
                    sent.popleft()
                    yield outcome
                    if alone:
                        break
                alone = False
            except BrokenProcessPool:
                waiting.extendleft(order for order, _ in reversed(sent))
                if alone:
                    # Where it is the pack that broke, no file is to blame.
                    ModelPack.load(start[0])
                    lost = waiting.popleft()
                    yield Outcome(lost.file, None, pack, 0.0, error="grading_error: The process that graded it ended.")
                alone = not alone
