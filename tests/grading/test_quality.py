"""A photograph can be graded, or the reason is named, and other pictures are refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from retineye.grading import BadCardError, Gradability, Quality, Reason, assess, decode, find_retina
from retineye.grading.measures import MEASURES, measure
from tests import photos
from tests.packs import GRADABILITY

GATE = Gradability.from_card(GRADABILITY)
IDRID = sorted((Path(__file__).parents[1] / "idrid").glob("*.jpg"))
SHARP = next(file for file in IDRID if file.stem == "idrid_test_012")


def judged(pixels: "np.ndarray") -> Quality:  # type: ignore[type-arg]
    return assess(pixels, find_retina(pixels), GATE)


@pytest.mark.parametrize("file", IDRID, ids=lambda file: file.stem)
def test_real_photographs_are_taken_for_retinas(file: Path) -> None:
    quality = judged(decode(file.read_bytes(), reduce_to_px=640).pixels)
    assert Reason.NOT_A_RETINA not in quality.reasons


def test_nearly_all_real_photographs_of_a_curated_set_can_be_graded() -> None:
    stopped = [file.stem for file in IDRID if not judged(decode(file.read_bytes(), reduce_to_px=640).pixels).gradable]
    assert len(stopped) <= len(IDRID) // 10, stopped


@pytest.mark.parametrize("name", photos.NOT_RETINAS)
def test_other_pictures_are_refused_as_no_retina(name: str) -> None:
    quality = judged(photos.NOT_RETINAS[name]())
    assert not quality.gradable
    assert quality.reasons == (Reason.NOT_A_RETINA,)


def everyday_pictures() -> list[Path]:
    """The pictures that scikit-image ships, but for its own two of the retina."""
    skimage = pytest.importorskip("skimage")
    folder = Path(skimage.__file__).parent / "data"
    # Its GIF and one of its TIFF files are of kinds that are not read at all.
    left_out = {"retina", "microaneurysms", "multipage_rgb"}
    return [
        file
        for file in sorted(folder.iterdir())
        if file.suffix in {".png", ".jpg", ".tif"} and file.stem not in left_out
    ]


def test_everyday_pictures_are_refused_as_no_retina() -> None:
    files = everyday_pictures()
    assert len(files) > 20
    passed = [file.name for file in files if judged(decode(file.read_bytes()).pixels).reasons != (Reason.NOT_A_RETINA,)]
    assert not passed


def test_a_grey_photograph_of_the_retina_is_not_the_colour_photograph_that_is_asked_for() -> None:
    pixels = decode(IDRID[0].read_bytes(), reduce_to_px=640).pixels
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert judged(grey).reasons == (Reason.NOT_A_RETINA,)


GOOD = {
    "plain": {},
    "a left eye": {"left": True, "seed": 4},
    "with lesions": {"lesions": 12},
    "with a notch": {"notch": True},
    "with its top and bottom cut": {"diameter": 1.2},
    "small": {"width_px": 300, "height_px": 200},
    "large": {"width_px": 2400, "height_px": 1600},
    "in a wide black border": {"width_px": 1400, "height_px": 900, "diameter": 0.6},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_well_taken_photograph_can_be_graded(name: str) -> None:
    quality = judged(photos.retina(**GOOD[name]))
    assert quality.gradable, quality
    assert quality.reasons == ()
    assert quality.advice == ""


FAULTS = {
    Reason.OUT_OF_FOCUS: {"blur": 0.02},
    Reason.TOO_DARK: {"light": 0.15},
    Reason.TOO_BRIGHT: {"light": 3.0},
    Reason.UNEVEN_LIGHT: {"shadow": 0.9},
}


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_is_named_with_advice(reason: Reason) -> None:
    quality = judged(photos.retina(**FAULTS[reason]))
    assert not quality.gradable
    assert quality.reasons[0] is reason
    assert quality.advice == reason.advice
    assert quality.score < 0.5


def test_a_retina_that_is_cut_off_is_said_to_be() -> None:
    quality = judged(photos.retina(cut=0.3))
    assert not quality.gradable
    assert Reason.CUT_OFF in quality.reasons
    assert Reason.NOT_A_RETINA not in quality.reasons


@pytest.mark.parametrize(("fault", "reason"), [("light", Reason.TOO_DARK), ("blur", Reason.OUT_OF_FOCUS)])
def test_a_real_photograph_made_worse_names_the_fault_and_is_still_a_retina(fault: str, reason: Reason) -> None:
    pixels = decode(SHARP.read_bytes(), reduce_to_px=640).pixels
    worse = (pixels * 0.15).astype(np.uint8) if fault == "light" else cv2.GaussianBlur(pixels, (0, 0), 10)
    assert judged(worse).reasons[:1] == (reason,)


def test_every_reason_has_a_score_between_0_and_1() -> None:
    quality = judged(photos.retina())
    assert set(quality.scores) == {reason.value for reason in Reason}
    assert all(0 <= score <= 1 for score in [*quality.scores.values(), quality.score])


def test_more_of_a_fault_never_gives_a_better_score() -> None:
    for fault, steps in {
        "blur": (0, 0.004, 0.01, 0.02),
        "light": (1, 0.6, 0.3, 0.15),
        "shadow": (0, 0.5, 0.8, 0.95),
    }.items():
        reason = {"blur": Reason.OUT_OF_FOCUS, "light": Reason.TOO_DARK, "shadow": Reason.UNEVEN_LIGHT}[fault]
        scores = [judged(photos.retina(**{fault: step})).scores[reason] for step in steps]
        assert scores == sorted(scores, reverse=True), fault


@pytest.mark.parametrize("file", [file for file in IDRID if file.stem.startswith("idrid")], ids=lambda file: file.stem)
def test_the_score_does_not_move_with_the_size_of_the_file(file: Path) -> None:
    scores = []
    whole = Image.fromarray(decode(file.read_bytes()).pixels)
    for short_side_px in (2848, 1424, 900, 640):
        image = whole.resize(
            (round(short_side_px * whole.width / whole.height), short_side_px), Image.Resampling.LANCZOS
        )
        scores.append(judged(np.asarray(image)).score)
    assert max(scores) - min(scores) < 0.1, scores


def test_measures_are_finite_whatever_the_picture() -> None:
    tiny = np.random.default_rng(1).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    for pixels in (tiny, np.zeros((64, 64, 3), np.uint8), photos.noise(64), photos.retina()):
        found = measure(pixels, find_retina(pixels))
        assert tuple(found) == MEASURES
        assert all(np.isfinite(value) for value in found.values())


def test_a_card_without_a_part_of_the_gate_is_refused() -> None:
    for part in ("fitness", "likeness", "thresholds"):
        with pytest.raises(BadCardError):
            Gradability.from_card({key: value for key, value in GRADABILITY.items() if key != part})
