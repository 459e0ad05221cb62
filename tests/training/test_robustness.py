"""The robustness bench changes what it says it changes, and compares like with like."""

import numpy as np
import pytest

from bench import robustness
from bench.robustness import CHANGES, UNCHANGED, Said
from retineye.grading.decode import decode
from tests import photos

PIXELS = photos.retina()


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_gives_a_readable_photograph_and_leaves_the_original_alone(name: str) -> None:
    before = PIXELS.copy()
    changed = decode(robustness.encode(PIXELS, CHANGES[name])).pixels
    assert (before == PIXELS).all()
    assert changed.shape[2] == 3
    same = changed.shape == PIXELS.shape and bool((changed == PIXELS).all())
    assert same == (name == UNCHANGED)


def test_sizes_cuts_and_turns_are_what_their_names_say() -> None:
    assert min(robustness.resized(256)(PIXELS).shape[:2]) == 256
    assert robustness.cut(0.25)(PIXELS).shape[1] == PIXELS.shape[1] * 3 // 4
    assert (robustness.turned(180)(PIXELS) == PIXELS[::-1, ::-1]).all()
    assert (robustness.mirrored(robustness.mirrored(PIXELS)) == PIXELS).all()


def test_dust_lies_in_the_same_places_each_time_and_darkens() -> None:
    dusty = robustness.dusty(PIXELS)
    assert (dusty == robustness.dusty(PIXELS)).all()
    assert (dusty <= PIXELS).all()


def test_a_grade_that_is_lost_is_no_disagreement_but_a_referral() -> None:
    plain = [Said(0, 0, False, False, ""), Said(2, 2, True, False, ""), Said(4, 4, True, False, "")]
    dusty = [Said(0, 1, False, True, ""), Said(2, 0, False, False, ""), Said(4, None, True, False, "")]
    rows = robustness.summarise({UNCHANGED: plain, "dust": dusty})
    values = {key: value["value"] for key, value in rows[1].items() if isinstance(value, dict)}
    assert (rows[1]["graded"], rows[1]["uncertain"]) == (2, 1)
    assert values["same_grade"] == 0
    assert values["sensitivity"] == 0
    assert values["specificity"] == 1
    assert values["sensitivity_ungradable_referred"] == np.float64(0.5)
    assert {value["value"] for value in rows[0].values() if isinstance(value, dict)} == {1.0}
