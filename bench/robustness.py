"""Measure how a pack's grades hold when the same photographs are worse: blurred, dark, turned, cut, dusty.

    python bench/robustness.py PACK photos.csv --where split=test --out build/robustness

Each row of the table compares a changed photograph with the same photograph unchanged. Needs the extra `evaluate`.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from retineye.grading.decode import decode
from retineye.grading.errors import DecodeError
from retineye.grading.grader import Grader
from retineye.grading.result import Status, Verdict
from retineye.training import metrics, tables
from retineye.training.photographs import Photograph, PhotographsError, read_photographs

Pixels: TypeAlias = NDArray[np.uint8]
Change: TypeAlias = Callable[[Pixels], Pixels]

UNCHANGED: Final = "unchanged"
DUST_SPOTS: Final = 15
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one photograph under one change."""

    truth: int
    grade: int | None
    referable: bool
    """The decision; True as well where there is no grade, as such a patient is sent on."""
    uncertain: bool
    cluster: str


def blurred(share: float) -> Change:
    """Blur with a Gaussian whose sigma is a share of the short side."""
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * min(pixels.shape[:2])), np.uint8)


def scaled(red: float, green: float, blue: float) -> Change:
    """Multiply the channels: brightness if alike, a colour cast if not."""
    factors = np.array([red, green, blue])
    return lambda pixels: np.clip(pixels * factors, 0, 255).astype(np.uint8)


def resized(short_side_px: int) -> Change:
    """Bring the short side to a size, smaller or larger."""

    def change(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        factor = short_side_px / min(height, width)
        size = (round(width * factor), round(height * factor))
        filter_ = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(pixels, size, interpolation=filter_), np.uint8)

    return change


def turned(degrees: float) -> Change:
    """Turn about the centre, on a black ground large enough that nothing is cut."""
    return lambda pixels: np.asarray(
        Image.fromarray(pixels).rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC), np.uint8
    )


def mirrored(pixels: Pixels) -> Pixels:
    """Swap left and right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def cut(share: float) -> Change:
    """Cut a share of the width off the left side, as a camera that is not centred does."""
    return lambda pixels: np.ascontiguousarray(pixels[:, round(share * pixels.shape[1]) :])


def zoomed(share: float) -> Change:
    """Cut a share off every side, so that the rim of the field of view is lost."""

    def change(pixels: Pixels) -> Pixels:
        down, across = (round(share * side) for side in pixels.shape[:2])
        return np.ascontiguousarray(pixels[down : pixels.shape[0] - down, across : pixels.shape[1] - across])

    return change


def dusty(pixels: Pixels) -> Pixels:
    """Lay soft dark spots over the picture, the same places each time."""
    rng = np.random.default_rng(SEED)
    height, width = pixels.shape[:2]
    short = min(height, width)
    shade = np.zeros((height, width), np.float32)
    for _ in range(DUST_SPOTS):
        centre = (int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.2, 0.8) * height))
        cv2.circle(shade, centre, max(1, round(rng.uniform(0.004, 0.015) * short)), float(rng.uniform(0.3, 0.7)), -1)
    soft = cv2.GaussianBlur(shade, (0, 0), max(0.5, 0.003 * short))
    return np.asarray(pixels * (1 - soft[:, :, None]), np.uint8)


CHANGES: Final[Mapping[str, Change | int]] = {
    UNCHANGED: lambda pixels: pixels,
    "blur 0.2 % of the short side": blurred(0.002),
    "blur 0.5 %": blurred(0.005),
    "blur 1 %": blurred(0.01),
    **{f"JPEG quality {quality}": quality for quality in (90, 70, 50, 30, 20)},
    **{f"brightness x {factor}": scaled(factor, factor, factor) for factor in (0.5, 0.75, 1.25, 1.5)},
    "warm cast (red x 1.2, blue x 0.8)": scaled(1.2, 1.0, 0.8),
    "cold cast (red x 0.8, blue x 1.2)": scaled(0.8, 1.0, 1.2),
    "green cast (green x 1.2)": scaled(1.0, 1.2, 1.0),
    **{f"short side {side} px": resized(side) for side in (256, 384, 512, 1024, 2048)},
    **{f"turned by {degrees} degrees": turned(degrees) for degrees in (15, 90, 180)},
    "mirrored": mirrored,
    "left 10 % cut off": cut(0.1),
    "left 25 % cut off": cut(0.25),
    "10 % cut off each side": zoomed(0.1),
    "dust": dusty,
}
"""By name: a change of the pixels, or the quality of a JPEG."""


def encode(pixels: Pixels, change: Change | int) -> bytes:
    """Change a photograph and write it as a file: without loss, but for the JPEG rows."""
    stream = io.BytesIO()
    if isinstance(change, int):
        Image.fromarray(pixels).save(stream, "JPEG", quality=change)
    else:
        Image.fromarray(change(pixels)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def measure(
    grader: Grader, photographs: Sequence[Photograph], on_graded: Callable[[], None] = lambda: None
) -> dict[str, list[Said]]:
    """Grade every photograph under every change; unreadable ones are left out of all."""
    said: dict[str, list[Said]] = {name: [] for name in CHANGES}
    for photograph in photographs:
        try:
            pixels = decode(photograph.path.read_bytes()).pixels
        except (DecodeError, OSError):
            on_graded()
            continue
        for name, change in CHANGES.items():
            said[name].append(_said(photograph, grader.grade(encode(pixels, change))))
        on_graded()
    return said


def _said(photograph: Photograph, verdict: Verdict) -> Said:
    graded = verdict.status is Status.GRADED
    return Said(
        truth=photograph.grade or 0,
        grade=int(verdict.grade) if graded and verdict.grade is not None else None,
        referable=verdict.referable.decision if graded and verdict.referable else True,
        uncertain=verdict.uncertain,
        cluster=photograph.cluster,
    )


def summarise(said: Mapping[str, Sequence[Said]]) -> list[dict[str, object]]:
    """Compare each change with the unchanged photographs: one row a change, fit for JSON."""
    plain = said[UNCHANGED]
    weights = metrics.resample_weights([one.cluster for one in plain], seed=SEED)
    sick = np.array([one.truth >= metrics.LEAST_GRADE["referable"] for one in plain], np.bool_)
    rows: list[dict[str, object]] = []
    for name, changed in said.items():
        both = np.array(
            [a.grade is not None and b.grade is not None for a, b in zip(plain, changed, strict=True)], np.bool_
        )
        before = np.array([-1 if one.grade is None else one.grade for one in plain])
        after = np.array([-1 if one.grade is None else one.grade for one in changed])
        called = np.array([one.referable for one in changed], np.bool_)
        rows.append(
            {
                "change": name,
                "n": len(changed),
                "graded": sum(one.grade is not None for one in changed),
                "uncertain": sum(one.uncertain for one in changed),
                "same_grade": _share(both, before == after, weights),
                "kappa_with_unchanged": _kappa(before[both], after[both], weights[:, both]),
                "sensitivity": _share(sick & (after >= 0), called, weights),
                "specificity": _share(~sick & (after >= 0), ~called, weights),
                "sensitivity_ungradable_referred": _share(sick, called, weights),
            }
        )
    return rows


def _share(among: NDArray[np.bool_], true: NDArray[np.bool_], weights: metrics.Floats) -> dict[str, object]:
    found = metrics.estimate_share(lambda w: metrics.sensitivity(among, true, w), weights, int(among.sum()))
    return dict(found.as_dict())


def _kappa(before: NDArray[np.int_], after: NDArray[np.int_], weights: metrics.Floats) -> dict[str, object]:
    return dict(metrics.estimate(lambda w: metrics.quadratic_kappa(before, after, w), weights).as_dict())


def main(
    pack: Annotated[Path, typer.Argument(help="Folder of the model pack.")],
    table: Annotated[Path, typer.Argument(help="photos.csv; graded rows alone are used.")],
    where: Annotated[list[str] | None, typer.Option(help="column=value; may be given several times.")] = None,
    limit: Annotated[int, typer.Option(help="Use at most so many photographs, spread over the table.")] = 200,
    out: Annotated[Path | None, typer.Option(help="Folder for robustness.json and robustness.md.")] = None,
) -> None:
    """Grade photographs changed in many ways, and print how far the grades hold."""
    try:
        chosen = [one for one in read_photographs(table, where or []) if one.grade is not None]
    except PhotographsError as exc:
        raise typer.BadParameter(str(exc)) from exc
    chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, min(limit, len(chosen))).astype(int)]
    grader = Grader.from_pack(pack)
    with Progress(transient=True) as progress:
        task = progress.add_task("Grading", total=len(chosen))
        rows = summarise(measure(grader, chosen, lambda: progress.advance(task)))
    typer.echo(tables.plain(tables.robustness_table(rows)))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        content = {"pack": {"id": grader.pack_id.id, "sha256": grader.pack_id.sha256}, "rows": rows}
        (out / "robustness.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        (out / "robustness.md").write_text(tables.markdown(tables.robustness_table(rows)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
