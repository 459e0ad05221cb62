"""From bytes to a verdict: the same photograph gets the same grade, however it is stored."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import retineye.grading
from retineye.grading import (
    DecodeError,
    Grader,
    InputSpec,
    Quality,
    Reason,
    Status,
    TruncatedError,
    Verdict,
    find_retina,
    preprocess,
)
from tests import photos
from tests.grading.test_decode import png
from tests.packs import write_tiny_pack

IDRID = Path(__file__).parents[1] / "idrid"
STAGES = {"decode", "retina", "quality", "preprocess", "network", "calibrate", "explain"}


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Grader:
    return Grader.from_pack(write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"), allow_test=True)


@pytest.fixture(scope="module")
def photograph() -> bytes:
    return (IDRID / "small_IDRiD_004_test.jpg").read_bytes()


def test_a_photograph_is_graded(grader: Grader, photograph: bytes) -> None:
    verdict = grader.grade(photograph)
    assert verdict.status is Status.GRADED
    assert verdict.grade is not None
    assert verdict.probabilities is not None
    assert sum(verdict.probabilities) == pytest.approx(1)
    assert verdict.referable is not None
    assert verdict.vision_threatening is not None
    assert verdict.pack == grader.pack_id
    assert verdict.heatmap is not None
    assert verdict.heatmap.values.max() == pytest.approx(1)
    assert set(verdict.timings) == STAGES
    assert sum(verdict.timings.values()) <= verdict.seconds


def test_the_same_bytes_give_the_same_verdict(grader: Grader, photograph: bytes) -> None:
    first, second = grader.grade(photograph), grader.grade(photograph)
    assert first.probabilities == second.probabilities
    assert first.quality == second.quality


def test_different_photographs_get_different_probabilities(grader: Grader) -> None:
    verdicts = [grader.grade(file.read_bytes()) for file in sorted(IDRID.glob("small_*.jpg"))[:8]]
    given = {verdict.probabilities for verdict in verdicts if verdict.status is Status.GRADED}
    assert len(given) >= 6
    assert all(sum(p) == pytest.approx(1) for p in given if p)


def kinds_of_storage(pixels: "np.ndarray") -> dict[str, bytes]:  # type: ignore[type-arg]
    height, width = pixels.shape[:2]
    turned = Image.Exif()
    turned[0x0112] = 6
    sixteen = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.astype(np.uint16) * 257)
    return {
        "RGBA": photos.encode(np.dstack([pixels, np.full((height, width), 255, np.uint8)])),
        "16 bit": png((width, height), 16, sixteen),
        "turned by EXIF": photos.encode(np.ascontiguousarray(np.rot90(pixels)), "PNG", exif=turned),
        "TIFF": photos.encode(pixels, "TIFF"),
        "BMP": photos.encode(pixels, "BMP"),
        "WebP": photos.encode(pixels, "WEBP", lossless=True),
    }


def test_however_a_photograph_is_stored_it_gets_the_same_grade(grader: Grader, photograph: bytes) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(photograph)))
    plain = grader.grade(photos.encode(pixels))
    assert plain.status is Status.GRADED
    for kind, data in kinds_of_storage(pixels).items():
        verdict = grader.grade(data)
        assert verdict.probabilities == plain.probabilities, kind
        assert verdict.quality == plain.quality, kind


def test_a_large_file_and_its_small_copy_get_nearly_the_same_probabilities(grader: Grader) -> None:
    large = (IDRID / "idrid_test_012.jpg").read_bytes()
    small = Image.open(io.BytesIO(large)).resize((1072, 712), Image.Resampling.LANCZOS)
    first, second = grader.grade(large), grader.grade(photos.encode(np.asarray(small)))
    assert first.probabilities == pytest.approx(second.probabilities, abs=0.02)


def test_a_photograph_with_a_small_retina_is_read_at_full_size(grader: Grader) -> None:
    far = photos.retina(width_px=2800, height_px=2600, diameter=0.35)
    verdict = grader.grade(photos.encode(far, "JPEG", quality=92))
    assert verdict.status is Status.GRADED


@pytest.mark.parametrize("name", ["a document", "an orange", "black"])
def test_what_is_no_retina_gets_no_grade(grader: Grader, name: str) -> None:
    verdict = grader.grade(photos.encode(photos.NOT_RETINAS[name]()))
    assert verdict.status is Status.NOT_FUNDUS
    assert_no_grade(verdict)
    assert verdict.reasons == (Reason.NOT_A_RETINA,)


def test_a_poor_photograph_gets_advice_and_no_grade(grader: Grader) -> None:
    verdict = grader.grade(photos.encode(photos.retina(light=0.15)))
    assert verdict.status is Status.UNGRADABLE
    assert_no_grade(verdict)
    assert verdict.reasons[0] is Reason.TOO_DARK
    assert verdict.advice == Reason.TOO_DARK.advice
    assert "network" not in verdict.timings


def assert_no_grade(verdict: Verdict) -> None:
    said = (verdict.grade, verdict.probabilities, verdict.expected_grade, verdict.referable, verdict.vision_threatening)
    assert said == (None,) * 5
    assert verdict.heatmap is None
    assert not verdict.uncertain


def test_the_quality_is_told_before_the_network_runs(grader: Grader, photograph: bytes) -> None:
    told: list[Quality] = []
    verdict = grader.grade(photograph, on_quality=told.append)
    assert told == [verdict.quality]


@pytest.mark.parametrize("size_px", [1, 2, 5, 20, 31, 40])
def test_tiny_pictures_get_a_reason_and_no_grade(grader: Grader, size_px: int) -> None:
    verdict = grader.grade(photos.encode(photos.noise(size_px)))
    assert verdict.status is Status.NOT_FUNDUS


def test_unreadable_bytes_raise_decode_errors(grader: Grader, photograph: bytes) -> None:
    with pytest.raises(TruncatedError):
        grader.grade(photograph[: len(photograph) // 2])
    with pytest.raises(DecodeError):
        grader.grade(b"nothing")


def test_a_round_retina_stays_round_in_the_networks_input() -> None:
    """Geometry: a 3:2 photograph is cropped, never squeezed."""
    for width_px, height_px in ((720, 480), (480, 480), (900, 480), (480, 720)):
        pixels = photos.retina(width_px=width_px, height_px=height_px, diameter=0.9 * min(1, width_px / height_px))
        retina = find_retina(pixels)
        assert retina is not None
        tensor = preprocess(pixels, retina, InputSpec(200))
        seen = np.abs(tensor[0]).max(axis=0) > 0
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=3)
        assert seen.sum() == pytest.approx(np.pi * (0.97 * 100) ** 2, rel=0.03)


def test_the_face_is_sorted_and_whole() -> None:
    names = retineye.grading.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(retineye.grading, name) for name in names)


def test_grading_loads_no_web_framework_and_no_torch() -> None:
    code = (
        "import sys, retineye.grading, retineye.cli; "
        "print([name for name in ('django', 'torch', 'celery', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
