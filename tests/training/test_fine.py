"""The fine structure of a picture is what is left without its light."""

import numpy as np
import pytest

from retineye.grading.preprocess import InputSpec, normalise

pytestmark = pytest.mark.train
SPEC = InputSpec(128)


def square(slope: float = 0.0) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    rng = np.random.default_rng(2)
    axis = np.linspace(-1, 1, 128)
    light = 120 + 60 * slope * axis[None, :, None]
    spots = np.zeros((128, 128, 1))
    for x, y in rng.integers(30, 98, (12, 2)):
        spots[y - 1 : y + 2, x - 1 : x + 2] = -40
    outside = (axis[:, None] ** 2 + axis[None, :] ** 2 > 1)[:, :, None]
    noise = rng.normal(0, 3, (128, 128, 3))
    return np.where(outside, 0, np.clip(light + spots + noise, 20, 255)).astype(np.uint8)


def test_uneven_light_leaves_no_trace() -> None:
    import torch

    from retineye.training.fine import fine_structure

    even, uneven = (torch.from_numpy(normalise(square(slope), SPEC))[None] for slope in (0.0, 0.9))
    before = np.corrcoef(even.flatten(), uneven.flatten())[0, 1]
    after = [fine_structure(one, 1 / 40, SPEC.gain, SPEC.clip).flatten() for one in (even, uneven)]
    assert before < 0.5
    assert np.corrcoef(*after)[0, 1] > 0.9


def test_it_stays_in_range_and_black_outside() -> None:
    import torch

    from retineye.training.fine import fine_structure

    picture = torch.from_numpy(normalise(square(), SPEC))[None]
    fine = fine_structure(torch.cat([picture, torch.zeros_like(picture)]), 1 / 80, SPEC.gain, SPEC.clip)
    assert fine.shape == (2, 3, 128, 128)
    assert float(fine.abs().max()) <= SPEC.gain * SPEC.clip
    assert bool((fine[0][:, (picture[0] == 0).all(dim=0)] == 0).all())
    assert not bool(fine[1].any())
    inside = fine[0][:, (picture[0] != 0).any(dim=0)]
    assert float(inside.std()) == pytest.approx(SPEC.gain, rel=0.1)
