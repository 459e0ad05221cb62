"""From held-out and tested photographs to the card's `lesions`: from which value on a place is shown, and how right.

Healthy people that the network never saw choose the thresholds: marks on a healthy eye are what makes people stop
looking at marks. The photographs whose lesions were outlined for testing only measure.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from sklearn.metrics import average_precision_score

from retineye.grading.explain import LESION_CODES, find_lesions
from retineye.grading.network import Network
from retineye.grading.preprocess import InputSpec, preprocess
from retineye.training.lesions import read_outlined
from retineye.training.photographs import Photograph

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEALTHY_SHOWN: Final = 0.05
"""Share of healthy photographs on which a kind of lesion may be shown."""
LEAST_HEALTHY: Final = 40
"""Healthy held-out photographs below which nothing is shown."""
_BOUNDS: Final = (0.05, 0.9995)
_NEAR: Final = 1 / 100
"""A mark may miss an outline by this share of the photograph's width: what is outlined is often no larger."""


def fit(
    peaks: "NDArray[np.float32]", healthy: "NDArray[np.bool_]", network: Network, tested: Sequence[Photograph],
    spec: InputSpec,
) -> dict[str, Any] | None:  # fmt: skip
    """Choose the thresholds and measure the marks.

    Parameters
    ----------
    peaks
        Highest value of each map on each held-out photograph, shape (n, 4).
    healthy
        Which of them a person called No DR, shape (n,).
    tested
        Photographs with outlines that nothing was trained on.

    Returns
    -------
    dict or None
        The card's `lesions`; None where too few healthy photographs were held out.
    """
    if int(healthy.sum()) < LEAST_HEALTHY:
        return None
    own = peaks[healthy]
    thresholds = [float(np.clip(np.quantile(own[:, kind], 1 - HEALTHY_SHOWN), *_BOUNDS)) for kind in range(4)]
    thresholds = [round(threshold + 5e-5, 4) for threshold in thresholds]
    shown = own >= np.array(thresholds)
    return {
        "codes": list(LESION_CODES),
        "thresholds": thresholds,
        "healthy": {
            "n": len(own),
            "shown": [round(float(share), 4) for share in shown.mean(axis=0)],
            "any_shown": round(float(shown.any(axis=1).mean()), 4),
        },
        "how": "each threshold is the highest value on all but a twentieth of the healthy held-out photographs",
        "evidence": measure(network, tested, spec, thresholds),
    }


def measure(
    network: Network, tested: Sequence[Photograph], spec: InputSpec, thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """Compare marks with outlines, for each kind of lesion over the photographs in which it was looked for.

    Gives, of each kind: `n` photographs; `with_it`; `found`, how many of these bear a mark of the kind within a
    hundredth of the width of an outline; `marks` and `right_marks`, those that do so; and `average_precision` over the
    pixels of the network's square, brought up from the maps.
    """
    rows: list[dict[str, Any]] = [
        {"code": code, "n": 0, "with_it": 0, "found": 0, "marks": 0, "right_marks": 0} for code in LESION_CODES
    ]
    pixels_of: list[tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]] = [([], []) for _ in LESION_CODES]
    for one in tested:
        read = read_outlined(one)
        if read is None:
            continue
        pixels, retina = read.pixels, read.retina
        maps = network.run(preprocess(pixels, retina, spec)).lesions
        assert maps is not None  # noqa: S101 - asked for by its name
        height, width = pixels.shape[:2]
        marks = find_lesions(maps, thresholds, retina, width, height)
        left, top = retina.x_px - retina.radius_px, retina.y_px - retina.radius_px
        side = 2 * retina.radius_px
        move = np.array([[side / maps.shape[2], 0, left], [0, side / maps.shape[1], top]], np.float32)
        move[:, 2] += (side / maps.shape[2] - 1) / 2
        for kind, code in enumerate(LESION_CODES):
            if code not in one.looked_for:
                continue
            row, truth = rows[kind], read.outlined[code]
            reach = round(_NEAR * width) * 2 + 1
            near = cv2.dilate(truth.astype(np.uint8), np.ones((reach, reach), np.uint8))
            right = [bool(near[_inside(mark.outline, width, height)].any()) for mark in marks if mark.code == code]
            row["n"] += 1
            row["with_it"] += bool(truth.any())
            row["found"] += bool(truth.any()) and any(right)
            row["marks"] += len(right)
            row["right_marks"] += sum(right)
            values = cv2.warpAffine(maps[kind], move, (width, height), flags=cv2.INTER_CUBIC)
            seen = cv2.circle(np.zeros((height, width), np.uint8), (round(retina.x_px), round(retina.y_px)),
                              round(retina.radius_px), 1, cv2.FILLED) > 0  # fmt: skip
            pixels_of[kind][0].append(values[seen])
            pixels_of[kind][1].append(truth[seen])
    for row, (values, truths) in zip(rows, pixels_of, strict=True):
        both = bool(truths) and sum(int(one.sum()) for one in truths) > 0
        precision = average_precision_score(np.concatenate(truths), np.concatenate(values)) if both else None
        row["average_precision"] = None if precision is None else round(float(precision), 4)
    return rows


def _inside(outline: tuple[tuple[float, float], ...], width: int, height: int) -> "NDArray[np.bool_]":
    corners = np.array([[x * width, y * height] for x, y in outline]).round().astype(np.int32)
    drawn = np.zeros((height, width), np.uint8)
    cv2.fillPoly(drawn, [corners], 1)
    return drawn > 0
