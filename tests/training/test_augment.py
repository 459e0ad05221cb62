"""Training sees what serving sees, varied as cameras vary it."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from retineye.grading.decode import decode
from retineye.grading.preprocess import InputSpec, preprocess, retina_mask
from retineye.grading.retina import find_retina
from retineye.training.augment import plain, vary
from retineye.training.data import load_square
from retineye.training.photographs import Photograph

IDRID = sorted((Path(__file__).parents[1] / "idrid").glob("*.jpg"))
SPEC = InputSpec(224)


def square(path: Path, size_px: int = 272) -> np.ndarray:
    found = load_square(Photograph(path=path, name=path.name, dataset="idrid", grade=0), size_px)
    assert found is not None
    return found


@pytest.mark.parametrize("path", IDRID, ids=lambda path: path.stem)
def test_what_is_trained_on_is_what_is_served(path: Path) -> None:
    trained = plain(square(path), SPEC)
    pixels = decode(path.read_bytes(), reduce_to_px=2 * SPEC.size_px).pixels
    retina = find_retina(pixels)
    assert retina is not None
    served = preprocess(pixels, retina, SPEC)[0]
    assert trained.shape == served.shape == (3, 224, 224)
    # They part only by the one more resampling that room for augmentation costs: what is left of it after a slight
    # blur would be a shift, a stretch or another colour.
    trained, served = (cv2.GaussianBlur(one.transpose(1, 2, 0), (0, 0), 1.5) for one in (trained, served))
    assert np.corrcoef(trained.ravel(), served.ravel())[0, 1] > 0.985
    assert np.abs(trained - served).mean() < 0.04


def test_each_channel_has_mean_0_and_the_cards_deviation_inside_the_retina() -> None:
    tensor = plain(square(IDRID[0]), SPEC)
    inside = retina_mask(224, 0.9)
    assert np.abs(tensor[:, inside].mean(axis=1)).max() < 0.15
    assert np.abs(tensor[:, inside].std(axis=1) - SPEC.gain).max() < 0.15
    assert (tensor[:, ~retina_mask(224, 1.0)] == 0).all()


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_varied_pictures_differ_and_stay_within_bounds(strength: float) -> None:
    kept = square(IDRID[1])
    made = [vary(kept, SPEC, np.random.default_rng(seed), strength) for seed in range(8)]
    for one in made:
        assert one.dtype == np.float32
        assert np.isfinite(one).all()
        assert np.abs(one).max() <= SPEC.gain * SPEC.clip
    assert all(np.abs(one - other).mean() > 0.01 for one, other in pairwise(made))


def test_the_same_seed_gives_the_same_picture() -> None:
    kept = square(IDRID[2])
    first, second = (vary(kept, SPEC, np.random.default_rng(4)) for _ in range(2))
    assert (first == second).all()
